"""What a run will cost, roughly: seconds and bytes, before any work is done."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from simbench.benchmark.plan import Unit
from simbench.culture.planning import simulation_cost_s
from simbench.data.recorded import recorded_index
from simbench.data.simulation import recording_folders
from simbench.methods.registry import find_entry
from simbench.scenario.scenario import Scenario

# Measured on one core of a current x86-64 machine; good to a factor of two or so.
# Seconds of a fit, and more for each million samples; networks take their steps on any data.
_FIT_S = {"linear": (0.2, 0.4), "features": (0.2, 0.4), "learned": (8, 1.2), "control": (6, 1.3)}
_SCORE_S_PER_THOUSAND_NEURONS = 3.0
_BYTES_PER_SAMPLE = 8  # fluorescence and clean dF/F, float32


@dataclass(frozen=True)
class Estimate:
    """Counts and cost of one scenario in a plan, at one level and seed."""

    n_recordings: int
    n_recordings_cached: int
    n_units: int
    n_units_cached: int
    core_s: float
    disk_bytes: float


def estimate(units: Sequence[Unit]) -> Estimate:
    """Cost of units that share scenario, level and seed.

    Parameters
    ----------
    units : sequence of Unit

    Returns
    -------
    Estimate
        ``core_s`` on one core, for what is not cached yet.
    """
    scenario, seed = units[0].scenario, units[0].seed
    folders = recording_folders(scenario, seed)
    to_make = sum(not folder.is_dir() for folder in folders)
    to_run = [unit for unit in units if not unit.is_cached]
    neurons, samples, per_culture_s = _size(scenario, seed)
    seconds = to_make * per_culture_s  # pilots included
    for unit in to_run:
        seconds += fit_cost_s(unit.method, samples)
        seconds += _SCORE_S_PER_THOUSAND_NEURONS * neurons / 1e3
    return Estimate(
        len(folders), len(folders) - to_make, len(units), len(units) - len(to_run), seconds,
        to_make / len(folders) * samples * _BYTES_PER_SAMPLE,
    )  # fmt: skip


def _size(scenario: Scenario, seed: int) -> tuple[float, float, float]:
    """Neurons, samples, and seconds that the simulation of one culture takes."""
    if scenario.recordings is not None:
        index = recorded_index(scenario, seed)
        return sum(index.n_neurons), sum(index.n_neurons) * index.n_frames, 0.0
    conditions, n = scenario.conditions, scenario.replicates
    neurons = n * sum(c.culture.n_neurons for c in conditions)
    samples = n * sum(
        c.culture.n_neurons * c.culture.duration_s * c.imaging.frame_rate_hz for c in conditions
    )
    return neurons, samples, simulation_cost_s([c.culture for c in conditions]) / len(conditions)


def fit_cost_s(method: str, n_samples: float = 0) -> float:
    """Seconds that one core takes to fit a method to traces of that many samples, roughly."""
    least, per_million = _FIT_S.get(find_entry(method).family, _FIT_S["learned"])
    return least + per_million * n_samples / 1e6


def total(costs: Iterable[Estimate]) -> Estimate:
    """Sum of estimates, field by field."""
    return Estimate(*map(sum, zip(*map(astuple, costs))))
