"""Metrics of clusters: do those that are found without labels agree with the classes?

The rules are fixed: number of classes, restarts and seed are given, nothing is tuned on labels.
`oracle_dbscan_ari` is the exception, and its name says so.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from simbench.core.seeds import seed32
from simbench.scoring.checks import standardize, standardize_with
from simbench.scoring.metric_registry import metric

RULES = {
    "kmeans": "k-means, k = number of classes",
    "gmm": "a Gaussian mixture, k = number of classes",
    "hdbscan": "HDBSCAN at its defaults",
}
_HUBERT = "Hubert & Arabie 1985"
_SHARES_OF_CORE_POINTS = np.linspace(0.05, 0.95, 10)


def cluster(latents: Any, n_classes: int, rule: str = "kmeans") -> np.ndarray:
    """Cluster of every neuron, by a rule that sees no label.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
        Standardized before use.
    n_classes : int
        Number of clusters; HDBSCAN finds its own.
    rule : {"kmeans", "gmm", "hdbscan"}
        k-means with 10 restarts; Gaussian mixture with full covariances, started from k-means;
        HDBSCAN at scikit-learn's defaults.

    Returns
    -------
    ndarray of int, shape (n_neurons,)
        HDBSCAN's noise is -1 and counts as one cluster.
    """
    z = standardize(latents)
    n_classes = min(n_classes, len(z))
    if not z.any() or n_classes < 2:
        return np.zeros(len(z), dtype=int)
    return _cluster(z.tobytes(), z.shape, n_classes, rule).copy()


@lru_cache(maxsize=1)  # ARI and AMI ask for the same clusters
def _cluster(points: bytes, shape: tuple[int, int], n_classes: int, rule: str) -> np.ndarray:
    from sklearn.cluster import HDBSCAN, KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    z = np.frombuffer(points).reshape(shape)
    seed = seed32(0, "clustering")
    models = {
        "kmeans": KMeans(n_classes, n_init=10, random_state=seed),
        "gmm": GaussianMixture(n_classes, reg_covar=1e-3, random_state=seed),
        "hdbscan": HDBSCAN(copy=True),
    }
    with warnings.catch_warnings():  # few distinct latents: fewer clusters, a lower score
        warnings.simplefilter("ignore", ConvergenceWarning)
        return models[rule].fit_predict(z)


def ari(latents: Any, labels: Any, rule: str = "kmeans") -> float:
    """Adjusted Rand index between label-free clusters and classes (NaN for a single class).

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    labels : array_like, shape (n_neurons,)
    rule : {"kmeans", "gmm", "hdbscan"}
        See `cluster`.

    References
    ----------
    Hubert & Arabie 1985, J Classif 2:193.
    """
    from sklearn.metrics import adjusted_rand_score

    return _agreement(adjusted_rand_score, latents, labels, rule)


def ami(latents: Any, labels: Any, rule: str = "kmeans") -> float:
    """Adjusted mutual information between label-free clusters and classes; see `ari`.

    References
    ----------
    Vinh, Epps & Bailey 2010, JMLR 11:2837.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    return _agreement(adjusted_mutual_info_score, latents, labels, rule)


for _rule, _clusters in RULES.items():
    metric(
        f"{_rule}_ari", "clusters", f"Adjusted Rand index of the classes with {_clusters}",
        low=-0.5, chance=0, source=_HUBERT, options={"rule": _rule},
    )(ari)  # fmt: skip
    metric(
        f"{_rule}_ami", "clusters", f"Adjusted mutual information of the classes with {_clusters}",
        low=-1, chance=0, source="Vinh, Epps & Bailey 2010", options={"rule": _rule},
    )(ami)  # fmt: skip


@metric("oracle_dbscan_ari", "clusters", low=-0.5, source=_HUBERT, tuned_on_labels=True)
def oracle_dbscan_ari(latents: Any, labels: Any, min_samples: int = 20) -> float:
    """Best ARI of DBSCAN over eps, chosen on the labels: above 0 even for noise.

    An upper bound and not a score of a method: it uses what it claims to find. The range follows
    the latents: eps makes 5, 15, ... 95 % of the neurons core points, so that it is the same for
    all methods.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    labels : array_like, shape (n_neurons,)
    min_samples : int
        Neighbours, itself included, that make a neuron a core point.
    """
    from sklearn.neighbors import NearestNeighbors

    z, classes = standardize_with(latents, labels=labels)
    if classes.max() == 0:
        return float("nan")
    if len(z) <= min_samples or not z.any():
        return 0.0
    finder = NearestNeighbors(n_neighbors=min_samples - 1).fit(z)
    core_distance = finder.kneighbors()[0][:, -1]
    epsilons = np.unique(np.quantile(core_distance, _SHARES_OF_CORE_POINTS))
    return best_dbscan_ari(z, classes, epsilons[epsilons > 0], min_samples)


def best_dbscan_ari(
    points: np.ndarray, labels: np.ndarray, epsilons: np.ndarray, min_samples: int
) -> float:
    """Highest ARI of DBSCAN over given values of eps, points used as they are.

    Parameters
    ----------
    points : ndarray, shape (n_neurons, n_components)
    labels : ndarray, shape (n_neurons,)
    epsilons : ndarray
        In the unit of the points.
    min_samples : int
        As in `oracle_dbscan_ari`.
    """
    from sklearn.cluster import DBSCAN
    from sklearn.metrics import adjusted_rand_score

    found = (DBSCAN(eps=eps, min_samples=min_samples).fit_predict(points) for eps in epsilons)
    return max((adjusted_rand_score(labels, clusters) for clusters in found), default=0.0)


def _agreement(index: Callable, latents: Any, labels: Any, rule: str) -> float:
    _, classes = standardize_with(latents, labels=labels)
    if classes.max() == 0:
        return float("nan")
    return float(index(classes, cluster(latents, classes.max() + 1, rule)))
