"""Statistics of spike trains: all that a spike train shows of the neuron behind it.

Neurons with too few spikes for a statistic get the value that stands for "nothing seen", never a
NaN: shares and autocorrelations are shrunk to the culture's mean with the weight of a few spikes,
intervals of a train without intervals are as long as the recording.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from simbench.culture.bursts import NetworkBursts, find_network_bursts
from simbench.culture.spikes import SpikeTrains

QUANTILES = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
BURST_ISI_MS = (5, 10, 20, 50, 100)
ISI_EDGES_MS = (0, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 200, 500, 1000,
                2000, 5000, 10_000, np.inf)  # fmt: skip
LAG_EDGES_MS = (0, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000)
NEIGHBOUR_EDGES_MS = (-200, -50, -20, -10, -5, 0, 5, 10, 20, 50, 200)
_PRIOR_SPIKES = 3.0
_LEAST_ISI_S = 1e-5  # recordings of others may have a spike twice


def spike_statistics(spikes: SpikeTrains) -> pd.DataFrame:
    """Features of every neuron's spike train; the ceiling of what a trace could tell.

    Parameters
    ----------
    spikes : SpikeTrains

    Returns
    -------
    DataFrame, one row per neuron, float64, no NaN and no infinity
        - ``log_rate``: log10 of the rate in Hz; half a spike is added to every count.
        - ``log_isi_q05`` ...: quantiles of log10 of the inter-spike intervals (s).
        - ``isi_cv``, ``isi_cv2``, ``isi_lv``, ``log_isi_sd``: irregularity of the intervals
          (CV2: Holt et al. 1996; LV: Shinomoto et al. 2003). ``isi_serial``: correlation of the
          logs of neighbouring intervals.
        - ``isi_3to4ms`` ...: histogram of the intervals, as roots of shares.
        - ``burst10ms_share`` ...: share of spikes in runs with intervals below 5 to 100 ms;
          ``_length``, ``_length_sd``, ``_longest``: spikes in such a run (single spikes count as
          runs of 1), ``_first_isi``, ``_growth``: log10 of a run's first interval (s), and by
          how much the log grows from the first interval to the last.
        - ``autocorrelation_3to5ms`` ...: log ratio of the rate at this lag after a spike to the
          mean rate.
        - ``culture_m5to0ms`` ...: log ratio of the other neurons' rate, at this time around one's
          own spikes, to their mean rate ("m" stands for minus).
        - ``network_*``: share of spikes in network bursts, share of bursts joined, rate outside,
          spikes per joined burst (mean, s.d., largest, shares of 1, 2, 3, 4 and more), growth of
          spikes with the size of the burst, latency of the first spike against the culture's
          median (s) and its s.d., rank among first spikes (0 first, 1 last), span from first to
          last spike (s), log10 of the first, second and last interval within (s), and log10 of
          the silence before and after a burst (s).
    """
    trains = _Trains(spikes)
    columns: dict[str, np.ndarray] = {"log_rate": np.log10((spikes.counts + 0.5) / spikes.duration)}
    columns |= _interval_statistics(trains)
    columns |= _interval_histogram(trains)
    for limit in BURST_ISI_MS:
        columns |= _run_statistics(trains, limit)
    columns |= _autocorrelation(trains)
    columns |= _culture_around_spikes(trains)
    columns |= _network_burst_statistics(trains, find_network_bursts(spikes))
    return pd.DataFrame(columns)


class _Trains:
    """Spikes and intervals as flat arrays, with sums and means by neuron."""

    def __init__(self, spikes: SpikeTrains) -> None:
        self.times, self.neurons, self.n = spikes.times, spikes.neurons, spikes.n_neurons
        self.counts, self.duration = spikes.counts.astype(float), spikes.duration
        self.rate = self.counts / self.duration
        inside = np.diff(self.neurons) == 0
        self.follows = np.flatnonzero(inside) + 1
        """Spikes that have a predecessor in their train."""
        self.isi = np.maximum(np.diff(self.times)[inside], _LEAST_ISI_S)
        self.isi_neurons = self.neurons[self.follows]
        self.log_isi = np.log10(self.isi)
        self.log_duration = np.log10(self.duration)

    def log_isi_before(self, spikes: np.ndarray) -> np.ndarray:
        """log10 of the interval (s) that ends with each of these spikes."""
        return np.log10(np.maximum(self.times[spikes] - self.times[spikes - 1], _LEAST_ISI_S))

    def log_isi_at_ends(
        self, first: np.ndarray, last: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Neuron, and log10 of the first and of the last interval, of groups of several spikes."""
        first, last = first[last > first], last[last > first]
        return self.neurons[first], self.log_isi_before(first + 1), self.log_isi_before(last)

    def sum(self, neurons: np.ndarray, values: np.ndarray | float = 1.0) -> np.ndarray:
        values = np.broadcast_to(values, neurons.shape)
        return np.bincount(neurons, values, minlength=self.n)

    def mean(self, neurons: np.ndarray, values: np.ndarray, empty: float) -> np.ndarray:
        """Mean by neuron; ``empty`` for a neuron without a value."""
        counts = self.sum(neurons)
        return np.where(counts > 0, self.sum(neurons, values) / np.maximum(counts, 1), empty)

    def shrunk(self, neurons: np.ndarray, values: np.ndarray, empty: float = 0.0) -> np.ndarray:
        """Mean by neuron, shrunk to the culture's mean with the weight of a few values."""
        overall = float(values.mean()) if len(values) else empty
        total = self.sum(neurons, values) + _PRIOR_SPIKES * overall
        return total / (self.sum(neurons) + _PRIOR_SPIKES)

    def sd(self, neurons: np.ndarray, values: np.ndarray) -> np.ndarray:
        mean = self.mean(neurons, values, 0.0)
        return np.sqrt(self.mean(neurons, (values - mean[neurons]) ** 2, 0.0))

    def quantiles(
        self, neurons: np.ndarray, values: np.ndarray, shares: tuple[float, ...], empty: float
    ) -> Iterator[np.ndarray]:
        """Quantiles by neuron, interpolated linearly."""
        ordered = np.append(values[np.lexsort((values, neurons))], empty)
        counts = np.bincount(neurons, minlength=self.n)
        first = np.cumsum(counts) - counts
        for share in shares:
            place = share * np.maximum(counts - 1, 0)
            low = np.where(counts > 0, first + place.astype(int), len(ordered) - 1)
            high = np.where(place > place.astype(int), low + 1, low)
            yield ordered[low] + (place % 1) * (ordered[high] - ordered[low])


