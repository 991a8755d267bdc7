"""The probes: one linear and one nonlinear, the same for every method.

Strength is chosen by cross-validation grouped by culture inside the training neurons; nothing is
tuned on test labels.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simbench.scoring.splits import grouped_folds

PROBES = ("linear", "nonlinear")
_STRENGTHS = np.logspace(-3, 3, 7)


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
    def metric(self) -> str:
        return "balanced_accuracy" if self.is_class else "within_type_r2"

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
    model = _linear(is_class, groups[train]) if probe == "linear" else _nonlinear(is_class)
    with warnings.catch_warnings():
        # a fold of few cultures may lack a class; the score then is over the classes present
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        model.fit(latents[train], answer[train])
    return model.predict(latents[scored])


def _linear(is_class: bool, groups: np.ndarray) -> Any:
    folds = grouped_folds(groups)
    if is_class:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
        )
        grid = {"logisticregression__C": _STRENGTHS}
        return GridSearchCV(model, grid, cv=folds, scoring="balanced_accuracy")
    model = make_pipeline(StandardScaler(), Ridge())
    return GridSearchCV(model, {"ridge__alpha": 10 * _STRENGTHS}, cv=folds, scoring="r2")


def _nonlinear(is_class: bool) -> Any:
    settings = {"max_iter": 50, "learning_rate": 0.1, "max_leaf_nodes": 15, "max_bins": 63}
    if is_class:
        return HistGradientBoostingClassifier(
            **settings, class_weight="balanced", early_stopping=False, random_state=0
        )
    return HistGradientBoostingRegressor(**settings, early_stopping=False, random_state=0)
