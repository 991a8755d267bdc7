"""A culture to look at: the dish with its wiring, the raster, rates and degrees by type."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from simbench.culture.bursts import find_network_bursts
from simbench.culture.growth import Culture, build_culture, grow_culture
from simbench.culture.planning import prepare_target
from simbench.culture.substrate import Substrate
from simbench.report.style import colors_of, use_style
from simbench.scenario.scenario import Scenario

MAX_LINKS = 3000
EXCITES, INHIBITS = "#30507a", "#c0392b"
RASTER_S = 60.0


def draw_culture(scenario: Scenario, seed: int = 0) -> Figure:
    """Draw the first culture of a scenario, simulated for the purpose.

    Somata by firing type and their links on the dish, over the height map; the raster with the
    network bursts that were found; rates and in-degrees by firing type.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        The culture is the one that ``simulate(scenario, seed)`` has as its first recording.
    """
    use_style()
    condition = scenario.train_conditions[0]
    recipe = condition.culture
    culture = grow_culture(recipe, seed, 0, prepare_target([recipe]))
    substrate = build_culture(recipe, seed, 0).wiring.substrate
    colours = colors_of(culture.labels["firing_type"])
    figure = plt.figure(figsize=(13, 7.5), layout="constrained")
    axes = figure.subplot_mosaic(
        [["dish", "raster"], ["dish", "rates"], ["dish", "degrees"]],
        width_ratios=(1, 1.15), height_ratios=(1.6, 1, 1),
    )  # fmt: skip
    draw_dish(axes["dish"], culture, substrate, colours)
    draw_raster(axes["raster"], culture, colours)
    _draw_distribution(axes["rates"], culture, "rate_hz", "mean rate (Hz)", colours, log=True)
    _draw_distribution(axes["degrees"], culture, "in_degree", "in-degree", colours)
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
    for kind, colour in colours.items():
        for inhibitory, marker in ((False, "o"), (True, "^")):
            some = (labels["firing_type"] == kind) & (labels["inhibitory"] == inhibitory)
            if some.any():
                name = f"{kind}, {'inhibitory' if inhibitory else 'excitatory'}"
                x, y = position[some].T
                axes.scatter(x, y, size, color=colour, marker=marker, label=name, zorder=3, lw=0)
    axes.add_patch(Circle((0, 0), radius, fill=False, color="0.4", lw=1))
    axes.set(
        aspect="equal", xlim=(-1.03 * radius, 1.03 * radius), ylim=(-1.03 * radius, 1.03 * radius),
        xlabel="x (mm)", ylabel="y (mm)",
    )  # fmt: skip
    shown = "" if step == 1 else f", one in {step} drawn"
    axes.set_title(
        f"{len(labels)} neurons, {edges.nnz} links{shown}\n"
        "lines: blue excite, red inhibit", fontsize=9,
    )  # fmt: skip
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08),
        ncols=4,
        fontsize=7,
        frameon=False,
        markerscale=1.5,
    )


def draw_raster(axes: Axes, culture: Culture, colours: dict[str, str]) -> None:
    """Spikes of the first minute, neurons sorted by type; network bursts shaded."""
    spikes, kinds = culture.spikes, culture.labels["firing_type"].to_numpy(str)
    order = np.lexsort((spikes.counts, kinds))
    row = np.empty(len(order), dtype=int)
    row[order] = np.arange(len(order))
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
        f"bursts a minute (shaded), each with "
        f"{100 * summary['network_burst_participation']:.0f} % of the neurons", fontsize=9,
    )  # fmt: skip


def _draw_distribution(
    axes: Axes,
    culture: Culture,
    column: str,
    title: str,
    colours: dict[str, str],
    log: bool = False,
) -> None:
    """Stacked histogram of a label by firing type; silent neurons in a bar of their own."""
    values = culture.labels[column].to_numpy(float)
    kinds = culture.labels["firing_type"].to_numpy(str)
    if log:
        low = 0.5 / culture.spikes.duration
        edges = np.geomspace(low, max(values.max(), 10 * low) * 1.05, 36)
        axes.set_xscale("log")
        title += f"; leftmost bar: no spike in {culture.spikes.duration:g} s"
    else:
        edges = np.linspace(-0.5, values.max() + 0.5, min(40, int(values.max()) + 2))
    shown = np.maximum(values, edges[0])
    axes.hist(
        [shown[kinds == kind] for kind in colours], bins=list(edges), stacked=True,
        color=list(colours.values()), label=list(colours), linewidth=0,
    )  # fmt: skip
    axes.set(xlabel=title, ylabel="neurons")
    axes.legend(fontsize=7, frameon=False)
