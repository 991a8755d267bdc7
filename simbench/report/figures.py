"""Figures of a run: leaderboard, paired tests, level curves, costs, traces, likeness of latents."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.board.leaderboard import Board
from simbench.board.scores_by_culture import OVERALL
from simbench.core.text import MISSING, number
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording, clean_trace
from simbench.methods.catalogue import CEILING, FLOOR
from simbench.report.level_tables import is_log, level_label
from simbench.report.style import COLUMN, PAGE, colors_of, family_color, method_colors, use_style
from simbench.report.texts import p_value

_SHOWN_S = 60.0
_MOST_CELLS = 8
_N_BEST = 5
_TICK_LETTERS = 30  # as many fit below one of three panels
_NAME_LETTERS = 28


def draw_traces(dataset: Dataset) -> Figure:
    """Example dF/F of held-out neurons; true dF/F and spikes, where known, over and below it.

    Neurons of the first test culture, two of each firing type; or, where a recording holds one
    neuron, those of several recordings.
    """
    use_style()
    chosen = _examples(dataset)
    colors = colors_of(kind for *_, kind in chosen)
    traces: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    figure, axes = plt.subplots(
        len(chosen), 1, figsize=(PAGE, 0.6 * len(chosen) + 0.6), sharex=True, squeeze=False
    )
    for axis, (recording, neuron, kind) in zip(axes[:, 0], chosen):
        truth, shown = recording.truth, min(_SHOWN_S, recording.duration_s)
        n_frames = int(shown * recording.frame_rate)
        time = (np.arange(n_frames) + 0.5) / recording.frame_rate
        if recording.name not in traces:
            clean = None if truth.clean_dff is None else clean_trace(recording)
            traces[recording.name] = recording.dff, clean
        dff, clean = traces[recording.name]
        spikes = np.zeros(0) if truth.spikes is None else truth.spikes[neuron]
        true = None if clean is None else clean[neuron, :n_frames]
        plot_trace(axis, time, dff[neuron, :n_frames], true, spikes[spikes < shown], colors[kind])
        axis.set_ylabel(kind, rotation=0, ha="right", va="center", color=colors[kind])
        axis.locator_params(axis="y", nbins=3)
        axis.tick_params(labelsize=7)
    axes[-1, 0].set_xlabel("time (s)")
    some = chosen[0][0]
    whose = "one held-out culture" if some.n_neurons > 1 else "held-out cells"
    over = "" if some.truth.clean_dff is None else ", true (black)"
    below = "" if some.truth.spikes is None else ", spikes below"
    figure.suptitle(f"dF/F of {whose}: noisy (colour){over}{below}", fontsize=8)
    figure.tight_layout()
    return figure


def _examples(dataset: Dataset) -> list[tuple[Recording, int, str]]:
    """Recording, neuron and kind of those that are drawn, sorted by kind.

    Two neurons of a kind have rates, where they are known, around the median of the kind.
    """
    tested = [dataset.recordings[k] for k in np.flatnonzero(dataset.test)]
    if tested[0].n_neurons > 1:
        labels = tested[0].truth.labels
        if "rate_hz" in labels:
            labels = labels.sort_values("rate_hz", kind="stable")
        return [
            (tested[0], neuron, str(kind))
            for kind, same in labels.groupby(_types(labels))
            for neuron in same.index[max(0, len(same) // 2 - 1) :][:2]
        ]
    spread = np.linspace(0, len(tested) - 1, min(_MOST_CELLS, len(tested))).round().astype(int)
    by = ("firing_type", "indicator", "region")
    cells = [(tested[k], 0, _types(tested[k].truth.labels, by).iloc[0]) for k in spread]
    return sorted(cells, key=lambda cell: cell[2])


def plot_trace(
    axis: Axes, time: np.ndarray, noisy: np.ndarray, clean: np.ndarray | None,
    spikes: np.ndarray, color: str,
) -> None:  # fmt: skip
    """dF/F of one neuron as methods see it (colour) and as it truly is (black), spikes below."""
    axis.plot(time, noisy, color=color, lw=0.7, alpha=0.6, label="as methods see it")
    low, high = min(noisy.min(), 0), noisy.max()
    if clean is not None:
        axis.plot(time, clean, color="black", lw=0.8, label="true")
        high = max(high, clean.max())
    axis.vlines(spikes, low - 0.3 * (high - low), low - 0.08 * (high - low), color=color, lw=0.6)
    axis.set_ylim(low - 0.35 * (high - low), high * 1.05)


def _types(
    labels: pd.DataFrame, names: Sequence[str] = ("firing_type", "region", "indicator")
) -> pd.Series:
    """Firing types, or what else tells neurons apart: the first of these labels that is known."""
    known = [name for name in names if name in labels]
    return labels[known[0]].astype(str) if known else pd.Series("", index=labels.index)


def draw_leaderboard(board: Board) -> Figure:
    """Scores on held-out cultures with their intervals, between floor and ceiling."""
    use_style()
    table, targets = board.table, board.targets
    family = table["method", "family"]
    shown = table[(table["method", "status"] == "ok") & ~table.index.isin((FLOOR, CEILING))]
    figure, axes = plt.subplots(
        1, len(targets), figsize=(PAGE, 0.2 * len(shown) + 1.1), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    colors, places = family[shown.index].map(family_color), np.arange(len(shown))
    for axis, target in zip(axes[0], targets):
        line = shown[target]
        axis.hlines(places, line["low"], line["high"], colors, lw=2, capstyle="round")
        axis.scatter(line["score"], places, 16, colors, lw=1)
        axis.margins(x=0.06)
        _mark_floor_and_ceiling(axis, *table[target][["chance", "ceiling"]].mean())
        axis.locator_params(axis="x", nbins=max(4, 12 // len(targets)))
        axis.set_title(target.replace("_", " "), pad=14)
        axis.set_xlabel(metric_name(target, board))
    axes[0, 0].set_yticks(range(len(shown)), map(short_label, shown.index))
    axes[0, 0].invert_yaxis()
    kinds = list(dict.fromkeys(family[shown.index]))
    handles = [plt.Line2D([], [], marker="o", color=family_color(f), label=f) for f in kinds]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(kinds), frameon=False)
    return figure


def _mark_floor_and_ceiling(axis: Axes, floor: float, ceiling: float) -> None:
    """Lines with their names above; names that would touch stand on either side."""
    for value in (floor, ceiling):
        axis.axvline(value, color="0.45", ls="--", lw=0.8, zorder=0)
    below = above = ("center", 0)
    if abs(ceiling - floor) < 0.25 * np.ptp(axis.get_xlim()):
        below, above = ("right", -2), ("left", 2)
    if floor >= ceiling:
        below, above = above, below
    name_above(axis, floor, "floor", *below)
    name_above(axis, ceiling, "ceiling", *above)


def name_above(axis: Axes, x: float, name: str, side: str = "center", shift: float = 0) -> None:
    """A name above a panel, over x; moved sideways by so many points."""
    axis.annotate(
        name, (x, 1), xycoords=("data", "axes fraction"), xytext=(shift, 2),
        textcoords="offset points", fontsize=7, color="0.35", ha=side, va="bottom",
    )  # fmt: skip


def draw_curves(
    board: Board, levels: dict[str, pd.DataFrame], axis_name: str, shown: Sequence[str] = ()
) -> Figure:
    """Score at every level with its interval; the rest in grey.

    In colour are the methods ``shown``, or the five best.
    """
    use_style()
    figure, axes = plt.subplots(
        1, len(levels), figsize=(COLUMN if len(levels) == 1 else PAGE, 2.4), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    colors = method_colors(shown or board.ranked[:_N_BEST])
    styles = dict(zip((FLOOR, CEILING), (":", "--")))
    for axis, (target, table) in zip(axes[0], levels.items()):
        for method, line in table.sort_values("x", kind="stable").groupby("method", sort=False):
            color = colors.get(method, "0.3" if method in styles else "0.75")
            x = line["x"].to_numpy()
            if method in colors:
                axis.fill_between(x, line["low"], line["high"], color=color, alpha=0.15, lw=0)
            axis.plot(
                x, line["score"], styles.get(method, "-"), color=color, lw=1.2, ms=3,
                marker="o" if method in colors else None, zorder=2 + (method in colors),
                label=short_label(method),
            )  # fmt: skip
        if is_log(table["x"]):
            axis.set_xscale("log")
        ticks = table.drop_duplicates("level")
        labels = ticks["level"].map(level_label)
        crowded = labels.str.len().sum() > _TICK_LETTERS
        axis.set_xticks(ticks["x"], labels, rotation=90 if crowded else 0)
        axis.set_xticks([], minor=True)
        axis.set(
            title=target.replace("_", " "), xlabel=axis_name, ylabel=metric_name(target, board)
        )
    found = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels())))
    named = [name for name in map(short_label, [*colors, *styles]) if name in found]
    figure.legend(
        [found[name] for name in named], named, loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def draw_cost(cost: pd.DataFrame) -> Figure:
    """Seconds and peak memory along the size: the dearest methods in colour, the rest in grey."""
    use_style()
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.6), layout="constrained")
    sizes = sorted(cost["neurons"].unique())
    colors = method_colors(cost["method"].unique()[:_N_BEST])
    titles = {"seconds": "time (s)", "memory_mb": "peak memory (MB)"}
    for axis, (column, title) in zip(axes, titles.items()):
        for method, line in cost.groupby("method", sort=False):
            axis.plot(
                line["neurons"], line[column], "o-", color=colors.get(method, "0.75"), lw=1.2,
                ms=3, zorder=2 + (method in colors),
                label=short_label(method) if method in colors else None,
            )  # fmt: skip
        axis.set(xscale="log", xlabel="neurons per culture", title=title)
        axis.set_xticks(sizes, map(str, sizes))
        axis.set_xticks([], minor=True)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=_N_BEST, frameon=False)
    return figure


def draw_pairwise(board: Board) -> Figure:
    """Holm-adjusted p of every pair of ranked methods, best method first; bold below .05."""
    p = board.p_values[OVERALL]
    size = (COLUMN if len(p) <= 7 else PAGE, 0.19 * len(p) + 0.5)
    what = f"adjusted p, {OVERALL}"
    figure = _draw_triangle(p, size, what, p_value, cmap="Blues_r", vmin=0, vmax=0.2)
    for text, value in zip(figure.axes[0].texts, p.to_numpy()[np.tril_indices(len(p), -1)]):
        text.set_fontweight("bold" if value < 0.05 else "normal")
    return figure


def draw_similarity(table: pd.DataFrame) -> Figure:
    """How alike the latents of every pair of methods are, in the order of the table."""
    size = (min(PAGE, 0.33 * len(table) + 1.6), 0.19 * len(table) + 0.7)
    what = "debiased CKA of latents, held-out cultures"
    figure = _draw_triangle(table, size, what, number, cmap="viridis", vmin=0, vmax=1)
    figure.axes[0].xaxis.label.set_fontsize(7)
    return figure


def _draw_triangle(
    table: pd.DataFrame, size: tuple[float, float], what: str, write: Callable[[float], str],
    **colors: Any,
) -> Figure:  # fmt: skip
    """Values of all pairs of methods, below the diagonal; ``write`` turns each into text."""
    use_style()
    n = len(table)
    names = [f"{rank} {short_label(name)}" for rank, name in enumerate(table.index, 1)]
    pairs = table.iloc[1:, :-1]
    shown = pairs.map(lambda value: write(value) if np.isfinite(value) else MISSING)
    figure, axis = plt.subplots(figsize=size)
    sns.heatmap(
        pairs.fillna(1), mask=~np.tri(n - 1, dtype=bool), ax=axis, cbar=False, linewidths=1,
        fmt="", annot=shown, annot_kws={"fontsize": 5.5},
        xticklabels=range(1, n), yticklabels=names[1:], **colors,
    )  # fmt: skip
    axis.xaxis.tick_top()
    axis.tick_params(length=0, labelsize=6.5, labelrotation=0)
    axis.set(xlabel=f"{what}; 1 is {short_label(table.index[0])}", ylabel="")
    figure.set_layout_engine("constrained")  # not before: seaborn first draws names upright
    figure.draw_without_rendering()
    return figure


def short_label(method: str) -> str:
    """Name of a method as plain text: short, printable, and no mathematics in it."""
    short = method if len(method) <= _NAME_LETTERS else method[: _NAME_LETTERS - 1] + "…"
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)
    return printable.replace("$", r"\$")


def metric_name(target: str, board: Board) -> str:
    """What the scores of a target are."""
    if target == "trace":
        return "R² of the clean trace"
    if target in board.votes:
        return "share of cultures named rightly"
    if target in board.classes:
        return "balanced accuracy"
    return f"R² within {board.within}" if board.within else "R²"
