"""Baselines that scikit-learn does not have."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class TraceStats(TransformerMixin, BaseEstimator):
    """Mean, standard deviation and maximum of each trace: what the rate alone gives away."""

    def fit(self, X: np.ndarray, y: Any = None) -> "TraceStats":
        """Learn nothing but the number of frames; X has shape (n_neurons, n_frames)."""
        validate_data(self, X)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Mean, s.d. and maximum of each trace, shape (n_neurons, 3)."""
        check_is_fitted(self, "n_features_in_")
        X = validate_data(self, X, reset=False)
        return np.column_stack((X.mean(axis=1), X.std(axis=1), X.max(axis=1)))
