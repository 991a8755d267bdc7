"""Latents in, scores out: every method is scored here, wherever its latents come from."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from simbench.core.errors import SimbenchError
from simbench.data.dataset import Dataset
from simbench.data.reference_latents import random_latents, spike_latents
from simbench.scoring import PROBES
from simbench.scoring.checks import check_latents
from simbench.scoring.latent_rows import rows_of_latents
from simbench.scoring.recovery import with_recovery
from simbench.scoring.targets import check_targets


def evaluate(
    latents: np.ndarray, dataset: Dataset,
    targets: Sequence[str] | None = None, probes: Sequence[str] = PROBES,
) -> pd.DataFrame:  # fmt: skip
    """Score how well latents recover the truth of a dataset.

    Probes learn from the neurons of the training cultures and are scored on each test culture;
    the score is the mean over test cultures. The score of a split by neuron, which rewards
    recognising the culture, is given as well: the difference is the leakage gap.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
        One row per neuron, in the order of ``dataset.labels``.
    dataset : Dataset
        With training and test cultures.
    targets : sequence of str, optional
        Labels to recover; by default those of the dataset's scenario.
    probes : sequence of {"linear", "nonlinear"}
        Which probes read the targets.

    Returns
    -------
    DataFrame
        One row per target, metric, probe and split ("culture" or "neuron"), with ``value``,
        ``chance`` (random latents), ``ceiling`` (statistics of the true spikes; 1 where these are
        unknown), ``recovery``
        = (value - chance) / (ceiling - chance), and ``per_culture`` values. Further metrics,
        which need no probe or read a nuisance, follow with probe "none"; they have no recovery.
    """
    return with_recovery(*scores_and_ends(latents, dataset, targets, probes))


def scores_and_ends(
    latents: np.ndarray, dataset: Dataset,
    targets: Sequence[str] | None = None, probes: Sequence[str] = PROBES,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Scores of ``evaluate`` before they are placed, and those of floor and ceiling."""
    latents = check_latents(latents, len(dataset.labels))
    targets = _check_targets(dataset, targets)
    _check_names("probe", probes, PROBES)
    if dataset.test.all() or not dataset.test.any():
        raise SimbenchError("evaluate: the dataset needs training cultures and test cultures")
    check_targets(dataset, targets)
    scores = score(latents, dataset, targets, probes)
    return scores, *_floor_and_ceiling(dataset, targets, tuple(probes))


def score(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str], probes: Sequence[str] = PROBES
) -> pd.DataFrame:
    """Score latents as ``evaluate`` does, but without floor, ceiling and recovery."""
    with threadpool_limits(1):  # so many small fits only wait for each other's threads
        return pd.DataFrame(rows_of_latents(latents, dataset, targets, probes))


@lru_cache(maxsize=4)
def _floor_and_ceiling(
    dataset: Dataset, targets: tuple[str, ...], probes: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    # through float32, as all latents are kept
    floor_latents = check_latents(random_latents(dataset).astype(np.float32))
    floor = score(floor_latents, dataset, targets, probes)
    if any(recording.read_truth().spikes is None for recording in dataset.recordings):
        return floor, floor.assign(value=1.0)
    ceiling_latents = check_latents(spike_latents(dataset).astype(np.float32))
    return floor, score(ceiling_latents, dataset, targets, probes)


def _check_targets(dataset: Dataset, targets: Sequence[str] | None) -> tuple[str, ...]:
    if targets is None:
        if dataset.scenario is None:
            raise SimbenchError("evaluate: the dataset has no scenario; name the targets")
        targets = dataset.scenario.targets
    if not len(targets):
        raise SimbenchError("evaluate: no targets; needed is at least one label to recover")
    _check_names("target", targets, list(dataset.labels))
    return tuple(targets)


def _check_names(what: str, names: Sequence[str], allowed: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name not in allowed:
            raise SimbenchError(f"evaluate: unknown {what} '{name}'; allowed: {', '.join(allowed)}")
        if name in names[:index]:
            raise SimbenchError(f"evaluate: duplicate {what} '{name}'; name it once")
