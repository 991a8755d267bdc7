"""Scores of submitted latents, by the same ``evaluate`` as every method, and their rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from simbench.benchmark.folds_and_trainings import scores_of_folds
from simbench.benchmark.rows import (
    ROWS_FILE,
    VERSIONS,
    check_digests,
    complete,
    read_rows,
    write_rows,
)
from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import digest_of, write_text
from simbench.data.dataset import Dataset
from simbench.data.simulation import simulate
from simbench.methods.catalogue import CEILING, FLOOR
from simbench.scenario.scenario import Scenario
from simbench.scoring.evaluate import scores_and_ends
from simbench.scoring.recovery import with_recovery
from simbench.submission.blind_traces import blind_orders, cross_fitted_parts, traces_digest
from simbench.submission.card import MethodCard, name_key
from simbench.submission.latents_file import arrange, read_parts
from simbench.submission.packing import Submission, read_submission

FAMILY = "submission"


def score_latents(
    file: str | Path | Sequence[str | Path], scenario: Scenario, seed: int = 0,
    card: MethodCard | None = None, n_jobs: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Score a file of latents that were made from exported traces of a scenario.

    Parameters
    ----------
    file : str or Path, or sequence of them
        Of the form that `read_latents` describes; of a cross-fitted scenario one for each part.
    seed : int
        Of the simulation that was exported.
    card : MethodCard, optional
        Names the method and, in a scenario with levels, the level.
    n_jobs : int
        Worker processes, if the recordings must be simulated.

    Returns
    -------
    DataFrame
        Rows of the columns ``simbench.benchmark.rows.COLUMNS``, of the family "submission".
    """
    where = str(file) if isinstance(file, str | Path) else ", ".join(map(str, file))
    return _score(read_parts(file), where, scenario, seed, card, n_jobs)


def score_submission(
    submission: Submission, scenario: Scenario, seed: int = 0, n_jobs: int = 1
) -> pd.DataFrame:
    """Score a submission as `score_latents` scores a file."""
    name = f"submission '{submission.card.name}'"
    return _score(submission.latents, name, scenario, seed, submission.card, n_jobs)


def accept_submission(
    file: str | Path, scenario: Scenario, folder: str | Path, seed: int = 0, n_jobs: int = 1
) -> pd.DataFrame:
    """Read a submission, score it, and add it to results; returns its rows.

    What `add_submission` refuses is refused before the work of scoring.
    """
    submission = read_submission(file)
    card = submission.card
    level, plain = _at_level(scenario, seed, card)
    unscored = complete(pd.DataFrame(), plain, level, seed, _about(card))
    _check_rows(Path(folder) / ROWS_FILE, unscored)
    rows = score_submission(submission, scenario, seed, n_jobs)
    add_submission(rows, card, folder)
    return rows


def add_submission(rows: pd.DataFrame, card: MethodCard, folder: str | Path) -> pd.DataFrame:
    """Add a submission's rows and its card to the results of its scenario.

    Refused are a name that is taken (at another level of the scenario, the method may have rows
    under its name), rows of another scenario, version or seed, and results
    without the floor and ceiling of the seed.

    Parameters
    ----------
    rows : DataFrame
        Of `score_latents` or `score_submission`.
    folder : str or Path
        Results of the scenario: ``rows.jsonl.gz``, and cards under ``submissions/``.

    Returns
    -------
    DataFrame
        All rows of the folder.
    """
    path = Path(folder) / ROWS_FILE
    lock = cache.cache_folder() / "locks" / f"submission-{digest_of({'path': str(path.resolve())})}"
    with FileLock(lock):  # so that no two can take the same name at the same time
        _check_rows(path, rows)
        text = json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True)
        write_text(path.parent / "submissions" / f"{name_key(card.name)}.json", text + "\n")
        return write_rows(path, rows)


