"""Fit the indicators of `simbench.scenario.presets.IN_VIVO_FITS` to real cells.

python tools/fit_in_vivo_indicators.py FOLDER             # print the fits, as a table like presets'
python tools/fit_in_vivo_indicators.py FOLDER --swap      # to the other half: SWAPPED_IN_VIVO_FITS
python tools/fit_in_vivo_indicators.py FOLDER --test      # presets on the animals not fitted to

FOLDER holds `ground_truth` (CASCADE). Every other animal of an indicator is fitted to, the others
test (`halves` of `simbench.data.readers.measured_cells`). Traces are compared at about 15 Hz, slow
drift taken off measured and simulated ones alike.

- Least squares of (real - gain x simulated) / norm of real: each cell has a gain of its own, and
  all cells count the same, however bright.
- Decays, the share of the slow one, Hill exponent and half-saturation are fitted. The rise is that
  of the culture preset: frames of 67 ms don't show it. So is the largest dF/F, which can't be told
  from the half-saturation in cells that don't saturate.
- MEDIAN_WEIGHT holds the median of log gain at 0: the preset has the amplitude of the median cell.
- The slow decay is left out where it lowers the squares by less than LEAST_USE.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from simbench.data.readers.measured_cells import Cell, halves, read_cells
from simbench.imaging.indicators import Indicator, get_indicator, in_vivo_indicator
from simbench.report.validation.optics_validation import agreement, measured, simulated_like
from simbench.scenario.presets import CULTURE_FITS, IN_VIVO_FITS

MEDIAN_WEIGHT = 3.0
LEAST_USE = 0.01
_STEP = 0.01
_LOWEST_GAIN = 1e-3
# Decay (ms), Hill exponent, half-saturation; decay 2 (ms) and its share.
_BOUNDS = (10.0, 6000.0), (0.4, 4.0), (0.05, 200.0), (50.0, 10_000.0), (0.01, 3.0)


def indicator_of(name: str, log_parameters: np.ndarray) -> tuple[float, ...]:
    """A row of IN_VIVO_FITS from what is fitted."""
    decay, exponent, half, decay2, share = np.exp([*log_parameters, -np.inf, -np.inf][:5])
    rise, *_, largest = CULTURE_FITS[name]
    return rise, decay, decay2, share, exponent, half, largest


def residuals(log_parameters: np.ndarray, name: str, cells: Sequence[Cell]) -> np.ndarray:
    """What the best gain of each cell leaves, and the weighted median of log gain."""
    indicator = in_vivo_indicator(name, indicator_of(name, log_parameters))
    left, log_gains = [], []
    for cell in cells:
        real, model = measured(cell), simulated_like(cell, indicator)
        gain = agreement(real, model).gain
        left.append((real - gain * model) / np.linalg.norm(real))
        log_gains.append(np.log(max(gain, _LOWEST_GAIN)))
    return np.array(
        [*np.concatenate(left), MEDIAN_WEIGHT * len(cells) ** 0.5 * np.median(log_gains)]
    )


def fit(name: str, cells: Sequence[Cell]) -> tuple[float, ...]:
    """The row of IN_VIVO_FITS that fits the cells of an indicator best."""
    _, decay, exponent, half, _ = CULTURE_FITS[name]
    start = np.array([decay, exponent, half, 3 * decay, 0.2])

    def best(n: int) -> OptimizeResult:
        bounds = np.log(_BOUNDS[:n]).T
        return least_squares(
            residuals, np.log(start[:n]), bounds=bounds, args=(name, cells), diff_step=_STEP,
            x_scale=0.3, max_nfev=60,
        )  # fmt: skip

    one, two = best(3), best(5)
    useful = two.cost < (1 - LEAST_USE) * one.cost
    return indicator_of(name, two.x if useful else one.x)


def line(name: str, parameters: Sequence[float]) -> str:
    """A line of the table, in the form of presets."""
    return f'    "{name}": ({", ".join(f"{value:.6g}" for value in parameters)}),'


def scores(cells: Sequence[Cell], indicator: Indicator) -> tuple[float, float, float]:
    """Medians over cells of r and gain, and the s.d. of log gain."""
    found = [agreement(measured(cell), simulated_like(cell, indicator)) for cell in cells]
    gains = np.array([one.gain for one in found])
    return (
        float(np.median([one.r for one in found])),
        float(np.median(gains)),
        float(np.log(gains[gains > 0]).std(ddof=1)) if (gains > 0).sum() > 1 else float("nan"),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="recordings of others")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--test", action="store_true", help="presets on animals not fitted to")
    either.add_argument("--swap", action="store_true", help="fit the half that tests")
    parser.add_argument("names", nargs="*", help="indicators; all by default")
    arguments = parser.parse_args()
    to_fit, to_test = halves(read_cells(arguments.folder))
    if arguments.swap:
        to_fit, to_test = to_test, to_fit
    if arguments.test:
        print(f"{'':10}cells  r of in vivo, culture preset  gain of both  s.d. of log gain")
    for name in arguments.names or list(IN_VIVO_FITS):
        if not arguments.test:
            print(line(name, fit(name, [cell for cell in to_fit if cell.indicator == name])))
            continue
        own = [cell for cell in to_test if cell.indicator == name]
        new, old = (scores(own, get_indicator(n)) for n in (f"{name}-in-vivo", name))
        print(
            f"{name:10}{len(own):5}  {new[0]:.3f}, {old[0]:.3f}{'':17}{new[1]:.2f}, {old[1]:.2f}"
            f"{'':4}{new[2]:.2f}, {old[2]:.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
