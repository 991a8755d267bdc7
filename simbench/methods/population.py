"""What the rest of the culture does around a neuron, without saying when.

The population of a neuron is the mean of its culture's innovations without its own.
"""

import numpy as np

from simbench.methods.events import (
    SD_PER_MAD,
    CalciumEvents,
    around,
    box_sums,
    count_by,
    mean_by,
)
from simbench.methods.features import row_quantiles

_LAGS_S = (0.0, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 0.9, 1.3, 2.0)
_BURST_S = (-0.5, -0.25, -0.1, 0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
_EVENT_S = (-2.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
_SMOOTH_S, _BEFORE_S, _AFTER_S = 0.25, 0.25, 1.0
_BURST_SD, _BURST_SHARE = 5.0, 0.25


def population_statistics(events: CalciumEvents, frame_rate: float) -> np.ndarray:
    """How each neuron of a culture and the rest of it act on time with each other.

    Correlation with the population at lags up to 2 s; mean activity around the population's
    bursts, its spread from burst to burst, and how early the neuron's first event comes; the
    population around the neuron's own events; activity outside of bursts; correlation with single
    neurons of the culture.

    Parameters
    ----------
    events : CalciumEvents
        Of all neurons of one culture.
    frame_rate : float
        Hz.

    Returns
    -------
    ndarray, shape (n_neurons, n_statistics)
    """
    own = np.arcsinh(events.innovations / 2)
    others = others_mean(own)
    in_burst, onset = _bursts(others, own.mean(axis=0), frame_rate)
    return np.column_stack(
        (
            *_correlations(own, others, frame_rate), *_responses(events, own, onset, frame_rate),
            *_order_in_bursts(events, own, frame_rate),
            *around(others, events.neuron, events.frame, frame_rate, _EVENT_S),
            *_outside_bursts(events, own, others, in_burst, frame_rate),
            *_pairs(own, frame_rate),
        )
    )  # fmt: skip


def others_mean(activity: np.ndarray) -> np.ndarray:
    """Mean over all other neurons, in the shape of ``activity`` (n_neurons, n_frames); 0 if none.

    In double precision, so that the order of the neurons makes no difference.
    """
    activity = np.asarray(activity, dtype=float)
    return (activity.sum(axis=0) - activity) / max(1, len(activity) - 1)


def _correlations(own: np.ndarray, others: np.ndarray, frame_rate: float) -> list[np.ndarray]:
    """Correlation of own (t) and others (t + lag), and the slope of own on others."""
    own = own - own.mean(axis=1, keepdims=True)
    others = others - others.mean(axis=1, keepdims=True)
    n_frames = own.shape[1]
    positive = np.unique(np.round(np.array(_LAGS_S) * frame_rate).astype(int))
    lags = np.concatenate([-positive[:0:-1], positive]).clip(1 - n_frames, n_frames - 1)
    size, size_others = ((x**2).mean(axis=1) for x in (own, others))
    found = []
    for lag in lags:
        early, late = max(0, -lag), max(0, lag)
        mine = own[:, early : n_frames - late]
        theirs = others[:, late : n_frames - early]
        product = np.einsum("ij,ij->i", mine, theirs) / n_frames
        found += [
            product / np.sqrt(np.maximum(size * size_others, 1e-12)),
            product / np.maximum(size_others, 1e-3),
        ]
    return found


def _bursts(
    others: np.ndarray, mean: np.ndarray, frame_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the population bursts, and begins to, in each frame; (n_neurons, n_frames) each."""
    n_smooth = max(1, round(_SMOOTH_S * frame_rate))
    smooth = box_sums(others, n_smooth) / n_smooth
    above = smooth > _threshold(box_sums(mean[None], n_smooth)[0] / n_smooth)
    before = np.pad(above, ((0, 0), (1, 0)))[:, :-1]
    onset = above & (box_sums(before.astype(float), n_smooth) < 0.5)
    lasts = above.astype(float)
    after = box_sums(lasts, max(1, round(_AFTER_S * frame_rate)))
    early = box_sums(lasts[:, ::-1], n_smooth + max(1, round(_BEFORE_S * frame_rate)))[:, ::-1]
    return (after > 0.5) | (early > 0.5), onset


def _threshold(population: np.ndarray) -> float:
    """Of a burst: far above what is usual, and a good part of the way to the highest frames."""
    usual = float(np.median(population))
    sd = SD_PER_MAD * float(np.median(np.abs(population - usual)))
    high = float(np.quantile(population, 0.995))
    return usual + max(_BURST_SD * sd, _BURST_SHARE * (high - usual), 0.02)


def _responses(
    events: CalciumEvents, own: np.ndarray, onset: np.ndarray, frame_rate: float
) -> list[np.ndarray]:
    """Activity around bursts of the others; its spread, and the share of bursts taken part in."""
    n, n_frames = own.shape
    neuron, frame = np.nonzero(onset)
    start = np.clip(frame - round(_BEFORE_S * frame_rate), 0, n_frames)
    stop = np.clip(frame + max(1, round(_AFTER_S * frame_rate)), 0, n_frames)

    def sums(signal: np.ndarray) -> np.ndarray:
        summed = np.pad(signal, ((0, 0), (1, 0))).cumsum(axis=1)
        return summed[neuron, stop] - summed[neuron, start]

    answer, number = sums(own), np.round(sums(events.is_event.astype(float)))
    mean, mean_number = (mean_by(values, neuron, n) for values in (answer, number))
    return [
        *around(own, neuron, frame, frame_rate, _BURST_S),
        np.sqrt(mean_by((answer - mean[neuron]) ** 2, neuron, n)),
        mean_number,
        np.sqrt(mean_by((number - mean_number[neuron]) ** 2, neuron, n)),
        mean_by((number > 0).astype(float), neuron, n),
    ]


def _order_in_bursts(events: CalciumEvents, own: np.ndarray, frame_rate: float) -> list[np.ndarray]:
    """How long after the others its first event comes in bursts, the spread of that, and rank.

    In seconds; 0 where the neuron takes part in no burst, or nobody else does.
    """
    n_frames = own.shape[1]
    mean = own.mean(axis=0, keepdims=True)
    frame = np.flatnonzero(_bursts(mean, mean[0], frame_rate)[1][0])
    reversed_time = np.where(events.is_event, np.arange(n_frames), 10**9)[:, ::-1]
    next_event = np.minimum.accumulate(reversed_time, axis=1)[:, ::-1]
    start = np.clip(frame - round(_BEFORE_S * frame_rate), 0, n_frames - 1)
    delay = (next_event[:, start] - frame) / frame_rate
    takes_part = delay < _AFTER_S
    delay = np.where(takes_part, delay, 0.0)
    n_others = takes_part.sum(axis=0) - takes_part
    usual = (delay.sum(axis=0) - delay) / np.maximum(n_others, 1)
    counts = takes_part & (n_others > 0)
    number = np.maximum(counts.sum(axis=1), 1)
    late = np.where(counts, delay - usual, 0.0)
    mean_late = late.sum(axis=1) / number
    spread = np.sqrt((np.where(counts, late - mean_late[:, None], 0.0) ** 2).sum(axis=1) / number)
    return [mean_late, spread, (counts & (late < -0.5 / frame_rate)).sum(axis=1) / number]


def _outside_bursts(
    events: CalciumEvents,
    own: np.ndarray,
    others: np.ndarray,
    in_burst: np.ndarray,
    frame_rate: float,
) -> list[np.ndarray]:
    """Rate, size and share of events outside of bursts, activity there and within, and others."""
    n = events.n_neurons
    out = ~in_burst
    n_out, n_in = (np.maximum(part.sum(axis=1), 1) for part in (out, in_burst))
    lonely = out[events.neuron, events.frame]
    neuron, frame = events.neuron[lonely], events.frame[lonely]
    log_size = np.log(np.maximum(events.size, 1e-6))
    return [
        np.log1p(60 * frame_rate * count_by(neuron, n) / n_out),
        np.log1p(60 * frame_rate * count_by(events.neuron[~lonely], n) / n_in),
        mean_by(lonely.astype(float), events.neuron, n),
        mean_by(log_size[lonely], neuron, n),
        mean_by(log_size[~lonely], events.neuron[~lonely], n),
        (own * out).sum(axis=1) / n_out,
        (own**2 * out).sum(axis=1) / n_out,
        (own * in_burst).sum(axis=1) / n_in,
        (own**2 * in_burst).sum(axis=1) / n_in,
        *around(np.where(out, others, 0.0), neuron, frame, frame_rate, _EVENT_S),
    ]


def _pairs(own: np.ndarray, frame_rate: float) -> list[np.ndarray]:
    """Quantiles of the correlation with single neurons, on a quarter of a second."""
    n = len(own)
    smooth = box_sums(own, max(1, round(_SMOOTH_S * frame_rate)))
    smooth = smooth - smooth.mean(axis=1, keepdims=True)
    smooth = smooth / np.sqrt(np.maximum((smooth**2).sum(axis=1, keepdims=True), 1e-9))
    correlation = smooth @ smooth.T
    others = correlation[~np.eye(n, dtype=bool)].reshape(n, n - 1) if n > 1 else correlation
    return list(row_quantiles(others, (0.25, 0.5, 0.75, 0.9, 1.0)))
