"""Everything that a run leaves in its results folder."""

from pathlib import Path

import pandas as pd

from simbench.benchmark import Unit, latents_of
from simbench.leaderboard import Board
from simbench.provenance import keep_scenario
from simbench.report.figures import draw_latents, draw_traces
from simbench.report.style import save
from simbench.report.tables import write_tables
from simbench.rows import ROWS_FILE, write_rows
from simbench.scenario import Scenario
from simbench.simulation import simulate


def write_results(folder: Path, rows: pd.DataFrame, scenario: Scenario, seed: int) -> pd.DataFrame:
    """Write rows, tables and figures of one scenario; return the leaderboard.

    Parameters
    ----------
    folder : Path
        Rows of earlier runs in it stay, unless these replace them.
    rows : DataFrame
        Rows of one scenario, any number of seeds.
    scenario : Scenario
    seed : int
        Whose traces and latents are drawn.
    """
    keep_scenario(scenario, folder)
    board = write_tables(folder, write_rows(folder / ROWS_FILE, rows), scenario)
    done = set(rows.loc[(rows["status"] == "ok") & (rows["seed"] == seed), "method"])
    _draw_data(folder, board, scenario, seed, done)
    return board.table


def _draw_data(folder: Path, board: Board, scenario: Scenario, seed: int, done: set[str]) -> None:
    """Traces, and the latents of the best method that this run has done; from the cache, as PNG."""
    level, shown = next(iter(scenario.at_levels.items()))
    dataset = simulate(shown, seed)
    figures = {"traces": draw_traces(dataset)}
    status = board.table["method", "status"]
    best = next((m for m in board.ranked if m in done and status[m] == "ok"), None)
    if best is not None:
        latents = {best: latents_of(Unit(shown, seed, best, level))}
        figures["latents"] = draw_latents(latents, dataset)
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
