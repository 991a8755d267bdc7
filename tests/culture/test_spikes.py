import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench import SimbenchError, SpikeTrains

events = st.lists(st.tuples(st.integers(0, 4), st.floats(0, 10, exclude_max=True)), max_size=50)


@given(events, st.randoms(use_true_random=False))
def test_trains_hold_every_event_in_order_whatever_the_order_given(pairs, random):
    neurons = np.array([n for n, _ in pairs], dtype=int)
    times = np.array([t for _, t in pairs])
    trains = SpikeTrains.from_events(neurons, times, 5, 10.0)
    for neuron in range(5):
        np.testing.assert_array_equal(trains[neuron], np.sort(times[neurons == neuron]))
    shuffled = list(pairs)
    random.shuffle(shuffled)
    again = SpikeTrains.from_events(
        np.array([n for n, _ in shuffled], dtype=int), np.array([t for _, t in shuffled]), 5, 10.0
    )
    np.testing.assert_array_equal(trains.times, again.times)
    assert trains.counts.sum() == len(pairs)
    np.testing.assert_array_equal(np.bincount(trains.neurons, minlength=5), trains.counts)


@pytest.mark.parametrize(
    ("neurons", "times", "complaint"),
    [
        ([0], [np.nan], "not finite"),
        ([0], [10.0], "allowed is 0 <= t < 10"),
        ([0], [-0.1], "allowed is 0 <= t < 10"),
        ([5], [1.0], "indices must lie in 0..4"),
        ([0, 1], [1.0], "do not match"),
        ([0.7], [1.0], "indices must be whole numbers"),
    ],
)
def test_impossible_spikes_are_refused(neurons, times, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        SpikeTrains.from_events(np.array(neurons), np.array(times), 5, 10.0)


def test_a_recording_without_an_end_is_refused():
    with pytest.raises(SimbenchError, match="duration = nan s; allowed: a finite number"):
        SpikeTrains.from_events(np.array([0]), np.array([1.0]), 5, np.nan)
