"""Rows of latents: labels read by probes, clusters, cultures, nuisances, all targets at once."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from simbench.data.dataset import Dataset
from simbench.scenario.labels import is_class
from simbench.scoring.disentanglement import ALL_TARGETS, dci, truth_matrix
from simbench.scoring.metric_registry import Metric
from simbench.scoring.metrics import METRICS
from simbench.scoring.probes import neuron_split, predict
from simbench.scoring.statistics import pseudo_values
from simbench.scoring.targets import Target, read_targets

Row = dict[str, Any]
"""``target``, ``metric``, ``probe``, ``split``, ``value`` and ``per_culture`` (list) of a score."""
_FEWEST = 10


def make_row(
    target: str, metric: str, value: float, probe: str = "none", split: str = "culture",
    per_culture: Sequence[float] = (),
) -> Row:  # fmt: skip
    """A score of a target; of held-out cultures and without a probe unless it says so."""
    return {
        "target": target, "metric": metric, "probe": probe, "split": split,
        "value": float(value), "per_culture": list(per_culture),
    }  # fmt: skip


def rows_of_latents(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str], probes: Sequence[str]
) -> list[Row]:
    """All rows of latents (n_neurons, n_components), targets and probes in the order given."""
    return [
        *_probe_rows(latents, dataset, targets, probes),
        *_label_free_rows(latents, dataset, targets),
        *_nuisance_rows(latents, dataset),
        *_all_targets_rows(latents, dataset, targets),
    ]


def _probe_rows(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str], probes: Sequence[str]
) -> Iterator[Row]:
    """Rows of the targets, read by each probe in the split by culture and in that by neuron."""
    test = dataset.test_neurons
    splits = {
        "culture": (~test, dataset.culture),
        "neuron": (~neuron_split(len(test), float(test.mean())), np.arange(len(test))),
    }
    for target in read_targets(dataset, targets):
        for probe in probes:
            for split, (train, groups) in splits.items():
                scores = _read_by_culture(latents, dataset, target, probe, train, groups)
                for name, values in scores.items():
                    mean = float(np.nanmean(values))
                    yield make_row(target.name, name, mean, probe, split, values)


def _label_free_rows(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str]
) -> Iterator[Row]:
    """Rows that need no label to be fitted: clusters and neighbours of classes and of cultures.

    All are of held-out cultures only. Metrics that are tuned on labels say so by their name.
    """
    test = dataset.test_neurons
    given = {"latents": latents[test], "culture": dataset.culture[test]}
    classes = {t.name: t.label[test] for t in read_targets(dataset, targets) if t.is_class}
    for name, labels in classes.items():
        for metric in _in_group("clusters"):
            yield make_row(name, metric.name, metric(labels=labels, **given))
    if len(np.unique(given["culture"])) > 1 and not has_small_groups(dataset):
        labels = next(iter(classes.values()), np.zeros(test.sum()))
        for metric in _in_group("culture"):
            yield make_row("culture", metric.name, metric(labels=labels, **given))


def _nuisance_rows(latents: np.ndarray, dataset: Dataset) -> Iterator[Row]:
    """Rows of the scenario's nuisances, but for the culture itself (`_label_free_rows`).

    A linear probe learns from the training cultures and is scored on all neurons of the others
    at once, because many nuisances are the same in a whole culture. No row for a nuisance that
    does not vary.
    """
    train = ~dataset.test_neurons
    for name in dataset.scenario.nuisances if dataset.scenario else []:
        if name == "culture":
            continue
        column = dataset.labels[name]
        if any(column[side].nunique() < 2 for side in (train, ~train)):
            continue
        named = is_class(dataset.labels, name)
        metric = METRICS["nuisance_accuracy" if named else "nuisance_r2"]
        nuisance = column.to_numpy(dtype=str if named else float)
        value = metric(latents=latents, nuisance=nuisance, culture=dataset.culture, train=train)
        yield make_row(name, metric.name, value)


def _all_targets_rows(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str]
) -> Iterator[Row]:
    """Rows of target "all targets": disentanglement, and likeness to the matrix of the truth.

    Fitted on training cultures, scored on the others. Numbers are deviations from the mean of
    their firing type, so that the type is not counted twice. Neurons that lack a label are left
    out; no rows where fewer than 10 neurons are left on either side.
    """
    asked = list(read_targets(dataset, targets))
    known = np.all([target.known for target in asked], axis=0)
    train = ~dataset.test_neurons
    if min(np.sum(known & train), np.sum(known & ~train)) < _FEWEST:
        return
    factors = {target.name: target.answer(train & target.known)[known] for target in asked}
    given = {"latents": latents[known], "reference": truth_matrix(factors), "train": train[known]}
    values = dci(latents[known], factors, train[known])  # three metrics of one fit
    for metric in _in_group(ALL_TARGETS):
        if metric.name not in values:
            values[metric.name] = metric(**given, **values)
    for name, value in values.items():
        yield make_row(ALL_TARGETS, name, value)


def _read_by_culture(
    latents: np.ndarray, dataset: Dataset, target: Target, probe: str, train: np.ndarray,
    groups: np.ndarray,
) -> dict[str, list[float]]:  # fmt: skip
    """Scores of every test culture, by metric; NaN for a culture where no neuron has the label.

    Where groups are small (`has_small_groups`), or a number is one for all neurons of a recording,
    the score is that of the neurons of all test cultures together, and `pseudo_values` stand for
    the cultures; their mean is that score.
    """
    culture = dataset.culture
    tested = np.unique(culture[~train])
    train, scored = train & target.known, ~train & target.known
    answer, readable = target.answer(train), target.readable(latents, train)
    predicted = predict(readable, answer, train, scored, groups, probe, target.is_class)
    metrics = _in_group("class" if target.is_class else "number")
    if has_small_groups(dataset) or _is_of_recordings(dataset, target):
        names = np.unique(culture[scored])
        pooled = {
            m.name: pseudo_values(m, culture[scored], truth=answer[scored], predicted=predicted)
            for m in metrics
        }
        return {
            name: pd.Series(values, index=names).reindex(tested).to_list()
            for name, values in pooled.items()
        }
    pairs = [
        {"truth": answer[scored][mine], "predicted": predicted[mine]}
        for mine in (culture[scored] == c for c in tested)
    ]
    return {
        m.name: [m(**pair) if len(pair["truth"]) else float("nan") for pair in pairs]
        for m in metrics
    }


def has_small_groups(dataset: Dataset) -> bool:
    """Whether the median culture or animal has fewer than 10 neurons: too few for its own score."""
    return bool(np.median(np.bincount(dataset.culture)) < _FEWEST)


def _is_of_recordings(dataset: Dataset, target: Target) -> bool:
    """Whether a number is the same for all neurons of each recording, such as days in vitro."""
    if target.is_class:
        return False
    spread = pd.Series(target.label).groupby(dataset.recording).agg(["min", "max"])
    return bool((spread["min"] == spread["max"]).all())


def _in_group(name: str) -> list[Metric]:
    return [metric for metric in METRICS.values() if metric.group == name]
