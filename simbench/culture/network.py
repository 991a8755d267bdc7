"""The Brian2 model: Izhikevich neurons with depressing synapses, integrated in two half steps.

One step is exactly the step of the reference scheme: input from the release at the start of the
step, one noise draw shared by both half steps of v, one Euler step for everything else, then
threshold and reset. Excitatory and inhibitory synapses share one decay, so the summed input of a
neuron is one event-driven variable: cost grows with spikes, not with synapses x steps.
"""

import hashlib
import json
import os
import shutil
import sys
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from simbench.cache import cache_folder
from simbench.recipes import CultureRecipe, SynapseRecipe

MODEL = """
dv/dt = (0.04*v**2 + 5*v + 140 - u + current + g)/ms + sqrt(2*sigma/ms)*xi : 1
du/dt = a*(b*v - u)/ms : 1
dg/dt = -g/(tau*ms) : 1
dR/dt = (1 - R)/(tau_R*ms) : 1
released : 1
a : 1 (constant)
b : 1 (constant)
c : 1 (constant)
d : 1 (constant)
current : 1 (constant)
sigma : 1 (shared, constant)
tau : 1 (shared, constant)
tau_R : 1 (shared, constant)
beta : 1 (shared, constant)
"""
# abs() forces a copy: on Brian2's NumPy target `released = R` would alias the depressed R.
RESET = "v = c; u += d; released = abs(R); R *= (1 - beta)"
THRESHOLD = "v > 30"
_FLAGS = ("-w", "-O2", "-ffp-contract=off", "-std=c++17")  # IEEE semantics on any CPU
COMPILE_S = 30.0


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


def prepare_target(recipes: list[CultureRecipe], n_workers: int = 1) -> str:
    """Cheapest of Brian2's targets for this work; compiles once, before workers need it.

    All targets give the same spikes, so only cost decides: NumPy for a small first run, Cython
    as soon as the work outweighs compiling. Without a C++ compiler it is NumPy, and a warning
    says so.
    """
    steps = [(r.settle_s + r.duration_s) * 1000 / r.dt_ms for r in recipes]
    numpy_s = sum(n * (90e-6 + 26e-9 * r.n_neurons) for n, r in zip(steps, recipes))
    cython_s = sum(n * (20e-6 + 19e-9 * r.n_neurons) for n, r in zip(steps, recipes))
    folder = cython_cache()
    warm = (folder / "warm").exists()
    if not warm and (numpy_s - cython_s) / n_workers < COMPILE_S:
        return "numpy"
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        warnings.warn("no C++ compiler found: simulating with Brian2's NumPy target", stacklevel=2)
        return "numpy"
    if not warm:
        zeros = np.zeros(2)
        link = sparse.csr_array(([1.0], ([0], [1])), shape=(2, 2))
        tiny = Network(zeros, zeros, zeros, zeros, link, zeros, zeros, zeros, zeros, zeros)
        run_network(tiny, SynapseRecipe(), noise_sigma=0, duration_s=0, seed=0, target="cython")
        (folder / "warm").touch()
    return "cython"


def cython_cache() -> Path:
    """Folder of compiled modules; its name holds all that Brian2's own cache key leaves out."""
    about = json.dumps([sys.version, version("brian2"), version("numpy"), MODEL, RESET, _FLAGS])
    return cache_folder() / "cython" / hashlib.sha256(about.encode()).hexdigest()[:16]


def run_network(
    network: Network,
    synapses: SynapseRecipe,
    *,
    noise_sigma: float,
    duration_s: float,
    dt_ms: float = 1.0,
    seed: int,
    target: str = "numpy",
) -> tuple[np.ndarray, np.ndarray]:
    """Run a network and return its spikes.

    Parameters
    ----------
    network : Network
    synapses : SynapseRecipe
        Time constants and depression.
    noise_sigma : float
        Intensity of the noise drive.
    duration_s, dt_ms : float
        Length of the run (s) and of one step (ms).
    seed : int
        32-bit seed of the noise.
    target : {"numpy", "cython"}
        Brian2's code generation target. All give the same spikes.

    Returns
    -------
    neurons : ndarray of int, shape (n_spikes,)
    steps : ndarray of int, shape (n_spikes,)
        Index of the time step, so that a spike's time is ``step * dt_ms``.
    """
    import brian2 as b2

    b2.prefs.codegen.target = target
    if target == "cython":
        folder = cython_cache()
        folder.mkdir(parents=True, exist_ok=True)
        b2.prefs.codegen.runtime.cython.cache_dir = str(folder)
        b2.prefs.codegen.cpp.extra_compile_args_gcc = list(_FLAGS)
    clock = b2.Clock(dt=dt_ms * b2.ms, name="step")
    neurons = b2.NeuronGroup(
        len(network.a), MODEL, method=two_half_steps, threshold=THRESHOLD, reset=RESET,
        clock=clock, namespace={}, name="neurons",
    )  # fmt: skip
    for name in ("a", "b", "c", "d", "v", "u", "current"):
        setattr(neurons, name, getattr(network, name))
    neurons.R = network.resource
    neurons.g = network.weights.T @ network.release
    neurons.sigma, neurons.beta = noise_sigma, synapses.depression
    neurons.tau, neurons.tau_R = synapses.decay_ms, 1000 * synapses.recovery_s
    links = b2.Synapses(
        neurons, neurons, "w : 1 (constant)", on_pre="g_post += w*released_pre",
        clock=clock, namespace={}, name="links",
    )  # fmt: skip
    links.pre.when = "after_resets"  # a spike releases what its own reset has latched
    edges = network.weights.tocoo()
    objects = [neurons]
    if edges.nnz:
        links.connect(i=edges.row, j=edges.col)
        links.w = edges.data
        if network.delays_ms is not None:
            links.pre.delay = network.delays_ms * b2.ms
        objects.append(links)
    spikes = b2.SpikeMonitor(neurons, name="spikes")
    before = np.random.get_state()  # noqa: NPY002 (Brian2's noise is NumPy's global stream)
    try:
        b2.seed(seed)
        b2.Network(*objects, spikes).run(duration_s * b2.second, namespace={})
    finally:
        np.random.set_state(before)  # noqa: NPY002
    steps = np.rint(np.asarray(spikes.t / b2.ms) / dt_ms).astype(np.int64)
    return np.asarray(spikes.i, dtype=np.int64), steps
