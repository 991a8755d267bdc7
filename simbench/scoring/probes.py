"""The probes: one linear and one nonlinear, the same for every method.

Strength is chosen by cross-validation grouped by culture inside the training neurons; nothing is
tuned on test labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simbench.core.errors import SimbenchError
from simbench.data.dataset import Dataset
from simbench.scenario.labels import LABELS
from simbench.scoring.metrics import balanced_accuracy
from simbench.scoring.splits import grouped_folds

PROBES = ("linear", "nonlinear")
_INVERSE_PENALTIES = np.logspace(-3, 3, 7)
_PENALTIES = 10 * np.logspace(-3, 3, 7)


@dataclass(frozen=True)
class Problem:
    """One label to be read from latents.

    Parameters
    ----------
    name : str
        The label.
    is_class : bool
        Whether the label is a category or a number.
    label : ndarray, shape (n_neurons,)
    firing_type : ndarray, shape (n_neurons,)
        Numbers are scored within firing type.
    """

    name: str
    is_class: bool
    label: np.ndarray
    firing_type: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Neurons that have the label: an interval statistic has none where spikes are few."""
        return np.ones(len(self.label), bool) if self.is_class else np.isfinite(self.label)

    def answer(self, train: np.ndarray) -> np.ndarray:
        """What the probe has to predict; for numbers the deviation from the training type mean."""
        if self.is_class:
            return self.label
        values = self.label.astype(float)
        answer = values - values[train].mean()
        for kind in np.unique(self.firing_type[train]):
            same = self.firing_type == kind
            answer[same] = values[same] - values[same & train].mean()
        return answer


def check_targets(dataset: Dataset, targets: Sequence[str]) -> None:
    """Refuse a class that no probe can learn: one for all, or others in the test cultures.

    Raises
    ------
    SimbenchError
    """
    train = ~dataset.test_neurons
    for name in targets:
        classes = dataset.labels.loc[train, name].unique()
        if LABELS[name].kind == "class" and len(classes) == 1:
            raise SimbenchError(
                f"targets: '{name}' is '{classes[0]}' in all training cultures; "
                "a target needs two classes or more"
            )
        tested = dataset.labels.loc[~train, name].unique()
        if LABELS[name].kind == "class" and not {*classes} & {*tested}:
            raise SimbenchError(
                f"targets: no class of '{name}' is in training and in test cultures; "
                "no probe can learn it"
            )


def problems(dataset: Dataset, targets: Sequence[str]) -> Iterator[Problem]:
    """Each target as a problem, in their order."""
    firing_type = dataset.labels["firing_type"].to_numpy(dtype=str)
    for name in targets:
        is_class = LABELS[name].kind == "class"
        label = dataset.labels[name].to_numpy(dtype=str if is_class else float)
        yield Problem(name, is_class, label, firing_type)


def predict(
    latents: np.ndarray,
    answer: np.ndarray,
    train: np.ndarray,
    scored: np.ndarray,
    groups: np.ndarray,
    probe: str,
    is_class: bool,
) -> np.ndarray:
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
    scores_of = _scores_of_logistic if is_class else _scores_of_ridge
    scores = [
        scores_of(latents[learns], answer[learns], latents[checks], answer[checks])
        for learns, checks in grouped_folds(groups)
    ]
    best = int(np.argmax(np.mean(scores, axis=0)))
    model = _logistic(_INVERSE_PENALTIES[best]) if is_class else Ridge(_PENALTIES[best])
    return make_pipeline(StandardScaler(), model).fit(latents, answer)


def _logistic(inverse_penalty: float) -> LogisticRegression:
    return LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=1000)


def _scores_of_logistic(
    latents: np.ndarray, answer: np.ndarray, new_latents: np.ndarray, new_answer: np.ndarray
) -> np.ndarray:
    """Balanced accuracy at every strength; each fit starts from the one before."""
    scores = np.zeros(len(_INVERSE_PENALTIES))
    if len(np.unique(answer)) > 1:  # a single class says nothing about the strength
        scaler = StandardScaler().fit(latents)
        z, new_z = scaler.transform(latents), scaler.transform(new_latents)
        model = _logistic(1).set_params(warm_start=True)
        for i, inverse_penalty in enumerate(_INVERSE_PENALTIES):
            model.set_params(C=inverse_penalty).fit(z, answer)
            scores[i] = balanced_accuracy(new_answer, model.predict(new_z))
    return scores


def _scores_of_ridge(
    latents: np.ndarray, answer: np.ndarray, new_latents: np.ndarray, new_answer: np.ndarray
) -> np.ndarray:
    """R2 at every strength, all from one eigendecomposition."""
    scaler = StandardScaler().fit(latents)
    z, mean = scaler.transform(latents), answer.mean()
    sizes, directions = np.linalg.eigh(z.T @ z)
    projected = directions.T @ (z.T @ (answer - mean))
    weights = directions @ (projected[:, None] / (sizes[:, None] + _PENALTIES))
    predicted = scaler.transform(new_latents) @ weights + mean
    truth = np.repeat(new_answer[:, None], len(_PENALTIES), axis=1)
    return r2_score(truth, predicted, multioutput="raw_values")


def _nonlinear(is_class: bool) -> Any:
    settings = {"max_iter": 50, "learning_rate": 0.1, "max_leaf_nodes": 15, "max_bins": 63}
    if is_class:
        return HistGradientBoostingClassifier(
            **settings, class_weight="balanced", early_stopping=False, random_state=0
        )
    return HistGradientBoostingRegressor(**settings, early_stopping=False, random_state=0)
