"""Calcium indicators: presets, and the dF/F with which they respond to spikes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.culture.spikes import SpikeTrains
from simbench.scenario import presets as tables
from simbench.scenario.imaging_recipe import IndicatorRecipe

Response = Callable[[np.ndarray], np.ndarray]
_BLOCK = 2**18  # samples worked on at a time: they stay in the processor's cache


@dataclass(frozen=True)
class Indicator:
    """Spikes make calcium ``c = sum_spikes (1 - exp(-t/rise)) sum_k weight_k exp(-t/decay_k)``;
    the response turns calcium into dF/F.

    Parameters
    ----------
    name, family, source : str
        The family is "culture", "in vivo", "legacy" or "custom".
    rise_ms : float
        0: calcium jumps.
    decays : tuple of (weight, decay time in ms)
    response : callable
        Turns an array of calcium into one of dF/F, in place.
    """

    name: str
    family: str
    source: str
    rise_ms: float
    decays: tuple[tuple[float, float], ...]
    response: Response

    def exponentials(self, decay_scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (n_terms,) and rates in 1/s (n_neurons, n_terms) of the calcium's terms."""
        weights, decays_ms = np.array(self.decays, dtype=float).T
        slow = 1000 / (decay_scale[:, None] * decays_ms)
        if self.rise_ms == 0:
            return weights, slow
        return np.concatenate([weights, -weights]), np.hstack([slow, slow + 1000 / self.rise_ms])


