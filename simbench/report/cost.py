"""What methods cost as cultures grow: seconds and peak memory of each at every size."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from simbench.board.leaderboard import duration, memory
from simbench.report.figures import short_label
from simbench.report.style import PAGE, method_colors, use_style
from simbench.scenario.scenario import Scenario

_SIZE = "culture.n_neurons"
_N_DEAREST = 5
_PANELS = {"seconds": "time (s)", "memory_mb": "peak memory (MB)"}


def grows(scenario: Scenario | None) -> bool:
    """Whether the levels of a scenario are sizes of its cultures, and nothing else."""
    return scenario is not None and list(scenario.levels) == [_SIZE]


def cost_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of what methods cost, the dearest first.

    Returns
    -------
    DataFrame
        Columns ``method``, ``neurons`` (of one culture), ``seconds`` (to fit and transform) and
        ``memory_mb`` (peak of the process meanwhile).
    """
    units = rows[rows["status"] == "ok"].drop_duplicates(["method", "level", "seed"])
    units = units.assign(neurons=units["level"].astype(int), memory_mb=units["peak_memory_mb"])
    cost = units.groupby(["method", "neurons"])[["seconds", "memory_mb"]].mean().reset_index()
    most = cost.groupby("method")["seconds"].transform("max")
    order = cost.assign(most=-most).sort_values(["most", "method", "neurons"])
    return order.drop(columns="most").reset_index(drop=True)


def cost_markdown(cost: pd.DataFrame) -> str:
    """The costs as a Markdown table: one line a method, one column a size."""
    sizes = sorted(cost["neurons"].unique())
    header = ["method", *(f"{size} neurons" for size in sizes)]
    lines = [header, ["---"] + ["---:"] * len(sizes)]
    for method, mine in cost.groupby("method", sort=False):
        cells = {
            line.neurons: f"{duration(line.seconds)}, {memory(line.memory_mb)}"
            for line in mine.itertuples()
        }
        lines.append([str(method).replace("|", "\\|"), *(cells.get(size, "–") for size in sizes)])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def draw_cost(cost: pd.DataFrame) -> Figure:
    """Seconds and peak memory along the size: the dearest methods in colour, the rest in grey."""
    use_style()
    figure, axes = plt.subplots(1, len(_PANELS), figsize=(PAGE, 2.6), layout="constrained")
    sizes = sorted(cost["neurons"].unique())
    colors = method_colors(cost["method"].unique()[:_N_DEAREST])
    for axis, (column, title) in zip(axes, _PANELS.items()):
        for method, line in cost.groupby("method", sort=False):
            axis.plot(
                line["neurons"], line[column], "o-", color=colors.get(method, "0.75"), lw=1.2,
                ms=3, zorder=2 + (method in colors),
                label=short_label(method) if method in colors else None,
            )  # fmt: skip
        axis.set(xscale="log", xlabel="neurons a culture", title=title)
        axis.set_xticks(sizes, map(str, sizes))
        axis.set_xticks([], minor=True)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=max(len(names), 1), frameon=False
    )
    return figure
