"""Baselines: the amplitude of a trace, and pipelines of scikit-learn's."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import NMF, PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from simbench.methods.features import Autocorrelation, PowerSpectrum


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
