"""How well the nuisances of a scenario can be read from latents: what a good latent ignores."""

import numpy as np

from simbench.data.dataset import Dataset
from simbench.scenario.labels import LABELS
from simbench.scoring.checks import check_latents
from simbench.scoring.metric_registry import METRICS
from simbench.scoring.metrics import balanced_accuracy
from simbench.scoring.probes import predict
from simbench.scoring.row import Row, make_row


def nuisances(latents: np.ndarray, dataset: Dataset) -> list[Row]:
    """Rows of the scenario's nuisances, but for the culture itself (`beside`).

    A linear probe learns from the training cultures and is scored on all neurons of the others
    together, for many a nuisance is the same in a whole culture. No row for a nuisance that does
    not vary.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    dataset : Dataset
    """
    names = dataset.scenario.nuisances if dataset.scenario else []
    train, rows = ~dataset.test_neurons, []
    for name in names:
        column = dataset.labels[name]
        if name == "culture" or any(column[side].nunique() < 2 for side in (train, ~train)):
            continue
        is_class = LABELS[name].kind == "class"
        metric = METRICS["nuisance_accuracy" if is_class else "nuisance_r2"]
        nuisance = column.to_numpy(dtype=str if is_class else float)
        value = metric(latents=latents, nuisance=nuisance, culture=dataset.culture, train=train)
        rows.append(make_row(name, metric.name, value))
    return rows


def nuisance_r2(
    latents: np.ndarray, nuisance: np.ndarray, culture: np.ndarray, train: np.ndarray
) -> float:
    """Share of a number's variance that a linear probe predicts in unseen cultures (at most 1).

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    nuisance : ndarray of float, shape (n_neurons,)
        Neurons without a value are left out.
    culture : ndarray, shape (n_neurons,)
        Cultures are never divided when the probe's strength is chosen.
    train : ndarray of bool, shape (n_neurons,)

    Returns
    -------
    float
        0 for the mean of the training neurons, below 0 for worse; NaN if nothing varies.
    """
    latents, known = check_latents(latents, len(nuisance)), np.isfinite(nuisance)
    fitted, scored = train & known, ~train & known
    truth, mean = nuisance[scored], nuisance[fitted].mean()
    predicted = predict(latents, nuisance, fitted, scored, culture, "linear", False)
    total = float(np.sum((truth - mean) ** 2))
    return 1 - float(np.sum((truth - predicted) ** 2)) / total if total > 0 else float("nan")


def nuisance_accuracy(
    latents: np.ndarray, nuisance: np.ndarray, culture: np.ndarray, train: np.ndarray
) -> float:
    """Balanced accuracy with which a linear probe names a class in unseen cultures.

    Parameters are those of `nuisance_r2`, with classes for numbers.
    """
    latents, names = check_latents(latents, len(nuisance)), nuisance.astype(str)
    predicted = predict(latents, names, train, ~train, culture, "linear", True)
    return balanced_accuracy(names[~train], predicted)
