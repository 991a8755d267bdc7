"""Metrics of neighbours in latent space: are they of one class, are they of one culture?

Distances are Euclidean between standardised latents. Neurons at equal distance share the last
places among the neighbours evenly, so that ties (constant or duplicated latents) favour nobody
and no score depends on the order of the rows.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from simbench.scoring.checks import standardize_with
from simbench.scoring.metric_registry import metric

_CHUNK = 500  # rows of the distance matrix held at once
_KBET_LEVEL = 0.05


@metric("knn_purity", "clusters", source="k nearest neighbours")
def knn_purity(latents: Any, labels: Any, culture: Any, k: int = 15) -> float:
    """Share of neighbours in other cultures with the neuron's class; chance about 1 / n_classes.

    Mean over classes. Neighbours of the same culture are left out, for they share its bursts.
    Classes that live in a single culture can't have such neighbours and are left out too.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    labels, culture : array_like, shape (n_neurons,)
    k : int
        Neighbours counted.

    Returns
    -------
    float
        NaN where no class lives in two cultures.
    """
    shares, classes, cultures = _shares_in_other_cultures(latents, labels, culture, k)
    pairs = np.unique(np.column_stack([classes, cultures]), axis=0)[:, 0]
    purity = shares[np.arange(len(classes)), classes]
    means = [purity[classes == c].mean() for c in np.flatnonzero(np.bincount(pairs) > 1)]
    return float(np.mean(means)) if means else float("nan")


@metric("label_entropy", "clusters", direction="lower", source="Shannon entropy")
def label_entropy(latents: Any, labels: Any, culture: Any, k: int = 15) -> float:
    """Entropy of the classes among neighbours in other cultures; chance near that of all neurons.

    From 0 (every neighbourhood one class) to 1 (all classes evenly): over log n_classes. Says how
    mixed neighbourhoods are, not whether the classes are the right ones.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    labels, culture : array_like, shape (n_neurons,)
    k : int
        Neighbours counted.

    Returns
    -------
    float
        NaN for a single class or culture.
    """
    from scipy.special import xlogy

    shares = _shares_in_other_cultures(latents, labels, culture, k)[0]
    if shares.shape[1] < 2:
        return float("nan")
    return float(np.mean(-xlogy(shares, shares).sum(axis=1)) / np.log(shares.shape[1]))


@metric("kbet_rejection", "culture", chance=0.05, direction="lower", source="Büttner et al. 2019")
def kbet_rejection(latents: Any, culture: Any) -> float:
    """Share of neighbourhoods that lack the cultures' proportions; mixed latents reject at 0.05.

    kBET as a goodness-of-fit test: Pearson's chi-squared of the cultures among the nearest
    neighbours (5 for each culture, at most half of the neurons) against the proportions among all
    other neurons, which are fixed numbers and no second sample; corrected for drawing without
    replacement.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture : array_like, shape (n_neurons,)

    References
    ----------
    Büttner et al. 2019, Nat Methods 16:43.
    """
    z, cultures = standardize_with(latents, culture=culture)
    members = _encode(cultures)
    size = min(5 * members.shape[1], (len(z) - 1) // 2)
    if members.shape[1] < 2 or size < 2:
        return float("nan")
    observed = _neighbour_shares(z, members, size) * size
    p = goodness_of_fit(observed, members.sum(axis=0) - members, size)
    return float(np.mean(p < _KBET_LEVEL))


def goodness_of_fit(observed: np.ndarray, population: np.ndarray, size: int) -> np.ndarray:
    """P-values of Pearson's test for samples drawn without replacement from a known population.

    Parameters
    ----------
    observed : ndarray, shape (n_samples, n_kinds)
        Counts in each sample.
    population : ndarray, shape (n_samples, n_kinds)
        Counts in the population of each sample.
    size : int
        Size of a sample.

    Returns
    -------
    ndarray, shape (n_samples,)
    """
    from scipy.stats import chi2

    total = population.sum(axis=1, keepdims=True)
    expected = size * population / total
    terms = np.divide((observed - expected) ** 2, expected, where=expected > 0, out=0 * expected)
    statistic = terms.sum(axis=1) * (total[:, 0] - 1) / (total[:, 0] - size)
    return chi2.sf(statistic, np.maximum(np.sum(population > 0, axis=1) - 1, 1))


@metric("ilisi", "culture", source="Korsunsky et al. 2019")
def ilisi(latents: Any, culture: Any, perplexity: float = 30) -> float:
    """Effective number of cultures around a neuron; chance is best, near 1 for few cultures.

    Integration LISI, median over neurons, scaled from 0 (only one culture) to 1 (all cultures
    evenly). Neighbours are weighted by a kernel of the given perplexity; three times as many are
    looked at.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture : array_like, shape (n_neurons,)
    perplexity : float
        Effective number of neighbours.

    References
    ----------
    Korsunsky et al. 2019, Nat Methods 16:1289; scaling of Luecken et al. 2022, Nat Methods 19:41.
    """
    z, cultures = standardize_with(latents, culture=culture)
    if cultures.max() == 0 or len(z) < 4:
        return float("nan")
    return float((np.median(lisi(z, _encode(cultures), perplexity)) - 1) / cultures.max())


@metric("cilisi", "culture", source="Andreatta et al. 2024")
def cilisi(latents: Any, culture: Any, labels: Any, perplexity: float = 30) -> float:
    """Effective number of cultures around a neuron inside its class; chance is best.

    iLISI inside each class, mean over its neurons, then over classes. Unlike iLISI it doesn't
    reward latents that mix classes to mix cultures.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture, labels : array_like, shape (n_neurons,)
        Classes in a single culture, or of fewer than 10 neurons, are left out.
    perplexity : float
        Effective number of neighbours.

    References
    ----------
    Andreatta et al. 2024, Nat Commun 15:872.
    """

    def mixing(z: np.ndarray, members: np.ndarray) -> float:
        if len(z) < 10:
            return float("nan")
        return np.mean(lisi(z, members, perplexity) - 1) / (members.shape[1] - 1)

    return _mean_over_classes(mixing, latents, culture, labels)


def lisi(points: np.ndarray, members: np.ndarray, perplexity: float) -> np.ndarray:
    """Local inverse Simpson index of every point: effective number of groups around it.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
    members : ndarray, shape (n_points, n_groups)
        1 in the column of the point's group, 0 elsewhere.
    perplexity : float
        Effective number of neighbours, lowered to a third of the other points where these are few.

    Returns
    -------
    ndarray, shape (n_points,)
    """
    k = min(int(3 * perplexity), len(points) - 1)
    index = np.empty(len(points))
    for rows, distance in _distances(points):
        distance -= distance.min(axis=1, keepdims=True)
        nearest = np.partition(distance, k - 1, axis=1)[:, :k]
        rate = _kernel_rates(nearest, min(perplexity, k / 3))
        share = (np.exp(-rate * distance) * _places(distance, nearest[:, -1:], k)) @ members
        share /= share.sum(axis=1, keepdims=True)
        index[rows] = 1 / np.sum(share**2, axis=1)
    return index


@metric("bras", "culture", source="Rautenstrauch & Ohler 2025")
def bras(latents: Any, culture: Any, labels: Any) -> float:
    """1 - |silhouette| of the cultures inside each class; chance is best, near 1.

    Batch removal adapted silhouette, from 0 (cultures apart) to 1 (cultures mixed). The other
    cultures' distance is the mean over all of their neurons, not over the nearest culture. Mean
    over neurons, then over classes.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture, labels : array_like, shape (n_neurons,)

    Returns
    -------
    float
        NaN where no class lives in two cultures.

    References
    ----------
    Rautenstrauch & Ohler 2025, Nat Biotechnol, doi 10.1038/s41587-025-02743-4.
    """

    def mixing(z: np.ndarray, members: np.ndarray) -> float:
        if members.shape[1] == len(members):
            return float("nan")
        return np.mean(1 - np.abs(_silhouettes(z, members)))

    return _mean_over_classes(mixing, latents, culture, labels)


def _silhouettes(points: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(outside - inside) / larger of both, of mean distances; 0 for a culture of one neuron."""
    from scipy.spatial.distance import cdist

    own = members.argmax(axis=1)
    sums = np.concatenate([cdist(points[rows], points) @ members for rows in _chunks(len(points))])
    sizes = members.sum(axis=0)[own]
    inside = sums[np.arange(len(own)), own]
    outside = (sums.sum(axis=1) - inside) / (len(own) - sizes)
    inside = inside / np.maximum(sizes - 1, 1)
    larger = np.maximum(inside, outside)
    alone = (sizes == 1) | (larger == 0)
    return np.where(alone, 0, (outside - inside) / np.where(alone, 1, larger))


