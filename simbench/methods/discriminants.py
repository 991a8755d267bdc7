"""Window discriminants: what is alike in all windows of a neuron and differs between neurons."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from simbench.methods.culture_features import PARTS, Pairs, Split, WindowStatistics, check_groups

CULTURE_EVERY = 8  # one latent in so many is of the culture
RIDGE = 0.05  # share of the mean variance within neurons
_FEWEST_CULTURES = 3  # to tell what differs between cultures


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions in the space of statistics, the one that separates neurons best first.

    Parameters
    ----------
    vectors : ndarray, shape (n_statistics, n_directions)
        Scaled so that the variance between windows of one neuron is 1.
    ratios : ndarray, shape (n_directions,)
        Variance between neurons by that between windows of one neuron.
    """

    vectors: np.ndarray
    ratios: np.ndarray


def discriminate(statistics: np.ndarray, pairs: Pairs, n: int, ridge: float = RIDGE) -> Directions:
    """Solve B v = ratio W v.

    B is the covariance of the two windows of a pair, W half that of their difference. B needs no
    correction for the noise of windows, as windows of a pair do not overlap.

    Parameters
    ----------
    statistics : ndarray, shape (n_neurons, n_windows, n_statistics)
        Centred.
    pairs : Pairs
        Windows that do not overlap.
    n : int
        Directions to keep.
    ridge : float
        Added to W's diagonal, as a share of its mean.
    """
    n_statistics = statistics.shape[2]
    between, within = np.zeros((2, n_statistics, n_statistics))
    for one, other in zip(*pairs):  # all at once would take gigabytes for long recordings
        first, second = (statistics[:, window].astype(float) for window in (one, other))
        between += first.T @ second
        within += (first - second).T @ (first - second) / 2
    n_pairs = max(1, len(statistics) * len(pairs.first))
    between, within = (between + between.T) / (2 * n_pairs), within / n_pairs
    scale = float(np.trace(within)) / n_statistics or 1.0
    ratios, vectors = eigh(between, within + ridge * scale * np.eye(n_statistics))
    vectors = vectors[:, ::-1][:, :n]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return Directions(vectors * np.sign(largest), ratios[::-1][:n])


def culture_directions(split: Split, pairs: Pairs, n_components: int, ridge: float) -> np.ndarray:
    """Directions that separate cultures, for one latent in eight; (n_statistics, n_latents).

    None of them where fewer than three cultures are known.
    """
    n_latents = n_components // CULTURE_EVERY if len(split.cultures) >= _FEWEST_CULTURES else 0
    return discriminate(split.cultures, pairs, n_latents, ridge).vectors


def two_kinds(own: np.ndarray, split: Split, directions: np.ndarray, n: int) -> np.ndarray:
    """Latents of neurons with those of their culture in between, each eighth one.

    Parameters
    ----------
    own : ndarray, shape (n_neurons, n_own)
        Latents of each neuron within its culture, the best first.
    split : Split
        Cultures, and who is in them; latents of a culture are 0 for a neuron recorded alone.
    directions : ndarray, shape (n_statistics, n_latents)
        What `culture_directions` gave.
    n : int
        Latents to give.
    """
    cultures = split.cultures.mean(axis=1) @ directions
    cultures = np.vstack([cultures, np.zeros(directions.shape[1])])[split.member]
    places = (CULTURE_EVERY - 1) * np.arange(1, 1 + directions.shape[1])
    own = own[:, : n - len(places)]
    return np.insert(own, np.minimum(places, own.shape[1]), cultures, axis=1)


@dataclass(kw_only=True, repr=False, eq=False)
class WindowDiscriminants(TransformerMixin, BaseEstimator):
    """Linear discriminants of neurons, from windows of one recording and without labels.

    Hand-made statistics of windows (amplitude, spectrum, events, population) are projected on the
    directions in which windows of one neuron are alike and neurons of a culture differ; latents are
    means over windows.

    Parameters
    ----------
    n_components
        Latents per neuron; at most the number of statistics.
    frame_rate
        Hz.
    window_s
        Length of a window in seconds; at most 3/8 of the training recordings.
    centre
        ``culture``: statistics are taken relative to the mean of the neuron's culture, and each
        eighth latent is of the culture as a whole, from directions in which cultures differ.
        ``all``: relative to the mean of all training neurons, without such latents.
    parts
        Statistics to use: names of `simbench.methods.culture_features.PARTS`, joined by ``+``.
    ridge
        Regularisation, as a share of the mean variance between windows of one neuron.
    """

    n_components: int = 32
    frame_rate: float = 20.0
    window_s: float = 45.0
    centre: str = "culture"
    parts: str = "+".join(PARTS)
    ridge: float = RIDGE

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Learn directions from dF/F (n_neurons, n_frames); ``groups`` are cultures."""
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        groups, parts = check_groups(groups, len(X)), tuple(self.parts.split("+"))
        self.statistics_, split = WindowStatistics.learn(
            parts, self.frame_rate, self.window_s, self.centre, X, groups
        )
        pairs = self.statistics_.windows(X.shape[1]).pairs
        self.directions_ = discriminate(split.own, pairs, self.n_components, self.ridge)
        self.culture_directions_ = culture_directions(split, pairs, self.n_components, self.ridge)
        return self

    def transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Latents, shape (n_neurons, n_components); ``groups`` say who shares a culture."""
        check_is_fitted(self, "directions_")
        X = check_array(X, dtype=[np.float64, np.float32], estimator=self)
        split = self.statistics_.describe(X, check_groups(groups, len(X)))
        own = split.own.mean(axis=1) @ self.directions_.vectors
        return two_kinds(own, split, self.culture_directions_, self.n_components)
