"""Cultures in the cache: simulated in blocks, imaged as often as a scenario asks."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from joblib import effective_n_jobs

from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import read_json
from simbench.core.parallel import run_alone, run_jobs
from simbench.culture.growth import Culture, build_culture, grow_culture, grow_cultures
from simbench.culture.planning import plan_blocks, prepare_target
from simbench.culture.rate_search import simulated_s
from simbench.culture.spikes import SpikeTrains
from simbench.data.recording import (
    Truth,
    read_labels,
    read_spikes,
    read_weights,
    text_columns,
    write_spikes,
    write_truth,
)
from simbench.scenario.culture_recipe import CultureRecipe

_NOTE_S = 1.0  # between two notes of how far a block is


def culture_folder(recipe: CultureRecipe, seed: int, index: int) -> Path:
    """Where the cache holds, or will hold, a culture."""
    key = [recipe.model_dump(mode="json"), recipe.wiring.file_digest(), seed, index]
    return cache.entry("cultures", key)


def cached_culture(recipe: CultureRecipe, seed: int, index: int) -> Culture:
    """A culture from the cache or, if it is not there, simulated and kept; as `grow_culture`."""
    folder = cache.fetch(
        culture_folder(recipe, seed, index),
        lambda draft: _write(draft, grow_culture(recipe, seed, index)),
    )
    return _read(folder, recipe.n_neurons)


def fill_cache(
    recipes: Mapping[int, CultureRecipe],
    seed: int,
    n_jobs: int,
    progress: Callable[[float], None],
    timeout_s: float | None = None,
) -> None:
    """Simulate the cultures that the cache does not hold, in blocks.

    A culture that fails does so alone; its error is raised when the others are there.

    Parameters
    ----------
    recipes : mapping of int to CultureRecipe
        By the index of the culture.
    seed, n_jobs, timeout_s
        As for `simulate`.
    progress : callable
        Called now and then with the share of the time that is simulated.
    """
    missing = [
        (index, recipe)
        for index, recipe in recipes.items()
        if not cache.holds(culture_folder(recipe, seed, index))
    ]
    if not missing:
        return
    todo, n_workers = [recipe for _, recipe in missing], effective_n_jobs(n_jobs)
    if n_workers > 1:
        parts = {part: (part,) for part in ("axons", "calcium")}
        list(run_jobs(_compile_with_numba, parts, n_workers))
    target = prepare_target(todo, n_workers)
    total_s = sum(map(simulated_s, todo))
    shared = cache.cache_folder()
    shared.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".notes-", dir=shared) as folder,
        _notes_read(folder, total_s, progress),
    ):
        jobs = {
            number: ([missing[p] for p in block], seed, target, Path(folder) / str(number))
            for number, block in enumerate(plan_blocks(todo, n_workers))
        }
        run = partial(run_alone, timeout_s=timeout_s) if timeout_s else run_jobs
        failed: list[BaseException] = []
        for _, result in run(_grow_block, jobs, n_jobs):
            failed += [result] if isinstance(result, BaseException) else result
    if failed:
        raise failed[0]


def _compile_with_numba(part: str) -> None:
    """Compile, or find compiled, what every worker would else compile for itself."""
    if part == "axons":
        build_culture(CultureRecipe(n_neurons=2), seed=0)
    else:
        from simbench.imaging.indicators import clean_dff, get_indicator

        spikes = SpikeTrains.from_events(np.zeros(1, int), np.zeros(1), 1, 1.0)
        clean_dff(spikes, get_indicator("GCaMP6s"), 10.0)


def _grow_block(
    block: Sequence[tuple[int, CultureRecipe]], seed: int, target: str, note: Path
) -> list[SimbenchError]:
    """Put the cultures of a block into the cache; returns the errors of those that failed."""
    failed: list[SimbenchError] = []
    grown_s, noted = 0.0, -_NOTE_S

    def progress(seconds: float) -> None:
        nonlocal grown_s, noted
        grown_s += seconds
        if time.monotonic() - noted > _NOTE_S:
            note.write_text(f"{grown_s:g}", encoding="utf-8")
            noted = time.monotonic()

    recipes, indices = [recipe for _, recipe in block], [index for index, _ in block]
    for position, culture in grow_cultures(recipes, seed, indices, target, progress):
        if isinstance(culture, SimbenchError):
            failed.append(culture)
        else:
            folder = culture_folder(recipes[position], seed, indices[position])
            cache.fetch(folder, partial(_write, culture=culture))
    return failed


@contextmanager
def _notes_read(folder: str, total_s: float, progress: Callable[[float], None]) -> Iterator[None]:
    """Report what share is simulated, by the notes of the workers, while the block runs."""
    done = threading.Event()

    def read() -> None:
        while not done.wait(_NOTE_S):
            simulated = sum(float(note.read_text() or 0) for note in Path(folder).iterdir())
            progress(min(simulated / total_s, 1.0))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join()


def _write(folder: Path, culture: Culture) -> None:
    truth = Truth(culture.labels, culture.spikes, culture.weights, None, culture.summary)
    write_truth(folder, truth)
    if culture.spikes.lead_in is not None:
        write_spikes(folder / "lead_in.npz", culture.spikes.lead_in)
    about = {"text_labels": text_columns(culture.labels), "summary": culture.summary}
    (folder / "culture.json").write_text(json.dumps(about), encoding="utf-8")


def _read(folder: Path, n_neurons: int) -> Culture:
    about = read_json(folder / "culture.json")
    spikes = read_spikes(folder / "spikes.npz", n_neurons)
    if (folder / "lead_in.npz").exists():
        spikes = replace(spikes, lead_in=read_spikes(folder / "lead_in.npz", n_neurons))
    return Culture(
        read_labels(folder / "labels.csv", about["text_labels"], n_neurons),
        spikes,
        read_weights(folder / "wiring.npz", n_neurons),
        about["summary"],
    )
