"""What a culture became: labels of its wiring and of its activity, neuron by neuron."""

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.culture.bursts import NetworkBursts, find_network_bursts
from simbench.culture.spikes import SpikeTrains

BURST_ISI_S = 0.02
CORRELATION_BIN_S = 0.05
_CHUNK = 1000


def wiring_labels(weights: sparse.csr_array) -> pd.DataFrame:
    """In- and out-degree, summed weight of the inputs, and local clustering of each neuron."""
    links = _links(weights)
    return pd.DataFrame(
        {
            "in_degree": np.bincount(links.indices, minlength=links.shape[0]),
            "out_degree": np.diff(links.indptr),
            "in_weight": np.asarray(weights.sum(axis=0)),
            "clustering": clustering(links),
        }
    )


def _links(weights: sparse.csr_array) -> sparse.csr_array:
    """Who reaches whom; a link of weight 0 is a link."""
    kept = np.ones(weights.nnz, dtype=np.int32)
    return sparse.csr_array((kept, weights.indices, weights.indptr), shape=weights.shape)


def clustering(links: sparse.csr_array) -> np.ndarray:
    """Share of closed directed triangles around each neuron (Fagiolo 2007), 0 without any.

    Parameters
    ----------
    links : scipy.sparse.csr_array, shape (n_neurons, n_neurons)
        1 where there is a link.
    """
    directed = links.astype(np.int32)
    both = sparse.csr_array(directed + directed.T)
    degree = both.sum(axis=1)
    mutual = directed.multiply(directed.T).sum(axis=1)
    closed = np.zeros(len(degree))
    for start in range(0, len(degree), _CHUNK):  # the square of a large matrix fills the memory
        some = both[start : start + _CHUNK]
        closed[start : start + _CHUNK] = (some @ both).multiply(some).sum(axis=1)
    possible = 2 * (degree * (degree - 1.0) - 2 * mutual)
    return np.divide(closed, possible, out=np.zeros(len(degree)), where=possible > 0)


def activity_labels(
    spikes: SpikeTrains,
    weights: sparse.csr_array | None = None,
    bursts: NetworkBursts | None = None,
) -> pd.DataFrame:
    """Rate, irregularity, bursting and correlation of each neuron; NaN where undefined.

    Without wiring there is no correlation with linked neurons, without network bursts no share in
    them: these columns are left out.
    """
    neurons, counts = spikes.neurons, spikes.counts
    follows = np.diff(neurons) == 0
    isi, who = np.diff(spikes.times)[follows], neurons[1:][follows]

    def mean(index: np.ndarray, values: np.ndarray, at_least: int = 1) -> np.ndarray:
        number = np.bincount(index, minlength=len(counts))
        total = np.bincount(index, values, minlength=len(counts))
        return np.where(number >= at_least, total / np.maximum(number, 1), np.nan)

    average = mean(who, isi, at_least=2)
    sd = np.sqrt(mean(who, (isi - average[who]) ** 2, at_least=2))
    pair = np.flatnonzero(np.diff(who) == 0)
    change, both = isi[pair + 1] - isi[pair], isi[pair + 1] + isi[pair]
    contrast = np.divide(change, both, out=np.zeros(len(pair)), where=both > 0)
    short = np.concatenate(([False], follows & (np.diff(spikes.times) < BURST_ISI_S), [False]))
    in_burst = short[:-1] | short[1:] if len(neurons) else np.zeros(0, dtype=bool)
    labels = {
        "n_spikes": counts,
        "rate_hz": counts / spikes.duration,
        "log_rate": np.log10((counts + 0.5) / spikes.duration),
        "isi_cv": np.divide(sd, average, out=np.full(len(counts), np.nan), where=average > 0),
        "isi_cv2": mean(who[pair], 2 * np.abs(contrast)),
        "isi_lv": mean(who[pair], 3 * contrast**2),
        "burst_fraction": mean(neurons, in_burst.astype(float)),
    }
    if bursts is not None:
        together = bursts.index_of(spikes.times) >= 0
        labels["network_spike_share"] = mean(neurons, together.astype(float))
    if weights is not None:
        labels["neighbour_correlation"] = neighbour_correlation(spikes, weights)
    return pd.DataFrame(labels)


