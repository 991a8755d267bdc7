"""Does rank carry over to real cells: boards are run, compared, written down and drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.benchmark.plan import plan
from simbench.benchmark.rows import ROWS_FILE, as_written, write_rows
from simbench.benchmark.run import Progress, run
from simbench.board.reality_boards import (
    CELLS,
    CONTRAST,
    TWINS,
    Tables,
    compare_with_cells,
    contrast_boards,
    contrast_rows,
    scores_by_animal,
    suite_boards,
    verdicts,
)
from simbench.board.shared_cultures import culture_sets
from simbench.core.errors import SimbenchError
from simbench.core.files import write_text
from simbench.core.text import MISSING, markdown_table, number
from simbench.data.readers.measured_cells import SOURCE
from simbench.data.recorded import pinned
from simbench.methods.registry import expand_names, find_entry
from simbench.report.level_tables import rows_and_scenarios
from simbench.report.style import PAGE, PALETTE, family_color, save, use_style
from simbench.report.texts import in_words
from simbench.scenario.scenario_file import load_scenario

_KIND_COLORS = {
    "twins": PALETTE[0], "suite": "0.7", "suite mean": "0.2", "contrast": PALETTE[1],
}  # fmt: skip
_NUMBER_SIZE = (0.1, 0.09)  # of a number in a panel, as shares of its width and height
_INTRODUCTION = """\
Does the order of methods on simulated data carry over to real cells? The boards are those of
`{cells}` (measured traces; R² of labels of the spikes, within indicator; irregularity and
bursts given the rate), {n_animals} animals (cells, where the animal is unknown) and
{n_methods} methods, splits {seeds}. Cells of
{source}.

tau: Kendall's tau-b of the methods' scores, with its 95 % bootstrap interval over animals and, of
other boards, over their cultures too. One per family: tau with one method of each family, mean over
all choices. Concordance: share of the pairs of methods that the simulated board separates (95 %
interval without zero) that real cells order in the same way. Resampling adds noise, so that the
intervals of tau lie somewhat below it. Methods that are all near 0 on a label are in no order:
there tau is low, whatever carries over, and concordance tells more.

The thresholds were fixed for log rate, CV and burst fraction, when a pilot on much the same cells
had been seen. Two things came later: CV2 became a label, and boards whose cultures have the same
wiring count as one.

`{contrast}` is run with the same methods and seeds: its board on held-out cultures, and on the same
latents the board of a split by neuron and that of clusters whose radius is chosen on the labels,
each against real cells. Both borrow an idea of the published protocol, not its
procedure: the authors clustered their network and principal components alone, and other methods
that are not linear get the network's radii.
"""


def validate_ranks(
    methods: Sequence[str], seeds: Sequence[int], results: Path, out: Path, n_jobs: int = 1,
    report: Progress | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Run the boards of cells, twins and contrast, compare them, and write what is found.

    Writes ``ranks.csv``, ``ranks.md``, ``ranks.png``, and the rows of the contrast.

    Parameters
    ----------
    methods : sequence of str
        Names; controls are added, and not compared.
    seeds : sequence of int
        Of the splits of the cells, and of the contrast.
    results : Path
        Folder of the suite's boards.
    report : callable, optional
        Called with (what, done, total).

    Returns
    -------
    DataFrame
        Of `compare_with_cells`.
    """
    names = [name for name in expand_names(methods) if not find_entry(name).is_control]
    if len(names) < 3:
        raise SimbenchError(f"ranks: {len(names)} methods; at least 3 are needed")
    rows, scenarios = rows_and_scenarios(results)
    boards = {}
    for name in (CELLS, TWINS, CONTRAST):
        scenario = pinned(load_scenario(name))

        def progress(what: str, done: int, total: int, name: str = name) -> None:
            if report:
                report(f"{name}: {what}", done, total)

        boards[name] = as_written(run(plan([scenario], names, seeds), n_jobs, progress))
    cells, twins = (scores_by_animal(boards[name]) for name in (CELLS, TWINS))
    suite = dict(suite_boards(rows))
    in_suite = (scenario for scenario in scenarios if scenario.name in suite)
    sets = culture_sets(in_suite, same="wiring")
    contrast = contrast_boards(boards[CONTRAST])
    families = {name: find_entry(name).family for name in names}
    table = compare_with_cells(cells, twins, suite, contrast, families, sets)
    table["n_animals"] = len(set().union(*(scores.index for scores in cells.values())))
    file = out / f"{CONTRAST}-{ROWS_FILE}"
    file.unlink(missing_ok=True)  # rows of other seeds or methods are not of this comparison
    write_rows(file, contrast_rows(boards[CONTRAST]))
    write_text(out / "ranks.csv", table.to_csv(index=False, float_format="%.4g"))
    write_text(out / "ranks.md", ranks_text(table, cells, twins, seeds))
    save(draw_ranks(table, cells, twins, contrast, families), out / "ranks.png")
    return table


