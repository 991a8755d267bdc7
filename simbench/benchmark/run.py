"""Plan, run, rows: every method on every scenario, each finished unit kept at once."""

import json
import re
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed, effective_n_jobs
from threadpoolctl import threadpool_limits

from simbench import __version__
from simbench.benchmark.rows import with_numbers
from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import checksum, new_folder, read_json
from simbench.core.parallel import WorkerDied, as_completed, time_limit
from simbench.data.dataset import Dataset
from simbench.data.simulation import open_dataset, recording_folders, simulate
from simbench.methods.registry import (
    ALL,
    check_name,
    embed,
    expand_names,
    find_entry,
    get_method,
    identity,
)
from simbench.scenario.scenario import Scenario
from simbench.scoring import VERSION
from simbench.scoring.checks import check_latents
from simbench.scoring.evaluate import place
from simbench.scoring.probes import check_targets
from simbench.scoring.protocols import Trial, apply_protocols

Progress = Callable[[str, int, int], None]
Key = tuple[Scenario, int]
FLOOR, CEILING = "chance", "spike-oracle"
CONTROLS = (FLOOR, CEILING, "trace-stats", "untrained")  # stand in every table of latents
LINEAR_REFERENCE = "windowed-pca"  # stands in every table of reconstructions within a budget
COLUMNS = [
    "scenario", "scenario_version", "scenario_digest", "level", "seed", "method", "family",
    "target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery", "per_culture",
    "n_components", "n_parameters", "seconds", "peak_memory_mb", "status", "error",
    "scoring_version", "simbench", "versions",
]  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """One method on one scenario (at one of its levels) with one seed."""

    scenario: Scenario
    seed: int
    method: str
    level: str = ""

    @property
    def folder(self) -> Path:
        """Where the cache keeps the unit's scores and latents."""
        part = [self.scenario.digest(), self.seed, self.method, identity(self.method)]
        return cache.entry("scores", part)

    @property
    def is_cached(self) -> bool:
        return (self.folder / "scores.json").is_file()


Log = Callable[[Unit, str], None]


def plan(
    scenarios: Iterable[Scenario], methods: Sequence[str] = (), seeds: Sequence[int] = (0,)
) -> list[Unit]:
    """All units of a run, in order: every method on every level of every scenario, seed by seed.

    Where latents are scored, the controls are always among them: without floor and ceiling no
    score can be placed, and without the amplitudes and the untrained encoder none can be judged.
    Where a reconstruction has a budget, the linear one is.

    Raises
    ------
    SimbenchError
        If a method is unknown or can't be made.
    """
    units = [
        Unit(at_level, seed, name, level)
        for scenario in scenarios
        for seed in dict.fromkeys(seeds)
        for level, at_level in scenario.at_levels.items()
        for name in _methods_of(at_level, methods)
    ]
    for name in dict.fromkeys(unit.method for unit in units):
        check_name(name)
    return units


def _methods_of(scenario: Scenario, asked: Sequence[str]) -> list[str]:
    """Methods asked for, or those of the scenario, behind those that stand in every table."""
    if not asked:
        asked = scenario.methods
    elif ALL in asked:
        everything = [*(scenario.methods or [ALL]), *scenario.variants]
        asked = [part for name in asked for part in (everything if name == ALL else [name])]
    always = list(CONTROLS) if "latents" in scenario.protocols else []
    if "reconstruction" in scenario.protocols and scenario.latents_per_minute is not None:
        always.append(LINEAR_REFERENCE)
    return list(dict.fromkeys([*always, *expand_names(asked)]))


def run(
    units: Sequence[Unit],
    n_jobs: int = 1,
    progress: Progress | None = None,
    timeout_s: float | None = None,
    log: Log | None = None,
) -> pd.DataFrame:
    """Run units and return their rows in the order of the units.

    Each finished recording and each finished unit is in the cache at once, so that a run that was
    stopped goes on where it was.

    Parameters
    ----------
    units : sequence of Unit
    n_jobs : int
        Worker processes; -1 for one a core. The rows' values do not depend on it.
    progress : callable, optional
        Called with (what, done, total).
    timeout_s : float, optional
        Longest time that one unit may take, seconds.
    log : callable, optional
        Called with (unit, traceback) when a unit has failed.

    Returns
    -------
    DataFrame
        One row a unit, target, metric, probe and split, with the columns ``COLUMNS``. A unit
        that failed is one row with its error.

    Raises
    ------
    SimbenchError
        If none of the scenarios can be simulated.
    """
    report = progress or _silent
    recordings: dict[Key, tuple[Path, ...]] = {}
    results: dict[int, dict[str, Any]] = {}
    broken: dict[Key, Exception] = {}
    for scenario, seed in dict.fromkeys((unit.scenario, unit.seed) for unit in units):
        try:
            what = f"simulate {scenario.name}"
            dataset = simulate(scenario, seed, n_jobs, partial(report, what))
            if "latents" in scenario.protocols:
                check_targets(dataset, scenario.targets)
            recordings[scenario, seed] = tuple(recording_folders(scenario, seed))
        except Exception as error:
            broken[scenario, seed] = error
    if broken and not recordings:
        raise next(iter(broken.values()))
    jobs = {}
    for index, unit in enumerate(units):
        key = unit.scenario, unit.seed
        if key in broken:
            results[index] = _failure(broken[key])
        else:
            jobs[index] = delayed(_numbered)(index, unit, unit.folder, recordings[key], timeout_s)
    report("score", len(results), len(units))
    for index, result in _finish(jobs, n_jobs):
        results[index] = result
        report("score", len(results), len(units))
    for index, unit in enumerate(units):
        if log and results[index]["status"] != "ok":
            log(unit, results[index]["traceback"])
    return assemble(units, [results[i] for i in range(len(units))])


