"""Rows of latents: labels read by probes, clusters, cultures, nuisances, all targets at once."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context

from simbench.core.seeds import stream
from simbench.data.dataset import Dataset
from simbench.data.splits import neuron_split
from simbench.scenario.labels import is_class
from simbench.scoring import HEADLINE, PROBES
from simbench.scoring.disentanglement import ALL_TARGETS, dci, truth_matrix
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.metric_registry import Metric
from simbench.scoring.probes import read
from simbench.scoring.statistics import pseudo_values
from simbench.scoring.targets import Target, read_targets

ScoreRow = dict[str, Any]
"""``target``, ``metric``, ``probe``, ``split``, ``value``, ``per_culture`` (list) of a score; of
recordings the names of these ``cultures``, of a class also its ``confusion``, and of a class of
cultures the ``chance`` of its vote."""
_FEWEST = 10
_FEWEST_READ = 3  # neurons that a probe learns from
_N_NEURON_SPLITS = {"linear": 10, "nonlinear": 1}
_N_LABELLED_DRAWS = 10


def make_row(
    target: str, metric: str, value: float, probe: str = "none", split: str = "culture",
    per_culture: Sequence[float] = (), **others: Any,
) -> ScoreRow:  # fmt: skip
    """A score of a target; of held-out cultures and without a probe unless it says so."""
    return {
        "target": target, "metric": metric, "probe": probe, "split": split,
        "value": float(value), "per_culture": list(per_culture), **others,
    }  # fmt: skip


def rows_of_latents(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[str], probes: Sequence[str] = PROBES
) -> list[ScoreRow]:
    """All rows of latents (n_neurons, n_components), targets and probes in the order given."""
    # latents are checked; scikit-learn would check them again in each of some hundred small fits
    with config_context(assume_finite=True, skip_parameter_validation=True):
        asked = list(read_targets(dataset, targets))
        return [
            *_probe_rows(latents, dataset, asked, probes),
            *_label_free_rows(latents, dataset, asked),
            *_nuisance_rows(latents, dataset),
            *_all_targets_rows(latents, dataset, asked),
        ]


def _probe_rows(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[Target], probes: Sequence[str]
) -> Iterator[ScoreRow]:
    """Rows of the targets, read by each probe in the split by culture and in that by neuron."""
    for target in targets:
        for probe in probes:
            yield from _culture_rows(latents, dataset, target, probe)
            if dataset.scenario is None or dataset.scenario.labelled_cultures is None:
                yield from _neuron_rows(latents, dataset, target, probe)


def _culture_rows(
    latents: np.ndarray, dataset: Dataset, target: Target, probe: str
) -> Iterator[ScoreRow]:
    """Scores of whole cultures that the probe has not seen."""
    scored = dataset.test_neurons & target.known
    tested = np.unique(dataset.culture[dataset.test_neurons])
    found: dict[str, list[list[float]]] = {}
    truths, predictions = [], []
    for labelled in labelled_neurons(dataset, target):
        train = labelled & target.known
        answer, readable = target.answer(train), target.readable(latents, train)
        reading = read(readable, answer, train, scored, dataset.culture, probe, target.is_class)
        truths.append(answer[scored])
        predictions.append(reading.predicted)
        values_of: dict[str, Any] = {"truth": answer[scored], "predicted": reading.predicted}
        if reading.log_p is not None:
            values_of["log_p"] = reading.log_p
        for metric in _metrics_of(target):
            if metric.takes <= values_of.keys():
                values = _by_culture(metric, dataset, target, scored, tested, values_of)
                found.setdefault(metric.name, []).append(values)
    for name, draws in found.items():
        values = pd.DataFrame(draws).mean().to_list()
        others: ScoreRow = {}
        if dataset.scenario is not None and dataset.scenario.recordings is not None:
            others["cultures"] = [dataset.group_names[culture] for culture in tested]
        if name in HEADLINE and target.is_class and probe == "linear":
            others["confusion"] = confusion(np.concatenate(truths), np.concatenate(predictions))
        if METRICS[name].group == "class of a culture":
            first = dataset.labels[target.name].groupby(dataset.culture).first()[tested]
            others["chance"] = float(first.value_counts(normalize=True).max())
        mean = float(np.nanmean(values))
        yield make_row(target.name, name, mean, probe, "culture", values, **others)


def labelled_neurons(dataset: Dataset, target: Target) -> Iterator[np.ndarray]:
    """Neurons that the probe may learn from: all that train, or those of a few cultures, drawn.

    Where a class is one for a whole culture, each draw has as many cultures of one as of another.
    """
    train = ~dataset.test_neurons
    n = dataset.scenario.labelled_cultures if dataset.scenario else None
    if n is None:
        yield train
        return
    cultures = np.unique(dataset.culture[train & target.known])
    kinds = np.zeros(len(cultures))
    if target.is_class:
        known = pd.Series(target.label[target.known]).groupby(dataset.culture[target.known])
        if (known.nunique() < 2).all():
            kinds = known.first()[cultures].to_numpy()
    for draw in range(_N_LABELLED_DRAWS):
        order = stream(0, "labelled cultures", draw).permutation(len(cultures))
        place = pd.Series(order).groupby(kinds[order]).cumcount().to_numpy()
        chosen = cultures[order[np.argsort(place, kind="stable")]][:n]
        yield train & np.isin(dataset.culture, chosen)


def _neuron_rows(
    latents: np.ndarray, dataset: Dataset, target: Target, probe: str
) -> Iterator[ScoreRow]:
    """The headline score where neurons are divided at random, the mean over several divisions.

    All have the strength that the first has chosen. None where too few neurons have the label.
    """
    culture = dataset.culture
    cultures, alone = np.unique(culture), np.arange(len(culture))
    metric = next(metric for metric in _metrics_of(target) if metric.name in HEADLINE)
    scores, strength = [], None
    for draw in range(_N_NEURON_SPLITS[probe]):
        test = neuron_split(len(culture), float(dataset.test_neurons.mean()), draw)
        train, scored = ~test & target.known, test & target.known
        if train.sum() < _FEWEST_READ or not scored.any():
            continue
        answer, readable = target.answer(train), target.readable(latents, train)
        reading = read(readable, answer, train, scored, alone, probe, target.is_class, strength)
        strength = reading.strength
        values_of = {"truth": answer[scored], "predicted": reading.predicted}
        scores.append(_by_culture(metric, dataset, target, scored, cultures, values_of))
    if not scores:
        return
    means = pd.DataFrame(scores).mean().to_list()
    with warnings.catch_warnings():  # a draw may have no score
        warnings.simplefilter("ignore", RuntimeWarning)
        value = float(np.nanmean(np.nanmean(scores, axis=1)))
    yield make_row(target.name, metric.name, value, probe, "neuron", means)


def confusion(truth: np.ndarray, predicted: np.ndarray) -> dict[str, dict[str, float]]:
    """Share of the neurons of each class that is given each class."""
    return pd.crosstab(truth, predicted, normalize="index").to_dict("index")


def _metrics_of(target: Target) -> list[Metric]:
    if not target.is_class:
        return _in_group("number")
    of_class = _in_group("class")
    if not target.is_shared:
        return of_class
    # neurons vote: their own accuracy would be a second headline
    return [*_in_group("class of a culture"), *(m for m in of_class if m.name not in HEADLINE)]


def _label_free_rows(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[Target]
) -> Iterator[ScoreRow]:
    """Rows that need no label to be fitted: clusters and neighbours of classes and of cultures.

    All are of held-out cultures only. Metrics that are tuned on labels say so by their name.
    """
    test = dataset.test_neurons
    classes = [target for target in targets if target.is_class]
    for target in classes:
        known = test & target.known
        given = {"latents": latents[known], "culture": dataset.culture[known]}
        for metric in _in_group("clusters"):
            yield make_row(target.name, metric.name, metric(labels=target.label[known], **given))
    known = test & classes[0].known if classes else test
    given = {"latents": latents[known], "culture": dataset.culture[known]}
    if len(np.unique(given["culture"])) > 1 and not has_small_groups(dataset):
        labels = classes[0].label[known] if classes else np.zeros(known.sum())
        for metric in _in_group("culture"):
            yield make_row("culture", metric.name, metric(labels=labels, **given))


def _nuisance_rows(latents: np.ndarray, dataset: Dataset) -> Iterator[ScoreRow]:
    """Rows of the scenario's nuisances, but for the culture itself (`_label_free_rows`).

    A linear probe learns from the training cultures and is scored on all neurons of the others
    at once, because many nuisances are the same in a whole culture. No row for a nuisance that
    does not vary.
    """
    for name in dataset.scenario.nuisances if dataset.scenario else []:
        if name == "culture":
            continue
        known = dataset.labels[name].notna().to_numpy()
        column, train = dataset.labels[name][known], ~dataset.test_neurons[known]
        if any(column[side].nunique() < 2 for side in (train, ~train)):
            continue
        named = is_class(dataset.labels, name)
        metric = METRICS["nuisance_accuracy" if named else "nuisance_r2"]
        nuisance = column.to_numpy(dtype=str if named else float)
        culture = dataset.culture[known]
        value = metric(latents=latents[known], nuisance=nuisance, culture=culture, train=train)
        yield make_row(name, metric.name, value)


def _all_targets_rows(
    latents: np.ndarray, dataset: Dataset, targets: Sequence[Target]
) -> Iterator[ScoreRow]:
    """Rows of target "all targets": disentanglement, and likeness to the matrix of the truth.

    Fitted on training cultures, scored on the others. Numbers are deviations from the mean of
    their firing type, so that the type is not counted twice. Neurons that lack a label are left
    out; no rows where fewer than 10 neurons are left on either side.
    """
    known = np.all([target.known for target in targets], axis=0)
    train = ~dataset.test_neurons
    if min(np.sum(known & train), np.sum(known & ~train)) < _FEWEST:
        return
    factors = {target.name: target.answer(train & target.known)[known] for target in targets}
    given = {"latents": latents[known], "reference": truth_matrix(factors), "train": train[known]}
    values = dci(latents[known], factors, train[known])  # three metrics of one fit
    for metric in _in_group(ALL_TARGETS):
        if metric.name not in values:
            values[metric.name] = metric(**given, **values)
    for name, value in values.items():
        yield make_row(ALL_TARGETS, name, value)


def _by_culture(
    metric: Metric, dataset: Dataset, target: Target, scored: np.ndarray, tested: np.ndarray,
    values_of: dict[str, Any],
) -> list[float]:  # fmt: skip
    """Score of every tested culture; NaN for one in which no neuron has the label.

    Where groups are small (`has_small_groups`), or a number is one for all neurons of a recording,
    the score is that of the neurons of all test cultures together, and `pseudo_values` stand for
    the cultures; their mean is that score.
    """
    culture = dataset.culture[scored]
    together = has_small_groups(dataset) or is_of_recordings(dataset, target)
    if together and metric.group != "class of a culture":
        values = pseudo_values(metric, culture, **values_of)
        return pd.Series(values, index=np.unique(culture)).reindex(tested).to_list()
    return [
        metric(**{name: values[culture == c] for name, values in values_of.items()})
        if np.any(culture == c)
        else float("nan")
        for c in tested
    ]


def has_small_groups(dataset: Dataset) -> bool:
    """Whether the median culture or animal has fewer than 10 neurons: too few for its own score."""
    return bool(np.median(np.bincount(dataset.culture)) < _FEWEST)


def is_of_recordings(dataset: Dataset, target: Target) -> bool:
    """Whether a number is the same for all neurons of each recording, such as days in vitro."""
    by_recording = pd.Series(target.label).groupby(dataset.recording)
    return not target.is_class and bool((by_recording.nunique() < 2).all())


def _in_group(name: str) -> list[Metric]:
    return [metric for metric in METRICS.values() if metric.group == name]
