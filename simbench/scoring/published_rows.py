"""The protocol of arXiv 2501.14615 for a method: rows that say what the protocol is worth.

For a replication only (`simbench.scoring.published_protocol` has the steps). The method is fitted
anew, on 80 % of the neurons of all cultures. Where the publication knows two ways, a method that is
a linear map (it has ``components_``) goes PCA's: fitted to clean traces for the clustering, to
noisy ones for the reconstruction, eps from 0.50 to 1.99. Every other method goes the AVAE's: fitted
to noisy traces once, clean traces embedded, eps from 0.01 to 0.49. One thing differs: here no
method stops its training on the very neurons that are scored.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from simbench.data.dataset import Dataset
from simbench.scenario.labels import LABELS
from simbench.scoring.latent_rows import Row, make_row
from simbench.scoring.probes import predict
from simbench.scoring.protocols import Trial
from simbench.scoring.published_protocol import (
    pooled_correlation,
    published_ari,
    published_mse,
    published_scale,
    published_split,
)


def score_published(trial: Trial) -> list[Row]:
    """Rows with the split "neuron"; none for controls that read the truth.

    ``published_ari`` of the firing type; ``pooled_correlation`` of every target that is a number,
    read from the same latents by the linear probe; ``published_mse`` of the traces, if the method
    has ``inverse_transform``.
    """
    if not hasattr(trial.method, "transform") or not hasattr(trial.method, "get_params"):
        return []
    return list(_rows(trial))


def _rows(trial: Trial) -> Iterator[Row]:
    noisy, clean = _traces(trial.dataset)
    test = published_split(len(noisy), trial.seed)
    fitted = clone(trial.method).fit(noisy[~test])
    is_linear = hasattr(fitted, "components_")
    embedding = clone(trial.method).fit(clean[~test]) if is_linear else fitted
    latents = np.asarray(embedding.transform(clean), dtype=float)
    kind = trial.dataset.labels["firing_type"].to_numpy(dtype=str)
    ari = published_ari(latents[test], kind[test], "pca" if is_linear else "avae")
    yield make_row("firing_type", "published_ari", ari, split="neuron")
    for name in _numbers(trial.dataset):
        truth = trial.dataset.labels[name].to_numpy(dtype=float)
        read = predict(latents, truth, ~test, test, np.arange(len(test)), "linear", False)
        correlation = pooled_correlation(truth[test], read)
        yield make_row(name, "pooled_correlation", correlation, "linear", "neuron")
    if hasattr(fitted, "inverse_transform"):
        given_back = fitted.inverse_transform(_drawn(fitted, noisy[test]))
        error = published_mse(given_back, clean, noisy, test)
        yield make_row("trace", "published_mse", error, split="neuron")


def _traces(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Noisy fluorescence and clean dF/F of all neurons, each on a scale of its own."""
    noisy = np.concatenate([recording.fluorescence for recording in dataset.recordings])
    clean = np.concatenate([recording.read_truth().clean_dff for recording in dataset.recordings])
    return published_scale(noisy), published_scale(clean)


def _drawn(method: Any, traces: np.ndarray) -> np.ndarray:
    """Latents to decode: one draw from the posterior, as published, if the method has one."""
    draw = getattr(method, "sample", method.transform)
    return draw(traces)


def _numbers(dataset: Dataset) -> list[str]:
    targets = dataset.scenario.targets if dataset.scenario else []
    return [name for name in targets if LABELS[name].kind == "number"]
