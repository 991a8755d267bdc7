"""Principal components of windows: the linear way to give traces back from few numbers."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from simbench.core.errors import SimbenchError
from simbench.data.splits import grouped_folds
from simbench.methods.culture_features import check_groups
from simbench.methods.features import noise_levels

_N_LENGTHS = 48
_DTYPES = [np.float64, np.float32]


@dataclass(repr=False, eq=False)
class WindowedPCA(TransformerMixin, BaseEstimator):
    """PCA of windows that follow each other without overlap; all windows share the components.

    Length of the windows and number of components are those that promise the smallest error
    against the noise-free traces, by Stein's unbiased estimate cross-validated over cultures, among
    all that stay within the budget. So noise is not given back where the budget would allow it.

    Parameters
    ----------
    latents_per_minute
        Latent values that may be spent on one neuron for one minute.
    frame_rate
        Hz.

    Attributes
    ----------
    window_ : int
        Frames of a window.
    pca_ : sklearn.decomposition.PCA
        Of the windows of all training traces.

    References
    ----------
    Stein 1981, Ann Stat 9:1135, for the choice.
    """

    latents_per_minute: float = 60.0
    _: KW_ONLY
    frame_rate: float = 20.0

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Learn from dF/F (n_neurons, n_frames); ``groups`` (cultures) are never divided."""
        X = validate_data(self, X, dtype=_DTYPES, ensure_min_samples=2)
        n_values = affordable(self.latents_per_minute, X.shape[1], self.frame_rate)
        groups = check_groups(groups, len(X))
        folds = grouped_folds(np.zeros(len(X)) if groups is None else groups)
        risks: dict[tuple[int, int], float] = {}
        for window in _lengths(X.shape[1], n_values):
            n_windows = -(-X.shape[1] // window)
            for k, risk in enumerate(_risks(X, folds, window, n_values // n_windows), start=1):
                risks[window, k] = risk
        self.window_, n_components = min(risks, key=lambda choice: risks[choice])
        self.pca_ = _fit_pca(cut(X, self.window_), n_components)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Components of one window after the other, shape (n_neurons, n_values)."""
        check_is_fitted(self, "pca_")
        X = validate_data(self, X, dtype=_DTYPES, reset=False)
        return self.pca_.transform(cut(X, self.window_)).reshape(len(X), -1)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """dF/F (n_neurons, n_frames) of latents (n_neurons, n_values)."""
        check_is_fitted(self, "pca_")
        Z = check_array(Z, dtype=_DTYPES, estimator=self)
        windows = self.pca_.inverse_transform(Z.reshape(-1, self.pca_.n_components_))
        return windows.reshape(len(Z), -1)[:, : self.n_features_in_]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _lengths(n_frames: int, n_values: int) -> list[int]:
    """Window lengths to choose from: each divides a trace evenly and gets one value or more."""
    counts = np.geomspace(1, min(n_values, n_frames), _N_LENGTHS).round().astype(int)
    return sorted({-(-n_frames // int(n)) for n in counts})


def _risks(
    X: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]], window: int, most: int
) -> np.ndarray:
    """Expected squared error with 1, 2, .. at ``most`` components, up to a constant.

    The residual plus 2 sd^2 of the noise for each value that is spent.
    """
    risks = []
    for train, test in folds:
        windows, n_windows = cut(X[test], window), -(-X.shape[1] // window)
        pca = _fit_pca(cut(X[train], window), most)
        total = np.sum((windows - pca.mean_) ** 2, dtype=float)
        explained = np.cumsum(np.sum(pca.transform(windows) ** 2, axis=0, dtype=float))
        noise = n_windows * np.sum(noise_levels(X[test]).astype(float) ** 2)
        risks.append(total - explained + 2 * noise * np.arange(1, len(explained) + 1))
    return np.sum([risk[: min(map(len, risks))] for risk in risks], axis=0)


def _fit_pca(windows: np.ndarray, most: int) -> PCA:
    """Principal components, as many as asked for or as there are."""
    is_tall = len(windows) > windows.shape[1]
    solver = "covariance_eigh" if is_tall else "full"
    return PCA(min(most, *windows.shape), svd_solver=solver).fit(windows)


def affordable(latents_per_minute: float, n_frames: int, frame_rate: float) -> int:
    """Latent values that a budget leaves for one trace.

    Parameters
    ----------
    latents_per_minute : float
        Latent values per neuron-minute.
    n_frames : int
    frame_rate : float
        Hz.
    """
    minutes = n_frames / frame_rate / 60
    n_values = int(latents_per_minute * minutes + 1e-9)
    if n_values < 1:
        raise SimbenchError(
            f"latents_per_minute = {latents_per_minute:g} leaves no value for {60 * minutes:.3g} s;"
            f" allowed: {1 / minutes:.3g} or more"
        )
    return n_values


def cut(X: np.ndarray, length: int) -> np.ndarray:
    """Blocks of all traces (n_neurons, n_frames), shape (n_neurons * n_blocks, length).

    The last frame is repeated where a trace ends inside a block.
    """
    missing = -X.shape[1] % length
    return np.pad(X, ((0, 0), (0, missing)), mode="edge").reshape(-1, length)
