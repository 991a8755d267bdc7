"""Latents from outside, scored by the same ``evaluate`` as every method of simbench."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from threadpoolctl import threadpool_limits

from simbench import __version__
from simbench.benchmark.rows import ROWS_FILE, VERSIONS, check_digests, read_rows, write_rows
from simbench.benchmark.run import COLUMNS
from simbench.board.leaderboard import FLOOR_AND_CEILING
from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import digest_of, write_text
from simbench.data.dataset import Dataset
from simbench.data.simulation import simulate
from simbench.scenario.scenario import Scenario
from simbench.scoring import VERSION
from simbench.scoring.evaluate import evaluate
from simbench.submission.blind_traces import blind_orders, traces_digest
from simbench.submission.card import MethodCard, name_key
from simbench.submission.latents_file import arrange, read_matrices
from simbench.submission.packing import Submission

FAMILY = "submission"
_NO_CARD = "submission"


def score_latents(
    file: str | Path,
    scenario: Scenario,
    seed: int = 0,
    card: MethodCard | None = None,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Score a file of latents that were made from exported traces of a scenario.

    Parameters
    ----------
    file : str or Path
        As `read_latents` wants it.
    scenario : Scenario
    seed : int
        Of the simulation that was exported.
    card : MethodCard, optional
        Names the method and, in a scenario with levels, tells which level it is.
    n_jobs : int
        Worker processes for the simulation, if the cache does not hold it.

    Returns
    -------
    DataFrame
        Rows of the columns ``simbench.benchmark.run.COLUMNS``, of the family "submission".

    Raises
    ------
    SimbenchError
        If the file is malformed, or was made from other traces than these.
    """
    return _score(read_matrices(file), str(file), scenario, seed, card, n_jobs)


def score_submission(
    submission: Submission, scenario: Scenario, seed: int = 0, n_jobs: int = 1
) -> pd.DataFrame:
    """Score a submission as `score_latents` scores a file."""
    name = f"submission '{submission.card.name}'"
    return _score(submission.latents, name, scenario, seed, submission.card, n_jobs)


def add_submission(rows: pd.DataFrame, card: MethodCard, folder: str | Path) -> pd.DataFrame:
    """Add a submission's rows to the results of its scenario, and its card beside them.

    Parameters
    ----------
    rows : DataFrame
        Of `score_latents` or `score_submission`.
    card : MethodCard
    folder : str or Path
        Results of the scenario: ``rows.jsonl.gz``, and cards under ``submissions/``.

    Returns
    -------
    DataFrame
        All rows of the folder.

    Raises
    ------
    SimbenchError
        If the folder has a method of that name, or one that reads the same; if it holds rows of
        another scenario, of another version of it or of the scoring, or of other seeds; or if it
        lacks the floor and the ceiling of the submission's seed.
    """
    path = Path(folder) / ROWS_FILE
    lock = cache.cache_folder() / "locks" / f"submission-{digest_of({'path': str(path.resolve())})}"
    with FileLock(lock):  # two at the same time can't both find a name free
        _check_board(path, rows)
        text = json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True)
        write_text(path.parent / "submissions" / f"{name_key(card.name)}.json", text + "\n")
        return write_rows(path, rows)


def _check_board(path: Path, new: pd.DataFrame) -> None:
    """Refuse a board on which the new rows would lose others, or could not be placed."""
    name, method, seed = new.iloc[0][["scenario", "method", "seed"]]
    old = read_rows(path) if path.exists() else new.iloc[:0]
    taken = {name_key(str(known)): known for known in old["method"].unique()}
    if name_key(method) in taken:
        raise SimbenchError(
            f"{path}: has rows of '{taken[name_key(method)]}' already; choose another name"
        )
    if (old[VERSIONS] != new[VERSIONS].iloc[0]).any(axis=None):
        raise SimbenchError(
            f"{path}: has rows of another version of scenario or scoring; "
            "run the scenario anew, or name another folder"
        )
    check_digests(path, old[old["level"].isin(new["level"])], new)
    others = sorted(set(old["seed"]) - {seed})
    if others:
        raise SimbenchError(
            f"{path}: has rows on seed {', '.join(map(str, others))}; a board compares methods on "
            f"the same seeds: name a folder that holds seed {seed} alone"
        )
    levels = set(old["level"]) | set(new["level"])
    scored = old[old["status"] == "ok"]
    by_method = [scored.loc[scored["method"] == name, "level"] for name in FLOOR_AND_CEILING]
    if any(set(mine) != levels for mine in by_method):
        raise SimbenchError(
            f"{path.parent}: lacks rows of {' and '.join(FLOOR_AND_CEILING)} on seed {seed}; run "
            "the scenario on that seed into this folder first: "
            f"simbench run {name} -m all --seed {seed} --out {path.parent.parent}"
        )


def _score(
    matrices: Mapping[str, np.ndarray],
    where: str,
    scenario: Scenario,
    seed: int,
    card: MethodCard | None,
    n_jobs: int,
) -> pd.DataFrame:
    level, scenario = _at_level(scenario, seed, card)
    dataset = simulate(scenario, seed, n_jobs)
    latents = _in_order(matrices, where, dataset, card)
    with threadpool_limits(1):
        scores = evaluate(latents, dataset)
    about = {
        "scenario": scenario.name,
        "scenario_version": scenario.version,
        "scenario_digest": scenario.digest(),
        "level": level,
        "seed": seed,
        "method": card.name if card else _NO_CARD,
        "family": FAMILY,
        "n_components": latents.shape[1],
        "seconds": card.training_time_s if card else np.nan,
        "status": "ok",
        "error": None,
        "scoring_version": VERSION,
        "simbench": __version__,
        "versions": cache.versions(),
    }
    rows = scores.assign(**{key: [value] * len(scores) for key, value in about.items()})
    return rows.reindex(columns=COLUMNS)


def _at_level(scenario: Scenario, seed: int, card: MethodCard | None) -> tuple[str, Scenario]:
    """The level that a card names by its digest; without a card there must be no choice."""
    plain = scenario.at_levels
    if card is None:
        if len(plain) > 1:
            raise SimbenchError(
                f"scenario {scenario.name}: has {len(plain)} levels; a card must tell which"
            )
        return next(iter(plain.items()))
    if card.seed not in (None, seed):
        raise SimbenchError(f"card of '{card.name}': seed = {card.seed}; scored is seed {seed}")
    for level, one in plain.items():
        if one.digest() == card.scenario_digest and one.name == card.scenario:
            return level, one
    raise SimbenchError(
        f"card of '{card.name}': made for scenario {card.scenario} of digest "
        f"{card.scenario_digest[:12]}; scored is {scenario.name}, version {scenario.version}, of "
        f"{', '.join(one.digest()[:12] for one in plain.values())}"
    )


def _in_order(
    matrices: Mapping[str, np.ndarray], where: str, dataset: Dataset, card: MethodCard | None
) -> np.ndarray:
    """Latents in the order of the dataset, from latents in that of the exported traces."""
    orders = blind_orders(dataset)
    if card is not None and card.traces_digest != traces_digest(orders):
        raise SimbenchError(
            f"card of '{card.name}': the latents were made from other traces (digest "
            f"{card.traces_digest[:12]}) than those of this seed ({traces_digest(orders)[:12]})"
        )
    counts = {order.name: len(order.neurons) for order in orders}
    exported = arrange(matrices, counts, where)
    latents = np.empty_like(exported)
    start = 0
    for order in orders:
        latents[start + order.neurons] = exported[start : start + len(order.neurons)]
        start += len(order.neurons)
    return latents
