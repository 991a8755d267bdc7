import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simbench.culture.bursts import active_neurons, find_network_bursts
from simbench.culture.spike_statistics import spike_statistics
from simbench.culture.spikes import SpikeTrains

spike_sets = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9999)), max_size=120)


def trains(events, n_neurons=6, duration=10.0):
    neurons, steps = np.array(events, dtype=int).reshape(-1, 2).T
    return SpikeTrains.from_events(neurons, steps / 1000, n_neurons, duration)


@settings(max_examples=60, deadline=None)
@given(spike_sets)
def test_statistics_are_finite_whatever_the_trains(events):
    table = spike_statistics(trains(events))
    assert len(table) == 6
    assert np.isfinite(table.to_numpy(dtype=float)).all()


def test_statistics_of_a_regular_train_are_those_of_its_interval():
    times = np.arange(0, 50, 0.1)
    table = spike_statistics(SpikeTrains.from_events(np.zeros(500, int), times, 1, 50.0))
    assert table["isi_cv"][0] == pytest.approx(0, abs=1e-9)
    assert table["isi_cv2"][0] == pytest.approx(0, abs=1e-9)
    assert table["log_isi_q50"][0] == pytest.approx(-1)
    assert table["log_rate"][0] == pytest.approx(1, abs=0.001)
    assert table["isi_100to200ms"][0] == pytest.approx(1)


def test_cv_cv2_and_lv_of_a_poisson_train_are_one():
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(0.2, 20_000))
    spikes = SpikeTrains.from_events(np.zeros(20_000, int), times, 1, times[-1] + 0.2)
    table = spike_statistics(spikes)
    for column in ("isi_cv", "isi_cv2", "isi_lv"):
        assert table[column][0] == pytest.approx(1, abs=0.03)
    lags = table.filter(like="autocorrelation").iloc[0, 3:]
    assert np.abs(lags).max() < 0.2


def test_statistics_do_not_depend_on_the_order_of_neurons():
    rng = np.random.default_rng(1)
    neurons, times = rng.integers(0, 6, 300), rng.permutation(10_000)[:300] / 1000
    order = rng.permutation(6)
    one = spike_statistics(SpikeTrains.from_events(neurons, times, 6, 10.0))
    other = spike_statistics(SpikeTrains.from_events(order[neurons], times, 6, 10.0))
    np.testing.assert_allclose(one.to_numpy(), other.to_numpy()[order], atol=1e-9)


def test_active_neurons_counts_each_neuron_once():
    """Against a direct count over all pairs of bins and neurons."""
    rng = np.random.default_rng(0)
    neurons, bins = rng.integers(0, 8, 400), rng.integers(0, 600, 400)
    spikes = SpikeTrains.from_events(neurons, bins * 0.005 + 0.001, 8, 3.0)
    fired = np.zeros((8, 600), dtype=bool)
    fired[neurons, bins] = True
    expected = [fired[:, max(k - 5, 0) : k + 6].any(axis=1).sum() for k in range(600)]
    np.testing.assert_array_equal(active_neurons(spikes), expected)


def test_planted_network_bursts_are_found_among_tonic_neurons():
    rng = np.random.default_rng(5)
    planted = np.array([3.0, 7.5, 12.0, 18.2])
    neurons = [np.repeat(np.arange(80), 4), np.repeat(np.arange(80, 100), 400)]
    times = [
        (planted + rng.uniform(0, 0.06, (80, 4))).ravel(),
        (np.arange(400) * 0.05 + rng.uniform(0, 0.05, (20, 1))).ravel() % 20,
    ]
    spikes = SpikeTrains.from_events(np.concatenate(neurons), np.concatenate(times), 100, 20.0)
    bursts = find_network_bursts(spikes)
    assert len(bursts) == 4
    np.testing.assert_allclose(bursts.starts, planted, atol=0.02)
    np.testing.assert_allclose(bursts.stops, planted + 0.06, atol=0.02)


def test_independent_neurons_make_no_network_bursts():
    rng = np.random.default_rng(6)
    neurons = rng.integers(0, 100, 20_000)
    spikes = SpikeTrains.from_events(neurons, rng.uniform(0, 60, 20_000), 100, 60.0)
    assert len(find_network_bursts(spikes)) == 0
