"""Plan, run, rows: every method on every scenario, each finished unit kept at once."""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from simbench import __version__, cache
from simbench.dataset import Dataset
from simbench.methods.registry import METHODS, embed, find_entry, get_method
from simbench.scenario import Scenario
from simbench.scoring.evaluate import check_latents, place, score
from simbench.simulation import open_dataset, recording_folders, simulate
from simbench.storage import new_folder, read_json

Progress = Callable[[str, int, int], None]
FLOOR, CEILING = "chance", "spike-oracle"
COLUMNS = [
    "scenario", "scenario_version", "scenario_digest", "seed", "method", "family",
    "target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery", "per_culture",
    "n_components", "seconds", "peak_memory_mb", "status", "error", "simbench", "versions",
]  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """One method on one scenario with one seed."""

    scenario: Scenario
    seed: int
    method: str

    @property
    def folder(self) -> Path:
        """Where the cache keeps the unit's scores and latents."""
        return cache.entry("scores", [self.scenario.digest(), self.seed, self.method])

    @property
    def is_cached(self) -> bool:
        return (self.folder / "scores.json").is_file()


def plan(scenarios: Iterable[Scenario], methods: Sequence[str] = (), seed: int = 0) -> list[Unit]:
    """All units of a run, in order; by default with every registered method.

    Floor and ceiling are always among them: without these no score can be placed.

    Raises
    ------
    SimbenchError
        If a method is unknown.
    """
    chosen = list(methods) or list(METHODS)
    for name in chosen:
        find_entry(name)
    names = list(dict.fromkeys([FLOOR, CEILING, *chosen]))
    return [Unit(scenario, seed, name) for scenario in scenarios for name in names]


def run(units: Sequence[Unit], n_jobs: int = 1, progress: Progress | None = None) -> pd.DataFrame:
    """Run units and return their rows in the order of the units.

    Parameters
    ----------
    units : sequence of Unit
    n_jobs : int
        Worker processes; -1 for one a core. The rows' values do not depend on it.
    progress : callable, optional
        Called with (what, done, total).

    Returns
    -------
    DataFrame
        One row a unit, target, metric, probe and split, with the columns ``COLUMNS``. A unit
        that failed is one row with its error.
    """
    report = progress or _silent
    recordings = {}
    for scenario, seed in dict.fromkeys((unit.scenario, unit.seed) for unit in units):
        simulate(scenario, seed, n_jobs, partial(report, f"simulate {scenario.name}"))
        recordings[scenario, seed] = tuple(recording_folders(scenario, seed))
    report("score", 0, len(units))
    jobs = (
        delayed(_numbered)(i, unit, unit.folder, recordings[unit.scenario, unit.seed])
        for i, unit in enumerate(units)
    )
    results: dict[int, dict[str, Any]] = {}
    for index, result in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs):
        results[index] = result
        report("score", len(results), len(units))
    return assemble(units, [results[i] for i in range(len(units))])


def run_unit(unit: Unit, folder: Path, recordings: tuple[Path, ...]) -> dict[str, Any]:
    """Scores of one unit, from the cache if it holds them. A failure is a result, not an error.

    Parameters
    ----------
    unit : Unit
    folder : Path
        Where the cache holds, or will hold, the unit's scores.
    recordings : tuple of Path
        Folders of the scenario's recordings.
    """
    try:
        if (folder / "scores.json").is_file():
            return read_json(folder / "scores.json")
        return _make(unit, folder, _dataset(unit.scenario, unit.seed, recordings))
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        return {"status": "failed", "error": f"{type(error).__name__}: {text}", "scores": []}


def latents_of(unit: Unit) -> np.ndarray:
    """Latents that a finished unit left in the cache, shape (n_neurons, n_components)."""
    return np.load(unit.folder / "latents.npy", allow_pickle=False)


def assemble(units: Sequence[Unit], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of finished units, placed between the floor and the ceiling of their dataset."""
    tables = []
    by_unit = dict(zip(units, results))
    for unit, result in by_unit.items():
        anchors = [by_unit[Unit(unit.scenario, unit.seed, name)] for name in (FLOOR, CEILING)]
        scores = pd.DataFrame(result["scores"])
        if len(scores) and all(anchor["scores"] for anchor in anchors):
            scores = place(scores, *(pd.DataFrame(anchor["scores"]) for anchor in anchors))
        about = {
            "scenario": unit.scenario.name,
            "scenario_version": unit.scenario.version,
            "scenario_digest": unit.scenario.digest(),
            "seed": unit.seed,
            "method": unit.method,
            "family": find_entry(unit.method).family,
            "simbench": __version__,
            **{key: value for key, value in result.items() if key != "scores"},
        }
        table = scores if len(scores) else pd.DataFrame(index=[0])
        tables.append(table.assign(**{k: [v] * len(table) for k, v in about.items()}))
    return pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS)


def _silent(what: str, done: int, total: int) -> None:
    pass


def _numbered(index: int, *job: Any) -> tuple[int, dict[str, Any]]:
    return index, run_unit(*job)


def _make(unit: Unit, folder: Path, dataset: Dataset) -> dict[str, Any]:
    method = get_method(unit.method, n_components=unit.scenario.n_components)
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        latents = check_latents(embed(method, dataset, unit.seed), len(dataset.labels))
        seconds = time.perf_counter() - start
        scores = score(latents, dataset, unit.scenario.targets)
    result = {
        "status": "ok",
        "error": None,
        "n_components": latents.shape[1],
        "seconds": round(seconds, 3),
        "peak_memory_mb": round(_peak_memory_mb()),
        "versions": cache.versions(),
        "scores": scores.to_dict(orient="records"),
    }
    with new_folder(folder, keep_existing=True) as draft:
        np.save(draft / "latents.npy", latents)
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


def _peak_memory_mb() -> float:
    """Largest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
