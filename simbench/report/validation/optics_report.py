"""The optics against real cells: compared, summed up by indicator, written down and drawn."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.benchmark.run import Progress
from simbench.core.errors import SimbenchError
from simbench.core.files import write_text
from simbench.core.seeds import stream
from simbench.core.text import markdown_table, number
from simbench.data.readers.measured_cells import (
    SOURCE,
    Cell,
    CellRecording,
    halves,
    read_cells,
    without_drift,
)
from simbench.imaging.indicators import frame_dff, get_indicator
from simbench.report.style import PAGE, PALETTE, save, use_style
from simbench.report.validation.optics_validation import (
    DECAY_REACH,
    FEWEST_ALONE,
    IN_VIVO,
    LINEAR,
    SIGMOID,
    SWAPPED,
    compare_cells,
)

GAIN_RULE = (0.8, 1.25)
KEPT, MISSED, UNTOLD = "kept", "MISSED", "one animal: can't tell"
_FITTED = {IN_VIVO: "preset", SWAPPED: "halves swapped"}
_N_DRAWS = 2000
_WINDOW_S = 30.0
_GAINS = (0.2, 0.5, 1, 2, 5, 10)
_COLORS = {"culture": PALETTE[0], IN_VIVO: PALETTE[1], LINEAR: "0.65", SIGMOID: "0.35"}

_INTRODUCTION = """\
Real spikes through the indicators, against the measured traces ({n} cells of {n_animals} animals; a
cell without a named animal counts as one). Cells of
{source}.

Every other animal of an indicator was fitted to (by the presets in vivo, the linear kernel, and the
sigmoid on top of it); all figures here are of the others, where nothing else is said. Traces are
compared at about 15 Hz, an offset fitted, slow drift taken off measured and simulated ones alike.
Medians over cells.

r: correlation. EV: explained variance over its ceiling (1 - noise variance / variance, the noise
from nu), of the preset as it is, with a gain for each cell, and with a factor on its decay times.
"""
_RULE_NOTE = """\
The rule was fixed before the presets: a median gain of {low:g} to {high:g}, and r at least that of
the culture preset. In brackets the 95 % bootstrap interval of the median, over animals. The preset
is tested on animals that it was not fitted to; "halves swapped" is the same fit to those, tested on
the animals of the preset. The halves are not pooled: where one fit is too high, the other is too
low, and the two errors would cancel.

Gains, of {n} indicators: {counts}. r of the preset: kept {r_kept}.
"""
_ALONE_NOTE = """\
Means around spikes with 2 s of silence on both sides, of cells that have {fewest} or more; measured
/ simulated. Half-rise: from the spike to half of the peak; half-decay: from the peak. No cell rises
before its spike: where a table says so, times of frames and spikes are off by some milliseconds.
"""


def validate_optics(folder: Path, out: Path, report: Progress | None = None) -> pd.DataFrame:
    """Compare the optics with real cells; writes ``optics.csv``, ``optics.md``, ``optics.png``.

    Parameters
    ----------
    folder : Path
        Of recordings of others, with ``ground_truth``, or that folder itself.
    report : callable, optional
        Told what is done, how much, and of how many.

    Returns
    -------
    DataFrame
        Of `medians_by_indicator`.
    """
    cells = read_cells(folder)
    if not halves(cells)[1]:
        raise SimbenchError(
            f"{folder}: of each indicator one animal; at least two of one are needed"
        )
    table = compare_cells(cells, report)
    summary = medians_by_indicator(table)
    tested = table[table["model"] != SWAPPED]
    write_text(out / "optics.csv", summary.to_csv(index=False, float_format="%.4g"))
    write_text(out / "optics.md", optics_text(summary, tested))
    save(draw_validation(tested, halves(cells)[1]), out / "optics.png")
    return summary


def medians_by_indicator(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over the cells of each indicator and model, and spreads of gain, decay and drift.

    ``gain_low`` and ``gain_high`` are of `gain_interval`; the ``verdict`` is on fits in vivo.
    """
    summary = []
    for (indicator, model), own in table.groupby(["indicator", "model"]):
        gains = np.log(own["gain"][own["gain"] > 0])
        inside = np.log(own["decay"])[np.abs(np.log(own["decay"])) < 0.99 * DECAY_REACH]
        low, high = gain_interval(own)
        summary.append({
            "indicator": indicator, "model": model, "cells": len(own),
            "animals": own["animal"].nunique(), "r_lower_quartile": own["r"].quantile(0.25),
            **own.select_dtypes("number").median(), "log_gain_sd": gains.std(),
            "log_decay_sd": inside.std(), "cells_with_single_spikes": own["peak"].count(),
            "gain_low": low, "gain_high": high,
            "verdict": gain_verdict(own) if model in _FITTED else None,
        })  # fmt: skip
    return pd.DataFrame(summary)


def gain_interval(cells: pd.DataFrame) -> tuple[float, float]:
    """95 % bootstrap interval of the median gain, over animals; NaN for one animal."""
    animals = [own.to_numpy() for _, own in cells.groupby("animal")["gain"]]
    if len(animals) < 2:
        return np.nan, np.nan
    drawn = stream(0, "bootstrap").integers(len(animals), size=(_N_DRAWS, len(animals)))
    medians = [np.median(np.concatenate([animals[k] for k in chosen])) for chosen in drawn]
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(low), float(high)


