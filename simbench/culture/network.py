"""Run a network, on the Brian2 target that costs least."""

import hashlib
import json
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import sparse

from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError
from simbench.culture.brian import load_brian2
from simbench.culture.model import HISTORY, THRESHOLD, Network, build_model, model_text
from simbench.culture.rate_search import COST_S, simulation_cost_s
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe

TARGETS = ("numpy", "cython")
FLAGS = ("-w", "-O2", "-ffp-contract=off", "-std=c++17")  # IEEE semantics on any CPU
COMPILE_S = 30.0


def prepare_target(recipes: Iterable[CultureRecipe], n_workers: int = 1) -> str:
    """Cheapest of Brian2's runtime targets for this work; compiles once, before workers need it.

    All targets give the same spikes, so only cost decides: NumPy for a small first run, Cython
    as soon as the work outweighs compiling. Without a C++ compiler it is NumPy, and a warning
    says so.

    Parameters
    ----------
    recipes : iterable of CultureRecipe
        The cultures to run, each as often as it is run.
    n_workers : int
        Processes that share the work.

    Returns
    -------
    {"numpy", "cython"}
    """
    recipes = list(recipes)
    cost = {target: sum(simulation_cost_s(r, target) for r in recipes) for target in COST_S}
    models = {r.synapses.conduction_velocity_mm_per_ms is not None for r in recipes}
    cold = [delayed for delayed in sorted(models) if not _marker(delayed).exists()]
    if (cost["numpy"] - cost["cython"]) / n_workers < COMPILE_S * len(cold):
        return "numpy"
    if cold and not compiler_found():
        warnings.warn("no C++ compiler found: simulating with Brian2's NumPy target", stacklevel=2)
        return "numpy"
    for delayed in cold:
        _compile(delayed)
    return "cython"


def compiler_found() -> bool:
    """Whether the C++ compiler that Brian2 would call is there."""
    return shutil.which(shlex.split(os.environ.get("CXX") or "g++")[0]) is not None


def cython_cache() -> Path:
    """Folder of compiled modules; its name holds all that Brian2's own cache key leaves out."""
    return cache_folder() / "cython" / _build_digest()


def _build_digest() -> str:
    """Names all that a compiled model depends on."""
    texts = [[*vars(model_text(delayed)).values(), THRESHOLD] for delayed in (False, True)]
    about = [sys.version, version("brian2"), version("numpy"), texts, FLAGS]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


def _marker(delayed: bool) -> Path:
    return cython_cache() / ("warm-delayed" if delayed else "warm")


def _compile(delayed: bool) -> None:
    """Compile a model's modules by running two neurons for one step."""
    zeros = np.zeros(2)
    link = sparse.csr_array(([1.0], ([0], [1])), shape=(2, 2))
    delays = np.zeros(1) if delayed else None
    tiny = Network(zeros, zeros, zeros, zeros, link, zeros, zeros, zeros, zeros, zeros, delays)
    run_network(tiny, SynapseRecipe(), noise_sigma=0, duration_s=0.001, seed=0, target="cython")
    _marker(delayed).touch()


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

    Raises
    ------
    SimbenchError
        If the target is unknown, or more than 8 spikes of a neuron were under way on one link.
    """
    if target not in TARGETS:
        raise SimbenchError(f"target = '{target}'; allowed: {', '.join(TARGETS)}")
    n_steps = round(duration_s * 1000 / dt_ms)
    neurons, steps = _run(network, synapses, noise_sigma, n_steps, dt_ms, seed, target)
    if network.delays_ms is not None and network.delays_ms.size:
        _check_history(neurons, steps * dt_ms, float(network.delays_ms.max()))
    return neurons, steps


def _run(
    network: Network,
    synapses: SynapseRecipe,
    noise_sigma: float,
    n_steps: int,
    dt_ms: float,
    seed: int,
    target: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Run with one of the targets that live in this process."""
    b2 = load_brian2()

    b2.prefs.codegen.target = target
    if target == "cython":
        folder = cython_cache()
        folder.mkdir(parents=True, exist_ok=True)
        b2.prefs.codegen.runtime.cython.cache_dir = str(folder)
        b2.prefs.codegen.cpp.extra_compile_args_gcc = list(FLAGS)
    model, spikes, _ = build_model(network, synapses, noise_sigma, dt_ms)
    before = np.random.get_state()  # noqa: NPY002 (Brian2's noise is NumPy's global stream)
    try:
        b2.seed(seed)
        model.run(n_steps * dt_ms * b2.ms, namespace={})
    finally:
        np.random.set_state(before)  # noqa: NPY002
    steps = np.rint(np.asarray(spikes.t / b2.ms) / dt_ms).astype(np.int64)
    return np.asarray(spikes.i, dtype=np.int64), steps


def _check_history(neurons: np.ndarray, times_ms: np.ndarray, longest_ms: float) -> None:
    order = np.lexsort((times_ms, neurons))
    neurons, times_ms = neurons[order], times_ms[order]
    same = neurons[HISTORY:] == neurons[:-HISTORY]
    span = (times_ms[HISTORY:] - times_ms[:-HISTORY])[same]
    if span.size and span.min() <= longest_ms:
        raise SimbenchError(
            f"synapses.conduction_velocity_mm_per_ms: the longest delay is {longest_ms:.3g} ms, "
            f"and {HISTORY} spikes of a neuron came within {span.min():.3g} ms; raise the velocity"
        )
