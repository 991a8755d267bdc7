"""Fit the indicators of `simbench.scenario.presets.CULTURE_FITS` to CULTURE_MEDIANS.

python tools/fit_culture_indicators.py             # print the best fits, as a table like presets'
python tools/fit_culture_indicators.py --check     # compare the presets with the best fits

The objective is the sum of squares of log(model / median) over seven medians: four peaks of dF/F
with weight 1, and three times after one spike with TIME_WEIGHT.

The presets were fitted by another program, which was not kept. This is what can be said of them:

- Their Hill exponent, half-saturation and largest dF/F are the least-squares ones for the four
  peaks at their rise and decay (`fit_response`, within TOLERANCE), except for the UNFINISHED.
- Their rise and decay are not the best ones: the fit of all five numbers (`fit_all`) has smaller
  squares for every indicator. Most of the gain is in the three times. Other objectives (weights
  from 0.05 to 1, robust losses), tried on some indicators, don't give the presets either.
"""

import argparse
import sys

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from simbench.culture.spikes import SpikeTrains
from simbench.imaging.indicators import clean_dff, get_indicator
from simbench.scenario.imaging_recipe import IndicatorRecipe
from simbench.scenario.presets import (
    CULTURE_FITS,
    CULTURE_MEDIANS,
    MEDIAN_RATE_HZ,
    MEDIAN_SPIKES,
)

KEYS = ("rise_ms", "decay_ms", "hill", "half_saturation", "max_dff")
N_KINETIC = 2
TIME_WEIGHT = 0.15
TOLERANCE = 0.06
"""Relative, on each number of the response between presets and `fit_response`."""
UNFINISHED = ("GCaMP6f", "jGCaMP8f")
"""Indicators whose response in presets is not the least-squares one at their rise and decay."""
START = (25.0, 500.0, 1.4, 10.0, 8.0)
_SAMPLES_PER_S = 4000.0
_AFTER_TRAIN_S = 1.0
_AFTER_SPIKE_S = 5.0
_STEP = 1e-3


def response(parameters: ArrayLike) -> np.ndarray:
    """What CULTURE_MEDIANS holds, of a model: peaks (dF/F) and three times (ms), shape (7,)."""
    indicator = get_indicator(
        IndicatorRecipe(**dict(zip(KEYS, np.asarray(parameters, dtype=float).tolist())))
    )

    def trace(n_spikes: int, after_s: float) -> np.ndarray:
        times = np.arange(n_spikes) / MEDIAN_RATE_HZ
        train = SpikeTrains(times, np.array([0, n_spikes]), times[-1] + after_s)
        return clean_dff(train, indicator, _SAMPLES_PER_S)[0].astype(float)

    peaks = [trace(n_spikes, _AFTER_TRAIN_S).max() for n_spikes in MEDIAN_SPIKES]
    return np.array([*peaks, *times_after_one_spike(trace(1, _AFTER_SPIKE_S))])


def times_after_one_spike(trace: np.ndarray) -> tuple[float, float, float]:
    """Half-rise, time to peak and half-decay (ms), between samples."""
    top = int(trace.argmax())
    before, peak, after = trace[top - 1 : top + 2]
    vertex = top + (before - after) / (2 * (before - 2 * peak + after))
    half = peak / 2
    rise = np.interp(half, trace[: top + 1], np.arange(top + 1))
    fall = np.interp(-half, -trace[top:], np.arange(top, len(trace)))
    return tuple(1000 / _SAMPLES_PER_S * np.array([rise, vertex, fall - vertex]))


def errors(name: str, parameters: ArrayLike) -> np.ndarray:
    """log(model / median) of the seven medians of an indicator."""
    return np.log(response(parameters) / CULTURE_MEDIANS[name])


def weighted(errors: np.ndarray) -> np.ndarray:
    """Errors with the weights of the objective."""
    n_peaks = len(MEDIAN_SPIKES)
    return np.concatenate([errors[:n_peaks], TIME_WEIGHT * errors[n_peaks:]])


def fit_response(name: str, rise_ms: float, decay_ms: float) -> np.ndarray:
    """Least-squares Hill response to the four peaks at this rise and decay; all five numbers."""

    def objective(log_response: np.ndarray) -> np.ndarray:
        return errors(name, [rise_ms, decay_ms, *np.exp(log_response)])[: len(MEDIAN_SPIKES)]

    found = least_squares(objective, np.log(START[N_KINETIC:]), diff_step=_STEP)
    return np.array([rise_ms, decay_ms, *np.exp(found.x)])


def fit_all(name: str) -> np.ndarray:
    """Least-squares rise, decay and Hill response to all seven medians: the five numbers."""
    found = least_squares(
        lambda log_parameters: weighted(errors(name, np.exp(log_parameters))),
        np.log(START),
        diff_step=_STEP,
    )
    return np.exp(found.x)


def line(name: str, parameters: ArrayLike) -> str:
    """A line of the table, in the form of presets."""
    return f'    "{name}": ({", ".join(f"{value:.3f}" for value in np.asarray(parameters))}),'


def check(name: str) -> bool:
    """Print how an indicator's preset compares with its fits; whether it is as stated above."""
    preset = CULTURE_FITS[name]
    refit = fit_response(name, *preset[:N_KINETIC])
    best = fit_all(name)
    cost, lowest = (np.sum(weighted(errors(name, p)) ** 2) for p in (preset, best))
    off = np.abs(refit / preset - 1).max()
    as_stated = bool((off > TOLERANCE) == (name in UNFINISHED))
    print(
        f"{name}: response off by {100 * off:.1f} % at its rise and decay"
        f"{' (unfinished)' if name in UNFINISHED else ''}; squares {cost:.5f}, at best {lowest:.5f}"
        f"{'' if as_stated else '; NOT AS STATED'}"
    )
    for label, parameters in (("preset", preset), ("best", best)):
        percents = 100 * np.expm1(errors(name, parameters))
        print(f"  {label}:", ", ".join(f"{value:+.1f} %" for value in percents))
    return as_stated


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare presets with fits")
    parser.add_argument("names", nargs="*", help="indicators; all by default")
    arguments = parser.parse_args()
    names = arguments.names or list(CULTURE_MEDIANS)
    if arguments.check:
        print("errors of peaks after 1, 3, 10, 160 spikes, half-rise, time to peak, half-decay")
        as_stated = [check(name) for name in names]
        return 0 if all(as_stated) else 1
    for name in names:
        print(line(name, fit_all(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
