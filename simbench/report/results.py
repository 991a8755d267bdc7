"""Everything that a run leaves in its results folder."""

from pathlib import Path

import pandas as pd

from simbench.benchmark import Unit, latents_of
from simbench.leaderboard import (
    OVERALL,
    Board,
    flat_table,
    make_board,
    markdown,
    pairwise,
    pairwise_markdown,
)
from simbench.provenance import keep_scenario
from simbench.report.figures import (
    draw_curves,
    draw_latents,
    draw_leaderboard,
    draw_pairwise,
    draw_traces,
)
from simbench.report.levels import axis_name, level_scores
from simbench.report.style import save
from simbench.rows import ROWS_FILE, write_rows
from simbench.scenario import Scenario
from simbench.simulation import simulate
from simbench.storage import write_text


def write_results(folder: Path, rows: pd.DataFrame, scenario: Scenario, seed: int) -> pd.DataFrame:
    """Write rows, leaderboard and figures of one scenario; return the leaderboard.

    Parameters
    ----------
    folder : Path
        Rows of earlier runs in it stay, unless these replace them.
    rows : DataFrame
        Rows of one scenario and seed.
    scenario : Scenario
    seed : int
    """
    keep_scenario(scenario, folder)
    everything = write_rows(folder / ROWS_FILE, rows)
    board = make_board(everything)
    pairs = pairwise(board)
    write_text(folder / "leaderboard.csv", flat_table(board.table).to_csv(float_format="%.6g"))
    write_text(folder / "pairwise.csv", pairs.to_csv(index=False, float_format="%.6g"))
    write_text(folder / "leaderboard.md", markdown(board.table) + "\n" + pairwise_markdown(board))
    _draw(
        folder, board, everything, scenario, seed, set(rows.loc[rows["status"] == "ok", "method"])
    )
    return board.table


def _draw(
    folder: Path, board: Board, rows: pd.DataFrame, scenario: Scenario, seed: int, done: set[str]
) -> None:
    """Every figure as PNG and SVG; latents are those of the best method that this run has done."""
    figures = {}
    if board.targets:
        figures["leaderboard"] = draw_leaderboard(board)
    if len(board.p_values[OVERALL]) > 1:
        figures["pairwise"] = draw_pairwise(board)
    levels = level_scores(rows)
    if levels:
        figures["curves"] = draw_curves(board, levels, axis_name(scenario))
    level, shown = next(iter(scenario.at_levels.items()))
    dataset = simulate(shown, seed)
    figures["traces"] = draw_traces(dataset)
    status = board.table["method", "status"]
    best = next((m for m in board.ranked if m in done and status[m] == "ok"), None)
    if best is not None:
        latents = {best: latents_of(Unit(shown, seed, best, level))}
        figures["latents"] = draw_latents(latents, dataset)
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png", folder / f"{name}.svg")
