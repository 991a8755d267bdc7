"""Figure of one culture: the dish with its wiring, the raster, rates and degrees by type."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from simbench.culture.bursts import find_network_bursts
from simbench.culture.growth import Culture, build_culture, grow_culture
from simbench.culture.planning import prepare_target
from simbench.culture.substrate import Substrate
from simbench.data.real_cultures import STATISTICS, beside_real, nearest_region
from simbench.report.style import colors_of, use_style
from simbench.scenario.scenario import Scenario

MAX_LINKS = 3000
EXCITES, INHIBITS = "#30507a", "#c0392b"
RASTER_S = 60.0


def draw_culture(scenario: Scenario, seed: int = 0) -> Figure:
    """The culture that ``simulate(scenario, seed)`` has as its first recording.

    Somata by firing type and their links on the dish, over the height map; the raster with the
    network bursts that were found; rates and in-degrees by firing type; its activity beside the
    range of real cultures.
    """
    use_style()
    condition = scenario.train_conditions[0]
    recipe = condition.culture
    culture = grow_culture(recipe, seed, 0, prepare_target([recipe]))
    substrate = build_culture(recipe, seed, 0).wiring.substrate
    colours = colors_of(culture.labels["firing_type"])
    figure = plt.figure(figsize=(13, 8.5), layout="constrained")
    axes = figure.subplot_mosaic(
        [["dish", "raster"], ["dish", "rates"], ["dish", "degrees"], ["real", "degrees"]],
        width_ratios=(1, 1.15), height_ratios=(1.6, 1, 0.1, 1),
    )  # fmt: skip
    draw_dish(axes["dish"], culture, substrate, colours)
    _draw_raster(axes["raster"], culture, colours)
    _draw_distributions(axes["rates"], axes["degrees"], culture, colours)
    _draw_beside_real(axes["real"], culture, recipe.preset)
    figure.suptitle(f"{scenario.name}: {condition.name}", fontsize=11)
    return figure


def draw_dish(
    axes: Axes, culture: Culture, substrate: Substrate | None, colours: dict[str, str]
) -> None:
    """Somata and links from above; inhibitory neurons as triangles, raised ground shaded."""
    labels, radius = culture.labels, culture.summary["dish_radius_mm"]
    if substrate is not None and np.ptp(substrate.heights_mm[np.isfinite(substrate.heights_mm)]):
        half = substrate.width_mm / 2
        ground = np.ma.masked_invalid(substrate.heights_mm)
        image = axes.imshow(
            ground, origin="lower", extent=(-half, half, -half, half), cmap="Greys",
            vmin=0, vmax=2.5 * float(ground.max()), interpolation="nearest",
        )  # fmt: skip
        bar = axes.figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, pad=0.02)
        bar.set_label("height of the ground (mm)")
        bar.ax.set_xlim(0, float(ground.max()))
    edges = culture.weights.tocoo()
    step = max(1, int(np.ceil(edges.nnz / MAX_LINKS)))
    position = labels[["x_mm", "y_mm"]].to_numpy()
    lines = np.stack((position[edges.row], position[edges.col]), axis=1)[::step]
    shade = np.where(edges.data[::step] < 0, INHIBITS, EXCITES)
    axes.add_collection(LineCollection(list(lines), colors=list(shade), lw=0.35, alpha=0.4))
    size = float(np.clip(5000 / len(labels), 5, 30))
    by_kind = labels.groupby([labels["firing_type"].astype(str), "inhibitory"])
    for (kind, inhibitory), some in by_kind[["x_mm", "y_mm"]]:
        marker, name = ("^", "inhibitory") if inhibitory else ("o", "excitatory")
        axes.scatter(
            some["x_mm"], some["y_mm"], size, color=colours[kind], marker=marker,
            label=f"{kind}, {name}", zorder=3, lw=0,
        )  # fmt: skip
    axes.add_patch(Circle((0, 0), radius, fill=False, color="0.4", lw=1))
    axes.set(
        aspect="equal", xlim=(-1.03 * radius, 1.03 * radius), ylim=(-1.03 * radius, 1.03 * radius),
        xlabel="x (mm)", ylabel="y (mm)",
    )  # fmt: skip
    shown = "" if step == 1 else f", 1 in {step} drawn"
    axes.set_title(
        f"{len(labels)} neurons, {edges.nnz} links{shown}\n"
        "lines: blue excite, red inhibit", fontsize=9,
    )  # fmt: skip
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4, fontsize=7, frameon=False,
        markerscale=1.5,
    )  # fmt: skip


def _draw_raster(axes: Axes, culture: Culture, colours: dict[str, str]) -> None:
    """Spikes of the first minute, neurons sorted by type; network bursts shaded."""
    spikes, kinds = culture.spikes, culture.labels["firing_type"].to_numpy(str)
    order = np.lexsort((spikes.counts, kinds))
    row = np.argsort(order)
    end = min(RASTER_S, spikes.duration)
    seen = spikes.times < end
    neuron, times = spikes.neurons[seen], spikes.times[seen]
    bursts = find_network_bursts(spikes)
    for start, stop in zip(bursts.starts, bursts.stops):
        if start < end:
            axes.axvspan(start - 0.1, min(stop + 0.1, end), color="#f3c969", alpha=0.5, lw=0)
    for kind, colour in colours.items():
        some = kinds[neuron] == kind
        axes.plot(times[some], row[neuron[some]], "|", ms=1.6, color=colour, rasterized=True)
    names, first, count = np.unique(kinds[order], return_index=True, return_counts=True)
    axes.set_yticks(first + count / 2, names)
    summary = culture.summary
    axes.set(xlim=(0, end), ylim=(-1, len(order)), xlabel="time (s)", ylabel="neurons by type")
    axes.set_title(
        f"{summary['mean_rate_hz']:.2g} Hz; {60 * summary['network_burst_rate_hz']:.3g} network "
        f"bursts per minute (shaded), each with "
        f"{100 * summary['network_burst_participation']:.0f} % of the neurons", fontsize=9,
    )  # fmt: skip


def _draw_distributions(
    rates: Axes, degrees: Axes, culture: Culture, colours: dict[str, str]
) -> None:
    """Stacked histograms by firing type; neurons without a spike in the leftmost bar."""
    labels, duration_s = culture.labels, culture.spikes.duration
    look: dict[str, Any] = {
        "palette": colours, "hue_order": list(colours), "multiple": "stack", "linewidth": 0,
        "hue": labels["firing_type"].astype(str).rename("firing type"),
    }  # fmt: skip
    rate = labels["rate_hz"].clip(0.5 / duration_s)
    sns.histplot(x=rate, bins=36, log_scale=True, ax=rates, **look)
    sns.histplot(x=labels["in_degree"], discrete=True, ax=degrees, **look)
    silent = f"leftmost bar: no spike in {duration_s:g} s"
    rates.set(xlabel=f"mean rate (Hz); {silent}", ylabel="neurons")
    degrees.set(xlabel="in-degree", ylabel="neurons")


def _draw_beside_real(axes: Axes, culture: Culture, preset: str | None) -> None:
    """Distance of each statistic from the median of real cultures, their range shaded."""
    region = preset or nearest_region(culture.summary)
    table = beside_real(culture.summary, region)
    far = 4.0
    distance, row = table["distance"].clip(-far, far), range(len(table))
    axes.axvspan(-1, 1, color="#009E73", alpha=0.2, lw=0)
    axes.axvline(0, color="0.6", lw=0.8)
    axes.scatter(distance, row, 22, color=np.where(distance.abs() <= 1, "#30507a", "#c0392b"))
    names = [f"{STATISTICS[s]}: {v:.2g}" for s, v in zip(table["statistic"], table["value"])]
    axes.set_yticks(row, names, fontsize=7)
    axes.set(xlim=(-far - 0.3, far + 0.3), ylim=(len(table) - 0.5, -0.5))
    axes.set_xticks([-1, 0, 1], ["5 %", "median", "95 %"])
    axes.set_title(f"beside real {region} cultures, days 14 to 28 in vitro", fontsize=9)
