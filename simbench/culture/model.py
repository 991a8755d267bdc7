"""The Brian2 model: Izhikevich neurons with depressing synapses, integrated in two half steps.

One step is exactly the step of the reference scheme: input from the release at the start of the
step, one noise draw shared by both half steps of v, one Euler step for everything else, then
threshold and reset. Synapses that decay alike share one variable per postsynaptic neuron: cost
grows with spikes, not with synapses x steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from simbench.scenario.culture_recipe import SynapseRecipe

_NAMES = "v u g R noise released0 a b c d current g_kept recovery R_kept"
_NEURON = "".join(f"{name} : 1\n" for name in _NAMES.split())
_NEURON += "dt_ms : 1 (shared, constant)\nhalf_ms : 1 (shared, constant)\n"
# The text is the arithmetic: no powers, no divisions, one operation order, so that every target
# gives the same bits.
_STEP = """
input = 140 - u + current + {input} + noise
du = a*(b*v - u)
halfway = v + half_ms*((0.04*v + 5)*v + input)
v = halfway + half_ms*((0.04*halfway + 5)*halfway + input)
u = u + dt_ms*du
g = g_kept*g
R = R + recovery*(1 - R)
"""
THRESHOLD = "v > 30"
# abs() forces a copy: on Brian2's NumPy target `released0 = R` would alias the depressed R
_RESET = "v = c\nu += d\nreleased0 = abs(R)\nR *= R_kept"
HISTORY = 8  # spikes of a neuron that may be under way on a delayed link at the same time


@dataclass(frozen=True)
class Network:
    """A culture ready to fire.

    Parameters
    ----------
    a, b, c, d : ndarray, shape (n_neurons,)
        Izhikevich parameters; c in mV.
    weights : scipy.sparse.csr_array, shape (n_neurons, n_neurons)
        Signed synaptic weights, presynaptic x postsynaptic.
    v, u, release, resource : ndarray, shape (n_neurons,)
        State at the start: membrane potential in mV, recovery, P and R of the synapses.
    current : ndarray, shape (n_neurons,)
        Constant input.
    noise_sigma : ndarray, shape (n_neurons,), or float
        Intensity of the noise.
    synapses : SynapseRecipe
        Time constants and depression.
    delays_ms : ndarray, shape (n_synapses,), optional
        Delay of each stored weight, in the order of ``weights.data``.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    weights: sparse.csr_array
    v: np.ndarray
    u: np.ndarray
    release: np.ndarray
    resource: np.ndarray
    current: np.ndarray
    noise_sigma: np.ndarray | float
    synapses: SynapseRecipe
    delays_ms: np.ndarray | None = None

    @property
    def n_neurons(self) -> int:
        return len(self.a)

    @property
    def model(self) -> tuple[bool, bool]:
        """Which model it needs: with delays, with a slow current."""
        return self.delays_ms is not None, self.synapses.slow_share > 0

    def parts(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Weights of the fast and of the slow current."""
        slow, fast = self.weights.copy(), self.weights.copy()
        slow.data = np.where(slow.data > 0, self.synapses.slow_share * slow.data, 0.0)
        fast.data = fast.data - slow.data
        return fast, slow

    def noise_sd(self, dt_ms: float) -> np.ndarray:
        """S.d. of the noise of each neuron in a step, shape (n_neurons,)."""
        return np.sqrt(2 * np.broadcast_to(self.noise_sigma, self.n_neurons) / dt_ms)


@dataclass(frozen=True)
class ModelText:
    """Variables and code of the model in Brian2's language."""

    neuron: str
    step: str
    reset: str
    synapse: str
    on_spike: str


def model_text(delayed: bool, slow: bool) -> ModelText:
    """The model, with conduction delays and a slow part of the excitatory current or without.

    What a spike releases is latched by the reset of the neuron that spikes, because at the time of
    arrival its resource is already depressed. With delays, the last few releases are kept, and
    each link counts its arrivals, so that a burst faster than the delay arrives spike for spike.
    """
    neuron, reset, released = _NEURON, _RESET, "released0_pre"
    step, synapse, on_spike = _STEP.format(input="g"), "w : 1", "g_post += w*released"
    if slow:
        neuron += "slow : 1\nslow_kept : 1\n"
        step = _STEP.format(input="g + slow") + "slow = slow_kept*slow\n"
        synapse += "\nw_slow : 1"
        on_spike += "\nslow_post += w_slow*released"
    if delayed:
        neuron += "".join(f"released{k} : 1\n" for k in range(1, HISTORY)) + "n_spikes : integer\n"
        shift = [f"released{k} = abs(released{k - 1})" for k in range(HISTORY - 1, 0, -1)]
        reset = "\n".join([*shift, _RESET, "n_spikes += 1"])
        synapse += "\nn_arrived : integer"
        each = (f"released{k}_pre*int(later == {k})" for k in range(HISTORY))
        released = f"({' + '.join(each)})"
        on_spike = f"later = n_spikes_pre - n_arrived - 1\n{on_spike}\nn_arrived += 1"
    on_spike = on_spike.replace("*released", f"*{released}")
    return ModelText(neuron, step, reset, synapse, on_spike)


def build_model(networks: Sequence[Network], dt_ms: float) -> tuple[Any, Any]:
    """Brian2's objects for networks without links between them; Brian2 has its target.

    Returns
    -------
    model : brian2.Network
    neurons : brian2.NeuronGroup
        The neurons of the first network, then those of the second, and so on.
    """
    import brian2 as b2

    delayed, slow = networks[0].model
    text = model_text(delayed, slow)
    clock = b2.Clock(dt=dt_ms * b2.ms, name="step")
    common = {"clock": clock, "namespace": {}}
    first = np.cumsum([0, *(network.n_neurons for network in networks)])
    neurons = b2.NeuronGroup(
        first[-1], text.neuron, threshold=THRESHOLD, reset=text.reset, name="neurons", **common
    )
    model = b2.Network(neurons)
    neurons.run_regularly(text.step, when="groups", clock=clock, name="step")
    values = [neuron_values(network, dt_ms) for network in networks]
    for name in values[0]:
        setattr(neurons, name, np.concatenate([some[name] for some in values]))
    neurons.dt_ms, neurons.half_ms = dt_ms, 0.5 * dt_ms
    edges = [network.weights.tocoo() for network in networks]
    if not sum(some.nnz for some in edges):
        return model, neurons
    links = b2.Synapses(
        neurons, neurons, text.synapse, on_pre=text.on_spike, name="links", **common
    )
    links.pre.when = "after_resets"  # a spike releases what its own reset has latched
    target, b2.prefs.codegen.target = b2.prefs.codegen.target, "numpy"  # quicker than to compile
    links.connect(
        i=np.concatenate([some.row + start for some, start in zip(edges, first)]),
        j=np.concatenate([some.col + start for some, start in zip(edges, first)]),
    )
    b2.prefs.codegen.target = target
    parts = [network.parts() for network in networks]
    links.w = np.concatenate([fast.data for fast, _ in parts])
    if slow:
        links.w_slow = np.concatenate([part.data for _, part in parts])
    if delayed:
        delays = [network.delays_ms for network in networks if network.delays_ms is not None]
        links.pre.delay = np.concatenate(delays) * b2.ms
    model.add(links)
    return model, neurons


def neuron_values(network: Network, dt_ms: float) -> dict[str, np.ndarray]:
    """Parameters and initial state of the neurons by their name in the model."""
    synapses = network.synapses
    values = {name: getattr(network, name) for name in ("a", "b", "c", "d", "v", "u", "current")}
    same = {
        "g_kept": 1 - dt_ms / synapses.decay_ms,
        "recovery": dt_ms / (1000 * synapses.recovery_s),
        "R_kept": 1 - synapses.depression,
    }
    if network.model[1]:
        same["slow_kept"] = 1 - dt_ms / synapses.slow_decay_ms
    values |= {name: np.full(network.n_neurons, value) for name, value in same.items()}
    # since synapses decay alike, their summed input decays as each of them does
    fast, slow = network.parts()
    values |= {"R": network.resource, "g": fast.T @ network.release}
    return values | ({"slow": slow.T @ network.release} if network.model[1] else {})
