"""The optics against real cells: their spikes through the indicators, beside measured traces."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simbench.data.readers.measured_cells import Cell, without_drift
from simbench.imaging.indicators import Indicator, frame_dff


class Agreement(NamedTuple):
    """Correlation, and slope of measured on simulated dF/F; NaN where nothing is simulated."""

    r: float
    gain: float


def measured(cell: Cell) -> np.ndarray:
    """dF/F of a cell's trials, one after another, the mean of each taken off."""
    return _joined([trial.dff for trial in cell.trials])


def simulated_like(cell: Cell, indicator: Indicator, decay_scale: float = 1.0) -> np.ndarray:
    """What the spikes of a cell make through an indicator, in the form of `measured`."""
    traces = []
    for trial in cell.trials:
        dff = frame_dff(
            trial.spikes, indicator, trial.frame_rate, decay_scale=np.array([decay_scale])
        )
        traces.append(without_drift(dff[0, : len(trial.dff)], trial.frame_rate))
    return _joined(traces)


def compare(real: np.ndarray, model: np.ndarray) -> Agreement:
    """Agreement of two centred traces."""
    product, power = float(real @ model), float(model @ model)
    if power == 0:
        return Agreement(np.nan, np.nan)
    return Agreement(product / float(np.sqrt(power * (real @ real))), product / power)


def _joined(traces: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([trace - trace.mean() for trace in traces])
