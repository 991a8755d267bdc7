"""Everything that a run leaves in its results folder."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from simbench.benchmark.plan import Unit
from simbench.benchmark.rows import ROWS_FILE, check_digests, read_rows, write_rows
from simbench.benchmark.run import latents_of
from simbench.board.leaderboard import Board
from simbench.core.errors import SimbenchError
from simbench.core.files import check_writable, write_text
from simbench.data.simulation import open_dataset, recording_folders
from simbench.report.figures import draw_similarity, draw_traces
from simbench.report.gallery import choose_methods, draw_gallery, similarity
from simbench.report.result_tables import write_tables
from simbench.report.style import save
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import write_scenario


def check_folder(
    folder: Path, scenario: Scenario, seeds: Sequence[int], add_seed: bool = False
) -> None:
    """Refuse a folder that can't take the results of a scenario, before they are made.

    Its rows may not be those of another scenario of that name and version, nor, unless
    ``add_seed``, of other seeds alone: on a board only methods of the same seeds are compared.
    """
    check_writable(folder)
    path = folder / ROWS_FILE
    if not path.exists():
        return
    plain = pd.Series({level: one.digest() for level, one in scenario.at_levels.items()})
    mine = plain.rename_axis("level").reset_index(name="scenario_digest")
    mine = mine.assign(scenario=scenario.name, scenario_version=scenario.version)
    rows = read_rows(path)
    check_digests(path, rows, mine)
    old, new = set(rows["seed"]), set(seeds) - set(rows["seed"])
    if new and not add_seed:
        raise SimbenchError(
            f"{path}: holds seed {_numbers(old)}, not {_numbers(new)}; a method that lacks a seed "
            "is not ranked: name another --out, or insist by --add-seed"
        )


def _numbers(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


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
    write_scenario(scenario, folder)
    board = write_tables(folder, rows_of_all, scenario)
    _draw_data(folder, board, rows, scenario, seed)
    return board.table


def _draw_data(
    folder: Path, board: Board, rows: pd.DataFrame, scenario: Scenario, seed: int
) -> None:
    """Traces, latents and their likeness, of the methods that this run has done; from the cache."""
    level, shown = next(iter(scenario.at_levels.items()))
    dataset = open_dataset(shown, seed, recording_folders(shown, seed))
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
