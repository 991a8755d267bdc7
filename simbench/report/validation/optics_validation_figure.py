"""Figure of the optics against real cells: example traces, and r and gain of every cell."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.data.readers.measured_cells import Cell, CellRecording, without_drift
from simbench.imaging.indicators import frame_dff, get_indicator
from simbench.report.style import PAGE, PALETTE, use_style
from simbench.report.validation.optics_validation import IN_VIVO, LINEAR, SIGMOID

_WINDOW_S = 30.0
_GAINS = (0.2, 0.5, 1, 2, 5, 10)
_COLORS = {"culture": PALETTE[0], IN_VIVO: PALETTE[1], LINEAR: "0.65", SIGMOID: "0.35"}


def draw_validation(table: pd.DataFrame, cells: Sequence[Cell]) -> Figure:
    """Left: of each indicator the cell of median r, measured and simulated; right: all cells.

    Parameters
    ----------
    table : DataFrame
        Of `compare_cells`.
    cells : sequence of Cell
        The test cells.
    """
    use_style()
    indicators = sorted(table["indicator"].unique())
    figure = plt.figure(figsize=(PAGE, 1.0 + 1.0 * max(len(indicators), 3)), layout="constrained")
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(1.5, 1)))
    rows = left.subplots(len(indicators), 1, sharex=True, squeeze=False)[:, 0]
    named = {cell.name: cell for cell in cells}
    for axes, name in zip(rows, indicators):
        own = table[table["indicator"] == name]
        best = own[own["model"] == (IN_VIVO if IN_VIVO in set(own["model"]) else "culture")]
        row = best.sort_values("r").iloc[len(best) // 2]
        draw_example(axes, named[row["cell"]], str(row["model"]), row)
    rows[0].legend(frameon=False, fontsize=6.5, loc="upper right", ncols=3)
    rows[-1].set(xlabel="time (s); spikes below each trace", xlim=(0, _WINDOW_S))
    for axes, what in zip(right.subplots(2, 1, sharex=True), ("r", "gain")):
        _draw_cells(axes, table, indicators, what)
    return figure


def draw_example(axes: Axes, cell: Cell, model: str, row: pd.Series) -> None:
    """The half minute of a cell in which it fires most, measured and simulated."""
    name = cell.indicator if model == "culture" else f"{cell.indicator}-in-vivo"
    recording = max(cell.recordings, key=lambda t: t.spikes.counts[0])
    start = _busiest(recording)
    seconds = (np.arange(len(recording.dff)) + 0.5) / recording.frame_rate - start
    shown = (seconds >= 0) & (seconds < _WINDOW_S)
    rate, n_frames = recording.frame_rate, len(recording.dff)
    dff = frame_dff(recording.spikes, get_indicator(name), rate)[0, :n_frames]
    simulated = without_drift(dff, rate)
    offset = recording.dff.mean() - simulated.mean()
    lines = {"measured": recording.dff, "simulated": simulated + offset}
    axes.plot(seconds[shown], lines["measured"][shown], color="0.2", lw=0.8, label="measured")
    axes.plot(
        seconds[shown], lines["simulated"][shown], color=_COLORS[model], lw=0.9, label="simulated"
    )
    low = min(line[shown].min() for line in lines.values())
    high = max(line[shown].max() for line in lines.values())
    times = recording.spikes.times - start
    times = times[(times >= 0) & (times < _WINDOW_S)]
    axes.vlines(times, low - 0.3 * (high - low), low - 0.1 * (high - low), color="0.2", lw=0.4)
    axes.set_title(
        f"{name}: cell of median r = {row['r']:.2f}, gain {row['gain']:.2f}", loc="left", fontsize=7
    )
    axes.set_ylabel("dF/F")


def _busiest(recording: CellRecording) -> float:
    """Start (s) of the window with most spikes."""
    starts = np.arange(0, max(recording.spikes.duration - _WINDOW_S, 0) + 1)
    counts = np.diff(
        np.searchsorted(recording.spikes.times, [starts, starts + _WINDOW_S]), axis=0
    )  # (1, n_starts)
    return float(starts[counts[0].argmax()])


def _draw_cells(axes: Axes, table: pd.DataFrame, indicators: list[str], what: str) -> None:
    """A dot for each cell, a line at the median, by indicator and model."""
    models = [model for model in _COLORS if model in set(table["model"])]
    rng = np.random.default_rng(0)
    for k, model in enumerate(models):
        for place, name in enumerate(indicators):
            mine = (table["indicator"] == name) & (table["model"] == model)
            values = table.loc[mine, what]
            if not len(values):
                continue
            x = place + (k - (len(models) - 1) / 2) * 0.21
            jitter = rng.uniform(-0.06, 0.06, len(values))
            axes.scatter(x + jitter, values, s=4, color=_COLORS[model], alpha=0.6, linewidths=0)
            axes.plot([x - 0.09, x + 0.09], [values.median()] * 2, color=_COLORS[model], lw=2)
        axes.plot([], [], color=_COLORS[model], lw=2, label=model)
    axes.set_xticks(range(len(indicators)), indicators, rotation=30, ha="right")
    if what == "gain":
        axes.axhspan(0.8, 1.25, color="0.92", zorder=0)
        axes.set(yscale="log", ylabel="gain (measured / simulated)")
        axes.set_yticks(_GAINS, [f"{gain:g}" for gain in _GAINS])
    else:
        axes.set(ylabel="r, nothing fitted to the cell", ylim=(table["r"].min() - 0.05, 1.0))
        axes.legend(frameon=False, fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