def gain_verdict(cells: pd.DataFrame) -> str:
    """Whether the median gain of cells keeps the rule."""
    if cells["animal"].nunique() < 2:
        return UNTOLD
    low, high = GAIN_RULE
    return KEPT if low <= cells["gain"].median() <= high else MISSED


def optics_text(summary: pd.DataFrame, table: pd.DataFrame) -> str:
    """What was found, in Markdown."""
    tested = summary[summary["model"] != SWAPPED]
    fits = markdown_table(
        ("indicator", "model", "cells", "animals", "r (lower quartile)", "gain", "EV as it is",
         "EV, gain", "EV, gain and decay"),
        [
            (row.indicator, row.model, row.cells, row.animals,
             f"{number(row.r)} ({number(row.r_lower_quartile)})",
             *map(number, (row.gain, row.ev, row.ev_gain, row.ev_decay)))
            for row in tested.itertuples()
        ],
        2,
    )  # fmt: skip
    presets = tested[~tested["model"].isin((LINEAR, SIGMOID))]
    spreads = markdown_table(
        ("indicator", "model", "s.d. of log gain", "s.d. of log decay", "nu (%/√Hz)",
         "ceiling of EV", "s.d. of log baseline, 30 s"),
        [
            (row.indicator, row.model,
             *map(number, (row.log_gain_sd, row.log_decay_sd, row.nu, row.ceiling)),
             number(row.drift, ".3f"))
            for row in presets.itertuples()
        ],
        2,
    )  # fmt: skip
    alone = markdown_table(
        ("indicator", "model", "cells", "peak (dF/F)", "half-rise (ms)", "half-decay (ms)"),
        [
            (row.indicator, row.model, row.cells_with_single_spikes,
             f"{number(row.peak)} / {number(row.peak_simulated)}",
             f"{number(row.half_rise_ms, '.0f')} / {number(row.half_rise_ms_simulated, '.0f')}",
             f"{number(row.half_decay_ms, '.0f')} / {number(row.half_decay_ms_simulated, '.0f')}")
            for row in presets.itertuples()
        ],
        2,
    )  # fmt: skip
    animals = table.groupby("indicator")["animal"].nunique().sum()
    introduction = _INTRODUCTION.format(n=table["cell"].nunique(), n_animals=animals, source=SOURCE)
    alone_note = _ALONE_NOTE.format(fewest=FEWEST_ALONE)
    return (
        f"# Optics\n\n{introduction}\n{fits}\n## Gains and their rule\n\n{_rule_text(summary)}\n"
        f"## Spread between cells\n\n{spreads}\n## Single spikes\n\n{alone_note}\n{alone}"
    )


def _rule_text(summary: pd.DataFrame) -> str:
    """The rule, for how many indicators it is kept, and the gains that were held against it."""
    held = summary[summary["model"].isin(_FITTED)].assign(fit=lambda t: t["model"].map(_FITTED))
    counts = [
        f"{fit}: {', '.join(f'{verdict} {n}' for verdict, n in found.value_counts().items())}"
        for fit, found in held.groupby("fit", sort=False)["verdict"]
    ]
    r = summary.pivot_table(index="indicator", columns="model", values="r")
    r = r.reindex(columns=[IN_VIVO, "culture"])
    note = _RULE_NOTE.format(
        low=GAIN_RULE[0], high=GAIN_RULE[1], counts="; ".join(counts), n=len(r),
        r_kept=(r[IN_VIVO] >= r["culture"]).sum(),
    )  # fmt: skip
    gains = markdown_table(
        ("indicator", "fit", "cells", "animals", "median gain", "rule"),
        [
            (row.indicator, row.fit, row.cells, row.animals,
             f"{number(row.gain, '.3f')} [{number(row.gain_low)}, {number(row.gain_high)}]",
             row.verdict)
            for row in held.itertuples()
        ],
        2,
    )  # fmt: skip
    return f"{note}\n{gains}"


def draw_validation(table: pd.DataFrame, cells: Sequence[Cell]) -> Figure:
    """Left: of each indicator the cell of median r, measured and simulated; right: all cells.

    ``table`` is that of `compare_cells` on these test cells.
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
    start, rate, n_frames = _busiest(recording), recording.frame_rate, len(recording.dff)
    seconds = (np.arange(n_frames) + 0.5) / rate - start
    shown = (seconds >= 0) & (seconds < _WINDOW_S)
    dff = frame_dff(recording.spikes, get_indicator(name), rate)[0, :n_frames]
    simulated = without_drift(dff, rate)
    offset = recording.dff.mean() - simulated.mean()
    real, made = recording.dff[shown], (simulated + offset)[shown]
    axes.plot(seconds[shown], real, color="0.2", lw=0.8, label="measured")
    axes.plot(seconds[shown], made, color=_COLORS[model], lw=0.9, label="simulated")
    low, high = min(real.min(), made.min()), max(real.max(), made.max())
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
    first, last = np.searchsorted(recording.spikes.times, [starts, starts + _WINDOW_S])
    return float(starts[(last - first).argmax()])


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
        axes.axhspan(*GAIN_RULE, color="0.92", zorder=0)
        axes.set(yscale="log", ylabel="gain (measured / simulated)")
        axes.set_yticks(_GAINS, [f"{gain:g}" for gain in _GAINS])
    else:
        axes.set(ylabel="r, nothing fitted to the cell", ylim=(table["r"].min() - 0.05, 1.0))
        axes.legend(frameon=False, fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
