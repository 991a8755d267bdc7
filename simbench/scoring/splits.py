"""Who trains and who tests the probes."""

import numpy as np
from sklearn.model_selection import GroupKFold

from simbench.core.seeds import stream

N_FOLDS = 4


def neuron_split(n_neurons: int, test_fraction: float) -> np.ndarray:
    """Random split of neurons that ignores cultures: the one that leaks. True where it tests."""
    order = stream(0, "neuron-level split").permutation(n_neurons)
    return order < round(test_fraction * n_neurons)


def grouped_folds(groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation folds (train, validate) that never divide a group."""
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    if n_folds < 2:  # a single training culture: nothing to hold out but neurons
        groups, n_folds = np.arange(len(groups)), N_FOLDS
    return list(GroupKFold(n_folds).split(groups, groups=groups))
