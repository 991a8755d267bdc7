"""Network bursts: when a culture fires together, and who takes part."""

from dataclasses import dataclass

import numpy as np

from simbench.culture.spikes import SpikeTrains

BIN_S = 0.005
WINDOW_S = 0.05
MIN_SHARE = 0.05
CORE_SD, EDGE_SD = 6.0, 2.0


@dataclass(frozen=True)
class NetworkBursts:
    """Network bursts of one recording, in order of time.

    Parameters
    ----------
    starts, stops : ndarray, shape (n_bursts,)
        Seconds; a burst holds the spikes of ``[start, stop)``, and no two bursts overlap.
    """

    starts: np.ndarray
    stops: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def index_of(self, times: np.ndarray) -> np.ndarray:
        """Index of the burst that holds each time (s), -1 outside; same shape as ``times``."""
        if not len(self):
            return np.full(np.shape(times), -1)
        index = np.searchsorted(self.starts, times, side="right") - 1
        inside = (index >= 0) & (times < self.stops[np.maximum(index, 0)])
        return np.where(inside, index, -1)


def find_network_bursts(spikes: SpikeTrains) -> NetworkBursts:
    """Find the times at which many neurons fire within 50 ms of each other.

    The activity A(t) is the number of different neurons that fire within 25 ms of t, so a single
    fast neuron counts once. A burst is a stretch in which A rises above its median over the
    recording by at least a twentieth of the other neurons and by 6 robust standard deviations
    (1.4826 median absolute deviations); it lasts while A stays 2 of them above the median and
    above a fifth of the threshold's rise. Neurons that fire all the time are in the median.

    Parameters
    ----------
    spikes : SpikeTrains
    """
    active = active_neurons(spikes)
    level = np.median(active)
    sd = 1.4826 * np.median(np.abs(active - level))
    rise = max(MIN_SHARE * (spikes.n_neurons - level), CORE_SD * sd, 2.0)
    edge = level + max(EDGE_SD * sd, rise / 5)
    above = np.concatenate(([False], active > edge, [False]))
    starts, stops = np.flatnonzero(np.diff(above)).reshape(-1, 2).T
    peaks = np.array([active[a:b].max() for a, b in zip(starts, stops)])
    real = peaks > level + rise
    # A(t) rises half a window before the first spike and falls half a window after the last
    half = WINDOW_S / 2
    begin = np.clip(starts[real] * BIN_S + half - BIN_S, 0, spikes.duration)
    end = np.clip(stops[real] * BIN_S - half + BIN_S, 0, spikes.duration)
    return NetworkBursts(begin, np.maximum(end, begin + BIN_S))


def active_neurons(spikes: SpikeTrains) -> np.ndarray:
    """Number of different neurons that fire within 25 ms of each 5-ms bin, shape (n_bins,)."""
    n_bins = int(np.ceil(spikes.duration / BIN_S))
    half = round(WINDOW_S / 2 / BIN_S)
    bins = np.minimum((spikes.times / BIN_S).astype(np.int64), n_bins - 1)
    starts, stops = np.maximum(bins - half, 0), bins + half + 1
    same_neuron = np.diff(spikes.neurons) == 0
    # a neuron's windows overlap in a fast train: cut each where the next begins
    stops[:-1] = np.where(same_neuron, np.minimum(stops[:-1], starts[1:]), stops[:-1])
    change = np.bincount(starts, minlength=n_bins + 1).astype(np.int64)
    change -= np.bincount(np.minimum(stops, n_bins), minlength=n_bins + 1)
    return np.cumsum(change)[:n_bins]
