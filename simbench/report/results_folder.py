"""Everything that a run leaves in its results folder."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from simbench.benchmark.plan import Unit
from simbench.benchmark.rows import ROWS_FILE, check_digests, complete, read_rows, write_rows
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
    rows = read_rows(path)
    mine = [complete(pd.DataFrame(), s, level, 0, {}) for level, s in scenario.at_levels.items()]
    check_digests(path, rows, pd.concat(mine))
    old, new = set(rows["seed"]), set(seeds) - set(rows["seed"])
    if new and not add_seed:
        held, lacked = (", ".join(map(str, sorted(some))) for some in (old, new))
        raise SimbenchError(
            f"{path}: holds seed {held}, not {lacked}; a method that lacks a seed is not ranked: "
            "name another --out, or insist by --add-seed"
        )


def _is_kept(unit: Unit) -> bool:
    """Whether the cache holds a method's latents; not of a submission, or of code that is gone."""
    try:
        return unit.latents_folder.is_dir()
    except SimbenchError:
        return False


def write_results(folder: Path, rows: pd.DataFrame, scenario: Scenario, seed: int) -> Board:
    """Write rows, tables and figures of one scenario; return the leaderboard.

    Parameters
    ----------
    folder : Path
        Rows of earlier runs in it stay, unless these replace them.
    rows : DataFrame
        Rows of one scenario, any number of seeds.
    seed : int
        Whose traces and latents are drawn, as far as the cache holds them.
    """
    rows_of_all = write_rows(folder / ROWS_FILE, rows)
    write_scenario(scenario, folder)
    board = write_tables(folder, rows_of_all, scenario)
    level, shown = next(iter(scenario.at_levels.items()))
    folders = recording_folders(shown, seed)
    if not all(folder.is_dir() for folder in folders):  # where shares of a run were collected
        return board
    dataset = open_dataset(shown, seed, folders)
    save(draw_traces(dataset), folder / "traces.png")
    mine = rows_of_all.query("seed == @seed and level == @level and status == 'ok'")
    scored = set(mine["method"])
    units = [Unit(shown, seed, name, level) for name in board.table.index if name in scored]
    latents = {unit.method: latents_of(unit) for unit in units if _is_kept(unit)}
    if latents and board.targets:
        gallery = {name: latents[name] for name in choose_methods(board, set(latents))}
        save(draw_gallery(gallery, dataset, mine), folder / "latents.png")
        alike = similarity({name: z[dataset.test_neurons] for name, z in latents.items()})
        write_text(folder / "similarity.csv", alike.to_csv(float_format="%.4f"))
        save(draw_similarity(alike), folder / "similarity.png")
    return board
