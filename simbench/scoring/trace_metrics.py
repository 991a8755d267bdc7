"""How much of the clean trace does a reconstruction give back?

All traces of one call are dF/F in the same unit: no function here scales anything. Sums run over
neurons and frames, so that a culture is one number.
"""

import numpy as np

from simbench.core.errors import SimbenchError


def reconstruction_skill(reconstruction: np.ndarray, clean: np.ndarray, noisy: np.ndarray) -> float:
    """1 - MSE / MSE of the identity, which gives back the noisy trace.

    Parameters
    ----------
    reconstruction, clean, noisy : ndarray, shape (n_neurons, n_frames)
        dF/F. ``noisy`` is what the method saw.

    Returns
    -------
    float
        At most 1 (perfect); 0 for the noisy trace itself, negative below it. NaN without noise.
    """
    reconstruction, clean, noisy = _traces(reconstruction=reconstruction, clean=clean, noisy=noisy)
    noise = np.sum((noisy - clean) ** 2)
    error = np.sum((reconstruction - clean) ** 2)
    return float(1 - error / noise) if noise > 0 else float("nan")


def reconstruction_r2(reconstruction: np.ndarray, clean: np.ndarray) -> float:
    """Share of the clean traces' variance that is given back.

    Parameters
    ----------
    reconstruction, clean : ndarray, shape (n_neurons, n_frames)
        dF/F.

    Returns
    -------
    float
        At most 1 (perfect); 0 for the mean of every trace. NaN where no trace varies.
    """
    reconstruction, clean = _traces(reconstruction=reconstruction, clean=clean)
    variation = np.sum((clean - clean.mean(axis=1, keepdims=True)) ** 2)
    error = np.sum((reconstruction - clean) ** 2)
    return float(1 - error / variation) if variation > 0 else float("nan")


def values_per_minute(n_values: int, n_frames: int, frame_rate: float) -> float:
    """Latent values spent on one neuron for one minute: the price of a reconstruction.

    Parameters
    ----------
    n_values : int
        Latent values of one neuron for the whole trace, static and dynamic ones together.
    n_frames : int
    frame_rate : float
        Hz.
    """
    return n_values * 60 * frame_rate / n_frames


def interval_coverage(observed: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of frames inside their predictive interval; right if equal to the interval's level.

    Parameters
    ----------
    observed, low, high : ndarray, shape (n_neurons, n_frames)
        dF/F. Frames where ``low`` or ``high`` is NaN are not predicted and don't count.

    Returns
    -------
    float
        NaN if nothing is predicted.
    """
    is_predicted = np.isfinite(low) & np.isfinite(high)
    inside = (observed >= low) & (observed <= high)
    return float(inside[is_predicted].mean()) if is_predicted.any() else float("nan")


def predictive_nll(log_density: np.ndarray) -> float:
    """Mean negative log density of the frames, in nats per frame.

    Parameters
    ----------
    log_density : ndarray, shape (n_neurons, n_frames)
        Logarithm of the density that was predicted for dF/F, at the dF/F that came. Frames where
        it is NaN are not predicted and don't count.

    Returns
    -------
    float
        NaN if nothing is predicted; infinite if what came was held to be impossible.
    """
    log_density = np.asarray(log_density, dtype=np.float64)
    is_predicted = ~np.isnan(log_density)
    return -float(log_density[is_predicted].mean()) if is_predicted.any() else float("nan")


def _traces(**traces: np.ndarray) -> list[np.ndarray]:
    """The traces in float64, or an error that names the one that is wrong."""
    shape = np.shape(next(iter(traces.values())))
    for name, trace in traces.items():
        trace = np.asarray(trace)
        if trace.ndim != 2 or trace.shape != shape or trace.size == 0:
            raise SimbenchError(
                f"{name}: shape {trace.shape}; expected (n_neurons, n_frames), the same for all"
            )
        if trace.dtype.kind not in "fiub" or not np.isfinite(trace).all():
            raise SimbenchError(f"{name}: values that are not finite real numbers")
    return [np.asarray(trace, dtype=np.float64) for trace in traces.values()]
