"""Latents in, scores out: the one door at which every method is judged."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context

from simbench.core.errors import SimbenchError
from simbench.data.dataset import Dataset
from simbench.data.reference_latents import random_latents, spike_latents
from simbench.scenario.labels import LABELS
from simbench.scoring import HEADLINE
from simbench.scoring.all_targets import together
from simbench.scoring.checks import check_latents
from simbench.scoring.label_free import beside
from simbench.scoring.metric_registry import METRICS
from simbench.scoring.nuisance import nuisances
from simbench.scoring.probes import PROBES, check_targets, predict, problems
from simbench.scoring.splits import neuron_split

_KEYS = ["target", "metric", "probe", "split"]
_OF_CLASSES, _OF_NUMBERS = ("balanced_accuracy", "macro_f1"), ("within_type_r2",)


def evaluate(
    latents: np.ndarray,
    dataset: Dataset,
    targets: Sequence[str] | None = None,
    probes: Sequence[str] = PROBES,
) -> pd.DataFrame:
    """Score how well latents recover the truth of a dataset.

    Probes learn from the neurons of the training cultures and are scored on each test culture;
    the score is the mean over test cultures. Beside it stands the score of a split by neuron,
    which rewards recognising the culture: the difference is the leakage gap.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
        One row a neuron, in the order of ``dataset.labels``.
    dataset : Dataset
    targets : sequence of str, optional
        Labels to recover; by default those of the dataset's scenario.
    probes : sequence of {"linear", "nonlinear"}

    Returns
    -------
    DataFrame
        One row a target, metric, probe and split ("culture" or "neuron"), with ``value``,
        ``chance`` (random latents), ``ceiling`` (statistics of the true spikes), ``recovery``
        = (value - chance) / (ceiling - chance), and ``per_culture`` values. Further metrics,
        which need no probe or read a nuisance, follow with probe "none"; they have no recovery.

    Raises
    ------
    SimbenchError
        If the latents have the wrong shape or type, or hold values that are not finite; if the
        dataset can't be divided into training and test cultures; if targets or probes are
        unknown or there twice, or a target has one class only.
    """
    latents = check_latents(latents, len(dataset.labels))
    targets = _targets(dataset, targets)
    _check_known("probe", probes, PROBES)
    if dataset.test.all() or not dataset.test.any():
        raise SimbenchError("evaluate: needed are cultures to train and cultures to test")
    check_targets(dataset, targets)
    scores = score(latents, dataset, targets, probes)
    return place(scores, *_anchors(dataset, targets, tuple(probes)))


def score(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str], probes: Sequence[str] = PROBES
) -> pd.DataFrame:
    """Score latents as ``evaluate`` does, but without floor, ceiling and recovery."""
    # latents are checked; scikit-learn would check them again in each of some hundred small fits
    with config_context(assume_finite=True, skip_parameter_validation=True):
        rows = list(_read_by_probes(latents, dataset, targets, probes))
        rows += beside(latents, dataset, targets)
        rows += nuisances(latents, dataset)
        rows += together(latents, dataset, targets)
    return pd.DataFrame(rows)


def _read_by_probes(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str], probes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for problem in problems(dataset, targets):
        for probe in probes:
            for split, train, groups in _splits(dataset):
                tested = np.unique(dataset.culture[~train])
                train, scored = train & problem.known, ~train & problem.known
                answer = problem.answer(train)
                predicted = predict(latents, answer, train, scored, groups, probe, problem.is_class)
                for metric in _OF_CLASSES if problem.is_class else _OF_NUMBERS:
                    values = _by_culture(
                        METRICS[metric].function, answer[scored], predicted,
                        dataset.culture[scored], tested,
                    )  # fmt: skip
                    yield {
                        "target": problem.name, "metric": metric, "probe": probe, "split": split,
                        "value": float(np.nanmean(values)), "per_culture": values,
                    }  # fmt: skip


def place(scores: pd.DataFrame, floor: pd.DataFrame, ceiling: pd.DataFrame) -> pd.DataFrame:
    """Place scores between a floor and a ceiling: adds ``chance``, ``ceiling``, ``recovery``.

    They are NaN where floor or ceiling have no such score.
    """
    for name, anchor in {"chance": floor, "ceiling": ceiling}.items():
        values = anchor[[*_KEYS, "value"]].rename(columns={"value": name})
        scores = scores.merge(values, on=_KEYS, how="left", validate="many_to_one")
    room = scores["ceiling"] - scores["chance"]
    placed = scores["metric"].isin(HEADLINE) & (room > 0)
    scores["recovery"] = (scores["value"] - scores["chance"]) / room.where(placed)
    return scores


@lru_cache(maxsize=4)
def _anchors(
    dataset: Dataset, targets: tuple[str, ...], probes: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    latents = random_latents(dataset), spike_latents(dataset)
    # float32, as all latents are kept
    floor, ceiling = (score(z.astype(np.float32), dataset, targets, probes) for z in latents)
    return floor, ceiling


def _targets(dataset: Dataset, targets: Sequence[str] | None) -> tuple[str, ...]:
    if targets is None:
        if dataset.scenario is None:
            raise SimbenchError("evaluate: the dataset has no scenario; name the targets")
        targets = dataset.scenario.targets
    if not len(targets):
        raise SimbenchError("evaluate: no targets; needed is at least one label to recover")
    if "firing_type" not in dataset.labels:
        raise SimbenchError("evaluate: the dataset does not know the firing types of its neurons")
    _check_known("target", targets, [name for name in LABELS if name in dataset.labels])
    return tuple(targets)


def _check_known(what: str, names: Sequence[str], allowed: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name not in allowed:
            raise SimbenchError(f"evaluate: unknown {what} '{name}'; allowed: {', '.join(allowed)}")
        if name in names[:index]:
            raise SimbenchError(f"evaluate: {what} '{name}' is there twice; allowed: once")


def _splits(dataset: Dataset) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, training neurons and cross-validation groups of each split."""
    test = dataset.test_neurons
    yield "culture", ~test, dataset.culture
    yield "neuron", ~neuron_split(len(test), float(test.mean())), np.arange(len(test))


def _by_culture(
    metric: Callable[[np.ndarray, np.ndarray], float],
    answer: np.ndarray,
    predicted: np.ndarray,
    culture: np.ndarray,
    cultures: np.ndarray,
) -> list[float]:
    """Score of each of the cultures, NaN for one in which no neuron has the label."""
    of_each = [culture == c for c in cultures]
    return [metric(answer[m], predicted[m]) if m.any() else float("nan") for m in of_each]
