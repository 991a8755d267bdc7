"""Targets: the labels that probes read, and what is asked of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.data.dataset import Dataset
from simbench.scenario.labels import LABELS, is_class
from simbench.scoring.normal_scores import less_class_means, normal_scores, ranked_latents

_WITHIN = "firing_type"


@dataclass(frozen=True)
class Target:
    """One label to be read from latents.

    Parameters
    ----------
    name : str
        The label.
    is_class : bool
        Whether the label is a category or a number.
    label : ndarray, shape (n_neurons,)
        An empty class or NaN where a neuron does not have the label.
    stratum : ndarray, shape (n_neurons,)
        Numbers are scored within these classes: firing type, or what the scenario says.
    given : ndarray of float, shape (n_neurons,), or None
        A number that, with its square, is regressed out of the label.
    is_ranked : bool
        Of a number: whether it and the latents are taken by their `normal_scores`.
    is_shared : bool
        Whether all neurons of a culture have the same label, by nature.
    """

    name: str
    is_class: bool
    label: np.ndarray
    stratum: np.ndarray
    given: np.ndarray | None = None
    is_ranked: bool = False
    is_shared: bool = False

    @property
    def known(self) -> np.ndarray:
        """Neurons that have the label: an interval statistic has none where spikes are few."""
        known = self.label != "" if self.is_class else np.isfinite(self.label)
        return known if self.given is None else known & np.isfinite(self.given)

    def answer(self, train: np.ndarray) -> np.ndarray:
        """What the probe has to predict, learned on the neurons that train and have the label.

        Of numbers the deviation from the mean of the stratum, less what `given` predicts of it.
        """
        if self.is_class:
            return self.label
        answer = less_class_means(self._values(self.label, train), self.stratum, train)
        if self.given is None:
            return answer
        given = less_class_means(self._values(self.given, train), self.stratum, train)
        square = less_class_means(given**2, self.stratum, train)
        known = np.column_stack([given, square])
        return answer - known @ np.linalg.lstsq(known[train], answer[train])[0]

    def readable(self, latents: np.ndarray, train: np.ndarray) -> np.ndarray:
        """Latents as probes get them: as they are, or `ranked_latents` for a ranked number."""
        return ranked_latents(latents, self.stratum, train) if self.is_ranked else latents

    def _values(self, values: np.ndarray, train: np.ndarray) -> np.ndarray:
        return normal_scores(values, train) if self.is_ranked else values.astype(float)


def read_targets(dataset: Dataset, targets: Sequence[str]) -> Iterator[Target]:
    """The labels to be read, in the order of their names, as the dataset's scenario wants them."""
    labels, scenario = dataset.labels, dataset.scenario
    within = (scenario.within if scenario else None) or _WITHIN
    stratum = classes_of(labels[within]) if within in labels else np.zeros(len(labels), dtype=str)
    given = {
        name: labels[other].to_numpy(dtype=float)
        for name, other in (scenario.given if scenario else {}).items()
    }
    is_ranked = scenario is not None and scenario.normal_scores
    for name in targets:
        kind = is_class(labels, name)
        label = classes_of(labels[name]) if kind else labels[name].to_numpy(dtype=float)
        is_shared = _is_shared(name, labels[name], dataset.culture)
        yield Target(name, kind, label, stratum, given.get(name), is_ranked and not kind, is_shared)


def _is_shared(name: str, label: pd.Series, culture: np.ndarray) -> bool:
    if name in LABELS and not LABELS[name].of_culture:
        return False
    return bool((label.groupby(culture).nunique() < 2).all())


def classes_of(column: pd.Series) -> np.ndarray:
    """Names of classes, empty where there is none."""
    return column.astype(str).where(column.notna(), "").to_numpy(dtype=str)


def check_targets(dataset: Dataset, targets: Sequence[str]) -> None:
    """Refuse a label that no probe can learn.

    One that no recording has, or that training or test recordings lack; one that is the same for
    all; a class that is another in all test cultures.
    """
    check_labels_of_scenario(dataset)
    test = dataset.test_neurons
    for name in targets:
        _check_known(dataset, "targets", name)
        column = dataset.labels[name]
        if not is_class(dataset.labels, name):
            known = np.isfinite(column.to_numpy(dtype=float))
            for side, kind in ((~test, "training"), (test, "test")):
                if not (known & side).any():
                    raise SimbenchError(f"targets: '{name}' is known in no {kind} recording")
            learned = column[~test & known].unique()
            if len(learned) == 1:
                raise _too_few(name, f"{learned[0]:g}", "values")
            continue
        classes = pd.Series(classes_of(column))
        learned, tested = (classes[side & (classes != "")].unique() for side in (~test, test))
        if len(learned) == 1:
            raise _too_few(name, f"'{learned[0]}'", "classes")
        if not {*learned} & {*tested}:
            raise SimbenchError(
                f"targets: no class of '{name}' is in training and in test cultures; "
                "no probe can learn it"
            )


def _too_few(name: str, only: str, kind: str) -> SimbenchError:
    return SimbenchError(
        f"targets: '{name}' is {only} in all training cultures; a target needs two {kind} or more"
    )


def check_labels_of_scenario(dataset: Dataset) -> None:
    """Refuse nuisances, and labels that others are scored within or given, that are unknown."""
    scenario = dataset.scenario
    if scenario is None:
        return
    named = {
        "within": [scenario.within] if scenario.within else [],
        "given": scenario.given.values(),
        "nuisances": [name for name in scenario.nuisances if name != "culture"],
    }
    for key, names in named.items():
        for name in names:
            _check_known(dataset, key, name)


def _check_known(dataset: Dataset, key: str, name: str) -> None:
    if name not in dataset.labels or not dataset.labels[name].notna().any():
        allowed = ", ".join(n for n, column in dataset.labels.items() if column.notna().any())
        raise SimbenchError(f"{key}: no recording has the label '{name}'; allowed: {allowed}")
