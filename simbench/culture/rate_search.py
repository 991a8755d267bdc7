"""Find the drive that makes a culture fire at a wanted rate."""

from collections.abc import Callable

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.scenario.culture_recipe import CultureRecipe

PILOT_S = 20.0
TYPE_PILOT_S = 60.0
TOLERANCE = 0.1
AIM = 0.05  # stop searching here, so that the rate stays within the tolerance
RANGE = 256.0  # the noise is searched from 1/256 to 256 times the recipe's
MAX_PILOTS = 16
NARROW = 0.2  # a bracket of the noise (natural log) that pilots, noisy themselves, can't narrow
MAX_RUNS = 16
MAX_CURRENT = 30.0
# Seconds per step: fixed, and per neuron (measured, 300 to 10,000 neurons, mean degree 60)
COST_S = {"numpy": (90e-6, 26e-9), "cython": (20e-6, 19e-9)}
Events = tuple[np.ndarray, np.ndarray]
Run = Callable[[float, dict[str, float], float], Events]
"""(noise_sigma, current by type, recorded seconds) -> spikes (neurons, steps); those at steps
below 0 came before the recording."""


def simulated_s(recipe: CultureRecipe) -> float:
    """Seconds that growing such a culture simulates, pilots included; an estimate for planning."""
    full = recipe.settle_s + recipe.duration_s
    if recipe.target_rate_hz is not None:
        return 2 * full + 5 * (recipe.settle_s + min(PILOT_S, recipe.duration_s))
    if recipe.match_type_rates_hz is not None:
        return full + 12 * (recipe.settle_s + min(TYPE_PILOT_S, recipe.duration_s))
    return full


def simulation_cost_s(recipe: CultureRecipe, target: str = "cython") -> float:
    """Seconds that one core takes to simulate such a culture, roughly."""
    step, neuron = COST_S[target]
    n_steps = simulated_s(recipe) * 1000 / recipe.dt_ms
    return n_steps * (step + neuron * recipe.n_neurons)


def run_at_rate(recipe: CultureRecipe, run: Run) -> tuple[Events, float]:
    """Run with the noise that gives the recipe's mean rate within 10 %.

    Bisection on pilots, which are the first 20 s of the run; the noise is then corrected on whole
    runs by ever smaller steps (Robbins & Monro 1951), for network bursts make the rate random.

    Returns
    -------
    events : (neurons, steps) of the whole run
    noise_sigma : float

    Raises
    ------
    SimbenchError
        If the rate can't be reached; says what was.
    """
    goal = float(recipe.target_rate_hz or 0)
    tried: dict[float, float] = {}

    def rate(sigma: float, seconds: float) -> tuple[Events, float]:
        events = run(sigma, recipe.type_current, seconds)
        return events, np.count_nonzero(events[1] >= 0) / recipe.n_neurons / seconds

    def pilot(log_sigma: float) -> float:
        sigma = float(np.exp(log_sigma))
        tried[sigma] = rate(sigma, min(PILOT_S, recipe.duration_s))[1]
        return tried[sigma] / goal

    start = np.log(recipe.noise_sigma or 1.0)
    log_sigma, slope = _bisect(pilot, start, np.log(RANGE))
    for attempt in range(MAX_RUNS):
        sigma = float(np.exp(log_sigma))
        events, reached = rate(sigma, recipe.duration_s)
        tried[sigma] = reached
        if abs(reached / goal - 1) <= TOLERANCE:
            return events, sigma
        if not reached or abs(np.log(reached / goal)) > 1:
            break  # the bisection ended at the end of its range
        log_sigma -= np.log(reached / goal) / slope / (1 + attempt / 2)
    best = min(tried, key=lambda sigma: abs(np.log((tried[sigma] + 1e-9) / goal)))
    raise SimbenchError(
        f"culture.target_rate_hz = {goal:g} can't be reached: noise_sigma from {min(tried):.3g} to "
        f"{max(tried):.3g} gave at best {tried[best]:.3g} Hz (at {best:.3g})"
    )


def _bisect(pilot: Callable[[float], float], start: float, reach: float) -> tuple[float, float]:
    """Where ``pilot``, rising, comes near 1; and its log-log slope there."""
    x, y = start, pilot(start)
    known = [(x, y)]
    side = 1.0 if y < 1 else -1.0
    step = np.log(2.0)
    while (y < 1) == (side > 0) and abs(x - start) < reach:
        x = x + side * step
        y = pilot(x)
        known.append((x, y))
        step *= 1.5
    (x0, y0), (x1, y1) = sorted(known[-2:])
    while abs(y - 1) > AIM and x1 - x0 > NARROW and y0 < 1 < y1:
        x = (x0 + x1) / 2
        y = pilot(x)
        known.append((x, y))
        if y < 1:
            x0, y0 = x, y
        else:
            x1, y1 = x, y
    best = min(known, key=lambda point: abs(point[1] - 1))[0]
    slope = np.log((y1 + 1e-6) / (y0 + 1e-6)) / (x1 - x0)
    return best, float(np.clip(slope, 0.5, 5.0))


def match_type_rates(recipe: CultureRecipe, firing_type: np.ndarray, run: Run) -> dict[str, float]:
    """Constant input by firing type that gives every type the same mean rate, found on pilots.

    Secant steps on the logarithm of each type's rate, all types at once, on the first 60 s of the
    run.

    Raises
    ------
    SimbenchError
        If a type's rate stays off by more than 10 %; says what was reached.
    """
    goal = float(recipe.match_type_rates_hz or 0)
    kinds, index = np.unique(firing_type.astype(str), return_inverse=True)
    size, seconds = np.bincount(index), min(TYPE_PILOT_S, recipe.duration_s)
    current = np.array([recipe.type_current.get(kind, 0.0) for kind in kinds])
    slope, best_error, best, reached = np.ones(len(kinds)), np.inf, current, np.zeros(len(kinds))
    before: tuple[np.ndarray, np.ndarray] | None = None
    for _ in range(MAX_PILOTS):
        neurons, steps = run(recipe.noise_sigma, dict(zip(kinds, current.tolist())), seconds)
        recorded = index[neurons[steps >= 0]]
        rates = np.bincount(recorded, minlength=len(kinds)) / size / seconds
        log_rate = np.log(np.maximum(rates, 0.3 / size / seconds))
        error = np.log(goal) - log_rate
        if np.abs(error).max() < best_error:
            best_error, best, reached = np.abs(error).max(), current, rates
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
    return dict(zip(kinds.tolist(), best.tolist()))
