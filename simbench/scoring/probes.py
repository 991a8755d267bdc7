"""Probes, one linear and one nonlinear, the same for every method; metrics of what they predict.

Strength is chosen by cross-validation grouped by culture inside the training neurons; nothing is
tuned on test labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simbench.data.splits import grouped_folds, neuron_split
from simbench.scoring.checks import check_labels, check_latents
from simbench.scoring.metric_registry import INF, R2, metric

_INVERSE_PENALTIES = np.logspace(-3, 3, 7)
_PENALTIES = 10 * np.logspace(-3, 3, 7)
_N_BINS = 63
_MOST_SD = 10.0
_BRODERSEN = "Brodersen et al. 2010"


@dataclass(frozen=True)
class Reading:
    """What a probe has read.

    Parameters
    ----------
    predicted : ndarray, shape (n_scored,)
    log_p : DataFrame or None
        Log probability of each class (columns) for the scored neurons, calibrated on training
        cultures that the probe had not seen; of the linear probe of a class only.
    strength : int, optional
        Which of the strengths the linear probe has; None where there was no choice.
    """

    predicted: np.ndarray
    log_p: pd.DataFrame | None = None
    strength: int | None = None


def read(
    latents: np.ndarray, answer: np.ndarray, train: np.ndarray, scored: np.ndarray,
    groups: np.ndarray, probe: str, is_class: bool, strength: int | None = None,
) -> Reading:  # fmt: skip
    """Fit a probe on the training neurons and read the answer of the scored ones.

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
    strength : int, optional
        Of the linear probe, where it is known already; nothing is then chosen or calibrated.
    """
    seen, new = latents[train], latents[scored]
    if is_class and len(np.unique(answer[train])) == 1:
        return Reading(np.repeat(answer[train][:1], len(new)), strength=strength)
    if probe != "linear":
        seen, new = _binned(seen, new)
        return Reading(_nonlinear(is_class).fit(seen, answer[train]).predict(new))
    if not is_class:
        return _read_number(seen, answer[train], groups[train], new, strength)
    return _read_class(seen, answer[train], groups[train], new, strength)


def _read_number(
    z: np.ndarray, answer: np.ndarray, groups: np.ndarray, new: np.ndarray, strength: int | None
) -> Reading:
    """Ridge regression of the strength that is best on unseen groups, on average."""
    from sklearn.linear_model import Ridge

    if strength is None:
        scores, errors = zip(
            *(
                _scores_of_ridge(*_scaled(z[learns], z[checks]), answer[learns], answer[checks])
                for learns, checks in grouped_folds(groups)
            )
        )
        told = [some for some in scores if some is not None]
        mean = np.mean(told, axis=0) if told else -np.mean(errors, axis=0)
        strength = int(np.argmax(mean))
    z, new = _scaled(z, new)
    model = Ridge(_PENALTIES[strength]).fit(z, answer)
    return Reading(model.predict(new), strength=strength)


def _read_class(
    z: np.ndarray, answer: np.ndarray, groups: np.ndarray, new: np.ndarray, strength: int | None
) -> Reading:
    """Logistic regression of the strength that is best on unseen groups, on average."""
    log_scale = None
    if strength is None:
        folds = grouped_folds(groups, answer)
        tries = [
            _tries_of_logistic(*_scaled(z[learns], z[checks]), answer[learns])
            for learns, checks in folds
        ]
        checked = [answer[checks] for _, checks in folds]
        scores = [
            [balanced_accuracy(truth, _named(scores)) for scores in fold]
            for truth, fold in zip(checked, tries)
        ]
        strength = int(np.argmax(np.mean(scores, axis=0)))
        log_scale = _calibration(
            np.concatenate(checked), pd.concat([fold[strength] for fold in tries])
        )
    z, new = _scaled(z, new)
    scores_of_classes = _class_scores(_logistic(_INVERSE_PENALTIES[strength]).fit(z, answer), new)
    log_p = None if log_scale is None else _log_p(scores_of_classes, log_scale)
    return Reading(_named(scores_of_classes), log_p, strength)


def _scaled(z: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in s.d. of the first, at most 10: one stray latent must not decide a whole score."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(z)
    z, new = (np.clip(scaler.transform(x), -_MOST_SD, _MOST_SD) for x in (z, new))
    return z, new


def _logistic(inverse_penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=1000)


def _tries_of_logistic(z: np.ndarray, new: np.ndarray, answer: np.ndarray) -> list[pd.DataFrame]:
    """Scores of the classes for new neurons at every strength; each fit starts from the last."""
    if len(np.unique(answer)) < 2:  # a single class says nothing about the strength
        return [pd.DataFrame({answer[0]: np.zeros(len(new))}) for _ in _INVERSE_PENALTIES]
    model = _logistic(1).set_params(warm_start=True)
    return [
        _class_scores(model.set_params(C=inverse_penalty).fit(z, answer), new)
        for inverse_penalty in _INVERSE_PENALTIES
    ]


def _class_scores(model: Any, z: np.ndarray) -> pd.DataFrame:
    """Unnormalised log probability of each class, a column each."""
    scores = model.decision_function(z)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    return pd.DataFrame(scores, columns=model.classes_)


def _named(scores: pd.DataFrame) -> np.ndarray:
    return scores.columns.to_numpy()[np.argmax(scores.to_numpy(), axis=1)]


def _log_p(scores: pd.DataFrame, log_scale: float) -> pd.DataFrame:
    from scipy.special import log_softmax

    values = log_softmax(np.exp(log_scale) * scores.to_numpy(), axis=1)
    return pd.DataFrame(values, columns=scores.columns)


def _calibration(truth: np.ndarray, scores: pd.DataFrame) -> float:
    """Log of the factor on the scores of unseen groups that makes them the likeliest.

    References
    ----------
    Guo et al. 2017, ICML:1321 (temperature scaling).
    """
    from scipy.optimize import minimize_scalar

    kept = scores.notna().all(axis=1).to_numpy()  # a fold may lack a class
    if not kept.any():
        return 0.0
    truth, scores = truth[kept], scores[kept]

    def cost(log_scale: float) -> float:
        return -information_bits(truth, _log_p(scores, log_scale))

    return float(minimize_scalar(cost, bounds=(-5, 10), method="bounded").x)


def _scores_of_ridge(
    z: np.ndarray, new_z: np.ndarray, answer: np.ndarray, new_answer: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray]:
    """R2 (None where the new answers are all one) and mean squared error at every strength.

    All are from one eigendecomposition.
    """
    from sklearn.metrics import r2_score

    mean = answer.mean()
    sizes, directions = np.linalg.eigh(z.T @ z)
    projected = directions.T @ (z.T @ (answer - mean))
    weights = directions @ (projected[:, None] / (sizes[:, None] + _PENALTIES))
    truth = np.repeat(new_answer[:, None], len(_PENALTIES), axis=1)
    predicted = new_z @ weights + mean
    errors = np.mean((truth - predicted) ** 2, axis=0)
    if np.ptp(new_answer) == 0:
        return None, errors
    return r2_score(truth, predicted, multioutput="raw_values"), errors


def _binned(z: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, ...]:
    """Both by the quantile of the first that they lie in, which is all that boosted trees see.

    scikit-learn would search the quantiles of weighted values one by one.
    """
    edges = np.quantile(z, np.linspace(0, 1, _N_BINS + 1)[1:-1], axis=0)
    return tuple(
        np.column_stack([np.searchsorted(edge, column) for edge, column in zip(edges.T, x.T)])
        for x in (z, new)
    )


def _nonlinear(is_class: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    settings = {
        "max_iter": 50, "learning_rate": 0.1, "max_leaf_nodes": 15, "max_bins": _N_BINS,
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


@metric("information_bits", "class", low=-INF, high=INF, chance=0, source="Shannon 1948")
def information_bits(truth: np.ndarray, log_p: pd.DataFrame) -> float:
    """Bits that a linear probe says about the class: entropy less calibrated cross-entropy.

    Classes count evenly, so that the entropy is the log of their number.

    Parameters
    ----------
    truth : ndarray, shape (n_neurons,)
    log_p : DataFrame, shape (n_neurons, n_classes)
        Log probabilities.
    """
    place = log_p.columns.get_indexer(truth)
    said = np.where(place < 0, -np.inf, log_p.to_numpy()[np.arange(len(truth)), place])
    cost = np.mean([said[truth == kind].mean() for kind in np.unique(truth[place >= 0])])
    return float(np.log2(log_p.shape[1]) + cost / np.log(2))


@metric("vote_accuracy", "class of a culture", source="plurality of its neurons")
def vote_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Whether most neurons of a culture are given its class; chance is the largest class's share.

    Parameters
    ----------
    truth, predicted : ndarray, shape (n_neurons,)
        Of one culture. Where classes have as many votes, it is right in part.
    """
    names, votes = np.unique(predicted, return_counts=True)
    winners = names[votes == votes.max()]
    return float(np.mean(winners == truth[0]))


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
    reading = read(latents, names, ~scored, scored, np.arange(len(names)), "linear", True)
    return balanced_accuracy(names[scored], reading.predicted)


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
    reading = read(latents, nuisance, fitted, scored, culture, "linear", False)
    return _r2_around(nuisance[fitted].mean(), nuisance[scored], reading.predicted)


@metric("nuisance_accuracy", "nuisance", direction="lower", source=_BRODERSEN)
def nuisance_accuracy(
    latents: np.ndarray, nuisance: np.ndarray, culture: np.ndarray, train: np.ndarray
) -> float:
    """Balanced accuracy with which a linear probe names a nuisance; chance 1 / n_classes.

    Parameters are those of `nuisance_r2`, with classes for numbers.
    """
    latents, names = check_latents(latents, len(nuisance)), nuisance.astype(str)
    reading = read(latents, names, train, ~train, culture, "linear", True)
    return balanced_accuracy(names[~train], reading.predicted)


def _r2_around(mean: float, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variation around a given mean that is predicted; NaN if nothing varies."""
    total = float(np.sum((truth - mean) ** 2))
    return 1 - float(np.sum((truth - predicted) ** 2)) / total if total > 0 else float("nan")
