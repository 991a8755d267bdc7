"""What a run will cost, roughly: seconds and bytes, before any work is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simbench.benchmark.plan import Unit
from simbench.culture.planning import simulation_cost_s
from simbench.data.cultures import culture_folder
from simbench.data.recorded import recorded_index
from simbench.data.simulation import recording_folders, recording_units
from simbench.methods.registry import find_entry
from simbench.scenario.scenario import Scenario

# Measured on one core of a current x86-64 machine; good to a factor of two or so.
# Seconds of a fit, and more for each million samples; networks take their steps on any data.
_FIT_S, _FIT_S_OF_NETWORK = (0.2, 0.4), (8, 1.2)
_SCORE_S_PER_THOUSAND_NEURONS = 3.0
_BYTES_PER_SAMPLE = 8  # fluorescence and clean dF/F, float32


@dataclass(frozen=True)
class Estimate:
    """Counts and cost of a run, or of a part of it."""

    n_recordings: int
    n_recordings_cached: int
    n_fits: int
    n_fits_cached: int
    core_s: float
    disk_bytes: float


def estimate(units: Sequence[Unit]) -> Estimate:
    """Cost of units; what several of them share is made once, and counted once.

    Returns
    -------
    Estimate
        ``core_s`` on one core, for what is not cached yet.
    """
    seconds = n_bytes = 0.0
    recordings: dict[Path, bool] = {}
    cultures: set[Path] = set()
    sizes = {}  # neurons, and samples of their traces
    for scenario, seed in dict.fromkeys((unit.scenario, unit.seed) for unit in units):
        folders = recording_folders(scenario, seed)
        _, samples = sizes[scenario, seed] = _size(scenario, seed)
        there = {folder: folder.is_dir() for folder in folders if folder not in recordings}
        recordings |= there
        n_bytes += samples * _BYTES_PER_SAMPLE * list(there.values()).count(False) / len(folders)
        if scenario.recordings is None:
            recipes = {
                culture_folder(condition.culture, seed, index): condition.culture
                for folder, (index, condition) in zip(folders, recording_units(scenario))
                if not recordings[folder]
            }
            new = [r for path, r in recipes.items() if path not in cultures and not path.is_dir()]
            seconds += simulation_cost_s(new)  # pilots included
            cultures |= set(recipes)
    fits = {unit.latents_folder: unit for unit in units}
    to_fit = [unit for folder, unit in fits.items() if not folder.is_dir()]
    for unit in to_fit:
        seconds += fit_cost_s(unit.method, sizes[unit.scenario, unit.seed][1])
    for unit in units:
        if not unit.is_cached:
            neurons = sizes[unit.scenario, unit.seed][0]
            seconds += _SCORE_S_PER_THOUSAND_NEURONS * neurons / 1e3
    return Estimate(
        len(recordings), sum(recordings.values()), len(fits), len(fits) - len(to_fit), seconds,
        n_bytes,
    )  # fmt: skip


def _size(scenario: Scenario, seed: int) -> tuple[float, float]:
    """Neurons, and samples of their traces."""
    if scenario.recordings is not None:
        index = recorded_index(scenario, seed)
        return sum(index.n_neurons), sum(index.n_neurons) * index.n_frames
    conditions, n = scenario.conditions, scenario.replicates
    neurons = n * sum(c.culture.n_neurons for c in conditions)
    samples = n * sum(
        c.culture.n_neurons * c.culture.duration_s * c.imaging.frame_rate_hz for c in conditions
    )
    return neurons, samples


def fit_cost_s(method: str, n_samples: float = 0) -> float:
    """Seconds that one core takes to fit a method to traces of that many samples, roughly."""
    least, per_million = _FIT_S_OF_NETWORK if find_entry(method).is_drawn else _FIT_S
    return least + per_million * n_samples / 1e6
