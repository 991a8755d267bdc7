"""Blocks against plain loops, and against themselves.

The reference loop computes the same numbers but adds them up in another order. Most firing types
forget the last digit; TC, RZ and some LTS neurons, and networks without depression, amplify it by e
every 25 ms. With these it is compared over 400 steps. The second loop has the engine's order of
operations, and agrees over whole runs of all types.
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
from plain import random_network, run_plain, run_plain_sums

from simbench.core.errors import SimbenchError
from simbench.culture import integration
from simbench.culture.integration import Trial, run_block, run_network
from simbench.scenario.culture_recipe import FIRING_TYPES, SynapseRecipe

TARGETS = ["numpy", "cython"]
SENSITIVE = ("TC", "RZ", "LTS")
STEADY = [FIRING_TYPES[kind] for kind in FIRING_TYPES if kind not in SENSITIVE]

pytestmark = pytest.mark.usefixtures("kept_builds")


def noise(seed):
    return lambda: np.random.default_rng(seed)


def fired(events):
    found = set(zip(events[0].tolist(), events[1].tolist()))
    assert len(found) == len(events[0])
    return found


def spikes_of(networks, n_steps, dt_ms=1.0, seed=5, loop=run_plain):
    """Spikes of each network by the loop; a block of them fires the same, on each target."""
    seeds = range(seed, seed + len(networks))
    expected = [loop(n, np.random.default_rng(k), n_steps, dt_ms) for n, k in zip(networks, seeds)]
    for target in TARGETS:
        trials = [run_once(network, n_steps) for network in networks]
        found = dict(run_block(trials, [noise(k) for k in seeds], dt_ms, target))
        assert [fired(found[k]) for k in range(len(networks))] == expected
    return expected


@pytest.mark.parametrize("depression", [0.0, 0.8])
def test_random_networks_of_all_types_fire_spike_for_spike(depression):
    synapses = SynapseRecipe(depression=depression)
    expected = spikes_of([random_network(k, synapses=synapses) for k in range(5)], 400, seed=100)
    assert min(map(len, expected)) > 150


@pytest.mark.parametrize("dt_ms", [1.0, 0.25])
def test_all_types_fire_spike_for_spike_for_long(dt_ms):
    networks = [
        random_network(7, n=70, degree=15, sigma=4.0, synapses=SynapseRecipe(depression=depression))
        for depression in (0.0, 0.8)
    ]
    expected = spikes_of(networks, 4000, dt_ms, loop=run_plain_sums)
    assert min(map(len, expected)) > 500


def test_steady_types_fire_spike_for_spike_for_long():
    networks = [random_network(k, types=STEADY, n=120, degree=25) for k in range(5)]
    expected = spikes_of(networks, 3000, seed=0)
    assert min(map(len, expected)) > 250


@pytest.mark.parametrize(("is_sensitive", "n_steps"), [(True, 400), (False, 2000)])
def test_each_firing_type_fires_spike_for_spike(is_sensitive, n_steps):
    kinds = [kind for kind in FIRING_TYPES if (kind in SENSITIVE) == is_sensitive]
    networks = [random_network(11, types=[FIRING_TYPES[k]], n=40, sigma=6.0) for k in kinds]
    assert min(map(len, spikes_of(networks, n_steps))) > 50


def test_delayed_releases_arrive_spike_for_spike():
    """Delays reach beyond the intervals within a burst, so the depressed resource would show."""
    for expected in spikes_of([random_network(k, delay_ms=12.0) for k in range(2)], 400):
        intervals = [np.diff(sorted(t for i, t in expected if i == neuron)) for neuron in range(60)]
        assert min(isi.min() for isi in intervals if len(isi)) < 5


def test_finer_steps_fire_spike_for_spike():
    (expected,) = spikes_of([random_network(3, types=STEADY, n=120, degree=25)], 6000, dt_ms=0.25)
    assert len(expected) > 200


def test_neurons_without_links_fire_spike_for_spike():
    (expected,) = spikes_of([random_network(4, degree=0, types=STEADY, sigma=8.0)], 1500)
    assert len(expected) > 100


def different_networks(delay_ms=0.0):
    """Networks of different sizes, drives and time constants, all firing types in each."""
    recipes = [
        SynapseRecipe(),
        SynapseRecipe(depression=0.5, decay_ms=7.0),
        SynapseRecipe(recovery_s=2.0, depression=0.9),
        SynapseRecipe(depression=0.0, decay_ms=12.0),
    ]
    return [
        random_network(
            seed, n=30 + 11 * seed, sigma=2.0 + seed, synapses=synapses, delay_ms=delay_ms
        )
        for seed, synapses in enumerate(recipes)
    ]


@functools.cache
def fired_alone(delay_ms, n_steps):
    """Spikes of each of these networks by itself, on NumPy."""
    networks = different_networks(delay_ms)
    return [fired(run_network(network, noise(k), n_steps)) for k, network in enumerate(networks)]


def run_once(network, n_steps):
    """One trial, the spikes of which are the result."""
    return (yield Trial(network, n_steps))


def run_again(network, n_steps):
    """A trial with another drive, a short one with the right one, and this to its end."""
    yield Trial(replace(network, noise_sigma=5.0, current=network.d), n_steps // 3)
    yield Trial(network, n_steps // 4)
    return (yield Trial(network, n_steps))


@pytest.mark.parametrize("delay_ms", [0.0, 9.0])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("chunk", [pytest.param(2**20, marks=pytest.mark.slow), 1000])
def test_spikes_do_not_depend_on_block_target_chunk_or_earlier_trials(
    delay_ms, target, chunk, monkeypatch
):
    networks, n_steps = different_networks(delay_ms), 1200
    alone = fired_alone(delay_ms, n_steps)
    monkeypatch.setattr(integration, "CHUNK", chunk)
    trials = [run_once(network, n_steps - 300 * k) for k, network in enumerate(networks)]
    searched = [run_again(network, 900) for network in networks[1:2] * 2]
    own = [noise(k) for k in (0, 1, 2, 3, 1, 1)]
    found = dict(run_block([*trials, *searched], own, 1.0, target))
    for k, events in enumerate(alone):
        expected = {(i, step) for i, step in events if step < n_steps - 300 * k}
        assert len(expected) > 20
        assert fired(found[k]) == expected
    assert fired(found[4]) == fired(found[5]) == fired(found[1])


def test_a_culture_that_fails_fails_alone():
    def fails():
        yield Trial(random_network(1), 100)
        raise SimbenchError("no such rate")

    network = random_network(2)
    found = dict(run_block([fails(), run_once(network, 300)], [noise(1), noise(2)], 1.0, "numpy"))
    assert str(found[0]) == "no such rate"
    assert fired(found[1]) == fired(run_network(network, noise(2), 300))


def test_progress_adds_up_to_what_was_simulated():
    seconds = []
    trials = [run_once(random_network(k), 200 + 300 * k) for k in range(2)]
    list(run_block(trials, [noise(0), noise(1)], 0.5, "numpy", seconds.append))
    assert sum(seconds) == pytest.approx(0.1 + 0.25)


def test_a_run_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    run_network(random_network(0), noise(0), 20)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_an_unknown_target_is_an_error():
    with pytest.raises(SimbenchError, match="allowed: numpy, cython"):
        run_network(random_network(0), noise(0), 10, target="gpu")


SLOW = SynapseRecipe(slow_share=0.3, slow_decay_ms=80.0)


@pytest.mark.parametrize("delay_ms", [0.0, 12.0])
def test_a_slow_part_of_the_excitatory_current_fires_spike_for_spike(delay_ms):
    network = random_network(8, delay_ms=delay_ms, synapses=SLOW)
    (expected,) = spikes_of([network], 400)
    assert len(expected) > 150
    assert [expected] != spikes_of([replace(network, synapses=SynapseRecipe())], 400)


def test_a_slow_part_fires_spike_for_spike_for_long():
    network = random_network(7, n=70, degree=15, sigma=4.0, synapses=SLOW)
    (expected,) = spikes_of([network], 3000, loop=run_plain_sums)
    assert len(expected) > 500


def test_neurons_of_different_noise_fire_spike_for_spike():
    sigma = np.random.default_rng(0).lognormal(1, 0.8, 120)
    network = random_network(3, types=STEADY, n=120, degree=25, sigma=sigma)
    (expected,) = spikes_of([network], 2000)
    assert len(expected) > 250
