"""dF/F of traces against a running percentile of each trace."""

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.imaging.trace_arrays import interpolate
from simbench.scenario.presets import NU_PER_SD

BASELINE_PERCENTILE = 15
BASELINE_WINDOW_S = 60.0
_KNOTS_PER_WINDOW = 30
_BLOCK = 2**21  # values worked on at a time
_LARGEST = np.float32(1e6)  # a larger dF/F is a baseline made of rounding errors


def delta_f_over_f(fluorescence: np.ndarray, frame_rate: float) -> np.ndarray:
    """Relative change of fluorescence against a running percentile baseline.

    The baseline is the 15th percentile over 60 s (Rupprecht's setting for Cascade), taken on
    block means of 2 s so that shot noise hardly biases it, and interpolated between blocks.
    Where it is lower than the noise of a single frame (a dark cell), the change is divided by
    that noise instead: the result is finite for any trace. A constant trace gives 0.

    Parameters
    ----------
    fluorescence : ndarray, shape (n_neurons, n_frames)
        In any unit that is proportional to light.
    frame_rate : float
        Hz.

    Returns
    -------
    ndarray of float32, shape (n_neurons, n_frames)
    """
    if np.ndim(fluorescence) != 2:
        raise SimbenchError(
            f"fluorescence: shape {np.shape(fluorescence)}; allowed: (n_neurons, n_frames)"
        )
    n, n_frames = fluorescence.shape
    dff = np.empty((n, n_frames), dtype=np.float32)
    rows = max(1, _BLOCK // max(n_frames, 1))
    for begin in range(0, n if n_frames else 0, rows):
        block = slice(begin, begin + rows)
        dff[block] = _relative_change(np.asarray(fluorescence[block]), frame_rate, begin)
    return dff


def _relative_change(fluorescence: np.ndarray, frame_rate: float, first: int) -> np.ndarray:
    finite = np.isfinite(fluorescence).all(axis=1)
    if not finite.all():
        raise SimbenchError(
            f"fluorescence: neuron {first + int(finite.argmin())} has a value that is not finite"
        )
    light = fluorescence.astype(np.float32)
    baseline = running_baseline(light, frame_rate)
    change = light - baseline
    floor = np.maximum(_frame_noise(light), np.abs(light).max(axis=1) / _LARGEST)
    np.maximum(baseline, floor[:, None], out=baseline)
    return np.divide(change, baseline, out=np.zeros_like(change), where=baseline > 0)


def running_baseline(light: np.ndarray, frame_rate: float) -> np.ndarray:
    """The 15th percentile over 60 s of block means of 2 s, shape (n_neurons, n_frames)."""
    from scipy.ndimage import percentile_filter

    n, n_frames = light.shape
    block = min(n_frames, max(1, round(BASELINE_WINDOW_S / _KNOTS_PER_WINDOW * frame_rate)))
    n_blocks = n_frames // block
    means = light[:, : n_blocks * block].reshape(n, n_blocks, block).mean(axis=-1)
    window = min(_KNOTS_PER_WINDOW, n_blocks)
    baseline = percentile_filter(means, BASELINE_PERCENTILE, size=(1, window), mode="reflect")
    return interpolate(baseline, (np.arange(n_frames) + 0.5) / block - 0.5)


def _frame_noise(light: np.ndarray) -> np.ndarray:
    """S.d. of the noise of a frame from the median absolute difference, shape (n_neurons,)."""
    if light.shape[1] < 2:
        return np.zeros(len(light), dtype=np.float32)
    differences = np.abs(np.diff(light, axis=1))
    return np.median(differences, axis=1, overwrite_input=True) * np.float32(1 / NU_PER_SD)
