"""Features of single traces that don't say when a neuron fired, only how.

Every transformer here takes dF/F, shape (n_neurons, n_frames), and any number of frames at
``transform``: features are in seconds and Hz, not in frames.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import welch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

POWER_FLOOR = 1e-9
"""(dF/F)^2 per Hz, far below the noise of any camera: silence has a logarithm, too."""
_SD_PER_MEDIAN_STEP = 1.4826 / math.sqrt(2)
"""Of Gaussian noise: its s.d. per median absolute difference of two frames."""


def noise_levels(X: np.ndarray) -> np.ndarray:
    """Standard deviation of the frame noise of each trace, from differences of frames.

    The median of the differences is robust against events.

    Parameters
    ----------
    X : ndarray, shape (n_neurons, n_frames)
        dF/F.

    Returns
    -------
    ndarray, shape (n_neurons,)
        Zero for a single frame.
    """
    if X.shape[1] < 2:
        return np.zeros(len(X), dtype=X.dtype)
    return np.median(np.abs(np.diff(X, axis=1)), axis=1) * _SD_PER_MEDIAN_STEP


def noise_level(X: np.ndarray) -> float:
    """Standard deviation of the frame noise in the median trace (n_neurons, n_frames) of dF/F.

    Traces without noise are measured by their standard deviation; 1 where that is zero, too.
    """
    return float(np.median(noise_levels(X))) or float(np.std(X)) or 1.0


def compress(X: np.ndarray, scale: float) -> np.ndarray:
    """arcsinh(X / 4 ``scale``): linear within the noise, logarithmic above. Keeps float32."""
    return np.arcsinh(X / (4 * scale))


def row_quantiles(X: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """``np.quantile(X, probabilities, axis=1)``, in half the time: each row is sorted once."""
    position = np.multiply(probabilities, X.shape[1] - 1)[:, None]
    below = position.astype(int)
    share = position - below
    ordered = np.sort(X, axis=1).T
    low, high = ordered[below[:, 0]], ordered[np.ceil(position[:, 0]).astype(int)]
    step = high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def uncompress(X: np.ndarray, scale: float) -> np.ndarray:
    """Undo `compress`."""
    return np.sinh(X) * (4 * scale)


def long_enough(X: np.ndarray, n_frames: int) -> np.ndarray:
    """Traces of so many frames at least; the last one is repeated where there are fewer."""
    missing = max(0, n_frames - X.shape[1])
    return np.pad(X, ((0, 0), (0, missing)), mode="edge")


class TraceFeatures(TransformerMixin, BaseEstimator):
    """Base of features that are computed trace by trace: ``fit`` learns nothing."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check dF/F of shape (n_neurons, n_frames) and learn nothing from it."""
        validate_data(self, X, dtype=[np.float64, np.float32])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Features of each trace, shape (n_neurons, n_features)."""
        check_is_fitted(self, "n_features_in_")
        return self._features(check_array(X, dtype=[np.float64, np.float32], estimator=self))

    def _features(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def power_spectrum(
    X: np.ndarray, frame_rate: float, window_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Welch's estimate of the one-sided power spectral density.

    Parameters
    ----------
    X : ndarray, shape (n_neurons, n_frames)
        dF/F.
    frame_rate : float
        Hz.
    window_s : float
        Length of the Hann windows in seconds; shorter traces are padded with zeros to it.

    Returns
    -------
    frequency : ndarray, shape (n_frequencies,)
        Hz, without zero; it depends on the window and not on the number of frames.
    power : ndarray, shape (n_neurons, n_frequencies)
        (dF/F)^2 per Hz.
    """
    n_window = max(4, round(window_s * frame_rate))
    frequency, power = welch(
        X, frame_rate, nperseg=min(n_window, X.shape[1]), nfft=n_window, detrend="constant"
    )
    return frequency[1:], power[:, 1:]


