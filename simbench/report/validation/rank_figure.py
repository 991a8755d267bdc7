"""Figure of ranks: each method's score, simulated against real, and tau of every board."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.board.reality_boards import Tables
from simbench.report.style import PAGE, PALETTE, family_color, use_style

_KIND_COLORS = {
    "twins": PALETTE[0], "suite": "0.7", "suite mean": "0.2", "contrast": PALETTE[1],
}  # fmt: skip


def draw_ranks(
    table: pd.DataFrame, cells: Tables, twins: Tables, contrast: Tables, families: Mapping[str, str]
) -> Figure:
    """Scores on real cells against those on twins, and against the two sides of the contrast; taus.

    Parameters
    ----------
    table : DataFrame
        Of `compare_with_cells`.
    cells, twins, contrast : dict
        The boards behind it.
    families : mapping of str to str
        Of each method.
    """
    use_style()
    targets = [target for target in cells if target in twins]
    methods = list(cells[targets[0]].mean().sort_values(ascending=False).index)
    numbers = {name: k for k, name in enumerate(methods, 1)}
    figure = plt.figure(figsize=(PAGE, 7.6), layout="constrained")
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=(1.3, 1)))
    grid = top.subplots(2, len(targets), squeeze=False)
    last = targets[-1]
    for axis, target in zip(grid[0], targets):
        _scatter(axis, twins[target].mean(), cells[target].mean(), numbers, families)
        axis.set(title=target.replace("_", " "), xlabel="R², twins")
    for axis, (name, scores) in zip(grid[1], contrast.items()):
        _scatter(axis, scores.mean(), cells[last].mean(), numbers, families)
        axis.set(xlabel=f"{name}\n(firing type)")
    for axis in grid[1, len(contrast) :]:
        axis.axis("off")
    grid[0, 0].set_ylabel("R², real cells")
    grid[1, 0].set_ylabel(f"R² of {last.replace('_', ' ')},\nreal cells")
    left, right = np.asarray(bottom.subfigures(1, 2, width_ratios=(3.4, 1)))
    _draw_taus(left.subplots(1, len(targets), sharey=True, squeeze=False)[0], table, targets)
    for k, name in enumerate(methods):
        y = 0.95 - 0.9 * k / max(len(methods), 1)
        color = family_color(families[name])
        right.text(0.08, y, f"{numbers[name]}  {name}", fontsize=7, color=color, va="top")
    return figure


def _scatter(
    axis: Axes, simulated: pd.Series, real: pd.Series, numbers: Mapping[str, int],
    families: Mapping[str, str],
) -> None:  # fmt: skip
    shared = [name for name in real.index if name in simulated.index]
    for name in shared:
        axis.text(
            simulated[name], real[name], str(numbers[name]), color=family_color(families[name]),
            fontsize=7, ha="center", va="center",
        )  # fmt: skip
    for values, margins in ((simulated, axis.set_xlim), (real, axis.set_ylim)):
        low, high = values[shared].min(), values[shared].max()
        span = max(high - low, 1e-3)
        margins(low - 0.1 * span, high + 0.1 * span)
    axis.locator_params(nbins=4)


def _draw_taus(axes: np.ndarray, table: pd.DataFrame, targets: list[str]) -> None:
    """Tau with its interval: one line per board, one panel per target."""
    shown = table[table["kind"] != "difference"]
    names = list(dict.fromkeys(zip(shown["kind"], shown["board"])))
    for axis, target in zip(axes, targets):
        mine = table[table["target"] == target].set_index(["kind", "board"])
        for place, key in enumerate(names):
            if key in mine.index:
                row, color = mine.loc[key], _KIND_COLORS[key[0]]
                axis.plot([row["tau_low"], row["tau_high"]], [place, place], color=color, lw=1.5)
                axis.plot(row["tau"], place, "o", color=color, ms=3.5)
        axis.axvline(0, color="0.6", lw=0.7, zorder=0)
        axis.set(xlim=(-1, 1), title=target.replace("_", " "), xlabel="Kendall's tau")
    labels = [board if kind != "twins" else "twins of the cells" for kind, board in names]
    axes[0].set_yticks(range(len(names)), labels, fontsize=6.5)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
