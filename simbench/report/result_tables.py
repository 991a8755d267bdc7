"""Writes all tables and figures that need nothing but rows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from simbench.benchmark.rows import read_rows, row_files
from simbench.board.leaderboard import TAUGHT, Board, flat_table, leaderboard, pairwise
from simbench.board.scores_by_culture import OVERALL
from simbench.core.console import track
from simbench.core.files import write_text
from simbench.core.parallel import run_jobs
from simbench.report import figures, level_tables, texts
from simbench.report.style import save
from simbench.scenario.scenario import Scenario


def rebuild(folder: Path, n_jobs: int = 1) -> None:
    """Write all tables and figures that need nothing but rows, from the rows below a folder.

    The folder holds one or more ``rows.jsonl.gz``, at any depth.
    """
    files = row_files(folder)
    done = run_jobs(_rebuild, {file: (file,) for file in files}, n_jobs if len(files) > 1 else 1)
    for _ in track(files, "tables and figures"):
        next(done)


def _rebuild(file: Path) -> None:
    rows = read_rows(file)
    write_tables(file.parent, rows, level_tables.find_scenario(rows, file.parent))


def write_tables(folder: Path, rows: pd.DataFrame, scenario: Scenario | None) -> Board:
    """Write the tables of one scenario, and the figures that are drawn from its rows.

    ``scenario``, where it is known, names the axis of its levels.
    """
    board = leaderboard(rows, within=level_tables.stratum_name(scenario))
    for name, text in table_texts(board, rows, scenario).items():
        write_text(folder / name, text)
    for name, draw in row_figures(board, rows, scenario).items():
        kinds = ("png",) if name == "pairwise" else ("png", "svg")  # an SVG of it is large
        save(draw(), *(folder / f"{name}.{kind}" for kind in kinds))
    return board


def table_texts(board: Board, rows: pd.DataFrame, scenario: Scenario | None) -> dict[str, str]:
    """Content of each table's file, by its name."""
    tables = {"leaderboard": flat_table(board.table).reset_index(), "pairwise": pairwise(board)}
    words = {"leaderboard": texts.leaderboard_text(board)}
    levels = level_tables.level_scores(rows)
    if levels:
        tables["curves"] = pd.concat(levels, names=["target"]).reset_index("target")
    taught = level_tables.taught_curve(rows)
    if taught:
        curve = pd.concat(taught, names=["target"]).reset_index("target")
        tables["taught"] = curve[curve["method"] == TAUGHT].drop(columns=["method", "family", "x"])
    if level_tables.has_sizes(scenario):
        tables["cost"] = level_tables.cost_table(rows)
        words["cost"] = texts.cost_text(tables["cost"])
    if level_tables.has_reconstruction(rows):
        table = level_tables.reconstruction_table(rows)
        tables["reconstruction"] = table.reset_index()
        axis = level_tables.axis_name(scenario)
        words["reconstruction"] = texts.reconstruction_text(table, axis)
    if board.is_replication:
        table = level_tables.replication_table(rows, scenario)
        tables["replication"] = table.reset_index()
        words["replication"] = texts.replication_text(table)
    content = {f"{name}.md": text for name, text in words.items()}
    for name, table in tables.items():
        content[f"{name}.csv"] = table.to_csv(index=False, float_format="%.6g")
    return content


def row_figures(
    board: Board, rows: pd.DataFrame, scenario: Scenario | None
) -> dict[str, Callable[[], Figure]]:
    """What draws each of the figures that need nothing but rows, by its name."""
    drawn: dict[str, Callable[[], Figure]] = {}
    if board.targets:
        drawn["leaderboard"] = partial(figures.draw_leaderboard, board)
    if len(board.p_values[OVERALL]) > 1:
        drawn["pairwise"] = partial(figures.draw_pairwise, board)
    levels = level_tables.level_scores(rows)
    if levels:
        axis = level_tables.axis_name(scenario)
        drawn["curves"] = partial(figures.draw_curves, board, levels, axis)
    taught = level_tables.taught_curve(rows)
    if taught:
        shown = [TAUGHT, *board.ranked[:1]]
        what = "cultures that teach"
        drawn["taught"] = partial(figures.draw_curves, board, taught, what, shown)
    if level_tables.has_sizes(scenario):
        drawn["cost"] = partial(figures.draw_cost, level_tables.cost_table(rows))
    return drawn
