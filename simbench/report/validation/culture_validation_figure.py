"""Figure of real and simulated cultures: rasters side by side, and where the statistics lie."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.culture.spikes import SpikeTrains
from simbench.data.readers.electrode_files import read_electrodes
from simbench.data.real_cultures import MATURE_DAYS, STATISTICS
from simbench.report.style import PAGE, PALETTE, use_style

RASTER_S = 30.0
_LOGARITHMIC = ("mean_rate_hz", "network_burst_rate_hz", "network_burst_duration_s", "isi_cv")
_MOST_RASTERS = 4


def draw_cultures(
    folder: Path,
    real: pd.DataFrame,
    ranges: pd.DataFrame,
    table: pd.DataFrame,
    simulated: Sequence[tuple[str, SpikeTrains]],
) -> Figure:
    """Rasters of a typical real recording per region and of scenarios; distributions of real
    recordings with their range shaded, scenarios as marks.

    Parameters
    ----------
    folder : Path
        Of the electrode recordings.
    real : DataFrame
        Of `measure_cultures`.
    ranges : DataFrame
        Of `ranges_of`.
    table : DataFrame
        Of `validate_cultures`.
    simulated : sequence of (str, SpikeTrains)
        Cultures to be shown, with their titles.
    """
    use_style()
    mature = real[real["days_in_vitro"].between(*MATURE_DAYS)]
    colours = dict(zip(sorted(mature["region"].unique()), PALETTE))
    typical = {region: typical_recording(some) for region, some in mature.groupby("region")}
    rasters = [
        (f"real, {region}", spikes_of(folder, file), colours[region])
        for region, file in typical.items()
    ]
    rasters += [(name, spikes, "0.15") for name, spikes in simulated[:_MOST_RASTERS]]
    figure = plt.figure(figsize=(PAGE, 1.5 * PAGE), layout="constrained")
    n_rows = -(-len(rasters) // 2)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(0.55 * n_rows, 3))[:, 0]
    panels = np.ravel(above.subplots(n_rows, 2, sharex=True, squeeze=False))
    for axes, (title, spikes, colour) in zip(panels, rasters):
        draw_raster(axes, title, spikes, colour)
    for axes in panels[len(rasters) :]:
        axes.set_axis_off()
    for axes, name in zip(np.ravel(below.subplots(3, 3)), STATISTICS):
        _draw_statistic(axes, name, mature, ranges, table, colours)
    handles, labels = axes.get_legend_handles_labels()
    below.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    return figure


def typical_recording(some: pd.DataFrame) -> str:
    """The recording whose statistics are nearest to the medians."""
    values = some[list(STATISTICS)]
    distance = ((values - values.median()) / values.std()).abs().sum(axis=1)
    return str(some.loc[distance.idxmin(), "file"])


def spikes_of(folder: Path, file: str) -> SpikeTrains:
    """Spikes of one of the electrode recordings below a folder, by the name of its file."""
    data = read_electrodes(next(folder.rglob(f"{file}.h5")))
    return SpikeTrains(data["times"], data["offsets"], float(data["duration"][0]))


def draw_raster(axes: Axes, title: str, spikes: SpikeTrains, colour: str) -> None:
    """Spikes of the first half minute, the busiest cells above."""
    rank = np.empty(spikes.n_neurons, dtype=int)
    rank[np.argsort(spikes.counts, kind="stable")] = np.arange(spikes.n_neurons)
    seen = spikes.times < RASTER_S
    axes.plot(
        spikes.times[seen], rank[spikes.neurons[seen]], "|", ms=1.5, mew=0.4, color=colour,
        rasterized=True,
    )  # fmt: skip
    axes.set(xlim=(0, RASTER_S), ylim=(-1, spikes.n_neurons), xlabel="time (s)")
    axes.set_ylabel("electrodes" if title.startswith("real") else "neurons")
    axes.set_title(title, fontsize=8)
    axes.label_outer()


def _draw_statistic(
    axes: Axes, name: str, mature: pd.DataFrame, ranges: pd.DataFrame, table: pd.DataFrame,
    colours: dict[str, str],
) -> None:  # fmt: skip
    """A histogram per region above the axis, its range shaded; scenarios as marks below it."""
    values = [mature.loc[mature["region"] == region, name].to_numpy() for region in colours]
    here = table[(table["statistic"] == name) & (table["condition"] == "")]
    everything = np.concatenate([*values, here["value"].to_numpy()])
    if name in _LOGARITHMIC:
        positive = everything[everything > 0]
        edges = np.geomspace(positive.min() * 0.95, positive.max() * 1.05, 25)
        axes.set_xscale("log")
    else:
        edges = np.linspace(everything.min(), everything.max() + 1e-6, 25)
    for (region, colour), some in zip(colours.items(), values):
        row = ranges[(ranges["region"] == region) & (ranges["statistic"] == name)].iloc[0]
        axes.axvspan(row["p5"], row["p95"], color=colour, alpha=0.12, lw=0)
        axes.hist(some, list(edges), color=colour, histtype="step", label=f"real, {region}")
    top = axes.get_ylim()[1]
    for number, (scenario, value) in enumerate(zip(here["scenario"], here["value"])):
        shade, mark = plt.get_cmap("Dark2")(number % 8), "^os"[number // 8 % 3]
        y = -top * (0.08 + 0.4 * number / len(here))  # one below the other: many are equal
        axes.plot(value, y, mark, ms=4, color=shade, clip_on=False, label=scenario)
    axes.set_ylim(-0.52 * top, top)
    axes.set_yticks([])
    axes.set_xlabel(STATISTICS[name], fontsize=7)
