"""Events of single traces: what each frame adds to the decay of the frames before it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from simbench.methods.features import compress, long_enough, row_quantiles

SD_PER_MAD = 1.4826
_THRESHOLD_SD = 4.0  # of the noise: what stands out from it is an event
_QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
_SUMS_S = (0.25, 1.0, 4.0)
_SIZES = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0)  # noise levels
_INTERVALS_S = (0.0, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0, math.inf)
_RUNS_S = (0.4, 1.0)  # longest interval within a run
_AROUND_S = (-1.0, -0.5, -0.2, 0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
_FEWEST_FRAMES = 8


@dataclass(frozen=True)
class Scale:
    """What a frame keeps of the one before it, and the noise of what comes new, in dF/F.

    Parameters
    ----------
    kept : float
        g of x_t = g x_(t-1) + innovation.
    noise : float
        S.d. of the innovations' noise in the median trace.
    """

    kept: float
    noise: float


@dataclass(frozen=True, eq=False)
class CalciumEvents:
    """Innovations of traces and the events among them.

    Parameters
    ----------
    innovations : ndarray, shape (n_neurons, n_frames)
        x_t - g x_(t-1) in noise levels; 0 in the first frame.
    neuron, frame : ndarray of int, shape (n_events,)
        In the order of neurons, and of time.
    size : ndarray, shape (n_events,)
        Innovations of the frame and of the one before it, in noise levels.
    """

    innovations: np.ndarray
    neuron: np.ndarray
    frame: np.ndarray
    size: np.ndarray

    @property
    def n_neurons(self) -> int:
        return len(self.innovations)

    @property
    def is_event(self) -> np.ndarray:
        """Whether a frame holds an event, shape (n_neurons, n_frames)."""
        found = np.zeros(self.innovations.shape, dtype=bool)
        found[self.neuron, self.frame] = True
        return found


def learn_scale(X: np.ndarray) -> Scale:
    """Decay from the autocovariance of the median trace, and the noise of its innovations.

    Lag 0 holds the noise of the camera, so the decay is read from lag 1 on.

    Parameters
    ----------
    X : ndarray, shape (n_neurons, n_frames)
        dF/F.
    """
    X = long_enough(X.astype(float), _FEWEST_FRAMES)
    centred = X - X.mean(axis=1, keepdims=True)
    near, far = (np.einsum("ij,ij->i", centred[:, lag:], centred[:, :-lag]) for lag in (1, 4))
    has_decay = (near > 0) & (far > 0)
    ratio = float(np.median(far[has_decay] / near[has_decay])) if has_decay.any() else 0.0
    kept = min(ratio ** (1 / 3), 0.995)
    noise = float(np.median(_noise(_innovations(X, kept))))
    return Scale(kept, noise or float(np.std(X)) or 1.0)


def find_events(X: np.ndarray, scale: Scale) -> CalciumEvents:
    """Innovations of dF/F (n_neurons, n_frames), and their peaks above the trace's own noise."""
    X = long_enough(X.astype(float), _FEWEST_FRAMES)
    new = _innovations(X, scale.kept) / scale.noise
    two = new + np.pad(new, ((0, 0), (1, 0)))[:, :-1]
    around = np.pad(two, ((0, 0), (1, 1)), constant_values=-np.inf)
    own = np.maximum(_noise(new), 0.25) * math.sqrt(2)
    is_peak = (two > around[:, :-2]) & (two >= around[:, 2:])
    neuron, frame = np.nonzero(is_peak & (two > _THRESHOLD_SD * own[:, None]))
    return CalciumEvents(new, neuron, frame, two[neuron, frame])


def event_statistics(events: CalciumEvents, frame_rate: float) -> np.ndarray:
    """Sizes, rates, intervals, runs and shapes of events, shape (n_neurons, n_statistics).

    Quantiles of the innovations, alone and summed over up to 4 s; rate of events above sizes;
    mean and spread of their logarithmic sizes; intervals between events; runs of events as in
    bursts; innovations around events; how uneven in time events are.
    """
    n, log_size = events.n_neurons, np.log(np.maximum(events.size, 1e-6))
    duration = events.innovations.shape[1] / frame_rate
    rates = [
        np.log1p(60 * count_by(events.neuron[events.size > size], n) / duration) for size in _SIZES
    ]
    mean = mean_by(log_size, events.neuron, n)
    spread = np.sqrt(mean_by((log_size - mean[events.neuron]) ** 2, events.neuron, n))
    return np.column_stack(
        (
            *_quantiles(events.innovations, frame_rate), *rates, mean, spread,
            *_intervals(events, log_size, frame_rate), *_runs(events, frame_rate),
            *around(events.innovations, events.neuron, events.frame, frame_rate, _AROUND_S),
            *_unevenness(events, frame_rate),
        )
    )  # fmt: skip


def count_by(neuron: np.ndarray, n: int) -> np.ndarray:
    """How often each of ``n`` neurons is named, shape (n,)."""
    return np.bincount(neuron, minlength=n).astype(float)


def mean_by(values: np.ndarray, neuron: np.ndarray, n: int) -> np.ndarray:
    """Mean of the values of each of ``n`` neurons, shape (n,); 0 without any."""
    total = np.bincount(neuron, values, minlength=n)
    return total / np.maximum(count_by(neuron, n), 1)


