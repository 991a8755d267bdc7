"""Every split of simbench: which cultures, animals or neurons train, and which test."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.core.seeds import random_state_of, stream
from simbench.data.recorded import RecordedIndex, recorded_index
from simbench.scenario.scenario import Scenario

_N_FOLDS = 4
_PUBLISHED_FRACTION = 0.2


def held_out_recordings(scenario: Scenario, seed: int, fold: int = 0) -> np.ndarray:
    """Which recordings of a scenario are for testing, shape (n_recordings,).

    Of simulated cultures, fold 0 tests the last ones, the next fold those before them.
    """
    if scenario.recordings is not None:
        return recorded_split(recorded_index(scenario, seed), scenario, seed)
    n_conditions = len(scenario.conditions)
    replicate = np.arange(scenario.replicates * n_conditions) // n_conditions
    return (scenario.replicates - 1 - replicate) // scenario.n_test == fold


def recorded_split(index: RecordedIndex, scenario: Scenario, seed: int) -> np.ndarray:
    """Which recordings test, shape (n_recordings,): whole groups, drawn by the seed.

    Of each stratum about the same share. A dataset folder that has a split of its own keeps it.
    """
    if index.test is not None:
        return np.array(index.test)
    number, names = pd.factorize(np.array(index.groups))
    if len(names) < 2:
        raise SimbenchError(
            f"scenario {scenario.name}: all recordings are of '{names[0]}'; at least two cultures "
            "or animals are needed, one to train and one to test"
        )
    strata = pd.Series(index.strata).groupby(number).first().to_numpy()
    return draw_groups(strata, scenario.split.test_fraction, seed)[number]


def draw_groups(strata: Sequence[str] | np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Draw a share of groups, evenly over strata; never none and never all, shape (n_groups,)."""
    rng = stream(seed, "test groups")
    order = rng.permutation(len(strata))
    order = order[np.argsort(np.asarray(strata)[order], kind="stable")]
    steps = np.floor(np.arange(len(strata) + 1) * fraction + rng.random())
    test = np.zeros(len(strata), dtype=bool)
    test[order] = np.diff(steps) > 0
    if test.all() or not test.any():
        test[order[0]] = not test[order[0]]
    return test


def neuron_split(n_neurons: int, test_fraction: float, draw: int = 0) -> np.ndarray:
    """Random split of neurons that ignores cultures: the one that leaks. True where it tests."""
    order = stream(0, "neuron-level split", draw).permutation(n_neurons)
    return order < round(test_fraction * n_neurons)


def grouped_folds(
    groups: np.ndarray, classes: np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation folds (train, validate) that never divide a group.

    Where ``classes`` are given, folds have the same shares of them as far as groups allow: cultures
    of a scenario take turns in their condition, so that folds by number alone may hold one class.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:  # a single training culture: nothing to hold out but neurons
        groups, n_groups = np.arange(len(groups)), len(groups)
    n_folds = min(_N_FOLDS, n_groups)
    if classes is not None:  # no more than the largest class can be divided into
        n_folds = min(n_folds, np.unique(classes, return_counts=True)[1].max())
    if classes is None or n_folds < 2:
        n_folds = max(n_folds, 2)
        return list(GroupKFold(n_folds).split(groups, groups=groups))
    with warnings.catch_warnings():  # a class that is in few groups can't be in every fold
        warnings.filterwarnings("ignore", "The least populated class")
        if n_groups == len(groups):  # lone neurons: the same in a hundredth of the time
            kind = StratifiedKFold(n_folds, shuffle=True, random_state=0)
            folds = kind.split(groups, classes)
        else:
            folds = StratifiedGroupKFold(n_folds).split(groups, classes, groups)
        return [(learns, checks) for learns, checks in folds if len(learns) and len(checks)]


def published_split(n_neurons: int, seed: int = 0) -> np.ndarray:
    """Random split of pooled neurons that ignores cultures. True for the 20 % that are scored.

    Parameters
    ----------
    n_neurons : int
    seed : int
        Published: 0 to 9. Counts modulo 2**32.
    """
    from sklearn.model_selection import train_test_split

    test = np.zeros(n_neurons, dtype=bool)
    neurons, state = np.arange(n_neurons), random_state_of(seed)
    test[train_test_split(neurons, test_size=_PUBLISHED_FRACTION, random_state=state)[1]] = 1
    return test