def _check_rows(path: Path, new: pd.DataFrame) -> None:
    """Refuse results that the new rows can't be compared with."""
    scenario, method, seed, level = new.iloc[0][["scenario", "method", "seed", "level"]]
    old = read_rows(path) if path.exists() else new.iloc[:0]
    for known, there in old.groupby("method")["level"]:
        if name_key(known) == name_key(method) and (known != method or level in set(there)):
            raise SimbenchError(f"{path}: '{known}' has rows there already; choose another name")
    if (old[VERSIONS] != new[VERSIONS].iloc[0]).any(axis=None):
        raise SimbenchError(
            f"{path}: has rows of another version of scenario or scoring; "
            "run the scenario again, or name another folder"
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
    ceiling = scored.loc[scored["method"] == FLOOR, "ceiling"].dropna()
    is_perfect = len(ceiling) and (ceiling == 1).all()  # where spikes are unknown
    ends = [FLOOR] if is_perfect else [FLOOR, CEILING]
    if any(set(scored.loc[scored["method"] == end, "level"]) != levels for end in ends):
        raise SimbenchError(
            f"{path.parent}: lacks rows of {' and '.join(ends)} on seed {seed}; run "
            "the scenario on that seed into this folder first: "
            f"simbench run {scenario} -m all --seed {seed} --out {path.parent.parent}"
        )


def _score(
    matrices: Mapping[str, np.ndarray], where: str, scenario: Scenario, seed: int,
    card: MethodCard | None, n_jobs: int,
) -> pd.DataFrame:  # fmt: skip
    level, scenario = _at_level(scenario, seed, card)
    parts = cross_fitted_parts(simulate(scenario, seed, n_jobs))
    latents = _in_order(matrices, where, parts, card)
    of_parts = [scores_and_ends(*pair) for pair in zip(latents, parts)]
    scores, *ends = (pd.DataFrame(scores_of_folds([*map(_records, t)])) for t in zip(*of_parts))
    scores = with_recovery(scores, *ends)
    about = _about(card) | {"n_components": latents[0].shape[1]}
    return complete(scores, scenario, level, seed, about)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    confusion = table.get("confusion", pd.Series(index=table.index, dtype=object))
    known = [value if isinstance(value, dict) else None for value in confusion]
    return table.assign(confusion=known).to_dict(orient="records")


def _about(card: MethodCard | None) -> dict[str, Any]:
    """What all rows of a submission share."""
    about: dict[str, Any] = {"family": FAMILY, "status": "ok", "versions": cache.versions()}
    if card is None:
        return about | {"method": "submission"}
    return about | {
        "family": card.track or FAMILY, "method": card.name, "seconds": card.training_time_s,
        "settings_tried": card.settings_tried,
    }  # fmt: skip


def _at_level(scenario: Scenario, seed: int, card: MethodCard | None) -> tuple[str, Scenario]:
    """The level that a card names by its digest, or the only one."""
    plain = scenario.at_levels
    if card is None:
        if len(plain) > 1:
            where = f"scenario {scenario.name}: has {len(plain)} levels"
            raise SimbenchError(f"{where}; a card must name one")
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
    matrices: Mapping[str, np.ndarray], where: str, parts: Sequence[Dataset],
    card: MethodCard | None,
) -> list[np.ndarray]:  # fmt: skip
    """Latents of each part, in the order of the dataset."""
    dataset = parts[0]
    orders = blind_orders(dataset)
    if card is not None and card.traces_digest != traces_digest(orders):
        raise SimbenchError(
            f"card of '{card.name}': the latents were made from other traces (digest "
            f"{card.traces_digest[:12]}) than those of this seed ({traces_digest(orders)[:12]})"
        )
    sizes = {
        order.name_in(number): len(order.neurons)
        for number in range(1, len(parts) + 1)
        for order in orders
    }
    exported = np.split(arrange(matrices, sizes, where), len(parts))
    neurons = [np.flatnonzero(dataset.recording == i)[o.neurons] for i, o in enumerate(orders)]
    back = np.argsort(np.concatenate(neurons))
    return [values[back] for values in exported]
