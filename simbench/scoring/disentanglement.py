"""Metrics of all targets: do single latents, or all together, line up with the factors?

Everything that is fitted is fitted on training neurons and scored on the others.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.core.seeds import seed32
from simbench.scoring.checks import check_labels, check_latents, standardize
from simbench.scoring.metric_registry import INF, R2, metric

ALL_TARGETS = "all targets"
"""Group of these metrics, and target of their rows."""
_FOREST = {
    "n_estimators": 50, "min_samples_leaf": 5, "max_features": 1.0,
    "random_state": seed32(0, "dci"),
}  # fmt: skip
_PREDICTED = 0.05  # score from which a factor's importances mean something
_RIDGE = np.logspace(-2, 4, 7)


def dci(latents: Any, factors: Mapping[str, Any], train: np.ndarray) -> dict[str, float]:
    """Disentanglement, completeness and informativeness, each at most 1.

    Importances are those of extremely randomized trees over the ranks of the latents: a regressor
    for numbers, a classifier for classes (text or booleans). Factors that depend on each other (a
    firing type sets c and d) share latents and lower disentanglement, whatever the method; give
    those that don't. Importances for a factor that isn't predicted (score below 0.05) are noise:
    all latents count alike for it.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    factors : mapping of str to array_like, shape (n_neurons,)
    train : ndarray of bool, shape (n_neurons,)
        Neurons that the trees learn from; the others are scored.

    Returns
    -------
    dict
        ``disentanglement`` is NaN for a single factor, ``completeness`` for a single latent.
        ``informativeness`` is the mean over factors, at least 0 each: R2 of numbers,
        (balanced accuracy - 1/K) / (1 - 1/K) of K classes.

    References
    ----------
    Eastwood & Williams 2018, ICLR.
    """
    from scipy.stats import rankdata

    z = rankdata(standardize(latents), axis=0)
    train = _check_train(train, len(z))
    importance, scores = [], []
    for name, values in factors.items():
        weights, score = _factor(z, *_check_factor(name, values, len(z)), train)
        importance.append(weights if score >= _PREDICTED else np.full(z.shape[1], 1 / z.shape[1]))
        scores.append(score)
    disentangled, complete = dci_of_importance(np.array(importance).T)
    return {
        "disentanglement": disentangled, "completeness": complete,
        "informativeness": float(np.mean(scores)),
    }  # fmt: skip


for _name, _meaning in {
    "disentanglement": "Whether each latent serves one factor",
    "completeness": "Whether each factor is served by one latent",
    "informativeness": "How well trees predict the factors from latents",
}.items():
    metric(_name, ALL_TARGETS, _meaning, chance=0, source="Eastwood & Williams 2018")(dci)


def dci_of_importance(importance: np.ndarray) -> tuple[float, float]:
    """Disentanglement and completeness of an importance matrix (n_components, n_factors).

    Latents count by their share of all importance, factors evenly.
    """
    weight = importance.sum(axis=1) / importance.sum()
    return float(_purity(importance) @ weight), float(np.mean(_purity(importance.T)))


@metric("truth_r2", ALL_TARGETS, low=-INF, chance=0, source=R2)
def truth_r2(latents: Any, reference: Any, train: np.ndarray) -> float:
    """R2 of the reference, read linearly from the latents.

    It flatters large latents; `cka` does not.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    reference : array_like, shape (n_neurons, n_references)
    train : ndarray of bool, shape (n_neurons,)
        Neurons of the ridge regression, its strength chosen by generalised cross-validation
        among them; the others are scored.

    Returns
    -------
    float
        Mean over the columns that vary among the scored neurons; NaN where none does.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score

    x = standardize(latents)
    y, train = standardize(reference, len(x)), _check_train(train, len(x))
    y = y[:, np.ptp(y[~train], axis=0) > 0]  # an s.d. of equal numbers may be rounding
    if y.shape[1] == 0:
        return float("nan")
    predicted = RidgeCV(_RIDGE).fit(x[train], y[train]).predict(x[~train])
    return float(r2_score(y[~train], predicted.reshape(y[~train].shape)))


