"""Probes, one linear and one nonlinear, the same for every method; metrics of what they predict.

Strength is chosen by cross-validation grouped by culture inside the training neurons; nothing is
tuned on test labels.
"""

from typing import Any

import numpy as np

from simbench.core.seeds import stream
from simbench.scoring.checks import check_labels, check_latents
from simbench.scoring.metric_registry import INF, R2, metric

PROBES = ("linear", "nonlinear")
_INVERSE_PENALTIES = np.logspace(-3, 3, 7)
_PENALTIES = 10 * np.logspace(-3, 3, 7)
_N_FOLDS = 4
_BRODERSEN = "Brodersen et al. 2010"


def neuron_split(n_neurons: int, test_fraction: float) -> np.ndarray:
    """Random split of neurons that ignores cultures: the one that leaks. True where it tests."""
    order = stream(0, "neuron-level split").permutation(n_neurons)
    return order < round(test_fraction * n_neurons)


def grouped_folds(groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation folds (train, validate) that never divide a group."""
    from sklearn.model_selection import GroupKFold

    n_folds = min(_N_FOLDS, len(np.unique(groups)))
    if n_folds < 2:  # a single training culture: nothing to hold out but neurons
        groups, n_folds = np.arange(len(groups)), _N_FOLDS
    return list(GroupKFold(n_folds).split(groups, groups=groups))


def predict(
    latents: np.ndarray, answer: np.ndarray, train: np.ndarray, scored: np.ndarray,
    groups: np.ndarray, probe: str, is_class: bool,
) -> np.ndarray:  # fmt: skip
    """Fit a probe on the training neurons and predict the answer of the scored ones.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    answer : ndarray, shape (n_neurons,)
    train, scored : ndarray of bool, shape (n_neurons,)
    groups : ndarray, shape (n_neurons,)
        Neurons of one group are never divided when the strength is chosen.
    probe : {"linear", "nonlinear"}
    is_class : bool
        Whether the answer is a class or a number.

    Returns
    -------
    ndarray, shape (scored.sum(),)
    """
    if probe == "linear":
        model = _linear(latents[train], answer[train], groups[train], is_class)
    else:
        model = _nonlinear(is_class).fit(latents[train], answer[train])
    return model.predict(latents[scored])


def _linear(latents: np.ndarray, answer: np.ndarray, groups: np.ndarray, is_class: bool) -> Any:
    """Logistic or ridge regression of the strength that is best on unseen groups, on average."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores_of = _scores_of_logistic if is_class else _scores_of_ridge
    scores = []
    for learns, checks in grouped_folds(groups):
        scaler = StandardScaler().fit(latents[learns])
        z, new_z = scaler.transform(latents[learns]), scaler.transform(latents[checks])
        scores.append(scores_of(z, answer[learns], new_z, answer[checks]))
    best = int(np.argmax(np.mean(scores, axis=0)))
    model = _logistic(_INVERSE_PENALTIES[best]) if is_class else Ridge(_PENALTIES[best])
    return make_pipeline(StandardScaler(), model).fit(latents, answer)


def _logistic(inverse_penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=1000)


def _scores_of_logistic(
    z: np.ndarray, answer: np.ndarray, new_z: np.ndarray, new_answer: np.ndarray
) -> np.ndarray:
    """Balanced accuracy at every strength; each fit starts from the one before."""
    scores = np.zeros(len(_INVERSE_PENALTIES))
    if len(np.unique(answer)) > 1:  # a single class says nothing about the strength
        model = _logistic(1).set_params(warm_start=True)
        for i, inverse_penalty in enumerate(_INVERSE_PENALTIES):
            model.set_params(C=inverse_penalty).fit(z, answer)
            scores[i] = balanced_accuracy(new_answer, model.predict(new_z))
    return scores


def _scores_of_ridge(
    z: np.ndarray, answer: np.ndarray, new_z: np.ndarray, new_answer: np.ndarray
) -> np.ndarray:
    """R2 at every strength, all from one eigendecomposition."""
    from sklearn.metrics import r2_score

    mean = answer.mean()
    sizes, directions = np.linalg.eigh(z.T @ z)
    projected = directions.T @ (z.T @ (answer - mean))
    weights = directions @ (projected[:, None] / (sizes[:, None] + _PENALTIES))
    truth = np.repeat(new_answer[:, None], len(_PENALTIES), axis=1)
    return r2_score(truth, new_z @ weights + mean, multioutput="raw_values")


def _nonlinear(is_class: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    settings = {
        "max_iter": 50, "learning_rate": 0.1, "max_leaf_nodes": 15, "max_bins": 63,
        "early_stopping": False, "random_state": 0,
    }  # fmt: skip
    if is_class:
        return HistGradientBoostingClassifier(**settings, class_weight="balanced")
    return HistGradientBoostingRegressor(**settings)


@metric("balanced_accuracy", "class", source=_BRODERSEN)
def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Share of neurons whose class a probe finds, mean over classes; chance 1 / n_classes.

    Classes that are present count.
    """
    return float(np.mean([np.mean(predicted[truth == kind] == kind) for kind in np.unique(truth)]))


@metric("within_type_r2", "number", low=-INF, chance=0, source=R2)
def within_type_r2(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Share of a label's variance around its type's mean that a probe predicts.

    Parameters
    ----------
    truth : ndarray, shape (n_neurons,)
        Label minus the mean of the neuron's type in the training cultures, so that knowing the
        type alone scores 0 and a type mean can't pass for a parameter. The type is the firing type,
        or what the scenario says (`within`).
    predicted : ndarray, shape (n_neurons,)
    """
    return _r2_around(0.0, truth, predicted)


@metric("culture_accuracy", "culture", direction="lower", source=_BRODERSEN)
def culture_accuracy(latents: np.ndarray, culture: np.ndarray) -> float:
    """Balanced accuracy with which a linear probe names the culture; chance 1 / n_cultures.

    The neurons are divided at random, so that every culture is known.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    culture : ndarray, shape (n_neurons,)
    """
    latents = check_latents(latents, len(culture))
    names = check_labels(culture, len(culture), "culture").astype(str)
    scored = neuron_split(len(names), 0.5)
    predicted = predict(latents, names, ~scored, scored, np.arange(len(names)), "linear", True)
    return balanced_accuracy(names[scored], predicted)


@metric("nuisance_r2", "nuisance", low=-INF, chance=0, direction="lower", source=R2)
def nuisance_r2(
    latents: np.ndarray, nuisance: np.ndarray, culture: np.ndarray, train: np.ndarray
) -> float:
    """Share of a nuisance's variance that a linear probe predicts in unseen cultures.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    nuisance : ndarray of float, shape (n_neurons,)
        Neurons without a value are left out.
    culture : ndarray, shape (n_neurons,)
        Cultures are never divided when the probe's strength is chosen.
    train : ndarray of bool, shape (n_neurons,)

    Returns
    -------
    float
        0 for the mean of the training neurons, below 0 for worse; NaN if nothing varies.
    """
    latents, known = check_latents(latents, len(nuisance)), np.isfinite(nuisance)
    fitted, scored = train & known, ~train & known
    predicted = predict(latents, nuisance, fitted, scored, culture, "linear", False)
    return _r2_around(nuisance[fitted].mean(), nuisance[scored], predicted)


@metric("nuisance_accuracy", "nuisance", direction="lower", source=_BRODERSEN)
def nuisance_accuracy(
    latents: np.ndarray, nuisance: np.ndarray, culture: np.ndarray, train: np.ndarray
) -> float:
    """Balanced accuracy with which a linear probe names a nuisance; chance 1 / n_classes.

    Parameters are those of `nuisance_r2`, with classes for numbers.
    """
    latents, names = check_latents(latents, len(nuisance)), nuisance.astype(str)
    predicted = predict(latents, names, train, ~train, culture, "linear", True)
    return balanced_accuracy(names[~train], predicted)


def _r2_around(mean: float, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variation around a given mean that is predicted; NaN if nothing varies."""
    total = float(np.sum((truth - mean) ** 2))
    return 1 - float(np.sum((truth - predicted) ** 2)) / total if total > 0 else float("nan")