def _interval_statistics(trains: _Trains) -> dict[str, np.ndarray]:
    who, isi, log_isi = trains.isi_neurons, trains.isi, trains.log_isi
    quantiles = trains.quantiles(who, log_isi, QUANTILES, trains.log_duration)
    columns = {f"log_isi_q{100 * q:02.0f}": column for q, column in zip(QUANTILES, quantiles)}
    mean = trains.mean(who, isi, trains.duration)
    pair = np.flatnonzero(np.diff(who) == 0)
    change = np.abs(isi[pair + 1] - isi[pair]) / (isi[pair + 1] + isi[pair])
    centred = log_isi - trains.mean(who, log_isi, 0.0)[who]
    covariance = trains.mean(who[pair], centred[pair] * centred[pair + 1], 0.0)
    return columns | {
        "isi_cv": trains.sd(who, isi) / mean,
        "isi_cv2": trains.shrunk(who[pair], 2 * change),
        "isi_lv": trains.shrunk(who[pair], 3 * change**2),
        "log_isi_sd": trains.sd(who, log_isi),
        "isi_serial": covariance / (trains.sd(who, log_isi) ** 2 + 0.01),
    }


def _interval_histogram(trains: _Trains) -> dict[str, np.ndarray]:
    # half a microsecond keeps intervals of whole milliseconds clear of the bins' edges
    bins = np.searchsorted(ISI_EDGES_MS, 1000 * trains.isi + 5e-4, side="right") - 1
    names = [f"isi_{a}to{b}ms" for a, b in itertools.pairwise(ISI_EDGES_MS)]
    cell = trains.isi_neurons * len(names) + bins
    counts = np.bincount(cell, minlength=trains.n * len(names)).reshape(trains.n, -1)
    overall = counts.sum(axis=0) / max(counts.sum(), 1)
    shares = (counts + _PRIOR_SPIKES * overall) / (counts.sum(axis=1) + _PRIOR_SPIKES)[:, None]
    return dict(zip(names, np.sqrt(shares).T))


