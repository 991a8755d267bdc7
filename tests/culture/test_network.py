"""Brian2 against a plain loop.

Both compute the same numbers but add them up in another order. Most firing types forget the last
digit; TC, RZ and some LTS neurons, and networks without depression, amplify it by e every 25 ms.
They are therefore compared spike for spike over 400 steps, and step by step over long runs.
"""

import numpy as np
import pytest
from plain import plain_step, random_network, run_plain

from simbench.core.errors import SimbenchError
from simbench.culture.model import build_model
from simbench.culture.network import run_network
from simbench.scenario.culture_recipe import FIRING_TYPES, SynapseRecipe

TARGETS = ["numpy", "cython"]
SENSITIVE = ("TC", "RZ", "LTS")
STEADY = [FIRING_TYPES[kind] for kind in FIRING_TYPES if kind not in SENSITIVE]

pytestmark = pytest.mark.usefixtures("kept_builds")


def both(network, synapses, target, n_steps, dt_ms=1.0, seed=5, sigma=2.25):
    neurons, steps = run_network(
        network, synapses,
        noise_sigma=sigma, duration_s=n_steps * dt_ms / 1000, dt_ms=dt_ms, seed=seed, target=target,
    )  # fmt: skip
    events = set(zip(neurons.tolist(), steps.tolist()))
    assert len(events) == len(neurons)
    return events, run_plain(network, synapses, sigma, n_steps, dt_ms, seed)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("depression", [0.0, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_random_networks_of_all_types_fire_spike_for_spike(target, depression, seed):
    synapses = SynapseRecipe(depression=depression)
    events, expected = both(random_network(seed), synapses, target, 400, seed=100 + seed)
    assert len(expected) > 150
    assert events == expected


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(5))
def test_steady_types_fire_spike_for_spike_for_long(target, seed):
    network = random_network(seed, types=STEADY, n=120, degree=25)
    events, expected = both(network, SynapseRecipe(), target, 3000, seed=seed)
    assert len(expected) > 250
    assert events == expected


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", FIRING_TYPES)
def test_each_firing_type_fires_spike_for_spike(target, kind):
    network = random_network(11, types=[FIRING_TYPES[kind]], n=40)
    n_steps = 400 if kind in SENSITIVE else 2000
    events, expected = both(network, SynapseRecipe(), target, n_steps, sigma=6.0)
    assert len(expected) > 50
    assert events == expected


@pytest.mark.parametrize("target", ["numpy", "cython"])
@pytest.mark.parametrize("depression", [0.0, 0.8])
def test_every_step_of_a_long_run_is_the_plain_step(target, depression):
    """From each state that Brian2 reaches, the plain step leads to Brian2's next state."""
    import brian2 as b2

    b2.prefs.codegen.target = target
    network, synapses = random_network(7, n=70, degree=15), SynapseRecipe(depression=depression)
    model, spikes, neurons = build_model(network, synapses, 2.25, 1.0)
    states = b2.StateMonitor(neurons, ["v", "u", "g", "R"], record=True, when="start")
    model.add(states)
    b2.seed(3)
    model.run(2000 * b2.ms, namespace={})
    traces = {name: np.asarray(getattr(states, name)) for name in ("v", "u", "g", "R")}
    noise = np.random.RandomState(3)
    events = set(zip(np.asarray(spikes.i).tolist(), np.rint(spikes.t / b2.ms).astype(int).tolist()))
    expected = set()
    for step in range(1999):
        state = {name: trace[:, step] for name, trace in traces.items()}
        after, fired = plain_step(network, synapses, 2.25, state, noise.standard_normal(70))
        expected |= {(int(i), step) for i in np.flatnonzero(fired)}
        for name, value in after.items():
            assert np.allclose(traces[name][:, step + 1], value, rtol=1e-9, atol=1e-9)
    assert len(expected) > 500
    assert {event for event in events if event[1] < 1999} == expected


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(2))
def test_delayed_releases_arrive_spike_for_spike(target, seed):
    """Delays reach beyond the intervals within a burst, so the depressed resource would show."""
    network = random_network(seed, delay_ms=12.0)
    events, expected = both(network, SynapseRecipe(), target, 400)
    intervals = [np.diff(sorted(t for i, t in expected if i == neuron)) for neuron in range(60)]
    assert min(isi.min() for isi in intervals if len(isi)) < 5
    assert events == expected


@pytest.mark.parametrize("target", TARGETS)
def test_finer_steps_fire_spike_for_spike(target):
    network = random_network(3, types=STEADY, n=120, degree=25)
    events, expected = both(network, SynapseRecipe(), target, 6000, dt_ms=0.25)
    assert len(expected) > 200
    assert events == expected


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_neurons_without_links_fire_spike_for_spike(target):
    network = random_network(4, degree=0, types=STEADY)
    events, expected = both(network, SynapseRecipe(), target, 1500, sigma=8.0)
    assert len(expected) > 100
    assert events == expected


def test_a_run_leaves_the_global_random_state_alone():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    both(random_network(0), SynapseRecipe(), "numpy", 20)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_delay_longer_than_the_kept_releases_is_an_error():
    network = random_network(0, delay_ms=200.0)
    with pytest.raises(SimbenchError, match="conduction_velocity_mm_per_ms: the longest delay"):
        run_network(network, SynapseRecipe(), noise_sigma=2.25, duration_s=1.5, seed=0)


def test_an_unknown_target_is_an_error():
    with pytest.raises(SimbenchError, match="allowed: numpy, cython$"):
        run_network(
            random_network(0), SynapseRecipe(), noise_sigma=1, duration_s=1, seed=0, target="gpu"
        )