def _mean_over_classes(
    score: Callable[[np.ndarray, np.ndarray], float], latents: Any, culture: Any, labels: Any
) -> float:
    """Mean score of the classes that live in at least two cultures; NaN where none has a score.

    ``score`` takes standardized latents of a class, and which cultures its neurons are of.
    """
    z, cultures, classes = standardize_with(latents, culture=culture, labels=labels)
    scores = []
    for mine in (classes == c for c in np.unique(classes)):
        members = _encode(cultures[mine])
        scores.append(score(z[mine], members) if members.shape[1] > 1 else np.nan)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def _shares_in_other_cultures(
    latents: Any, labels: Any, culture: Any, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the classes among neighbours in other cultures; classes; cultures."""
    z, classes, cultures = standardize_with(latents, labels=labels, culture=culture)
    n_others = len(z) - np.bincount(cultures).max()
    if n_others == 0:
        return np.full((len(z), classes.max() + 1), np.nan), classes, cultures
    shares = _neighbour_shares(z, _encode(classes), min(k, n_others), cultures)
    return shares, classes, cultures


def _neighbour_shares(
    points: np.ndarray, members: np.ndarray, k: int, culture: np.ndarray | None = None
) -> np.ndarray:
    """Shares of the groups among the k nearest neighbours, shape (n_points, n_groups)."""
    shares = np.empty(members.shape)
    for rows, distance in _distances(points, culture):
        last = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
        shares[rows] = _places(distance, last, k) @ members / k
    return shares


def _places(distance: np.ndarray, last: np.ndarray, k: int) -> np.ndarray:
    """Place of every point among the k nearest: 1, 0, or a share of the last places if tied."""
    tied = distance == last
    closer = distance < last
    left = (k - closer.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)
    return closer + tied * left


def _distances(
    points: np.ndarray, culture: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances to all points, a chunk at a time; infinite to itself and its own culture."""
    from scipy.spatial.distance import cdist

    for rows in _chunks(len(points)):
        distance = cdist(points[rows], points)
        if culture is None:
            distance[np.arange(len(distance)), np.arange(len(points))[rows]] = np.inf
        else:
            distance[culture[rows, None] == culture] = np.inf
        yield rows, distance


def _kernel_rates(distance: np.ndarray, perplexity: float) -> np.ndarray:
    """Rates of exponential kernels of a given perplexity, by bisection, shape (n_points, 1)."""
    low, high = np.zeros((len(distance), 1)), np.ones((len(distance), 1))
    for _ in range(60):
        wide = _entropy(distance, high) > np.log(perplexity)
        if not wide.any():
            break
        high = np.where(wide, 2 * high, high)
    for _ in range(30):
        middle = (low + high) / 2
        wide = _entropy(distance, middle) > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return (low + high) / 2


def _entropy(distance: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Entropy in nats of exponential kernels over distances of which the smallest is 0."""
    weight = np.exp(-rate * distance)
    total = weight.sum(axis=1, keepdims=True)
    return np.log(total) + rate * np.sum(distance * weight, axis=1, keepdims=True) / total


def _encode(groups: np.ndarray) -> np.ndarray:
    """Membership of the groups present, shape (n, n_groups), as floats."""
    present, index = np.unique(groups, return_inverse=True)
    return np.eye(len(present))[index]


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))
