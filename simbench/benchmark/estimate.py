"""What a run will cost, roughly: seconds and bytes, before any work is done."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from simbench.benchmark.plan import Unit
from simbench.culture.rate_search import simulation_cost_s
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
    neurons, samples = _size(scenario)
    seconds = to_make * _simulate_s(scenario)
    for unit in to_run:
        least, per_million = _FIT_S.get(find_entry(unit.method).family, _FIT_S["learned"])
        seconds += least + per_million * samples / 1e6
        seconds += _SCORE_S_PER_THOUSAND_NEURONS * neurons / 1e3
    return Estimate(
        len(folders), len(folders) - to_make, len(units), len(units) - len(to_run), seconds,
        to_make / len(folders) * samples * _BYTES_PER_SAMPLE,
    )  # fmt: skip


def total(costs: Iterable[Estimate]) -> Estimate:
    """Sum of estimates, field by field."""
    return Estimate(*map(sum, zip(*map(astuple, costs))))


def _size(scenario: Scenario) -> tuple[int, float]:
    """Neurons and samples of all recordings."""
    per_replicate = [
        (c.culture.n_neurons, c.culture.duration_s * c.imaging.frame_rate_hz)
        for c in scenario.conditions
    ]
    neurons = scenario.replicates * sum(n for n, _ in per_replicate)
    return neurons, scenario.replicates * sum(n * frames for n, frames in per_replicate)


def _simulate_s(scenario: Scenario) -> float:
    """Mean seconds per culture, pilots included."""
    recipes = [condition.culture for condition in scenario.conditions]
    return sum(map(simulation_cost_s, recipes)) / len(recipes)
