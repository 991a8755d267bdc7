"""What is scored of a method's outputs: a protocol is a function from outputs and truth to rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from simbench.core import cache
from simbench.core.files import read_json
from simbench.data.dataset import Dataset
from simbench.data.published_traces import published_traces
from simbench.data.recording import Recording, clean_trace
from simbench.data.splits import published_split
from simbench.scenario.labels import LABELS
from simbench.scoring.checks import check_latents
from simbench.scoring.latent_rows import ScoreRow, make_row, rows_of_latents
from simbench.scoring.probes import read
from simbench.scoring.published_protocol import pooled_correlation, published_ari, published_mse
from simbench.scoring.trace_metrics import (
    interval_coverage,
    predictive_nll,
    reconstruction_r2,
    reconstruction_skill,
    values_per_minute,
)

Outputs = Mapping[str, np.ndarray]
_SCORES = "scores.json"


def make_scores(folder: Path, outputs: Outputs, dataset: Dataset) -> None:
    """Leave the rows of stored outputs in the cache.

    Parameters
    ----------
    folder : Path
        Entry of the cache.
    outputs : mapping of str to ndarray
        What a method left: ``latents`` (n_neurons, n_components), and what its scenario's
        protocols ask for.
    dataset : Dataset
        With its scenario and its truth.
    """

    def make(draft: Path) -> None:
        protocols = dataset.scenario.protocols if dataset.scenario else ["latents"]
        latents = check_latents(outputs["latents"], len(dataset.labels))
        checked = {**outputs, "latents": latents}
        rows = [row for name in protocols for row in PROTOCOLS[name](checked, dataset)]
        (draft / _SCORES).write_text(json.dumps({"rows": rows}), encoding="utf-8")

    cache.fetch(folder, make)


def read_scores(folder: Path) -> list[ScoreRow]:
    """Rows of an entry of the cache."""
    return read_json(folder / _SCORES)["rows"]


def score_latents(outputs: Outputs, dataset: Dataset) -> Iterator[ScoreRow]:
    """How well the latents recover the scenario's targets: the rows of `evaluate.score`."""
    assert dataset.scenario is not None
    yield from rows_of_latents(outputs["latents"], dataset, dataset.scenario.targets)


def score_reconstruction(outputs: Outputs, dataset: Dataset) -> Iterator[ScoreRow]:
    """Rows of target "trace", over held-out cultures; none if the method gives nothing back.

    R2 and skill of the reconstruction against `clean_trace`, and the values it was made from;
    coverage of the noisy dF/F by predictive intervals; its log density. What is NaN is not
    predicted.
    """
    tested = [r for r, is_test in zip(dataset.recordings, dataset.test) if is_test]
    ends = np.cumsum([r.n_neurons for r in tested])[:-1]
    parts = {
        name: np.split(outputs[name], ends)
        for name in ("reconstruction", "low", "high", "log_density")
        if name in outputs
    }
    n_values = outputs["latents"].shape[1]
    scores: dict[str, list[float]] = {}
    for i, recording in enumerate(tested):
        mine = {name: part[i] for name, part in parts.items()}
        for metric, value in _scores_of_traces(mine, recording, n_values).items():
            scores.setdefault(metric, []).append(value)
    for metric, values in scores.items():
        yield make_row("trace", metric, float(np.nanmean(values)), per_culture=values)


def _scores_of_traces(outputs: Outputs, recording: Recording, n_values: int) -> dict[str, float]:
    scores: dict[str, float] = {}
    if "reconstruction" in outputs:
        given_back, clean = outputs["reconstruction"], clean_trace(recording)
        price = values_per_minute(n_values, clean.shape[1], recording.frame_rate)
        scores["reconstruction_r2"] = reconstruction_r2(given_back, clean)
        scores["reconstruction_skill"] = reconstruction_skill(given_back, clean, recording.dff)
        scores["values_per_minute"] = price
    if "low" in outputs:
        scores["coverage"] = interval_coverage(recording.dff, outputs["low"], outputs["high"])
    if "log_density" in outputs:
        scores["predictive_nll"] = predictive_nll(outputs["log_density"])
    return scores


def score_published(outputs: Outputs, dataset: Dataset) -> Iterator[ScoreRow]:
    """Rows of the protocol of arXiv 2501.14615, with the split "neuron"; none for controls.

    For a replication only: ``published_ari`` of the firing type; ``pooled_correlation`` of every
    target that is a number, read from the same latents by the linear probe; ``published_mse`` of
    the traces. Where a method is a linear map, eps of the clustering goes from 0.50 to 1.99, else
    from 0.01 to 0.49.
    """
    if "published_latents" not in outputs:
        return
    latents = np.asarray(outputs["published_latents"], dtype=float)
    test = published_split(len(latents), dataset.seed or 0)
    kind = dataset.labels["firing_type"].to_numpy(dtype=str)
    family = "pca" if outputs["published_is_linear"][0] else "avae"
    ari = published_ari(latents[test], kind[test], family)
    yield make_row("firing_type", "published_ari", ari, split="neuron")
    for name in dataset.scenario.targets if dataset.scenario else []:
        if LABELS[name].kind == "number":
            truth = dataset.labels[name].to_numpy(dtype=float)
            train, scored = ~test & np.isfinite(truth), test & np.isfinite(truth)
            reading = read(latents, truth, train, scored, np.arange(len(test)), "linear", False)
            correlation = pooled_correlation(truth[scored], reading.predicted)
            yield make_row(name, "pooled_correlation", correlation, "linear", "neuron")
    if "published_reconstruction" in outputs:
        noisy, clean = published_traces(dataset.recordings)
        error = published_mse(outputs["published_reconstruction"], clean, noisy, test)
        yield make_row("trace", "published_mse", error, split="neuron")


PROTOCOLS: dict[str, Callable[[Outputs, Dataset], Iterator[ScoreRow]]] = {
    "latents": score_latents,
    "reconstruction": score_reconstruction,
    "published": score_published,
}
