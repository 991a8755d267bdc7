"""Draw how near simbench comes to recordings of others: traces, cultures, and the order of methods.

python tools/draw_reality.py RECORDINGS [docs/reality.png]

RECORDINGS holds the folders `ground_truth` and `cultures`. Points are read from the tables of
`results/validation`, which `simbench validate` makes.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import simbench
from simbench.data.readers.measured_cells import halves, read_cells
from simbench.data.real_cultures import STATISTICS, measure_cultures
from simbench.report.style import PAGE, PALETTE, save, use_style
from simbench.report.validation.culture_validation import (
    draw_raster,
    spikes_of,
    typical_recording,
)
from simbench.report.validation.optics_report import draw_example
from simbench.report.validation.optics_validation import compare_cells

VALIDATION = Path(__file__).parents[1] / "results" / "validation"
INDICATOR, SCENARIO = "jGCaMP8m", "firing-types"
BOARDS = {
    "twins": "the same cells, simulated",
    "suite mean": "simbench's boards, mean",
    "held-out cultures": "held-out cultures",
    "split by neuron": "split by neuron",
}


def reality(recordings: Path) -> Figure:
    """A real cell, a real culture, where simulated cultures lie, and how far the order carries."""
    use_style()
    figure = plt.figure(figsize=(PAGE, 3.9), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.25)))
    left, right = upper.subplots(1, 2)
    draw_cell(left, recordings)
    draw_taus(right)
    first, second = np.asarray(lower.subfigures(1, 2))
    draw_cultures(first.subplots(2, 1, sharex=True), recordings)
    draw_distances(second.subplots())
    return figure


def draw_cell(axes: Axes, recordings: Path) -> None:
    """The cell of median r of those that no preset was fitted to."""
    cells = [cell for cell in read_cells(recordings) if cell.indicator == INDICATOR]
    _, tested = halves(cells)
    table = compare_cells(cells)
    mine = table[table["model"] == "in vivo"].sort_values("r")
    row = mine.iloc[len(mine) // 2]
    draw_example(axes, {cell.name: cell for cell in tested}[row["cell"]], "in vivo", row)
    axes.set_title(f"a real cell ({INDICATOR}), and its spikes through simbench", fontsize=8)
    axes.set_title("", loc="left")
    axes.set(xlim=(0, 30), xlabel="time (s)")
    axes.legend(frameon=False, fontsize=6.5, loc="upper right")


def draw_cultures(panels: np.ndarray, recordings: Path) -> None:
    """Half a minute of a typical real culture, and of a simulated one."""
    real = measure_cultures(recordings / "cultures")
    chosen = typical_recording(real[real["region"] == "cortical"])
    dataset = simbench.simulate(simbench.load_scenario(SCENARIO), seed=1, n_jobs=2)
    shown = {
        "real cortical culture": (spikes_of(recordings, chosen), PALETTE[0]),
        f"culture of {SCENARIO}": (dataset.recordings[0].truth.spikes, "0.15"),
    }
    for axes, (title, (spikes, colour)) in zip(panels, shown.items()):
        draw_raster(axes, title, spikes, colour)


def draw_distances(axes: Axes) -> None:
    """Each statistic of each scenario: 0 the median of real cultures, -1 to 1 their range."""
    table = pd.read_csv(VALIDATION / "cultures.csv").query("condition.isna()")
    rows = {name: place for place, name in enumerate(STATISTICS)}
    for classic, colour in ((False, PALETTE[0]), (True, "0.6")):
        some = table[table["scenario"].str.endswith("-classic") == classic]
        where = some["distance"].clip(-3, 3)
        what = "firing-types-classic, unranked" if classic else "all other scenarios"
        axes.plot(
            where, some["statistic"].map(rows), "o", ms=3, color=colour, alpha=0.7, label=what
        )
    axes.axvspan(-1, 1, color="0.92", zorder=0)
    axes.set_yticks(list(rows.values()), [STATISTICS[name] for name in rows], fontsize=6.5)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="from the median of real cultures")
    axes.set_title("cultures of scenarios; shaded: 90 % of real ones", fontsize=8)
    axes.legend(
        frameon=False, fontsize=6.5, loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2
    )


def draw_taus(axes: Axes) -> None:
    """Kendall's tau between the order of methods on a board and on real cells, for each label."""
    table = pd.read_csv(VALIDATION / "ranks.csv")
    for place, board in enumerate(BOARDS):
        mine = table[(table["kind"] == board) | (table["board"] == board)]
        colour = PALETTE[1] if board == "split by neuron" else PALETTE[0]
        for shift, (_, row) in zip(np.linspace(-0.24, 0.24, len(mine)), mine.iterrows()):
            axes.plot([row["tau_low"], row["tau_high"]], [place + shift] * 2, color=colour, lw=1)
            axes.plot(row["tau"], place + shift, "o", color=colour, ms=3)
    axes.axvline(0, color="0.6", lw=0.7, zorder=0)
    axes.set_yticks(range(len(BOARDS)), list(BOARDS.values()), fontsize=7)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set(xlim=(-1, 1), ylim=(len(BOARDS) - 0.5, -0.5), xlabel="Kendall's tau")
    axes.set_title("order of methods: agreement with real cells, by label", fontsize=8)


if __name__ == "__main__":
    folder, *out = map(Path, sys.argv[1:])
    save(reality(folder), out[0] if out else Path("docs/reality.png"))
