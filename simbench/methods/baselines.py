"""Baselines: the amplitude of a trace, and pipelines of scikit-learn's."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import NMF, PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from simbench.core.seeds import stream
from simbench.methods.features import Autocorrelation, PowerSpectrum, TraceSpectrum


class TraceStats(TransformerMixin, BaseEstimator):
    """Mean, standard deviation and maximum of each trace: how active a neuron is."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn nothing but the number of frames; X has shape (n_neurons, n_frames)."""
        validate_data(self, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Mean, s.d. and maximum of each trace, shape (n_neurons, 3)."""
        check_is_fitted(self, "n_features_in_")
        X = validate_data(self, X, reset=False)
        return np.column_stack((X.mean(axis=1), X.std(axis=1), X.max(axis=1)))


def nmf() -> Pipeline:
    """Non-negative factors of traces; each frame is scaled to [0, 1] over the training neurons."""
    return make_pipeline(MinMaxScaler(clip=True), NMF(init="nndsvda", max_iter=400, tol=1e-3))


def pca_spectrum() -> Pipeline:
    """Principal components of the logarithm of the power spectrum."""
    return make_pipeline(PowerSpectrum(), PCA())


def pca_autocorrelation() -> Pipeline:
    """Principal components of the autocorrelation."""
    return make_pipeline(Autocorrelation(), PCA())


def spectrum_random_units() -> Pipeline:
    """The statistics of `TraceSpectrum` through random rectified units: an encoder untrained."""
    return make_pipeline(TraceSpectrum(), StandardScaler(), RandomUnits())


class RandomUnits(TransformerMixin, BaseEstimator):
    """Random linear maps, rectified.

    Parameters
    ----------
    n_units : int
    random_state : int or None
        Seed of the maps; None is 0.
    """

    def __init__(self, n_units: int = 128, random_state: int | None = 0) -> None:
        self.n_units, self.random_state = n_units, random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the maps for features (n_neurons, n_features)."""
        X = validate_data(self, X)
        rng = stream(self.random_state or 0, "random units")
        self.weights_ = rng.standard_normal((X.shape[1], self.n_units)) / np.sqrt(X.shape[1])
        self.offsets_ = rng.standard_normal(self.n_units)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Answers of the units, shape (n_neurons, n_units)."""
        check_is_fitted(self, "weights_")
        X = validate_data(self, X, reset=False)
        return np.maximum(X @ self.weights_ + self.offsets_, 0)
