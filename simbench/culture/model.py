"""The Brian2 model: Izhikevich neurons with depressing synapses, integrated in two half steps.

One step is exactly the step of the reference scheme: input from the release at the start of the
step, one noise draw shared by both half steps of v, one Euler step for everything else, then
threshold and reset. Excitatory and inhibitory synapses share one decay, so the summed input of a
neuron is one event-driven variable: cost grows with spikes, not with synapses x steps.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from simbench.culture.brian import load_brian2
from simbench.scenario.culture_recipe import SynapseRecipe

_NEURON = """
dv/dt = (0.04*v**2 + 5*v + 140 - u + current + g)/ms + sqrt(2*sigma/ms)*xi : 1
du/dt = a*(b*v - u)/ms : 1
dg/dt = -g/(tau*ms) : 1
dR/dt = (1 - R)/(tau_R*ms) : 1
a : 1 (constant)
b : 1 (constant)
c : 1 (constant)
d : 1 (constant)
current : 1 (constant)
sigma : 1 (shared, constant)
tau : 1 (shared, constant)
tau_R : 1 (shared, constant)
beta : 1 (shared, constant)
released0 : 1
"""
THRESHOLD = "v > 30"
HISTORY = 8
"""Spikes of a neuron that may be under way on a delayed link at the same time."""


@dataclass(frozen=True)
class Network:
    """Everything that one run needs; plain arrays, one entry a neuron.

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
    delays_ms: np.ndarray | None = None


@dataclass(frozen=True)
class ModelText:
    """Equations and code of the model in Brian2's language."""

    neuron: str
    reset: str
    synapse: str
    on_spike: str


def model_text(delayed: bool) -> ModelText:
    """The model without or with conduction delays.

    What a spike releases is latched by the reset of the neuron that spikes, because at the time of
    arrival its resource is already depressed. With delays, the last few releases are kept, and
    each link counts its arrivals, so that a burst faster than the delay arrives spike for spike.
    """
    # abs() forces a copy: on Brian2's NumPy target `released0 = R` would alias the depressed R
    spike = ["v = c", "u += d", "released0 = abs(R)", "R *= (1 - beta)"]
    if not delayed:
        return ModelText(_NEURON, "\n".join(spike), "w : 1 (constant)", "g_post += w*released0_pre")
    kept = "".join(f"released{k} : 1\n" for k in range(1, HISTORY))
    shift = [f"released{k} = abs(released{k - 1})" for k in range(HISTORY - 1, 0, -1)]
    arrival = " + ".join(f"released{k}_pre*int(later == {k})" for k in range(HISTORY))
    return ModelText(
        _NEURON + kept + "n_spikes : integer\n",
        "\n".join([*shift, *spike, "n_spikes += 1"]),
        "w : 1 (constant)\nn_arrived : integer",
        f"later = n_spikes_pre - n_arrived - 1\ng_post += w*({arrival})\nn_arrived += 1",
    )


def two_half_steps(equations: Any, variables: Any, method_options: Any = None) -> str:
    """State updater for Brian2: two half Euler steps of v, one Euler step of the rest.

    Plain Euler at 1 ms destroys the bursts of these neurons without a warning.
    """
    expressions = equations.get_substituted_expressions(variables)
    by_name = dict(expressions)
    # equations.diff_eq_names is a set; its order would change the generated code between runs
    others = [name for name, _ in expressions if name in equations.diff_eq_names and name != "v"]
    drift, noise = by_name["v"].split_stochastic()
    ((xi, amplitude),) = noise.items()
    lines = [f"{xi} = dt**-0.5*randn()"]
    lines += [f"_change_{name} = dt*({by_name[name].code})" for name in others]
    lines += [f"v = v + 0.5*dt*(({drift.code}) + ({amplitude.code})*{xi})"] * 2
    lines += [f"{name} = {name} + _change_{name}" for name in others]
    return "\n".join(lines)


def build_model(
    network: Network, synapses: SynapseRecipe, noise_sigma: float, dt_ms: float
) -> tuple[Any, Any, Any]:
    """Brian2's objects for a network.

    Returns
    -------
    network : brian2.Network
    spikes : brian2.SpikeMonitor
    neurons : brian2.NeuronGroup
    """
    b2 = load_brian2()

    text = model_text(network.delays_ms is not None)
    clock = b2.Clock(dt=dt_ms * b2.ms, name="step")
    neurons = b2.NeuronGroup(
        len(network.a), text.neuron, method=two_half_steps, threshold=THRESHOLD, reset=text.reset,
        clock=clock, namespace={}, name="neurons",
    )  # fmt: skip
    for name, values in neuron_values(network).items():
        setattr(neurons, name, values)
    neurons.sigma, neurons.beta = noise_sigma, synapses.depression
    neurons.tau, neurons.tau_R = synapses.decay_ms, 1000 * synapses.recovery_s
    spikes = b2.SpikeMonitor(neurons, name="spikes")
    if not network.weights.nnz:
        return b2.Network(neurons, spikes), spikes, neurons
    links = b2.Synapses(
        neurons, neurons, text.synapse, on_pre=text.on_spike,
        clock=clock, namespace={}, name="links",
    )  # fmt: skip
    links.pre.when = "after_resets"  # a spike releases what its own reset has latched
    edges = network.weights.tocoo()
    links.connect(i=edges.row, j=edges.col)
    links.w = edges.data
    if network.delays_ms is not None:
        links.pre.delay = network.delays_ms * b2.ms
    return b2.Network(neurons, links, spikes), spikes, neurons


def neuron_values(network: Network) -> dict[str, np.ndarray]:
    """Parameters and state of the neurons by their name in the model."""
    names = ("a", "b", "c", "d", "v", "u", "current")
    values = {name: getattr(network, name) for name in names}
    # since all synapses decay alike, the summed input decays as each of them does
    return values | {"R": network.resource, "g": network.weights.T @ network.release}
