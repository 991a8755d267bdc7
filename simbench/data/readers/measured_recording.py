"""A recording that was measured: its traces, its spikes if they are known, and its labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.culture.neuron_labels import describe
from simbench.culture.spikes import SpikeTrains
from simbench.data.recording import Recording, Truth
from simbench.data.recording_windows import with_labels

_FURTHEST = 0.5


def measured_recording(
    name: str,
    fluorescence: np.ndarray,
    frame_times: np.ndarray,
    spikes: tuple[np.ndarray, np.ndarray] | None,
    labels: Mapping[str, Any],
    group: str = "",
) -> Recording:
    """Make a recording of measured traces, with labels of activity computed from the spikes.

    Electrodes often record longer than the camera: spikes before the first frame or after the last
    are left out, and counted in the summary as ``spikes_left_out``. If one is further away than
    half the length of the traces, the times of spikes and frames can't both be right.

    Parameters
    ----------
    fluorescence : ndarray, shape (n_neurons, n_frames)
    frame_times : ndarray, shape (n_frames,)
        Middles of the frames in seconds, evenly spaced to within half a frame.
    spikes : (ndarray, ndarray) or None
        Neuron and time (s) of each spike, on the clock of the frames; None if unknown.
    labels : mapping of str to values
        What else is known: a value for all neurons, or one for each.

    Raises
    ------
    SimbenchError
        If the parts do not fit each other.
    """
    light = np.atleast_2d(np.asarray(fluorescence, dtype=np.float32))
    rate = frame_rate_of(frame_times, light.shape[1])
    if not np.isfinite(light).all():
        raise SimbenchError("the fluorescence holds a value that is not finite")
    if not len(light):
        raise SimbenchError("no neurons")
    table = pd.DataFrame(dict(labels), index=pd.RangeIndex(len(light)))
    if spikes is None:
        truth = Truth(table, None, None, None, {})
    else:
        begin = frame_times[0] - 0.5 / rate
        trains, n_left_out = _trains(*spikes, begin, len(light), light.shape[1] / rate)
        activity, summary = describe(trains)
        about = {**summary, "spikes_left_out": n_left_out}
        truth = Truth(with_labels(table, activity), trains, None, None, about)
    return Recording(name, light, rate, lambda: truth, group)


def group_of(labels: Mapping[str, Any]) -> str:
    """The animal, or else the culture, that all neurons share; empty where neither is told."""
    for name in ("animal", "culture"):
        told = [one for one in np.unique(np.array(labels.get(name, ""), dtype=str)) if one]
        if len(told) > 1:
            raise SimbenchError(
                f"neurons of several {name}s, such as '{told[0]}' and '{told[1]}'; allowed: one"
            )
        if told:
            return str(told[0])
    return ""


def frame_rate_of(times: np.ndarray, n_frames: int) -> float:
    """Frame rate (Hz) of evenly spaced frames: their number over the time that they take."""
    if len(times) != n_frames:
        raise SimbenchError(f"{n_frames} frames, but {len(times)} times of frames")
    if n_frames < 2:
        raise SimbenchError(f"{n_frames} frames; at least 2 are needed")
    even = np.linspace(times[0], times[-1], n_frames)
    step = (times[-1] - times[0]) / (n_frames - 1)
    if not np.isfinite(times).all() or step <= 0 or np.abs(times - even).max() > step / 2:
        raise SimbenchError("the times of the frames are not evenly spaced: a frame is missing")
    return float(1 / step)


def _trains(
    neurons: np.ndarray, times: np.ndarray, begin: float, n_neurons: int, duration: float
) -> tuple[SpikeTrains, int]:
    """Spikes during the frames, and how many others there were."""
    if not np.isfinite(times).all():
        raise SimbenchError("a spike time is not finite")
    after = times - begin
    inside = (after >= 0) & (after < duration)
    furthest = np.maximum(-after, after - duration).max(initial=0)
    if furthest > _FURTHEST * duration:
        raise SimbenchError(
            f"a spike lies {furthest:g} s outside of the {duration:g} s of the frames; allowed: up "
            "to half their length. Are spikes and frames in the same unit, on one clock?"
        )
    trains = SpikeTrains.from_events(neurons[inside], after[inside], n_neurons, duration)
    return trains, int((~inside).sum())