def run_unit(
    unit: Unit, folder: Path, recordings: tuple[Path, ...], timeout_s: float | None = None
) -> dict[str, Any]:
    """Scores of one unit, from the cache if it holds them. A failure is a result, not an error.

    Parameters
    ----------
    unit : Unit
    folder : Path
        Where the cache holds, or will hold, the unit's scores.
    recordings : tuple of Path
        Folders of the scenario's recordings.
    timeout_s : float, optional
    """
    try:
        stored = _stored(folder)
        if stored is not None:
            return stored
        with time_limit(timeout_s):
            return _make(unit, folder, _dataset(unit.scenario, unit.seed, recordings))
    except (Exception, SystemExit) as error:  # the code of others can fail in every way
        return _failure(error)


def latents_of(unit: Unit) -> np.ndarray:
    """Latents that a finished unit left in the cache, shape (n_neurons, n_components)."""
    return np.load(unit.folder / "latents.npy", allow_pickle=False)


def assemble(units: Sequence[Unit], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of finished units, placed between the floor and the ceiling of their dataset."""
    tables = []
    by_unit = dict(zip(units, results))
    for unit, result in by_unit.items():
        scores = pd.DataFrame(result["scores"])
        anchors = [by_unit.get(replace(unit, method=name)) for name in (FLOOR, CEILING)]
        placed = [pd.DataFrame(anchor["scores"]) for anchor in anchors if anchor]
        if len(scores) and len(placed) == 2 and all(map(len, placed)):
            scores = place(scores, *placed)
        about = {
            "scenario": unit.scenario.name,
            "scenario_version": unit.scenario.version,
            "scenario_digest": unit.scenario.digest(),
            "level": unit.level,
            "seed": unit.seed,
            "method": unit.method,
            "family": find_entry(unit.method).family,
            "scoring_version": VERSION,
            "simbench": __version__,
            **{key: value for key, value in result.items() if key in COLUMNS},
        }
        table = scores if len(scores) else pd.DataFrame(index=[0])
        tables.append(table.assign(**{k: [v] * len(table) for k, v in about.items()}))
    return with_numbers(pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS))


def _silent(what: str, done: int, total: int) -> None:
    pass


def _finish(jobs: dict[int, Any], n_jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Result of every job by its index; one whose worker dies has failed, and no other has."""
    waiting = dict(jobs)
    while waiting:
        try:
            for index, result in as_completed(list(waiting.values()), n_jobs):
                del waiting[index]
                yield index, result
        except WorkerDied:  # in one of the jobs that were begun, the first of those that wait
            for index in list(waiting)[: effective_n_jobs(n_jobs)]:
                yield index, _alone(waiting.pop(index))


def _alone(job: Any) -> dict[str, Any]:
    """Result of a job that is the only one; with two workers it has a process of its own."""
    try:
        ((_, result),) = as_completed([job], 2)
    except WorkerDied as error:
        return _failure(error)
    return result


def _numbered(index: int, *job: Any) -> tuple[int, dict[str, Any]]:
    return index, run_unit(*job)


def _failure(error: BaseException) -> dict[str, Any]:
    text = " ".join(str(error).split()) or "no message"
    return {
        "status": "failed",
        "error": f"{type(error).__name__}: {text}",
        "traceback": "".join(traceback.format_exception(error)),
        "scores": [],
    }


def _stored(folder: Path) -> dict[str, Any] | None:
    """Result of a finished unit, or None; a damaged one is thrown away."""
    if not folder.is_dir():
        return None
    try:
        result = read_json(folder / "scores.json")
        if checksum(folder / "latents.npy") == result["latents_sha256"]:
            return result
    except (SimbenchError, OSError, KeyError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _make(unit: Unit, folder: Path, dataset: Dataset) -> dict[str, Any]:
    budgets = {"n_components", "latents_per_minute"}
    parameters = unit.scenario.model_dump(include=budgets, exclude_none=True)
    method = get_method(unit.method, **parameters)
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _forget_peak_memory()
        start = time.perf_counter()
        latents = check_latents(embed(method, dataset, unit.seed), len(dataset.labels))
        seconds, memory = time.perf_counter() - start, _peak_memory_mb()
        trial = Trial(method, latents, dataset, unit.seed)
        scores = apply_protocols(trial, unit.scenario.protocols)
    result = {
        "status": "ok",
        "error": None,
        "n_components": latents.shape[1],
        "n_parameters": getattr(method, "n_parameters_", None),
        "seconds": round(seconds, 3),
        "peak_memory_mb": round(memory),
        "versions": cache.versions() | identity(unit.method),
        "scores": scores,
    }
    with new_folder(folder, keep_existing=True) as draft:
        np.save(draft / "latents.npy", latents)
        result["latents_sha256"] = checksum(draft / "latents.npy")
        (draft / "scores.json").write_text(json.dumps(result))
    return result


@lru_cache(maxsize=1)
def _dataset(scenario: Scenario, seed: int, recordings: tuple[Path, ...]) -> Dataset:
    return open_dataset(scenario, seed, recordings)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep BLAS, OpenMP and torch to one thread, so that sums do not depend on the machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def _forget_peak_memory() -> None:
    """Let the peak start anew, where the system can: workers run one method after another."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_memory_mb() -> float:
    """Largest resident memory of this process since it was forgotten, or else so far; MB."""
    with suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        if peak_kib := re.search(r"VmHWM:\s*(\d+) kB", status):
            return int(peak_kib[1]) * 1.024e-3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
