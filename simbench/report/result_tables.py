"""Tables and figures that need nothing but rows."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from simbench.benchmark.rows import read_rows, row_files
from simbench.board.leaderboard import (
    OVERALL,
    Board,
    flat_table,
    make_board,
    markdown,
    pairwise,
    pairwise_markdown,
)
from simbench.core.files import write_text
from simbench.report.cost import cost_markdown, cost_table, draw_cost, grows
from simbench.report.figures import draw_curves, draw_leaderboard, draw_pairwise
from simbench.report.level_curves import axis_name, find_scenario, level_scores
from simbench.report.reconstruction import has_reconstruction, reconstruction_texts
from simbench.report.replication import NOTE, replication_texts
from simbench.report.style import save
from simbench.scenario.scenario import Scenario

FORMATS = {
    "leaderboard": ("png", "svg"), "curves": ("png", "svg"), "cost": ("png", "svg"),
    "pairwise": ("png",),
}  # fmt: skip
"""Of the figures of `row_figures`; an SVG of hundreds of cells is larger than it is useful."""


def rebuild(folder: Path, progress: Callable[[str, int, int], None] = lambda *_: None) -> None:
    """Write all tables and figures that need nothing but rows anew, from the rows below a folder.

    Parameters
    ----------
    folder : Path
    progress : callable, optional
        Called with (what, done, total).

    Raises
    ------
    SimbenchError
        If there are no rows, or rows that can't share a table.
    """
    files = row_files(folder)
    for done, file in enumerate(files):
        progress("tables and figures", done, len(files))
        rows = read_rows(file)
        write_tables(file.parent, rows, find_scenario(rows, file.parent))
    progress("tables and figures", len(files), len(files))


def write_tables(folder: Path, rows: pd.DataFrame, scenario: Scenario | None) -> Board:
    """Write the tables of one scenario, and the figures that are drawn from its rows.

    Parameters
    ----------
    folder : Path
    rows : DataFrame
        All rows of one scenario.
    scenario : Scenario, optional
        Names the axis of its levels.
    """
    board = make_board(rows)
    for name, text in table_texts(board, rows, scenario).items():
        write_text(folder / name, text)
    for name, figure in row_figures(board, rows, scenario).items():
        save(figure, *(folder / f"{name}.{kind}" for kind in FORMATS[name]))
    return board


def table_texts(board: Board, rows: pd.DataFrame, scenario: Scenario | None) -> dict[str, str]:
    """Content of each table's file, by its name."""
    tables = {"leaderboard": flat_table(board.table).reset_index(), "pairwise": pairwise(board)}
    levels = level_scores(rows)
    if levels:
        tables["curves"] = pd.concat(levels, names=["target"]).reset_index("target")
    if grows(scenario):
        tables["cost"] = cost_table(rows)
    texts = {
        f"{name}.csv": table.to_csv(index=False, float_format="%.6g")
        for name, table in tables.items()
    }
    tests = "\n" + pairwise_markdown(board)
    if "cost" in tables:
        texts["cost.md"] = cost_markdown(tables["cost"])
    if has_reconstruction(rows):
        texts |= reconstruction_texts(rows, axis_name(scenario))
    if not board.is_replication:
        return texts | {"leaderboard.md": markdown(board.table) + tests}
    texts["leaderboard.md"] = f"{NOTE}\n\n{markdown(board.table)}{tests}"
    return texts | replication_texts(rows, scenario)


def row_figures(board: Board, rows: pd.DataFrame, scenario: Scenario | None) -> dict[str, Figure]:
    """The figures that need nothing but rows, by name."""
    figures = {}
    if board.targets:
        figures["leaderboard"] = draw_leaderboard(board)
    if len(board.p_values[OVERALL]) > 1:
        figures["pairwise"] = draw_pairwise(board)
    levels = level_scores(rows)
    if levels:
        figures["curves"] = draw_curves(board, levels, axis_name(scenario))
    if grows(scenario):
        figures["cost"] = draw_cost(cost_table(rows))
    return figures
