"""Metrics of traces: how much of the clean trace a reconstruction gives back, and at what price.

All traces of one call are dF/F in the same unit: no function here scales anything. Sums run over
neurons and frames, so that a culture is one number.
"""

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.scoring.metric_registry import INF, R2, metric

_GNEITING = "Gneiting & Raftery 2007"


@metric("reconstruction_skill", "trace", low=-INF, source="forecast skill score")
def reconstruction_skill(reconstruction: np.ndarray, clean: np.ndarray, noisy: np.ndarray) -> float:
    """1 - MSE / MSE of the noisy trace, against the clean one; 0 for the noisy trace itself.

    Parameters
    ----------
    reconstruction, clean, noisy : ndarray, shape (n_neurons, n_frames)
        dF/F. ``noisy`` is what the method saw.

    Returns
    -------
    float
        NaN without noise.
    """
    reconstruction, clean, noisy = _traces(reconstruction=reconstruction, clean=clean, noisy=noisy)
    noise = np.sum((noisy - clean) ** 2)
    error = np.sum((reconstruction - clean) ** 2)
    return float(1 - error / noise) if noise > 0 else float("nan")


@metric("reconstruction_r2", "trace", low=-INF, chance=0, source=R2)
def reconstruction_r2(reconstruction: np.ndarray, clean: np.ndarray) -> float:
    """Share of the clean traces' variance given back; 0 for the mean of every trace.

    Parameters
    ----------
    reconstruction, clean : ndarray, shape (n_neurons, n_frames)
        dF/F.

    Returns
    -------
    float
        NaN where no trace varies.
    """
    reconstruction, clean = _traces(reconstruction=reconstruction, clean=clean)
    variation = np.sum((clean - clean.mean(axis=1, keepdims=True)) ** 2)
    error = np.sum((reconstruction - clean) ** 2)
    return float(1 - error / variation) if variation > 0 else float("nan")


@metric("values_per_minute", "trace", high=INF, direction="lower", source="simbench")
def values_per_minute(n_values: int, n_frames: int, frame_rate: float) -> float:
    """Latent values spent on one neuron for one minute: the price of a reconstruction.

    Parameters
    ----------
    n_values : int
        Latent values of one neuron for the whole trace, static and dynamic ones together.
    n_frames : int
        Frames of the trace.
    frame_rate : float
        Hz.
    """
    return n_values * 60 * frame_rate / n_frames


@metric("coverage", "trace", direction="nominal", source=_GNEITING)
def interval_coverage(observed: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of frames inside their predictive interval; right if equal to its level, here 90 %.

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


@metric("predictive_nll", "trace", low=-INF, high=INF, direction="lower", source=_GNEITING)
def predictive_nll(log_density: np.ndarray) -> float:
    """Negative log density per frame in nats; compare within one data set only.

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