def around(
    signal: np.ndarray, neuron: np.ndarray, frame: np.ndarray, frame_rate: float,
    edges_s: tuple[float, ...],
) -> list[np.ndarray]:  # fmt: skip
    """Mean of a neuron's signal in bins of time around frames, less its mean over all time.

    Parameters
    ----------
    signal : ndarray, shape (n_neurons, n_frames)
    neuron, frame : ndarray of int, shape (n_triggers,)
    frame_rate : float
        Hz.
    edges_s : tuple of float
        Edges of the bins in seconds after the frame.

    Returns
    -------
    list of ndarray, shape (n_neurons,)
        0 without triggers.
    """
    n, n_frames = signal.shape
    summed = np.pad(signal - signal.mean(axis=1, keepdims=True), ((0, 0), (1, 0))).cumsum(axis=1)
    edges = np.unique(np.round(np.array(edges_s) * frame_rate).astype(int))
    places = np.clip(frame[:, None] + edges, 0, n_frames)
    total = np.diff(summed[neuron[:, None], places], axis=1) / np.diff(edges)
    return [mean_by(column, neuron, n) for column in total.T]


def box_sums(signal: np.ndarray, n_frames: int) -> np.ndarray:
    """Sums over the last ``n_frames`` frames, or as many as there are; shape of ``signal``."""
    summed = np.pad(signal, ((0, 0), (n_frames, 0))).cumsum(axis=1)
    return summed[:, n_frames:] - summed[:, :-n_frames]


def _innovations(X: np.ndarray, kept: float) -> np.ndarray:
    new = lfilter([1.0, -kept], [1.0], X, axis=1)
    new[:, 0] = 0.0
    return new


def _noise(innovations: np.ndarray) -> np.ndarray:
    middle = np.median(innovations, axis=1, keepdims=True)
    return SD_PER_MAD * np.median(np.abs(innovations - middle), axis=1)


def _quantiles(new: np.ndarray, frame_rate: float) -> list[np.ndarray]:
    sums = [box_sums(new, max(1, round(s * frame_rate))) for s in _SUMS_S]
    parts = [row_quantiles(new, _QUANTILES), *(row_quantiles(s, _QUANTILES[2:]) for s in sums)]
    return [compress(row, 1.0) for part in parts for row in part]


def _intervals(events: CalciumEvents, log_size: np.ndarray, frame_rate: float) -> list[np.ndarray]:
    """Histogram, mean and spread of intervals; what follows on what, after short ones and long."""
    n = events.n_neurons
    same = np.flatnonzero(np.diff(events.neuron) == 0)
    neuron, step = events.neuron[same], np.diff(log_size)[same]
    interval = np.diff(events.frame)[same] / frame_rate
    bins = np.digitize(interval, _INTERVALS_S) - 1
    shares = [mean_by((bins == b).astype(float), neuron, n) for b in range(len(_INTERVALS_S) - 1)]
    log_interval = np.log(np.maximum(interval, 1e-6))
    mean = mean_by(log_interval, neuron, n)
    spread = np.sqrt(mean_by((log_interval - mean[neuron]) ** 2, neuron, n))
    pairs = np.flatnonzero(np.diff(neuron) == 0)  # Shinomoto's local variation
    first, second = interval[pairs], interval[pairs + 1]
    variation = mean_by(3 * ((first - second) / (first + second)) ** 2, neuron[pairs], n)
    is_short = interval < _RUNS_S[0]
    follows = [mean_by(step[part], neuron[part], n) for part in (is_short, ~is_short)]
    return [*shares, mean, spread, variation, *follows]


def _runs(events: CalciumEvents, frame_rate: float) -> list[np.ndarray]:
    """Runs of events: rate, mean number, share of events in runs of three or more, mean size."""
    n, duration = events.n_neurons, events.innovations.shape[1] / frame_rate
    found = []
    for longest in _RUNS_S:
        starts = np.ones(len(events.neuron), dtype=bool)
        starts[1:] = (np.diff(events.neuron) != 0) | (np.diff(events.frame) > longest * frame_rate)
        run = np.cumsum(starts) - 1
        neuron, length = events.neuron[starts], np.bincount(run).astype(float)
        summed = np.bincount(run, events.size)
        found += [
            np.log1p(60 * count_by(neuron, n) / duration),
            np.log1p(mean_by(length, neuron, n)),
            mean_by((length[run] >= 3).astype(float), events.neuron, n),
            mean_by((length[run] == 1).astype(float), events.neuron, n),
            np.log1p(mean_by(summed, neuron, n)),
        ]
    return found


def _unevenness(events: CalciumEvents, frame_rate: float) -> list[np.ndarray]:
    """Variance by mean of the number of events in a second and in five; share of empty seconds."""
    found = []
    for seconds in (1.0, 5.0):
        number = box_sums(events.is_event.astype(float), max(1, round(seconds * frame_rate)))
        mean = number.mean(axis=1)
        found.append(np.log1p(number.var(axis=1) / np.maximum(mean, 1e-9)) * (mean > 0))
        found.append((number < 0.5).mean(axis=1))
    return found
