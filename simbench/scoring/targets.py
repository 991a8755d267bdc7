"""Targets: the labels that probes read, and what is asked of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.data.dataset import Dataset
from simbench.scenario.labels import LABELS


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


def read_targets(dataset: Dataset, targets: Sequence[str]) -> Iterator[Target]:
    """The labels to be read, in the order of their names."""
    firing_type = dataset.labels["firing_type"].to_numpy(dtype=str)
    for name in targets:
        is_class = LABELS[name].kind == "class"
        label = dataset.labels[name].to_numpy(dtype=str if is_class else float)
        yield Target(name, is_class, label, firing_type)


def check_targets(dataset: Dataset, targets: Sequence[str]) -> None:
    """Refuse a class that no probe can learn: one for all, or others in the test cultures."""
    test = dataset.test_neurons
    for name in targets:
        if LABELS[name].kind != "class":
            continue
        learned, tested = (dataset.labels.loc[side, name].unique() for side in (~test, test))
        if len(learned) == 1:
            raise SimbenchError(
                f"targets: '{name}' is '{learned[0]}' in all training cultures; "
                "a target needs two classes or more"
            )
        if not {*learned} & {*tested}:
            raise SimbenchError(
                f"targets: no class of '{name}' is in training and in test cultures; "
                "no probe can learn it"
            )
