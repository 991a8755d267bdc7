"""Which cultures run in one block, and on which of Brian2's targets."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import sparse

from simbench.core.parallel import run_jobs
from simbench.culture.brian import compiler_found, cython_cache, use_target
from simbench.culture.model import Network, build_model
from simbench.culture.rate_search import simulated_s
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe

_log = logging.getLogger(__name__)
# Neurons of a block: here the cost of a step is nearly all theirs, and little memory is taken
MOST_NEURONS = 8000
COMPILE_S = {1: 12.0, 2: 7.0}  # of a model, by the number of workers
# Seconds per step: fixed, and per neuron (measured on blocks of 84 to 10,000 neurons)
_COST_S = {"numpy": (75e-6, 34e-9), "cython": (20e-6, 27e-9)}


def plan_blocks(recipes: Sequence[CultureRecipe], n_workers: int = 1) -> list[list[int]]:
    """Divide cultures into blocks for `grow_cultures`, as many for each worker, longest first.

    The cultures of a block share the duration, the step and the model.

    Returns
    -------
    list of lists of int
        Positions in ``recipes``.
    """
    kinds = defaultdict(list)
    for position, recipe in enumerate(recipes):
        alike = (recipe.duration_s, simulated_s(recipe), recipe.dt_ms, _model(recipe))
        kinds[alike].append(position)
    blocks = []
    for positions in kinds.values():
        positions.sort(key=lambda position: -recipes[position].n_neurons)
        total = sum(recipes[position].n_neurons for position in positions)
        n_blocks = n_workers * int(np.ceil(total / MOST_NEURONS / n_workers))
        some: list[list[int]] = [[] for _ in range(min(n_blocks, len(positions)))]
        sizes = [0] * len(some)
        for position in positions:
            smallest = sizes.index(min(sizes))
            some[smallest].append(position)
            sizes[smallest] += recipes[position].n_neurons
        blocks += some
    return sorted(blocks, key=lambda block: -_cost_s([recipes[p] for p in block], "cython"))


def prepare_target(recipes: Sequence[CultureRecipe], n_workers: int = 1) -> str:
    """Cheapest of Brian2's targets for these cultures; compiles once, before workers need it.

    All targets give the same spikes, so only cost decides: NumPy for a small first run, Cython
    as soon as the work outweighs compiling. Without a C++ compiler that works it is NumPy, and a
    note says so.

    Returns
    -------
    {"numpy", "cython"}
    """
    blocks = [[recipes[p] for p in block] for block in plan_blocks(recipes, n_workers)]
    saved = sum(_cost_s(block, "numpy") - _cost_s(block, "cython") for block in blocks)
    models = sorted({_model(recipe) for recipe in recipes})
    cold = [model for model in models if not _marker(*model).exists()]
    n_compilers = min(n_workers, 2)
    if saved / n_workers <= COMPILE_S[n_compilers] * len(cold):
        return "numpy"
    if cold and not compiler_found():
        _log.warning("no C++ compiler found: simulating with Brian2's NumPy target")
        return "numpy"
    # two workers begin at the two ends, and take from each other what is compiled
    ends = (False, True)[:n_compilers]
    try:
        list(run_jobs(_compile, {(m, end): (*m, end) for m in cold for end in ends}, n_workers))
    except Exception as error:  # such as a compiler that lacks the headers of Python
        _log.info("compiling Brian2's model: %s", error)
        _log.warning("the C++ compiler failed: simulating with Brian2's NumPy target")
        return "numpy"
    for model in cold:
        _marker(*model).touch()
    return "cython"


def simulation_cost_s(recipes: Sequence[CultureRecipe]) -> float:
    """Seconds that one core takes to simulate these cultures with compiled code, roughly."""
    return sum(_cost_s([recipes[p] for p in block], "cython") for block in plan_blocks(recipes))


def _cost_s(block: Sequence[CultureRecipe], target: str) -> float:
    """Seconds that a block takes, about."""
    fixed, per_neuron = _COST_S[target]
    n_steps = max(simulated_s(recipe) * 1000 / recipe.dt_ms for recipe in block)
    return n_steps * (fixed + per_neuron * sum(recipe.n_neurons for recipe in block))


def _model(recipe: CultureRecipe) -> tuple[bool, bool]:
    """Which model the recipe needs, as `Network.model`."""
    synapses = recipe.synapses
    return synapses.conduction_velocity_mm_per_ms is not None, synapses.slow_share > 0


def _marker(delayed: bool, slow: bool) -> Path:
    """File that says that a model is compiled."""
    return cython_cache() / ("warm" + "-delayed" * delayed + "-slow" * slow)


def _compile(delayed: bool, slow: bool, from_the_end: bool) -> None:
    """Compile a model's modules, of two neurons here; they are the same for all."""
    use_target("cython")
    zeros = np.zeros(2)
    link = sparse.csr_array(([1.0], ([0], [1])), shape=(2, 2))
    synapses = SynapseRecipe(slow_share=0.5 * slow)
    delays = np.zeros(1) if delayed else None
    tiny = Network(*(zeros,) * 4, link, *(zeros,) * 5, 0.0, synapses, delays)
    parts = build_model([tiny], 1.0)[0].sorted_objects
    for part in reversed(parts) if from_the_end else parts:
        part.before_run({})