def _run_statistics(trains: _Trains, limit_ms: float) -> dict[str, np.ndarray]:
    """Runs of spikes with intervals below a limit; single spikes are runs of one."""
    starts = np.ones(len(trains.times), dtype=bool)
    starts[trains.follows] = trains.isi >= limit_ms / 1000 - 5e-7
    first = np.flatnonzero(starts)
    length = np.diff(np.append(first, len(starts)))
    who = trains.neurons[first]
    longest = np.zeros(trains.n)
    np.maximum.at(longest, who, length)
    several, log_first, log_last = trains.log_isi_at_ends(first, first + length - 1)
    name = f"burst{limit_ms}ms"
    return {
        f"{name}_share": trains.shrunk(trains.neurons, np.repeat(length > 1, length)),
        f"{name}_length": np.log(trains.shrunk(who, length, 1.0)),
        f"{name}_length_sd": np.log1p(trains.sd(who, length)),
        f"{name}_longest": np.log1p(longest),
        f"{name}_first_isi": trains.shrunk(several, log_first, np.log10(limit_ms / 1000)),
        f"{name}_growth": trains.shrunk(several, log_last - log_first),
    }


def _autocorrelation(trains: _Trains) -> dict[str, np.ndarray]:
    """Log ratio of the rate after a spike to the mean rate, shrunk to the culture's."""
    # far enough apart on one line, no lag reaches from one train into the next
    line = trains.times + trains.neurons * (trains.duration + LAG_EDGES_MS[-1] / 1000 + 1)
    edges = np.array(LAG_EDGES_MS) / 1000 + 5e-7
    reached = [np.searchsorted(line, line + lag) for lag in edges]
    columns = {}
    for k, (low, high) in enumerate(itertools.pairwise(reached)):
        found = trains.sum(trains.neurons, high - low)
        expected = trains.counts * trains.rate * (edges[k + 1] - edges[k])
        columns[f"autocorrelation_{LAG_EDGES_MS[k]}to{LAG_EDGES_MS[k + 1]}ms"] = _log_ratio(
            found, expected
        )
    return columns


def _culture_around_spikes(trains: _Trains) -> dict[str, np.ndarray]:
    """Log ratio of the others' rate around one's own spikes to their mean rate."""
    line, everyone = np.sort(trains.times), trains.times
    columns = {}
    own = trains.times + trains.neurons * (trains.duration + 10.0)
    others_rate = trains.rate.sum() - trains.rate
    for low, high in itertools.pairwise(NEIGHBOUR_EDGES_MS):
        a, b = low / 1000 - 5e-4, high / 1000 - 5e-4  # edges lie between whole milliseconds
        found = np.searchsorted(line, everyone + b) - np.searchsorted(line, everyone + a)
        found -= np.searchsorted(own, own + b) - np.searchsorted(own, own + a)
        expected = trains.counts * others_rate * (b - a)
        name = f"culture_{low}to{high}ms".replace("-", "m")
        columns[name] = _log_ratio(trains.sum(trains.neurons, found), expected)
    return columns