def autocorrelation(X: np.ndarray, n_lags: int) -> np.ndarray:
    """Autocorrelation at lags of 1 ... ``n_lags`` frames, shape (n_neurons, n_lags).

    The biased estimate (divided by the number of frames), as it stays within [-1, 1]; zero for
    constant traces and beyond the end of the trace.
    """
    n_frames = X.shape[1]
    X = X - X.mean(axis=1, keepdims=True)
    reach = min(n_lags, n_frames - 1)
    size = next_fast_len(n_frames + reach, real=True)
    covariance = irfft(np.abs(rfft(X, size, axis=1)) ** 2, size, axis=1)[:, : reach + 1]
    variance = covariance[:, :1]
    tiny = np.finfo(X.dtype).eps * n_frames
    result = np.zeros((len(X), n_lags), dtype=X.dtype)
    np.divide(covariance[:, 1:], variance, out=result[:, :reach], where=variance > tiny**2)
    return result


@dataclass(repr=False, eq=False)
class PowerSpectrum(TraceFeatures):
    """Logarithm (base 10) of the power spectrum of each trace.

    Parameters
    ----------
    frame_rate
        Hz.
    window_s
        Length of Welch's windows in seconds: the resolution is 1 / ``window_s`` Hz.
    """

    frame_rate: float = 20.0
    window_s: float = 12.8

    def _features(self, X: np.ndarray) -> np.ndarray:
        power = power_spectrum(X, self.frame_rate, self.window_s)[1]
        return np.log10(power + POWER_FLOOR)


@dataclass(repr=False, eq=False)
class Autocorrelation(TraceFeatures):
    """Autocorrelation of each trace at every lag up to ``reach_s``.

    Parameters
    ----------
    frame_rate
        Hz.
    reach_s
        Longest lag in seconds.
    """

    frame_rate: float = 20.0
    reach_s: float = 10.0

    def _features(self, X: np.ndarray) -> np.ndarray:
        return autocorrelation(X, max(1, round(self.reach_s * self.frame_rate)))


@dataclass(repr=False, eq=False)
class TraceSpectrum(TraceFeatures):
    """Spectrum in bands, autocorrelation at a few lags, quantiles of the trace and of its steps.

    Parameters
    ----------
    frame_rate
        Hz.
    window_s
        Length of Welch's windows in seconds.
    n_bands
        Bands of equal logarithmic width between 1 / ``window_s`` and half the frame rate.
    n_lags
        Lags of equal logarithmic spacing between one frame and half a window.
    steps_s
        How far apart the two frames of a step are, in seconds.
    quantiles
        Of the trace and of its steps, linear within the noise and logarithmic above.
    """

    frame_rate: float = 20.0
    window_s: float = 25.6
    n_bands: int = 10
    n_lags: int = 8
    steps_s: tuple[float, ...] = (0.05, 0.15, 0.45)
    quantiles: tuple[float, ...] = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the noise level of the training traces (n_neurons, n_frames), nothing else."""
        super().fit(X)
        self.scale_ = noise_level(np.asarray(X))
        return self

    def _features(self, X: np.ndarray) -> np.ndarray:
        parts = [X, *(_steps(X, max(1, round(s * self.frame_rate))) for s in self.steps_s)]
        quantiles = [row_quantiles(compress(part, self.scale_), self.quantiles).T for part in parts]
        return np.column_stack((self._bands(X), self._correlations(X), *quantiles))

    def _bands(self, X: np.ndarray) -> np.ndarray:
        frequency, power = power_spectrum(X, self.frame_rate, self.window_s)
        edges = np.geomspace(frequency[0], frequency[-1], self.n_bands + 1)
        band = np.clip(np.searchsorted(edges, frequency, "right") - 1, 0, self.n_bands - 1)
        filled = np.unique(band)  # low bands may be narrower than the resolution
        means = np.column_stack([power[:, band == b].mean(axis=1) for b in filled])
        return np.log10(means + POWER_FLOOR)

    def _correlations(self, X: np.ndarray) -> np.ndarray:
        longest = max(1, round(self.window_s * self.frame_rate / 2))
        lags = np.unique(np.geomspace(1, longest, self.n_lags).round().astype(int))
        return autocorrelation(X, longest)[:, lags - 1]


def _steps(X: np.ndarray, lag: int) -> np.ndarray:
    """Difference between frames ``lag`` apart; zero where the trace is too short for it."""
    return X[:, lag:] - X[:, :-lag] if lag < X.shape[1] else np.zeros_like(X)