def neighbour_correlation(spikes: SpikeTrains, weights: sparse.csr_array) -> np.ndarray:
    """Mean correlation of spike counts in 50-ms bins with all linked neurons that fire.

    NaN for a neuron that never fires, or whose partners never do.
    """
    n_bins = max(2, int(np.ceil(spikes.duration / CORRELATION_BIN_S)))
    bins = np.minimum((spikes.times / CORRELATION_BIN_S).astype(int), n_bins - 1)
    counts = sparse.coo_array(
        (np.ones(len(bins)), (spikes.neurons, bins)), shape=(spikes.n_neurons, n_bins)
    ).tocsc()
    mean = counts.sum(axis=1) / n_bins
    sd = np.sqrt(np.maximum(counts.power(2).sum(axis=1) / n_bins - mean**2, 0))
    active = sd > 0
    links = _links(weights)
    partners = sparse.csr_array(((links + links.T) > 0).astype(np.float32))
    scale = np.divide(1, sd, out=np.zeros(len(sd)), where=active)
    total = np.zeros(spikes.n_neurons)
    for start in range(0, n_bins, _CHUNK):
        some = counts[:, start : start + _CHUNK].toarray()
        standard = ((some - mean[:, None]) * scale[:, None]).astype(np.float32)
        total += np.einsum("ij,ij->i", standard, partners @ standard)
    number = partners @ active.astype(np.float32)
    defined = active & (number > 0)
    return np.where(defined, total / n_bins / np.maximum(number, 1), np.nan)


def summarise(
    spikes: SpikeTrains, labels: pd.DataFrame, bursts: NetworkBursts | None
) -> dict[str, float]:
    """Numbers about the culture as a whole; network bursts as found by ``find_network_bursts``.

    ``log_rate_sd`` is the s.d. of log10 of the rate of neurons that fire, ``burst_fraction`` the
    mean over them, ``isi_cv`` the median over neurons with three spikes or more; 0 without any.
    """
    rates = labels["rate_hz"][labels["rate_hz"] > 0]
    numbers = {
        "mean_rate_hz": float(spikes.counts.mean() / spikes.duration),
        "silent_share": float((spikes.counts == 0).mean()),
        "log_rate_sd": float(np.log10(rates).std(ddof=0)) if len(rates) else 0.0,
        "burst_fraction": float(np.nan_to_num(labels["burst_fraction"].mean())),
        "isi_cv": float(np.nan_to_num(labels["isi_cv"].median())),
    }
    if bursts is None:
        return numbers
    index = bursts.index_of(spikes.times)
    inside = index >= 0
    members = np.unique(index[inside] * spikes.n_neurons + spikes.neurons[inside])
    return numbers | {
        "network_burst_rate_hz": len(bursts) / spikes.duration,
        "network_burst_duration_s": float((bursts.stops - bursts.starts).sum())
        / max(len(bursts), 1),
        "network_burst_participation": len(members) / max(len(bursts), 1) / spikes.n_neurons,
        "network_spike_share": int(inside.sum()) / max(len(inside), 1),
    }


def describe(
    spikes: SpikeTrains, weights: sparse.csr_array | None = None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Labels of activity and, if known, of wiring, one row per neuron; summary of the culture.

    A neuron alone has no network bursts.
    """
    bursts = find_network_bursts(spikes) if spikes.n_neurons > 1 else None
    labels = activity_labels(spikes, weights, bursts)
    summary = summarise(spikes, labels, bursts)
    if weights is not None:
        labels = wiring_labels(weights).join(labels)
    return labels, summary
