"""Run: recordings, latents, scores; each finished entry is in the cache at once."""

import logging
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from simbench.benchmark.estimate import fit_cost_s
from simbench.benchmark.folds_and_trainings import joined
from simbench.benchmark.plan import Unit, knows_spikes, prepare
from simbench.benchmark.rows import rows_of_units
from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.parallel import run_alone
from simbench.data.dataset import Dataset
from simbench.data.published_traces import published_folder
from simbench.data.recording import read_recording
from simbench.data.simulation import open_dataset, recording_folders, simulate
from simbench.data.splits import held_out_recordings
from simbench.data.traces import blind_order, trace_folders
from simbench.methods.embedding import (
    LatentsJob,
    Outputs,
    in_dataset_order,
    make_latents,
    read_about,
    read_outputs,
)
from simbench.methods.registry import find_entry
from simbench.scenario.scenario import Scenario
from simbench.scoring.protocols import make_scores, read_scores
from simbench.scoring.targets import check_targets

Progress = Callable[[str, int, int], None]
Log = Callable[[Unit, str], None]
_log = logging.getLogger(__name__)
_dataset = lru_cache(maxsize=1)(open_dataset)


def run(
    units: Sequence[Unit], n_jobs: int = 1, progress: Progress | None = None,
    timeout_s: float | None = None, log: Log | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Run units and return their rows in the order of the units.

    A method is fitted in a process of its own, which is given blind traces and no label; labels
    are opened where its stored latents are scored. A run that was stopped resumes.

    Parameters
    ----------
    units : sequence of Unit
    n_jobs : int
        Worker processes; -1 for one per core. The rows' values do not depend on it.
    progress : callable, optional
        Called with (what, done, total).
    timeout_s : float, optional
        Longest time that a block of cultures, a fit, or a scoring may take, seconds.
    log : callable, optional
        Called with (unit, traceback) when a unit has failed.

    Returns
    -------
    DataFrame
        One row per unit, target, metric, probe and split, with the columns
        ``simbench.benchmark.rows.COLUMNS``. A unit that failed is one row with its error.
    """
    if not units:
        raise SimbenchError("run: no units; `plan` gives those of scenarios and methods")
    results = results_of(units, n_jobs, progress, timeout_s, log)
    return rows_of_units(joined(results))


def results_of(
    units: Sequence[Unit], n_jobs: int = 1, progress: Progress | None = None,
    timeout_s: float | None = None, log: Log | None = None,
) -> dict[Unit, dict[str, Any]]:  # fmt: skip
    """Run units as `run` does; columns of each, and its ``scores``, as they come."""
    report = progress or (lambda what, done, total: None)
    recordings, failed = _record(units, n_jobs, report, timeout_s)
    fitted = {unit.latents_folder: unit for unit in units if unit not in failed}
    to_fit = {  # the longest first, so that none is left at the end
        unit: (folder, _job(unit, recordings[unit.scenario, unit.seed], n_jobs))
        for folder, unit in sorted(fitted.items(), key=lambda item: -fit_cost_s(item[1].method))
        if not cache.holds(folder)
    }
    stations = partial(_alone, n_jobs=n_jobs, timeout_s=timeout_s, report=report)
    errors = stations("fit", fit_blind, to_fit)
    for unit in units:  # levels may share their latents
        if unit not in failed and fitted[unit.latents_folder] in errors:
            failed[unit] = errors[fitted[unit.latents_folder]]
    to_score = {
        unit: (unit, recordings[unit.scenario, unit.seed])
        for unit in units
        if unit not in failed and not cache.holds(unit.scores_folder)
    }
    failed |= stations("score", score_unit, to_score, jobs_per_process=0)
    for unit, error in failed.items():
        if log:
            log(unit, "".join(traceback.format_exception(error)))
    return {unit: _failure(failed[unit]) if unit in failed else _result(unit) for unit in units}


def fit_blind(folder: Path, job: LatentsJob) -> None:
    """Fit a method in a process of its own, where none but a control can open what holds labels."""
    if job.truth is None:
        cache.close_truth(folder)
    make_latents(folder, job)


def score_unit(unit: Unit, recordings: tuple[Path, ...]) -> None:
    """Score what a method left in the cache, and leave the scores there."""
    dataset = _dataset(unit.scenario, unit.seed, recordings, unit.fold)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_scores(unit.scores_folder, outputs_of(unit, dataset), dataset)


def outputs_of(unit: Unit, dataset: Dataset) -> Outputs:
    """What a finished unit left in the cache, neurons in the order of its dataset."""
    outputs = read_outputs(unit.latents_folder)
    if find_entry(unit.method).sees_truth:
        return outputs
    sizes = [recording.n_neurons for recording in dataset.recordings]
    order = blind_order(len(sizes), unit.seed)
    tested = order[dataset.test[order]]
    for name, values in outputs.items():
        if not name.startswith("published"):
            which = order if name == "latents" else tested
            outputs[name] = in_dataset_order(values, which, sizes)
    return outputs


def latents_of(unit: Unit) -> np.ndarray:
    """Latents that a finished unit left in the cache, float32, (n_neurons, n_components)."""
    folders = tuple(recording_folders(unit.scenario, unit.seed))
    return outputs_of(unit, _dataset(unit.scenario, unit.seed, folders, unit.fold))["latents"]


def _record(
    units: Sequence[Unit], n_jobs: int, report: Progress, timeout_s: float | None
) -> tuple[dict[tuple[Scenario, int], tuple[Path, ...]], dict[Unit, BaseException]]:
    """Folders of the recordings of each scenario and seed, and the units that can't have any."""
    recordings: dict[tuple[Scenario, int], tuple[Path, ...]] = {}
    broken: dict[tuple[Scenario, int], Exception] = {}
    keys = {unit: (unit.scenario, unit.seed) for unit in units}
    for scenario, seed in dict.fromkeys(keys.values()):
        try:
            prepare([unit for unit, key in keys.items() if key == (scenario, seed)])
            what = f"{'read' if scenario.recordings else 'simulate'} {scenario.name}"
            dataset = simulate(scenario, seed, n_jobs, partial(report, what), timeout_s)
            if "latents" in scenario.protocols:
                check_targets(dataset, scenario.targets)
            recordings[scenario, seed] = tuple(recording_folders(scenario, seed))
        except Exception as error:
            broken[scenario, seed] = error
    if broken and not recordings:
        raise next(iter(broken.values()))
    return recordings, {unit: broken[key] for unit, key in keys.items() if key in broken}


def _job(unit: Unit, recordings: tuple[Path, ...], n_jobs: int) -> LatentsJob:
    """What the worker that fits a method is given; a control alone is told where the truth is."""
    scenario, protocols = unit.scenario, unit.scenario.protocols
    sees_truth = find_entry(unit.method).sees_truth
    first = read_recording(recordings[0])
    order = blind_order(len(recordings), unit.seed)
    training = ~held_out_recordings(scenario, unit.seed, unit.fold)
    return LatentsJob(
        unit.method,
        scenario.model_dump(include={"n_components", "latents_per_minute"}, exclude_none=True),
        unit.method_seed,
        first.frame_rate,
        tuple(bool(training[i]) for i in order),
        () if sees_truth else tuple(trace_folders([recordings[i] for i in order], n_jobs)),
        "reconstruction" in protocols,
        published_folder(recordings, unit.seed) if "published" in protocols else None,
        (scenario, unit.seed, recordings, unit.fold) if sees_truth else None,
    )


def _alone(
    what: str, function: Callable[..., None], jobs: Mapping[Unit, tuple[Any, ...]],
    n_jobs: int, timeout_s: float | None, report: Progress, jobs_per_process: int = 1,
) -> dict[Unit, BaseException]:  # fmt: skip
    """Run a station's jobs; return the errors of those that failed."""
    report(what, 0, len(jobs))
    failed = {}
    results = run_alone(function, jobs, n_jobs, timeout_s, jobs_per_process)
    for done, (unit, result) in enumerate(results, 1):
        if isinstance(result, BaseException):
            failed[unit] = result
        how = f"failed: {result}" if unit in failed else "done"
        place = f"{unit.scenario.name}{f' at {unit.level}' if unit.level else ''}"
        _log.info("%s %s on %s, seed %d: %s", what, unit.method, place, unit.seed, how)
        report(what, done, len(jobs))
    return failed


def _failure(error: BaseException) -> dict[str, Any]:
    text = " ".join(str(error).split()) or "no message"
    return {"status": "failed", "error": f"{type(error).__name__}: {text}", "scores": []}


def _result(unit: Unit) -> dict[str, Any]:
    return {
        "status": "ok", "error": None, **read_about(unit.latents_folder),
        "scores": read_scores(unit.scores_folder),
        "knows_spikes": knows_spikes(unit.scenario, unit.seed),
    }  # fmt: skip
