"""Windows of one length and frame rate, cut from recordings that differ in both."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.culture.neuron_labels import describe
from simbench.culture.spikes import SpikeTrains
from simbench.data.recording import Recording, Truth

_ROUNDING = 1e-6


def cut_windows(
    recordings: Sequence[Recording],
    seconds: float,
    frame_rate_hz: float,
    per_recording: int | None = None,
) -> list[list[Recording]]:
    """The windows of each recording; see `Dataset.windows`."""
    n_frames = round(seconds * frame_rate_hz) if np.isfinite(seconds * frame_rate_hz) else 0
    if n_frames < 2 or abs(n_frames - seconds * frame_rate_hz) > _ROUNDING * n_frames:
        raise SimbenchError(
            f"windows: {seconds:g} s at {frame_rate_hz:g} Hz are {seconds * frame_rate_hz:g} "
            "frames; allowed: a whole number, 2 or more"
        )
    if per_recording is not None and per_recording < 1:
        raise SimbenchError(f"windows: per_recording = {per_recording}; allowed: 1 or more")
    cut = [_windows_of(one, n_frames, frame_rate_hz, per_recording) for one in recordings]
    if not any(cut):
        longest = max(recording.duration_s for recording in recordings)
        raise SimbenchError(f"windows: {seconds:g} s asked for; the longest recording: {longest:g}")
    return cut


def _windows_of(
    recording: Recording, n_frames: int, frame_rate_hz: float, most: int | None
) -> list[Recording]:
    """The whole windows of ``n_frames`` frames; no more than ``most``."""
    if frame_rate_hz > recording.frame_rate * (1 + 1e-9):
        raise SimbenchError(
            f"windows: {frame_rate_hz:g} Hz asked for; recording {recording.name} has "
            f"{recording.frame_rate:.8g} Hz, and frames can only be averaged"
        )
    n_windows = int(recording.duration_s * frame_rate_hz / n_frames + _ROUNDING)
    n_windows = n_windows if most is None else min(n_windows, most)
    middles = (np.arange(recording.fluorescence.shape[1]) + 0.5) / recording.frame_rate
    bin_starts = np.arange(n_windows * n_frames + 1) / frame_rate_hz
    edges = np.searchsorted(middles + _ROUNDING / frame_rate_hz, bin_starts)

    def averaged(traces: np.ndarray, window: int) -> np.ndarray:
        bins = edges[window * n_frames : (window + 1) * n_frames + 1]
        light = np.asarray(traces[:, bins[0] : bins[-1]], dtype=np.float64)
        return (np.add.reduceat(light, bins[:-1] - bins[0], axis=1) / np.diff(bins)).astype("f4")

    def truth(window: int) -> Truth:
        whole = recording.read_truth()
        start, stop = (n * n_frames / frame_rate_hz for n in (window, window + 1))
        clean, neuropil = (
            None if traces is None else averaged(traces, window)
            for traces in (whole.clean_dff, whole.neuropil)
        )
        cut = replace(whole, clean_dff=clean, neuropil=neuropil)
        if whole.spikes is None:
            return cut
        spikes = cut_spikes(whole.spikes, start, stop)
        activity, summary = describe(spikes, whole.weights)
        labels = with_labels(whole.labels, activity)
        return replace(cut, labels=labels, spikes=spikes, summary={**whole.summary, **summary})

    return [
        Recording(
            f"{recording.name}-{window:03d}",
            averaged(recording.fluorescence, window),
            frame_rate_hz,
            partial(truth, window) if recording.load_truth else None,
            recording.group,
        )
        for window in range(n_windows)
    ]


def cut_spikes(spikes: SpikeTrains, start: float, stop: float) -> SpikeTrains:
    """The spikes of ``[start, stop)``, in seconds from its start."""
    inside = (spikes.times >= start) & (spikes.times < stop)
    times = np.minimum(spikes.times[inside] - start, np.nextafter(stop - start, 0))
    return SpikeTrains.from_events(spikes.neurons[inside], times, spikes.n_neurons, stop - start)


def with_labels(labels: pd.DataFrame, anew: pd.DataFrame) -> pd.DataFrame:
    """A label table in which columns of ``anew`` replace those of their names, or are added."""
    kept = labels.assign(**{name: anew[name] for name in anew.columns.intersection(labels.columns)})
    return kept.join(anew[anew.columns.difference(labels.columns, sort=False)])
