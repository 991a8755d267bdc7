"""Scenario in, dataset out: every recording made once, in parallel, through the cache."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from simbench.core import cache
from simbench.core.parallel import run_jobs
from simbench.core.seeds import whole
from simbench.data.cultures import cached_culture, fill_cache
from simbench.data.dataset import Dataset
from simbench.data.recorded import fill_with_recordings, recorded_folders, recorded_index
from simbench.data.recording import Recording, Truth, read_recording, write_recording
from simbench.data.splits import held_out_recordings
from simbench.scenario.scenario import Condition, Scenario


def simulate(
    scenario: Scenario,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    timeout_s: float | None = None,
) -> Dataset:
    """Simulate and image all cultures of a scenario; or read the recordings that it names.

    Recordings that the cache holds are read from it. The same scenario and seed give the same
    bytes on one type of machine, whatever ``n_jobs``.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Names all random streams, together with the index of the recording.
    n_jobs : int
        Worker processes; -1 for one per core.
    progress : callable, optional
        Called with (done, total), in recordings, while cultures are simulated and imaged.
    timeout_s : float, optional
        Longest time that a block of cultures may take, seconds.
    """
    seed = whole(seed)
    folders = recording_folders(scenario, seed)
    if scenario.recordings is not None:
        if not all(map(cache.holds, folders)):
            fill_with_recordings(scenario, seed)
        return open_dataset(scenario, seed, folders)
    units = recording_units(scenario)
    missing = {
        index: (folder, condition, seed, index)
        for folder, (index, condition) in zip(folders, units)
        if not cache.holds(folder)
    }
    n_held = len(units) - len(missing)

    def report(simulated: float, n_imaged: int = 0) -> None:
        if progress:  # imaging counts for as much as a third of the simulation
            done = 0.75 * simulated * len(missing) + 0.25 * n_imaged
            progress(n_held + int(done), len(units))

    report(0.0)
    if missing:
        recipes = {index: condition.culture for _, condition, _, index in missing.values()}
        fill_cache(recipes, seed, n_jobs, report, timeout_s)
        for n_imaged, _ in enumerate(run_jobs(make_recording, missing, n_jobs), 1):
            report(1.0, n_imaged)
    return open_dataset(scenario, seed, folders)


def open_dataset(scenario: Scenario, seed: int, folders: Sequence[Path], fold: int = 0) -> Dataset:
    """Dataset over the recordings of a scenario that lie in these folders."""
    recordings = tuple(
        read_recording(folder, f"recording-{i:03d}") for i, folder in enumerate(folders)
    )
    origin = recorded_index(scenario, seed).origin if scenario.recordings else None
    return Dataset(recordings, held_out_recordings(scenario, seed, fold), scenario, seed, origin)


def recording_units(scenario: Scenario) -> list[tuple[int, Condition]]:
    """Index and condition of every recording; conditions take turns, training cultures first."""
    n_train = scenario.replicates - scenario.n_test
    rounds = [scenario.train_conditions] * n_train + [scenario.conditions] * scenario.n_test
    return list(enumerate(condition for conditions in rounds for condition in conditions))


def recording_folders(scenario: Scenario, seed: int) -> list[Path]:
    """Where the cache holds, or will hold, the recordings of a scenario."""
    if scenario.recordings is not None:
        return recorded_folders(scenario, seed)
    keys = (
        [condition.model_dump(mode="json"), condition.culture.wiring.file_digest(), seed, index]
        for index, condition in recording_units(scenario)
    )
    return [cache.entry("recordings", key) for key in keys]


def make_recording(folder: Path, condition: Condition, seed: int, index: int) -> None:
    """Simulate one culture, or take it from the cache, and image it into an entry of the cache."""
    from simbench.imaging import image

    def make(draft: Path) -> None:
        culture = cached_culture(condition.culture, seed, index)
        positions = culture.labels[["x_mm", "y_mm"]].to_numpy()
        with tempfile.TemporaryDirectory(dir=draft) as scratch:
            imaged = image(
                culture.spikes, positions, condition.imaging, seed, index, folder=Path(scratch)
            )
            labels = culture.labels.join(imaged.nuisances)
            labels.insert(0, "culture", f"culture-{index:03d}")
            labels.insert(1, "condition", condition.name)
            truth = Truth(
                labels, culture.spikes, culture.weights, imaged.clean_dff, culture.summary,
                imaged.neuropil,
            )  # fmt: skip
            rate_hz = condition.imaging.frame_rate_hz
            write_recording(draft, Recording(draft.name, imaged.fluorescence, rate_hz), truth)

    cache.fetch(folder, make)
