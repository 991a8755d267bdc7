"""Calcium indicators: presets and the spike -> dF/F response, as recursive filters."""

import numpy as np
from scipy.signal import lfilter

from simbench.errors import SimbenchError
from simbench.recipes import IndicatorRecipe
from simbench.spikes import SpikeTrains

# Hill fits to the responses of cultured neurons to 1, 3, 10 and 160 spikes at 83 Hz
# (medians of the GENIE screen, Zhang et al. 2023, doi 10.1038/s41586-023-05828-9).
PRESETS: dict[str, IndicatorRecipe] = {
    "GCaMP6s": IndicatorRecipe(
        rise_ms=56.728, decay_ms=1726.176, hill=1.49, half_saturation=16.902, max_dff=11.327
    ),
}


def get_indicator(indicator: str | IndicatorRecipe) -> IndicatorRecipe:
    """Preset by name, or the recipe itself."""
    if isinstance(indicator, IndicatorRecipe):
        return indicator
    if indicator not in PRESETS:
        raise SimbenchError(
            f"imaging.indicator: unknown '{indicator}'; known: {', '.join(PRESETS)}"
        )
    return PRESETS[indicator]


def clean_dff(spikes: SpikeTrains, indicator: IndicatorRecipe, rate_hz: float) -> np.ndarray:
    """dF/F at the end of each time step, without noise.

    Calcium is ``c = sum exp(-t/decay) (1 - exp(-t/rise))`` over the spikes, the difference of two
    exponentials, so two first-order filters make it.

    Returns
    -------
    ndarray of float32, shape (n_neurons, n_steps)
    """
    n_steps = round(spikes.duration * rate_hz)
    counts = np.zeros((spikes.n_neurons, n_steps), dtype=np.float32)
    steps = np.minimum((spikes.times * rate_hz + 1e-6).astype(int), n_steps - 1)
    np.add.at(counts, (spikes.neurons, steps), 1)
    step_ms = 1000 / rate_hz
    slow = np.exp(-step_ms / indicator.decay_ms)
    fast = np.exp(-step_ms * (1 / indicator.decay_ms + 1 / indicator.rise_ms))
    calcium = lfilter([slow], [1, -slow], counts) - lfilter([fast], [1, -fast], counts)
    bound = np.maximum(calcium, 0) ** indicator.hill
    dff = indicator.max_dff * bound / (bound + indicator.half_saturation**indicator.hill)
    return dff.astype(np.float32)