def _log_ratio(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """log((found + prior) / (expected + prior)), the prior at the culture's own ratio."""
    overall = (found.sum() + 1e-3) / (expected.sum() + 1e-3)
    return np.log((found + _PRIOR_SPIKES * overall + 0.01) / (expected + _PRIOR_SPIKES + 0.01))


def _network_burst_statistics(trains: _Trains, bursts: NetworkBursts) -> dict[str, np.ndarray]:
    burst = bursts.index_of(trains.times)
    inside = burst >= 0
    # one row for each neuron in each burst that it joins: all its spikes there, in order
    key = (trains.neurons * (len(bursts) + 1) + burst)[inside]
    _, first, length = np.unique(key, return_index=True, return_counts=True)
    spike = np.flatnonzero(inside)[first]
    who, which = trains.neurons[spike], burst[spike]
    busy = max(float((bursts.stops - bursts.starts).sum()), 0.0)
    outside = trains.sum(trains.neurons[~inside])
    columns = {
        "network_spike_share": trains.shrunk(trains.neurons, inside),
        "network_participation": trains.sum(who) / max(len(bursts), 1),
        "network_rate_outside": np.log10(
            (outside + 0.5) / max(trains.duration - busy, trains.duration / 100)
        ),
    }
    last = spike + length - 1
    columns |= _spikes_per_burst(trains, who, which, length)
    columns |= _timing_in_bursts(trains, which, spike, last)
    return columns | _silence_around_bursts(trains, bursts, which, spike, last)


def _spikes_per_burst(
    trains: _Trains, who: np.ndarray, which: np.ndarray, length: np.ndarray
) -> dict[str, np.ndarray]:
    largest = np.zeros(trains.n)
    np.maximum.at(largest, who, length)
    log_size = np.log(np.maximum(np.bincount(which, length), 1))
    relative = (log_size - log_size.sum() / max(len(log_size), 1))[which]
    columns = {
        "network_spikes_mean": np.log(trains.shrunk(who, length, 1.0)),
        "network_spikes_sd": trains.sd(who, length),
        "network_spikes_largest": np.log1p(largest),
        "network_spikes_growth": trains.shrunk(who, relative * length),
        "network_joined_size": trains.shrunk(who, relative),
    }
    for k in (1, 2, 3, 4):
        columns[f"network_spikes_{k}"] = trains.shrunk(who, length == k)
    return columns


def _timing_in_bursts(
    trains: _Trains, which: np.ndarray, first: np.ndarray, last: np.ndarray
) -> dict[str, np.ndarray]:
    who, times = trains.neurons[first], trains.times
    order = np.lexsort((times[first], which))
    joined = np.bincount(which)
    begin = np.cumsum(joined) - joined
    middle = times[first][order][begin + joined // 2]
    rank = np.empty(len(first))
    rank[order] = np.arange(len(first)) - begin[which[order]]
    latency = times[first] - middle[which]
    several, log_first, log_last = trains.log_isi_at_ends(first, last)
    third = first[last > first + 1] + 2
    return {
        "network_latency": trains.shrunk(who, latency),
        "network_latency_sd": trains.sd(who, latency),
        "network_rank": trains.shrunk(who, rank / np.maximum(joined[which] - 1, 1), 0.5),
        "network_span": trains.shrunk(who, times[last] - times[first]),
        "network_log_isi1": trains.shrunk(several, log_first, -1.5),
        "network_log_isi1_sd": trains.sd(several, log_first),
        "network_log_isi2": trains.shrunk(
            trains.neurons[third], trains.log_isi_before(third), -1.5
        ),
        "network_log_isi_last": trains.shrunk(several, log_last, -1.5),
    }


def _silence_around_bursts(
    trains: _Trains,
    bursts: NetworkBursts,
    which: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> dict[str, np.ndarray]:
    followed = np.isin(last + 1, trains.follows)
    preceded = np.isin(first, trains.follows)
    after, before = last[followed] + 1, first[preceded] - 1
    until = np.maximum(trains.times[after] - bursts.stops[which[followed]], 1e-3)
    since = np.maximum(bursts.starts[which[preceded]] - trains.times[before], 1e-3)
    return {
        "network_log_silence_after": trains.shrunk(
            trains.neurons[after], np.log10(until), trains.log_duration
        ),
        "network_log_silence_before": trains.shrunk(
            trains.neurons[before], np.log10(since), trains.log_duration
        ),
    }
