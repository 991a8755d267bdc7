"""Everything that a run leaves in its results folder."""

from pathlib import Path

import pandas as pd

from simbench.benchmark import Unit, latents_of
from simbench.leaderboard import flat_table, leaderboard, markdown
from simbench.provenance import keep_scenario
from simbench.report.figures import draw_latents, draw_leaderboard, draw_traces
from simbench.report.style import save
from simbench.rows import write_rows
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
    board = leaderboard(write_rows(folder / "rows.jsonl", rows))
    write_text(folder / "leaderboard.csv", flat_table(board).to_csv(float_format="%.6g"))
    write_text(folder / "leaderboard.md", markdown(board))
    level, shown = next(iter(scenario.at_levels.items()))
    dataset = simulate(shown, seed)
    save(draw_leaderboard(board), folder / "leaderboard.png")
    save(draw_traces(dataset), folder / "traces.png")
    ranked = board[(board["method", "family"] != "control") & (board["method", "status"] == "ok")]
    done = set(rows.loc[rows["status"] == "ok", "method"])
    best = next((str(name) for name in ranked.index if name in done), None)
    if best is not None:
        latents = {best: latents_of(Unit(shown, seed, best, level))}
        save(draw_latents(latents, dataset), folder / "latents.png")
    return board
