"""Everything that a run leaves in its results folder."""

from pathlib import Path

import pandas as pd

from simbench.benchmark.rows import ROWS_FILE, check_digests, read_rows, write_rows
from simbench.benchmark.run import Unit, latents_of
from simbench.board.leaderboard import Board
from simbench.core.files import check_writable, write_text
from simbench.data.simulation import simulate
from simbench.report.figures import draw_similarity, draw_traces
from simbench.report.gallery import choose_methods, draw_gallery, similarity
from simbench.report.result_tables import write_tables
from simbench.report.style import save
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import keep_scenario


def check_folder(folder: Path, scenario: Scenario) -> None:
    """Refuse a folder that can't take the results of a scenario, before they are made.

    Raises
    ------
    SimbenchError
        If the folder can't be written, or another scenario of that name and version made the
        rows in it.
    """
    check_writable(folder)
    path = folder / ROWS_FILE
    if path.exists():
        plain = pd.Series({level: one.digest() for level, one in scenario.at_levels.items()})
        mine = plain.rename_axis("level").reset_index(name="scenario_digest")
        mine = mine.assign(scenario=scenario.name, scenario_version=scenario.version)
        check_digests(path, read_rows(path), mine)


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
    rows_of_all = write_rows(folder / ROWS_FILE, rows)
    keep_scenario(scenario, folder)
    board = write_tables(folder, rows_of_all, scenario)
    _draw_data(folder, board, rows, scenario, seed)
    return board.table


def _draw_data(
    folder: Path, board: Board, rows: pd.DataFrame, scenario: Scenario, seed: int
) -> None:
    """Traces, latents and their likeness, of the methods that this run has done; from the cache."""
    level, shown = next(iter(scenario.at_levels.items()))
    dataset = simulate(shown, seed)
    figures = {"traces": draw_traces(dataset)}
    mine = rows[(rows["seed"] == seed) & (rows["level"] == level) & (rows["status"] == "ok")]
    done = [name for name in board.table.index if name in set(mine["method"])]
    latents = {name: latents_of(Unit(shown, seed, name, level)) for name in done}
    if latents and board.targets:
        gallery = {name: latents[name] for name in choose_methods(board, set(done))}
        figures["latents"] = draw_gallery(gallery, dataset, mine)
        alike = similarity({name: z[dataset.test_neurons] for name, z in latents.items()})
        write_text(folder / "similarity.csv", alike.to_csv(float_format="%.4f"))
        figures["similarity"] = draw_similarity(alike)
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
