"""Recordings as objects of xarray and pynapple, without a file between."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from simbench.core.errors import needing
from simbench.data.recording import Recording

if TYPE_CHECKING:
    from xarray import Dataset as XarrayDataset


def to_xarray(recordings: Sequence[Recording]) -> "XarrayDataset":
    """Traces (neuron x time) and labels (neuron) of recordings of one length and frame rate.

    ``time`` is in seconds; ``recording`` names the recording of each neuron. Blinded recordings
    have no labels, measured ones no ``clean_dff``.
    """
    with needing("analysis", "to_xarray"):
        import xarray
    truths = [r.read_truth() for r in recordings if r.load_truth]
    arrays = {
        "fluorescence": [r.fluorescence for r in recordings],
        "dff": [r.dff for r in recordings],
        "clean_dff": [t.clean_dff for t in truths if t.clean_dff is not None],
    }
    traces = {
        name: (("neuron", "time"), np.concatenate(parts))
        for name, parts in arrays.items()
        if len(parts) == len(recordings)
    }
    labels = pd.concat([t.labels for t in truths], ignore_index=True) if truths else pd.DataFrame()
    first = recordings[0]
    names = np.repeat([r.name for r in recordings], [r.n_neurons for r in recordings])
    return xarray.Dataset(
        traces | {str(name): ("neuron", column.to_numpy()) for name, column in labels.items()},
        coords={
            "recording": ("neuron", names),
            "time": np.arange(first.fluorescence.shape[1]) / first.frame_rate,
        },
        attrs={"frame_rate_hz": first.frame_rate},
    )


def to_pynapple(recording: Recording) -> dict[str, Any]:
    """``dff`` as a TsdFrame (time x neurons), and ``spikes``, if known, as a TsGroup.

    Labels are the metadata of both.
    """
    with needing("analysis", "to_pynapple"):
        import pynapple
    truth = recording.read_truth() if recording.load_truth else None
    seconds = np.arange(recording.fluorescence.shape[1]) / recording.frame_rate
    whole = pynapple.IntervalSet(0, recording.duration_s)
    labels = truth.labels if truth else None
    made: dict[str, Any] = {
        "dff": pynapple.TsdFrame(t=seconds, d=recording.dff.T, time_support=whole, metadata=labels)
    }
    if truth and truth.spikes is not None:
        trains = {
            neuron: pynapple.Ts(truth.spikes[neuron], time_support=whole)
            for neuron in range(recording.n_neurons)
        }
        made["spikes"] = pynapple.TsGroup(trains, time_support=whole, metadata=labels)
    return made