def hill_response(exponent: float, half_saturation: float, max_dff: float) -> Response:
    """dF/F = max_dff c^n / (c^n + K^n)."""

    def response(calcium: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore"):
            ratio = np.divide(half_saturation, calcium, out=calcium)
            ratio **= exponent
            ratio += 1
            return np.divide(max_dff, ratio, out=ratio)

    return response


def _culture(name: str) -> Indicator:
    rise, decay, exponent, half, largest = tables.CULTURE_FITS[name]
    response = hill_response(exponent, half, largest)
    return Indicator(name, "culture", tables.CULTURE_SOURCE, rise, ((1, decay),), response)


def in_vivo_indicator(name: str, parameters: Sequence[float]) -> Indicator:
    """An indicator from a row of ``IN_VIVO_FITS``."""
    rise, decay1, decay2, share, *hill = parameters
    decays = ((1, decay1), (share, decay2)) if share > 0 else ((1, decay1),)
    response = hill_response(*hill)
    return Indicator(f"{name}-in-vivo", "in vivo", tables.IN_VIVO_SOURCE, rise, decays, response)


def _legacy() -> Indicator:
    """Per spike A (e + p2 (e^2 - e) + p3 (e^3 - e)) with e = exp(-t/tau), then summed."""
    amplitude, decay, p2, p3 = tables.LEGACY_POLYNOMIAL
    shares = (1 - p2 - p3, p2, p3)
    decays = tuple((amplitude * share, decay / (k + 1)) for k, share in enumerate(shares))
    return Indicator("legacy-polynomial", "legacy", tables.LEGACY_SOURCE, 0, decays, lambda c: c)


@cache
def presets() -> dict[str, Indicator]:
    """All indicators that come with simbench, by name."""
    culture = [_culture(name) for name in tables.CULTURE_FITS]
    in_vivo = [in_vivo_indicator(*row) for row in tables.IN_VIVO_FITS.items()]
    return {indicator.name: indicator for indicator in (*culture, *in_vivo, _legacy())}


def get_indicator(indicator: str | IndicatorRecipe) -> Indicator:
    """Preset by name, or the indicator of a recipe (Hill response)."""
    if isinstance(indicator, IndicatorRecipe):
        response = hill_response(indicator.hill, indicator.half_saturation, indicator.max_dff)
        decays = ((1.0, indicator.decay_ms),)
        return Indicator("custom", "custom", "scenario", indicator.rise_ms, decays, response)
    if indicator not in presets():
        raise SimbenchError(f"indicator: unknown '{indicator}'; allowed: {', '.join(presets())}")
    return presets()[indicator]


def clean_dff(spikes: SpikeTrains, indicator: Indicator, rate_hz: float) -> np.ndarray:
    """True dF/F at ``t = 0, 1, 2, ... / rate_hz``, float32, shape (n_neurons, n_samples)."""
    return frame_dff(spikes, indicator, rate_hz, exposure=0.0)


def frame_dff(
    spikes: SpikeTrains,
    indicator: Indicator,
    frame_rate: float,
    exposure: float = 1.0,
    decay_scale: np.ndarray | None = None,
    neurons: slice = slice(None),
) -> np.ndarray:
    """True dF/F, averaged over the exposure at the start of each frame.

    The error of the average is about 0.2 % of the peak.

    Parameters
    ----------
    spikes : SpikeTrains
        Times in seconds.
    indicator : Indicator
    frame_rate : float
        Hz.
    exposure : float
        Share of the frame time; 0: the instant at which the frame starts.
    decay_scale : ndarray, shape (n_neurons,), optional
        Factor on the decay times of each neuron.
    neurons : slice
        Neurons to image; all by default.

    Returns
    -------
    ndarray of float32, shape (number of chosen neurons, n_frames)
    """
    from simbench.imaging.calcium import sum_exponentials

    exposure_s = exposure / frame_rate
    n_samples = _samples_per_frame(1000 * exposure_s, indicator.rise_ms)
    step = exposure_s / n_samples  # samples lie at the middles of these steps
    scale = np.ones(spikes.n_neurons) if decay_scale is None else np.asarray(decay_scale)
    count = n_frames(spikes, frame_rate)
    first, last, _ = neurons.indices(spikes.n_neurons)
    means = np.empty((last - first, count), dtype=np.float32)
    rows = max(1, _BLOCK // (n_samples * max(count, 1)))
    for begin in range(first, last, rows):
        end = min(begin + rows, last)
        samples = np.zeros((n_samples, end - begin, count), dtype=np.float32)
        weights, rates = indicator.exponentials(scale[begin:end])
        offsets = spikes.offsets[begin : end + 1]
        initial = _remains(spikes.lead_in, slice(begin, end), rates)
        sum_exponentials(
            spikes.times, offsets, weights, rates, initial, step / 2, step, 1 / frame_rate, samples
        )
        np.maximum(samples, 0, out=samples)  # differences of exponentials end a rounding below 0
        indicator.response(samples).mean(axis=0, out=means[begin - first : end - first])
    return means


def n_frames(spikes: SpikeTrains, rate_hz: float) -> int:
    """Whole frames in a recording."""
    return math.floor(spikes.duration * rate_hz + 1e-6)


def _samples_per_frame(exposure_ms: float, rise_ms: float) -> int:
    if exposure_ms == 0:
        return 1
    # The onset of a spike is a kink: a step h misses up to h^2 / (8 exposure rise) of its peak.
    # A jump misses up to h / (2 exposure).
    step_ms = math.sqrt(4e-3 * exposure_ms * rise_ms) if rise_ms else exposure_ms / 100
    return max(1, math.ceil(exposure_ms / step_ms))


def _remains(lead_in: SpikeTrains | None, neurons: slice, rates: np.ndarray) -> np.ndarray:
    """Value of each exponential at the start of the recording, (n_neurons, n_terms)."""
    if lead_in is None:
        return np.zeros_like(rates)
    offsets = lead_in.offsets[neurons.start : neurons.stop + 1]
    owner = np.repeat(np.arange(len(rates)), np.diff(offsets))
    age = lead_in.duration - lead_in.times[offsets[0] : offsets[-1]]
    left = np.exp(-rates[owner] * age[:, None])
    return np.column_stack(
        [np.bincount(owner, left[:, term], minlength=len(rates)) for term in range(rates.shape[1])]
    )


def describe_indicators() -> pd.DataFrame:
    """Response of every preset to one spike, measured on its model.

    Returns
    -------
    DataFrame
        Columns ``name``, ``family``, ``amplitude`` (peak dF/F), ``half_rise_ms`` and
        ``time_to_peak_ms`` (from the spike), ``half_decay_ms`` (from the peak), ``source``.
    """
    rows = [
        {"name": i.name, "family": i.family, **measure_response(i), "source": i.source}
        for i in presets().values()
    ]
    return pd.DataFrame(rows)


def measure_response(indicator: Indicator) -> dict[str, float]:
    """Amplitude (dF/F), half-rise, time to peak and half-decay (ms) after one spike."""
    rate_hz = 10_000.0
    spike = SpikeTrains(np.zeros(1), np.array([0, 1]), duration=6.0)
    trace = clean_dff(spike, indicator, rate_hz)[0].astype(float)
    peak = int(trace.argmax())
    half, to_ms = trace[peak] / 2, 1000 / rate_hz
    return {
        "amplitude": float(trace[peak]),
        "half_rise_ms": int(np.argmax(trace >= half)) * to_ms,
        "time_to_peak_ms": peak * to_ms,
        "half_decay_ms": int(np.argmax(trace[peak:] <= half)) * to_ms,
    }
