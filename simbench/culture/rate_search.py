"""Find the drive that makes a culture fire at a wanted rate."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.culture.integration import SpikeEvents, Trial
from simbench.scenario.culture_recipe import CultureRecipe

# Recorded seconds after which a run is given up whose rate is off by more than this share
PILOTS = ((20.0, 0.15), (60.0, 0.08))
TYPE_PILOT_S = 60.0
TOLERANCE = 0.1
AIM = 0.05  # pilots of types are ended here, so that the rates stay within the tolerance
MAX_RUNS = 16
MAX_PILOTS = 16
# In natural logarithms of the noise
RANGE = 5.5  # searched on either side of the recipe's
LARGEST_STEP = 1.0
NARROW = 0.04  # a bracket that runs, random themselves, can't narrow
AROUND = 0.15  # half of the range in which points are then tried
GOLDEN = 0.618034
MAX_CURRENT = 30.0


@dataclass(frozen=True)
class Drive:
    """What drives a culture: intensity of the noise, and a constant input by firing type."""

    noise_sigma: float
    type_current: dict[str, float] = field(default_factory=dict)


Search = Generator[Trial, SpikeEvents, tuple[SpikeEvents, Drive]]
# (drive, recorded seconds) -> spikes (neurons, steps); those at steps below 0 came before the
# recording. A longer run with the same drive goes on where the last one ended.
Run = Callable[[Drive, float], Generator[Trial, SpikeEvents, SpikeEvents]]


def simulated_s(recipe: CultureRecipe) -> float:
    """Seconds that growing such a culture simulates, pilots included; an estimate for planning."""
    full = recipe.settle_s + recipe.duration_s
    if recipe.target_rate_hz is not None:
        return full + 2 * (recipe.settle_s + min(PILOTS[0][0], recipe.duration_s))
    if recipe.match_type_rates_hz is not None:
        return full + 4 * (recipe.settle_s + min(TYPE_PILOT_S, recipe.duration_s))
    return full


def find_drive(recipe: CultureRecipe, firing_type: np.ndarray, run: Run) -> Search:
    """Ask for runs until the drive fits the recipe; returns the spikes of the whole run."""
    drive = Drive(recipe.noise_sigma, dict(recipe.type_current))
    if recipe.target_rate_hz is not None:
        return (yield from _reach_rate(recipe, drive, run))
    if recipe.match_type_rates_hz is not None:
        drive = yield from _match_type_rates(recipe, drive, firing_type, run)
    return (yield from run(drive, recipe.duration_s)), drive


def _reach_rate(recipe: CultureRecipe, drive: Drive, run: Run) -> Search:
    """Run with the noise that gives the recipe's mean rate within 10 %.

    A run that is far off after 20 s or 60 s is given up. Where two whole runs were off, a part of
    a run tells too little of the rest, and only whole ones follow.
    """
    goal = float(recipe.target_rate_hz or 0)
    pilots = [pilot for pilot in PILOTS if pilot[0] <= recipe.duration_s / 5]
    secant = _Secant(float(np.log(recipe.noise_sigma or 1.0)))
    tried: dict[float, float] = {}
    n_whole = 0
    while n_whole < MAX_RUNS and len(tried) < 2 * MAX_RUNS:
        drive = replace(drive, noise_sigma=float(np.exp(secant.x)))
        for seconds, allowed in [*pilots, (recipe.duration_s, TOLERANCE)]:
            events = yield from run(drive, seconds)
            n_spikes = np.count_nonzero(events[1] >= 0)
            expected = goal * recipe.n_neurons * seconds
            if abs(n_spikes / expected - 1) > allowed:
                break
        else:
            return events, drive
        tried[drive.noise_sigma] = n_spikes / recipe.n_neurons / seconds
        n_whole += seconds == recipe.duration_s
        pilots = pilots if n_whole < 2 else []
        if not secant.step(np.log((n_spikes + 0.01) / expected)):
            break
    best = min(tried, key=lambda sigma: abs(np.log((tried[sigma] + 1e-9) / goal)))
    raise SimbenchError(
        f"culture.target_rate_hz = {goal:g} can't be reached: noise_sigma from {min(tried):.3g} to "
        f"{max(tried):.3g} gave at best {tried[best]:.3g} Hz (at {best:.3g})"
    )


class _Secant:
    """Where the logarithm of a rate is 0, as a function of that of the noise.

    Secant steps, within the bracket of what was too little and too much. The rate jumps, for a
    network burst comes or does not; so a bracket that has become narrow is left for points around.
    """

    def __init__(self, start: float) -> None:
        self.x = self._start = start
        self._low, self._high, self._slope = -np.inf, np.inf, 1.2
        self._before: tuple[float, float] | None = None
        self._around: list[float] = []

    def step(self, error: float) -> bool:
        """Move on from the error at ``x``; False at the end of the range."""
        x = self.x
        if self._around:
            self.x = self._around.pop()
            return True
        if self._before is not None:
            seen = (error - self._before[1]) / (x - self._before[0])
            self._slope = np.sqrt(self._slope * np.clip(seen, 0.5, 8.0))
        self._before = x, error
        if error < 0:
            self._low = max(self._low, x)
        else:
            self._high = min(self._high, x)
        if self._high - self._low < NARROW:
            self._around = [x + AROUND * (2 * ((k * GOLDEN) % 1) - 1) for k in range(MAX_RUNS)]
            return self.step(error)
        change = np.clip(-error / self._slope, -LARGEST_STEP, LARGEST_STEP)
        self.x = float(np.clip(x + change, self._start - RANGE, self._start + RANGE))
        if not self._low < self.x < self._high:
            self.x = (self._low + self._high) / 2
        return np.isfinite(self.x)


def _match_type_rates(
    recipe: CultureRecipe, drive: Drive, firing_type: np.ndarray, run: Run
) -> Generator[Trial, SpikeEvents, Drive]:
    """Find constant inputs by firing type that give every type the same mean rate, on pilots.

    Secant steps on the logarithm of each type's rate, all types at once, on the first 60 s of the
    run.
    """
    goal = float(recipe.match_type_rates_hz or 0)
    kinds, index = np.unique(firing_type.astype(str), return_inverse=True)
    size, seconds = np.bincount(index), min(TYPE_PILOT_S, recipe.duration_s)
    current = np.array([recipe.type_current.get(kind, 0.0) for kind in kinds])
    slope, best_error, best, reached = np.ones(len(kinds)), np.inf, drive, np.zeros(len(kinds))
    before: tuple[np.ndarray, np.ndarray] | None = None
    for _ in range(MAX_PILOTS):
        drive = replace(drive, type_current=dict(zip(kinds.tolist(), current.tolist())))
        neurons, steps = yield from run(drive, seconds)
        recorded = index[neurons[steps >= 0]]
        rates = np.bincount(recorded, minlength=len(kinds)) / size / seconds
        log_rate = np.log(np.maximum(rates, 0.3 / size / seconds))
        error = np.log(goal) - log_rate
        if np.abs(error).max() < best_error:
            best_error, best, reached = np.abs(error).max(), drive, rates
        if best_error < AIM:
            break
        if before is not None:
            moved = current - before[0]
            seen = (log_rate - before[1]) / np.where(np.abs(moved) < 1e-6, np.inf, moved)
            slope = np.where(seen > 0, np.sqrt(slope * np.clip(seen, 0.25, 4)), slope)
        before = current, log_rate
        current = np.clip(current + np.clip(error / slope, -2, 2), -MAX_CURRENT, MAX_CURRENT)
    if best_error > np.log(1 + TOLERANCE):
        got = ", ".join(f"{kind} {rate:.3g}" for kind, rate in zip(kinds, reached))
        raise SimbenchError(
            f"culture.match_type_rates_hz = {goal:g} can't be reached; reached (Hz): {got}"
        )
    return best
