"""Metrics: pure functions of truth and prediction, each with its direction and bounds."""

import numpy as np


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes present of the share of their neurons that is right (0 to 1)."""
    return float(np.mean([np.mean(predicted[truth == kind] == kind) for kind in np.unique(truth)]))


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes present of the harmonic mean of precision and recall (0 to 1)."""
    scores = []
    for kind in np.unique(truth):
        is_kind, is_called = truth == kind, predicted == kind
        scores.append(2 * np.sum(is_kind & is_called) / (is_kind.sum() + is_called.sum()))
    return float(np.mean(scores))


def within_type_r2(residual: np.ndarray, predicted: np.ndarray) -> float:
    """Share of a label's variance around its type's mean that is predicted (at most 1).

    Parameters
    ----------
    residual : ndarray, shape (n_neurons,)
        Label minus the mean of the neuron's firing type in the training cultures, so that
        knowing the type alone scores 0 and a type mean can't pass for a parameter.
    predicted : ndarray, shape (n_neurons,)
    """
    total = float(np.sum(residual**2))
    return 1 - float(np.sum((residual - predicted) ** 2)) / total if total > 0 else float("nan")
