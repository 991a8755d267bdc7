"""Latents and labels on their way into a metric: checked, and put on one scale."""

from typing import Any

import numpy as np

from simbench.core.errors import SimbenchError

LARGEST = 1e100  # squares, and sums of them, stay finite


def check_latents(latents: Any, n_neurons: int | None = None) -> np.ndarray:
    """Latents as a float64 matrix (n_neurons, n_components).

    Refused are other shapes, and values that are not finite real numbers up to 1e100.
    """
    latents = np.asarray(latents)
    if latents.ndim != 2 or latents.size == 0 or n_neurons not in (None, len(latents)):
        raise SimbenchError(
            f"latents: shape {latents.shape}; expected ({n_neurons or 'n_neurons'}, "
            "n_components), one row per neuron"
        )
    if latents.dtype.kind not in "fiub":
        raise SimbenchError(f"latents: type {latents.dtype}; expected real numbers")
    latents = latents.astype(np.float64)
    if not np.isfinite(latents).all():
        n_wrong = np.sum(~np.isfinite(latents))
        raise SimbenchError(f"latents: {n_wrong} values are not finite; expected finite numbers")
    if np.abs(latents).max() > LARGEST:
        raise SimbenchError(
            f"latents: largest value {np.abs(latents).max():.3g}; allowed: up to {LARGEST:g}"
        )
    return latents


def standardize(latents: Any, n_neurons: int | None = None) -> np.ndarray:
    """Checked latents with mean 0 and s.d. 1 in every component; a constant component is 0.

    Every metric that measures distances uses them, so that the units of a method don't matter.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    n_neurons : int, optional
        Refuse latents of another number of neurons.
    """
    latents = check_latents(latents, n_neurons)
    size = np.abs(latents).max(axis=0)
    latents = latents / np.where(size > 0, size, 1)
    latents -= latents.mean(axis=0)
    spread = latents.std(axis=0)
    constant = spread <= len(latents) * np.finfo(float).eps  # only rounding is left
    return np.where(constant, 0, latents / np.where(constant, 1, spread))


def check_labels(labels: Any, n_neurons: int, name: str = "labels") -> np.ndarray:
    """Labels as integers 0 .. n_classes - 1, shape (n_neurons,); none may be missing."""
    labels = np.asarray(labels)
    if labels.shape != (n_neurons,):
        raise SimbenchError(f"{name}: shape {labels.shape}; expected ({n_neurons},)")
    if (labels != labels).any():
        raise SimbenchError(f"{name}: {np.sum(labels != labels)} are NaN; leave those neurons out")
    return np.unique(labels, return_inverse=True)[1]
