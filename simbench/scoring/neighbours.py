"""Who lives next to whom in latent space: neurons of one class, or of one culture?

Distances are Euclidean between standardised latents. Neurons at equal distance share the last
places among the neighbours evenly, so that ties (constant or duplicated latents) favour nobody
and no score depends on the order of the rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import xlogy
from scipy.stats import chi2

from simbench.scoring.checks import check_labels, standardize

_CHUNK = 500  # rows of the distance matrix held at once


def knn_purity(latents: Any, labels: Any, culture: Any, k: int = 15) -> float:
    """Share of a neuron's neighbours in other cultures that have its class, mean over classes.

    Neighbours of the same culture are left out, for they share its bursts. Classes that live in a
    single culture can't have such neighbours and are left out too.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    labels, culture : array_like, shape (n_neurons,)
    k : int
        Neighbours counted.

    Returns
    -------
    float
        0 to 1; about 1 / n_classes by chance. NaN where no class lives in two cultures.
    """
    classes, shares = _foreign_shares(latents, labels, culture, k)
    cultures = check_labels(culture, len(classes), "culture")
    pairs = np.unique(np.column_stack([classes, cultures]), axis=0)[:, 0]
    purity = shares[np.arange(len(classes)), classes]
    means = [purity[classes == c].mean() for c in np.flatnonzero(np.bincount(pairs) > 1)]
    return float(np.mean(means)) if means else float("nan")


def label_entropy(latents: Any, labels: Any, culture: Any, k: int = 15) -> float:
    """Entropy of the classes among a neuron's neighbours in other cultures, over log n_classes.

    Says how mixed neighbourhoods are, not whether the classes are the right ones.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    labels, culture : array_like, shape (n_neurons,)
    k : int

    Returns
    -------
    float
        0 (every neighbourhood one class) to 1 (all classes evenly). NaN for a single class or
        culture.
    """
    _, shares = _foreign_shares(latents, labels, culture, k)
    if shares.shape[1] < 2:
        return float("nan")
    return float(np.mean(-xlogy(shares, shares).sum(axis=1)) / np.log(shares.shape[1]))


def kbet_rejection(
    latents: Any, culture: Any, labels: Any = None, k: int | None = None, alpha: float = 0.05
) -> float:
    """Share of neurons whose neighbourhood doesn't hold the cultures in their true proportions.

    kBET as a goodness-of-fit test: Pearson's chi-squared of the cultures among the k nearest
    neighbours against the proportions among all other neurons, which are fixed numbers and no
    second sample; corrected for drawing without replacement. Well-mixed latents reject at
    ``alpha``, not at 0.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture : array_like, shape (n_neurons,)
    labels : array_like, shape (n_neurons,), optional
        Test within each class, then take the mean over classes, so that cultures may differ in
        their classes.
    k : int, optional
        Neighbours; by default 5 for each culture, at most half of the neurons.
    alpha : float

    References
    ----------
    Büttner et al. 2019, Nat Methods 16:43.
    """
    groups, cultures = _checked(latents, culture, labels)
    rejected = []
    for mine in _classes_in_several_cultures(groups, cultures):
        z, members = standardize(latents, len(groups))[mine], _encode(cultures[mine])
        n_cultures = members.shape[1]
        size = min(k or 5 * n_cultures, (len(z) - 1) // 2)
        if size < 2:
            continue
        observed = np.concatenate([s for _, s in _neighbour_shares(z, members, size)]) * size
        p = goodness_of_fit(observed, members.sum(axis=0) - members, size)
        rejected.append(np.mean(p < alpha))
    return float(np.mean(rejected)) if rejected else float("nan")


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
    total = population.sum(axis=1, keepdims=True)
    expected = size * population / total
    terms = np.divide((observed - expected) ** 2, expected, where=expected > 0, out=0 * expected)
    statistic = terms.sum(axis=1) * (total[:, 0] - 1) / (total[:, 0] - size)
    return chi2.sf(statistic, np.maximum(np.sum(population > 0, axis=1) - 1, 1))


def ilisi(latents: Any, culture: Any, perplexity: float = 30) -> float:
    """Integration LISI: effective number of cultures around a neuron, median over neurons.

    Scaled from 0 (only one culture) to 1 (all cultures evenly). Neighbours are weighted by a
    kernel of the given perplexity; three times as many are looked at.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture : array_like, shape (n_neurons,)
    perplexity : float

    References
    ----------
    Korsunsky et al. 2019, Nat Methods 16:1289; scaling of Luecken et al. 2022, Nat Methods 19:41.
    """
    cultures = check_labels(culture, len(np.asarray(latents)), "culture")
    z = standardize(latents, len(cultures))
    if cultures.max() == 0 or len(z) < 4:
        return float("nan")
    return float((np.median(lisi(z, cultures, perplexity)) - 1) / cultures.max())


def cilisi(latents: Any, culture: Any, labels: Any, perplexity: float = 30) -> float:
    """iLISI inside each class, mean over its neurons, then over classes.

    Unlike iLISI it doesn't reward latents that mix classes to mix cultures.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture, labels : array_like, shape (n_neurons,)
        Classes in a single culture, or of fewer than 10 neurons, are left out.
    perplexity : float

    References
    ----------
    Andreatta et al. 2024, Nat Commun 15:872.
    """
    groups, cultures = _checked(latents, culture, labels)
    z = standardize(latents, len(groups))
    scores = []
    for mine in _classes_in_several_cultures(groups, cultures):
        if mine.sum() >= 10:
            inside = _encode(cultures[mine]).argmax(axis=1)
            scores.append(np.mean(lisi(z[mine], inside, perplexity) - 1) / inside.max())
    return float(np.mean(scores)) if scores else float("nan")


def lisi(points: np.ndarray, groups: np.ndarray, perplexity: float) -> np.ndarray:
    """Local inverse Simpson index of every point: effective number of groups around it.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
    groups : ndarray of int, shape (n_points,)
    perplexity : float
        Lowered to a third of the other points where these are few.

    Returns
    -------
    ndarray, shape (n_points,)
    """
    k = min(int(3 * perplexity), len(points) - 1)
    members = _encode(groups)
    index = np.empty(len(points))
    for rows, distance in _distances(points):
        distance -= distance.min(axis=1, keepdims=True)
        nearest = np.partition(distance, k - 1, axis=1)[:, :k]
        rate = _kernel_rates(nearest, min(perplexity, k / 3))
        share = (np.exp(-rate * distance) * _places(distance, nearest[:, -1:], k)) @ members
        share /= share.sum(axis=1, keepdims=True)
        index[rows] = 1 / np.sum(share**2, axis=1)
    return index


def bras(latents: Any, culture: Any, labels: Any) -> float:
    """Batch removal adapted silhouette: 1 - |silhouette| of the cultures inside each class.

    The other cultures' distance is the mean over all of their neurons, not over the nearest
    culture. Mean over neurons, then over classes.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    culture, labels : array_like, shape (n_neurons,)

    Returns
    -------
    float
        0 (cultures apart) to 1 (cultures mixed). NaN where no class lives in two cultures.

    References
    ----------
    Rautenstrauch & Ohler 2025, Nat Biotechnol, doi 10.1038/s41587-025-02743-4.
    """
    groups, cultures = _checked(latents, culture, labels)
    z = standardize(latents, len(groups))
    scores = []
    for mine in _classes_in_several_cultures(groups, cultures):
        members = _encode(cultures[mine])
        if members.shape[1] < len(members):
            scores.append(np.mean(1 - np.abs(_silhouettes(z[mine], members))))
    return float(np.mean(scores)) if scores else float("nan")


def _silhouettes(points: np.ndarray, members: np.ndarray) -> np.ndarray:
    own = members.argmax(axis=1)
    sums = np.concatenate([cdist(points[rows], points) @ members for rows in _chunks(len(points))])
    sizes = members.sum(axis=0)[own]
    inside = sums[np.arange(len(own)), own]
    outside = (sums.sum(axis=1) - inside) / (len(own) - sizes)
    inside = inside / np.maximum(sizes - 1, 1)
    larger = np.maximum(inside, outside)
    alone = (sizes == 1) | (larger == 0)
    return np.where(alone, 0, (outside - inside) / np.where(alone, 1, larger))


def _foreign_shares(
    latents: Any, labels: Any, culture: Any, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class of every neuron, and shares of the classes among its neighbours in other cultures."""
    classes, cultures = _checked(latents, culture, labels)
    z = standardize(latents, len(classes))
    n_foreign = len(z) - np.bincount(cultures).max()
    if n_foreign == 0:
        return classes, np.full((len(z), classes.max() + 1), np.nan)
    size = min(k, n_foreign)
    shares = _neighbour_shares(z, _encode(classes), size, cultures)
    return classes, np.concatenate([s for _, s in shares])


def _neighbour_shares(
    points: np.ndarray, members: np.ndarray, k: int, culture: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Shares of the groups among the k nearest neighbours, a chunk of points at a time."""
    for rows, distance in _distances(points, culture):
        last = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
        yield rows, _places(distance, last, k) @ members / k


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


def _checked(latents: Any, culture: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    n = len(np.asarray(latents))
    classes = np.zeros(n, dtype=int) if labels is None else check_labels(labels, n)
    return classes, check_labels(culture, n, "culture")


def _classes_in_several_cultures(groups: np.ndarray, cultures: np.ndarray) -> Iterator[np.ndarray]:
    """Masks of the classes that live in at least two cultures."""
    for group in np.unique(groups):
        mine = groups == group
        if len(np.unique(cultures[mine])) > 1:
            yield mine


def _encode(groups: np.ndarray) -> np.ndarray:
    """Membership of the groups present, shape (n, n_groups), as floats."""
    present, index = np.unique(groups, return_inverse=True)
    return np.eye(len(present))[index]


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))
