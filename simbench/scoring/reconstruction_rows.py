"""What a fitted method can give back of traces it has never seen, culture by culture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simbench.data.recording import Recording
from simbench.imaging.dff import delta_f_over_f
from simbench.scoring.latent_rows import Row, make_row
from simbench.scoring.protocols import Trial
from simbench.scoring.trace_metrics import (
    interval_coverage,
    predictive_nll,
    reconstruction_r2,
    reconstruction_skill,
    values_per_minute,
)

LEVEL = 0.9
"""Probability of the predictive intervals that are scored."""


def score_reconstruction(trial: Trial) -> list[Row]:
    """Rows of target "trace", over held-out cultures; none if the method gives nothing back.

    With ``inverse_transform(Z) -> (n_neurons, n_frames)``: ``reconstruction_r2`` and
    ``reconstruction_skill`` of dF/F against `clean_trace`, and ``values_per_minute``. With
    ``predict_interval(X, level) -> (low, high)``: ``coverage`` of the noisy dF/F. With
    ``log_density(X)``: ``predictive_nll``. What is NaN is not predicted.
    """
    dataset = trial.dataset
    tested = [r for r, is_test in zip(dataset.recordings, dataset.test) if is_test]
    scores: dict[str, list[float]] = {}
    if callable(getattr(trial.method, "inverse_transform", None)):
        latents = [trial.latents[dataset.culture == i] for i in np.flatnonzero(dataset.test)]
        scores |= _reconstruction(trial.method, tested, latents)
    if callable(getattr(trial.method, "predict_interval", None)):
        scores["coverage"] = [_coverage(trial.method, recording) for recording in tested]
    if callable(getattr(trial.method, "log_density", None)):
        scores["predictive_nll"] = [predictive_nll(trial.method.log_density(r.dff)) for r in tested]
    return [
        make_row("trace", metric, float(np.nanmean(values)), per_culture=values)
        for metric, values in scores.items()
    ]


def clean_trace(recording: Recording) -> np.ndarray:
    """dF/F (n_neurons, n_frames) of the cells' own light, against its own running baseline.

    The scale of the noisy dF/F. The truth's dF/F is against the silent cell: no camera sees that
    baseline of a cell that never falls silent.
    """
    clean = recording.read_truth().clean_dff
    return delta_f_over_f(1 + clean, recording.frame_rate)


def _reconstruction(
    method: Any, recordings: Sequence[Recording], latents: Sequence[np.ndarray]
) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {
        "reconstruction_r2": [], "reconstruction_skill": [], "values_per_minute": [],
    }  # fmt: skip
    for recording, z in zip(recordings, latents):
        traces, clean = method.inverse_transform(z), clean_trace(recording)
        price = values_per_minute(z.shape[1], clean.shape[1], recording.frame_rate)
        scores["reconstruction_r2"].append(reconstruction_r2(traces, clean))
        scores["reconstruction_skill"].append(reconstruction_skill(traces, clean, recording.dff))
        scores["values_per_minute"].append(price)
    return scores


def _coverage(method: Any, recording: Recording) -> float:
    observed = recording.dff
    return interval_coverage(observed, *method.predict_interval(observed, level=LEVEL))
