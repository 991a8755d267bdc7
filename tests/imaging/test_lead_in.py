"""A recording does not begin in the dark: earlier spikes still glow in its first frames."""

import numpy as np
import pytest

from simbench.culture.spikes import SpikeTrains
from simbench.imaging.indicators import frame_dff, get_indicator
from simbench.scenario.presets import INDICATOR_NAMES


@pytest.mark.parametrize("name", INDICATOR_NAMES)
def test_the_end_of_a_long_recording_equals_a_recording_with_that_lead_in(name):
    rng = np.random.default_rng(3)
    neurons, times = rng.integers(0, 5, 400), rng.uniform(0, 30, 400)
    whole = SpikeTrains.from_events(neurons, times, 5, 30.0)
    early = times < 20
    lead_in = SpikeTrains.from_events(neurons[early], times[early], 5, 20.0)
    late = SpikeTrains.from_events(neurons[~early], times[~early] - 20, 5, 10.0, lead_in)
    scale = rng.uniform(0.5, 2, 5)
    expected = frame_dff(whole, get_indicator(name), 20.0, 0.8, scale)[:, 400:]
    np.testing.assert_allclose(
        frame_dff(late, get_indicator(name), 20.0, 0.8, scale), expected, rtol=1e-4, atol=1e-6
    )


def test_tonic_neurons_are_bright_from_the_first_frame():
    times = np.arange(0.0, 40, 0.05)
    lead_in = SpikeTrains.from_events(np.zeros(400, int), times[:400], 1, 20.0)
    train = SpikeTrains.from_events(np.zeros(400, int), times[:400], 1, 20.0, lead_in)
    dff = frame_dff(train, get_indicator("GCaMP6s"), 20.0)[0]
    assert dff[0] == pytest.approx(dff[-1], rel=1e-3)