@metric("cka", ALL_TARGETS, low=-INF, chance=0, source="Kornblith et al. 2019; Song et al. 2012")
def cka(latents: Any, reference: Any, train: np.ndarray | None = None) -> float:
    """Debiased linear kernel alignment with the reference, blind to rotation and a common scale.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
    reference : array_like, shape (n_neurons, n_references)
    train : ndarray of bool, shape (n_neurons,), optional
        Neurons that are left out: nothing is fitted.

    Returns
    -------
    float
        Chance is 0 at any number of components. Constant latents give 0.

    References
    ----------
    Kornblith et al. 2019, ICML; unbiased estimator of Song et al. 2012, JMLR 13:1393.
    """
    z = check_latents(latents)
    r = check_latents(reference, len(z))
    if train is not None:
        scored = ~_check_train(train, len(z))
        z, r = z[scored], r[scored]
    if len(z) < 4:
        raise SimbenchError(f"cka: {len(z)} neurons; at least 4 are needed")
    z, r = _centred(z), _centred(r)
    own = unbiased_hsic(z, z) * unbiased_hsic(r, r)
    return float(unbiased_hsic(z, r) / np.sqrt(own)) if own > 0 else 0.0


def unbiased_hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased Hilbert-Schmidt independence criterion of two linear kernels.

    Parameters
    ----------
    x : ndarray, shape (n, p)
    y : ndarray, shape (n, q)
    """
    n = len(x)
    diagonal_x, diagonal_y = np.sum(x**2, axis=1), np.sum(y**2, axis=1)
    sums_x, sums_y = x @ x.sum(axis=0) - diagonal_x, y @ y.sum(axis=0) - diagonal_y
    trace = np.sum((x.T @ y) ** 2) - diagonal_x @ diagonal_y
    total = sums_x.sum() * sums_y.sum() / ((n - 1) * (n - 2))
    return float(trace + total - 2 * (sums_x @ sums_y) / (n - 2)) / (n * (n - 3))


def truth_matrix(factors: Mapping[str, Any]) -> np.ndarray:
    """Factors as a reference matrix: a number is one column, each class of a label another.

    Every factor has a total variance of 1.

    Parameters
    ----------
    factors : mapping of str to array_like, shape (n_neurons,)

    Returns
    -------
    ndarray, shape (n_neurons, n_references)
    """
    columns = []
    for name, values in factors.items():
        values, is_class = _check_factor(name, values, len(values))
        if is_class:
            values = np.eye(values.max() + 1)[values]
        block = standardize(values.reshape(len(values), -1))
        columns.append(block / np.sqrt(block.shape[1]))
    return np.concatenate(columns, axis=1)


def _factor(
    z: np.ndarray, values: np.ndarray, is_class: bool, train: np.ndarray
) -> tuple[np.ndarray, float]:
    """Importance of every latent for a factor, and how well it is predicted."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.metrics import balanced_accuracy_score, r2_score

    forest = ExtraTreesRegressor(**_FOREST)
    if is_class:
        forest = ExtraTreesClassifier(**_FOREST, class_weight="balanced")
    predicted, truth = forest.fit(z[train], values[train]).predict(z[~train]), values[~train]
    if len(np.unique(truth)) < 2:
        score = np.nan
    elif is_class:
        score = balanced_accuracy_score(truth, predicted, adjusted=True)
    else:
        score = r2_score(truth, predicted)
    return forest.feature_importances_, max(float(score), 0.0)


def _purity(importance: np.ndarray) -> np.ndarray:
    """1 - normalised entropy of every row; NaN for a single column."""
    if importance.shape[1] == 1:
        return np.full(len(importance), np.nan)
    total = importance.sum(axis=1, keepdims=True)
    share = importance / np.where(total > 0, total, 1)
    logs = np.log(np.where(share > 0, share, 1))
    return 1 + np.sum(share * logs, axis=1) / np.log(importance.shape[1])


def _centred(matrix: np.ndarray) -> np.ndarray:
    """Columns with mean 0, all on one common scale."""
    matrix = matrix / (np.abs(matrix).max() or 1)
    matrix -= matrix.mean(axis=0)
    return np.where(matrix.std(axis=0) <= len(matrix) * np.finfo(float).eps, 0, matrix)


def _check_factor(name: str, values: Any, n_neurons: int) -> tuple[np.ndarray, bool]:
    """A factor as floats, or its classes as integers; and whether it is a class."""
    values = np.asarray(values)
    classes = check_labels(values, n_neurons, f"factor '{name}'")
    is_class = values.dtype.kind not in "fiu"
    return (classes if is_class else values.astype(float)), is_class


def _check_train(train: Any, n_neurons: int) -> np.ndarray:
    train = np.asarray(train)
    if train.dtype != bool or train.shape != (n_neurons,) or not 2 <= train.sum() <= n_neurons - 2:
        raise SimbenchError(
            f"train: {train.dtype} of shape {train.shape}; expected bool of shape ({n_neurons},), "
            "at least two neurons on either side"
        )
    return train