def ranks_text(table: pd.DataFrame, cells: Tables, twins: Tables, seeds: Sequence[int]) -> str:
    """What was found, in Markdown: thresholds, boards, and the scores behind them."""
    found = verdicts(table)
    fixed = markdown_table(
        ("board", "target", "measure", "threshold", "found", ""),
        [
            (r.board, in_words(r.target), r.measure, f"≥ {r.least:g}", number(r.found),
             ("kept" if r.kept else "MISSED") + ", a later label" * r.is_later)
            for r in found.itertuples()
        ],
        3,
    )  # fmt: skip
    checks = f"{fixed}\n{_each_once(table)}"
    boards = markdown_table(
        ("board", "target", "methods", "tau", "one a family", "pairs", "concordance"),
        [
            (f"{CONTRAST}, {row.board}" if row.kind in ("contrast", "difference") else row.board,
             in_words(row.target), number(row.n_methods, ".0f"),
             _interval(row.tau, row.tau_low, row.tau_high), number(row.tau_families),
             number(row.n_pairs, ".0f"),
             _interval(row.concordance, row.concordance_low, row.concordance_high))
            for row in table[table["kind"] != "suite"].itertuples()
        ],
        2,
    )  # fmt: skip
    first = next(iter(cells.values()))
    methods = list(first.mean().sort_values(ascending=False).index)
    header = ["method", *(f"{in_words(t)}, real / twins" for t in cells)]
    scores = markdown_table(
        header,
        [
            (m, *(f"{number(cells[t][m].mean())} / {number(twins[t][m].mean())}" for t in cells))
            for m in methods
        ],
    )
    introduction = _INTRODUCTION.format(
        cells=CELLS, n_animals=table["n_animals"].iloc[0], n_methods=len(methods),
        seeds=", ".join(map(str, seeds)), source=SOURCE, contrast=CONTRAST,
    )  # fmt: skip
    parts = {
        "Fixed in advance, after a pilot": checks, "Boards against real cells": boards,
        "Boards of the suite: tau": _suite_table(table, list(cells)), "Scores": scores,
    }  # fmt: skip
    sections = "".join(f"\n## {title}\n\n{text}" for title, text in parts.items())
    return f"# Ranks\n\n{introduction}{sections}"


def _each_once(table: pd.DataFrame) -> str:
    """Mean tau of the suite's boards as it was first defined."""
    means = table[table["kind"] == "suite"].groupby("target", sort=False)["tau"].mean()
    told = ", ".join(f"{in_words(str(target))} {number(tau)}" for target, tau in means.items())
    return f"With every board of the suite counted once, as when its threshold was fixed: {told}.\n"


def _suite_table(table: pd.DataFrame, targets: Sequence[str]) -> str:
    """Tau of each board of the suite, by target."""
    suite = table[table["kind"] == "suite"].set_index(["board", "target"])
    names = dict.fromkeys(suite.index.get_level_values("board"))
    lines = [
        [name, *(_interval(*suite.loc[(name, t), ["tau", "tau_low", "tau_high"]]) for t in targets)]
        for name in names
    ]
    return markdown_table(["board", *map(in_words, targets)], lines)


def _interval(value: float, low: float, high: float) -> str:
    return f"{number(value)} [{number(low)}, {number(high)}]" if np.isfinite(value) else MISSING


def draw_ranks(
    table: pd.DataFrame, cells: Tables, twins: Tables, contrast: Tables, families: Mapping[str, str]
) -> Figure:
    """Scores on real cells against those on twins, and against the two sides of the contrast; taus.

    ``table`` is that of `compare_with_cells` on these boards.
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
        axis.set(title=in_words(target), xlabel="R², twins")
    for axis, (name, scores) in zip(grid[1], contrast.items()):
        _scatter(axis, scores.mean(), cells[last].mean(), numbers, families)
        axis.set(xlabel=f"{name}\n(firing type)")
    for axis in grid[1, len(contrast) :]:
        axis.axis("off")
    grid[0, 0].set_ylabel("R², real cells")
    grid[1, 0].set_ylabel(f"R² of {in_words(last)},\nreal cells")
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
    """Numbers of methods; a dot where a number would lie on one that is drawn."""
    shared = [name for name in numbers if name in real.index and name in simulated.index]
    places = pd.DataFrame({"x": simulated[shared], "y": real[shared]})
    spans = (places.max() - places.min()).clip(1e-3)
    numbered: list[str] = []
    for name, place in places.iterrows():
        near = (places.loc[numbered] - place).abs() / spans < _NUMBER_SIZE
        color = family_color(families[str(name)])
        if near.all(axis=1).any():
            axis.plot(place["x"], place["y"], ".", color=color, ms=3)
            continue
        numbered.append(str(name))
        text = str(numbers[str(name)])
        axis.text(place["x"], place["y"], text, color=color, fontsize=7, ha="center", va="center")
    low, high = places.min() - 0.1 * spans, places.max() + 0.1 * spans
    axis.set(xlim=(low["x"], high["x"]), ylim=(low["y"], high["y"]))
    axis.locator_params(nbins=3)


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
        axis.set(xlim=(-1, 1), title=in_words(target), xlabel="Kendall's tau")
    labels = [board if kind != "twins" else "twins of the cells" for kind, board in names]
    axes[0].set_yticks(range(len(names)), labels, fontsize=6.5)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
