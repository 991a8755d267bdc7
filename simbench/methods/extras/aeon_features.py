"""catch22 and MiniRocket, as the aeon toolkit computes them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from simbench.core.seeds import seeded_numpy
from simbench.methods.features import TraceFeatures, long_enough

_MIN_FRAMES = 9
"""The length of MiniRocket's kernels; catch22's longest statistic needs no more."""


class Catch22(TraceFeatures):
    """The 22 canonical characteristics of a time series, and its mean and standard deviation.

    Lubba et al. 2019, Data Min Knowl Discov 33:1821. Characteristics that are not defined, as
    those of constant traces, are zero.
    """

    def _features(self, X: np.ndarray) -> np.ndarray:
        """Characteristics of each trace, shape (n_neurons, 24)."""
        from aeon.transformations.collection.feature_based import Catch22 as AeonCatch22

        aeon = AeonCatch22(catch24=True, replace_nans=True)
        X = long_enough(X.astype(np.float64), _MIN_FRAMES)
        # What lies in memory behind the last trace decides how aeon's compiled loops sum over it.
        features = aeon.fit_transform(np.vstack((X, X[-1:]))[:, None])[:-1]
        return np.nan_to_num(features, posinf=0.0, neginf=0.0)


@dataclass(repr=False, eq=False)
class MiniRocket(TransformerMixin, BaseEstimator):
    """Shares of frames above bias under many dilated kernels, reduced to principal components.

    Dempster et al. 2021, KDD, 248-257. It takes traces of one length only.

    Parameters
    ----------
    n_kernels
        At least 84; rounded down to a multiple of it.
    n_principal
        Components of the standardised shares that are kept.
    random_state
        Draws the biases.
    """

    n_kernels: int = 1000
    n_principal: int = 32
    random_state: int | None = 0

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the biases from training traces (n_neurons, n_frames); find the components."""
        from aeon.transformations.collection.convolution_based import MiniRocket as AeonMiniRocket

        X = long_enough(validate_data(self, X, dtype=np.float32), _MIN_FRAMES)
        self.rocket_ = AeonMiniRocket(self.n_kernels, random_state=self.random_state or 0)
        with seeded_numpy(self.random_state), threadpool_limits(1):
            shares = self.rocket_.fit_transform(X[:, None]).astype(np.float64)
        n_principal = min(self.n_principal, *shares.shape)
        pca = PCA(n_principal, random_state=self.random_state or 0)
        self.reduction_ = make_pipeline(StandardScaler(), pca).fit(shares)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Components of each trace, shape (n_neurons, n_principal)."""
        check_is_fitted(self, "reduction_")
        X = long_enough(validate_data(self, X, dtype=np.float32, reset=False), _MIN_FRAMES)
        with threadpool_limits(1):  # and afterwards as many threads as before
            shares = self.rocket_.transform(X[:, None]).astype(np.float64)
        return self.reduction_.transform(shares)
