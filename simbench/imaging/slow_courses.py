"""Slow time courses: values at knots, and straight lines between them."""

import math

import numpy as np

_KNOTS_PER_TIME_CONSTANT = 4


def interpolate(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Straight lines between knots 0, 1, 2, ...; constant outside.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_knots)
    position : ndarray, shape (n_frames,)
        Where each frame lies, in knots.

    Returns
    -------
    ndarray, shape (n_rows, n_frames)
    """
    last = values.shape[1] - 1
    position = np.clip(position, 0, last)
    left = np.minimum(position.astype(np.intp), max(last - 1, 0))
    share = (position - left).astype(values.dtype)
    lines = np.take(values, left, axis=1)
    lines += np.take(np.diff(values, axis=1, append=values[:, -1:]), left, axis=1) * share
    return lines


def slow_noise(
    rng: np.random.Generator, n: int, duration_s: float, time_constant_s: float
) -> np.ndarray:
    """Ornstein-Uhlenbeck noise of unit variance at knots, float32, shape (n, n_knots)."""
    from scipy.signal import lfilter  # slow to load

    n_knots = math.ceil(duration_s / time_constant_s * _KNOTS_PER_TIME_CONSTANT) + 1
    keep = math.exp(-1 / _KNOTS_PER_TIME_CONSTANT)
    noise = rng.standard_normal((n, n_knots), dtype=np.float32)
    noise[:, 1:] *= math.sqrt(1 - keep**2)
    return lfilter([1], [1, -keep], noise, axis=1).astype(np.float32, copy=False)


def knot_positions(n_frames: int, frame_rate: float, time_constant_s: float) -> np.ndarray:
    """Position of the middle of each frame among the knots of `slow_noise`."""
    seconds = (np.arange(n_frames) + 0.5) / frame_rate
    return seconds / time_constant_s * _KNOTS_PER_TIME_CONSTANT
