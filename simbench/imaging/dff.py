"""dF/F the way people do it: against a running percentile of the trace itself."""

import numpy as np
from scipy.ndimage import percentile_filter

BASELINE_PERCENTILE = 15
BASELINE_WINDOW_S = 60.0
_KNOTS_PER_WINDOW = 30


def delta_f_over_f(fluorescence: np.ndarray, frame_rate: float) -> np.ndarray:
    """Relative change of fluorescence against a running percentile baseline.

    The baseline is the 15th percentile over 60 s (Rupprecht's setting for Cascade), taken on
    block means of 2 s so that shot noise does not bias it.

    Parameters
    ----------
    fluorescence : ndarray, shape (n_neurons, n_frames)
        Any positive unit.
    frame_rate : float
        Frames per second, Hz.

    Returns
    -------
    ndarray of float32, shape (n_neurons, n_frames)
    """
    n, n_frames = fluorescence.shape
    block = max(1, min(n_frames, round(BASELINE_WINDOW_S / _KNOTS_PER_WINDOW * frame_rate)))
    n_blocks = n_frames // block
    means = fluorescence[:, : n_blocks * block].reshape(n, n_blocks, block).mean(axis=-1)
    window = min(_KNOTS_PER_WINDOW, n_blocks)
    baseline = percentile_filter(means, BASELINE_PERCENTILE, size=(1, window), mode="nearest")
    centres = (np.arange(n_blocks) + 0.5) * block
    frames = np.arange(n_frames) + 0.5
    left = np.clip(np.searchsorted(centres, frames) - 1, 0, max(n_blocks - 2, 0))
    right = np.minimum(left + 1, n_blocks - 1)
    share = np.clip((frames - centres[left]) / block, 0, 1)
    running = baseline[:, left] * (1 - share) + baseline[:, right] * share
    running = np.maximum(running, np.finfo(np.float32).tiny)
    return (fluorescence / running - 1).astype(np.float32)
