"""Speed and memory of the cultures. Run: pytest tests/benchmarks/test_culture_speed.py -s"""

import ctypes
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed

from simbench.culture import Culture, build_culture, grow_culture
from simbench.culture.axon_kernel import grow
from simbench.culture.model import Network
from simbench.culture.network import prepare_target, run_network
from simbench.culture.substrate import make_substrate
from simbench.culture.wiring import dish_radius_mm
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe, WiringRecipe

sys.path.insert(0, str(Path(__file__).parent.parent / "culture"))
from plain import grow_plain

SYNAPSES = SynapseRecipe()


def recipe_of(n, degree=60.0, duration_s=30.0):
    wiring = WiringRecipe(topology="random", mean_in_degree=degree)
    return CultureRecipe(n_neurons=n, wiring=wiring, duration_s=duration_s, settle_s=0.0)


def network_of(n, degree=60.0):
    anatomy, rng = build_culture(recipe_of(n, degree), seed=1), np.random.default_rng(0)
    firing = anatomy.firing
    v = firing.c + 30 * rng.random(n)
    return Network(
        firing.a, firing.b, firing.c, firing.d, anatomy.weights, v, firing.b * v,
        rng.random(n), rng.random(n), np.zeros(n),
    )  # fmt: skip


@pytest.fixture(scope="module")
def warm():
    """The Cython modules are compiled and loaded before anything is timed."""
    assert prepare_target([recipe_of(10_000, duration_s=1e5)]) == "cython"
    simulate(network_of(50, 5.0), 0.1)


def simulate(network, duration_s, target="cython"):
    return run_network(
        network, SYNAPSES, noise_sigma=2.25, duration_s=duration_s, seed=1, target=target
    )


def seconds(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def run_dense(network, n_steps):
    """The published NumPy step: a dense matrix product for the input of every neuron."""
    weights, rng = network.weights.toarray().T.copy(), np.random.default_rng(0)
    v, u = network.v.copy(), network.u.copy()
    release, resource_left = network.release.copy(), network.resource.copy()
    for _ in range(n_steps):
        drive = weights @ release + np.sqrt(4.5) * rng.standard_normal(len(v))
        du = network.a * (network.b * v - u)
        for _half in range(2):
            v += 0.5 * (0.04 * v**2 + 5 * v + 140 - u + drive)
        u += du
        release -= release / 10
        resource_left += (1 - resource_left) / 8000
        fired = v > 30
        v[fired] = network.c[fired]
        u[fired] += network.d[fired]
        release[fired] += resource_left[fired]
        resource_left[fired] *= 0.2


@pytest.fixture(scope="module")
def c_loop(tmp_path_factory):
    library = tmp_path_factory.mktemp("c") / "loop.so"
    source = Path(__file__).with_name("culture_loop.cpp")
    subprocess.run(["g++", "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).run
    function.restype = ctypes.c_long

    def run(network, n_steps):
        weights = network.weights
        state = [network.v, network.u, weights.T @ network.release, network.resource]
        floats = [weights.data, network.a, network.b, network.c, network.d, *state]
        arrays = [weights.indptr.astype(np.int64), weights.indices.astype(np.int64)]
        arrays += [np.array(x, dtype=float) for x in floats]
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in arrays]
        doubles = [ctypes.c_double(x) for x in (2.25, 0.8, 10.0, 8000.0)]
        long = ctypes.c_long
        return function(long(len(network.a)), long(n_steps), *pointers, *doubles, long(1))

    return run


def test_against_the_dense_reference_and_a_plain_c_loop(benchmark, warm, c_loop):
    """2250 neurons, mean degree 60, 30 s, all run side by side; the dense loop for 1 s."""
    network = network_of(2250)
    dense_s = 30 * seconds(run_dense, network, 1000)
    c_s = min(seconds(c_loop, network, 30_000) for _ in range(3))
    neurons, _ = benchmark.pedantic(simulate, args=(network, 30.0), rounds=3)
    brian_s = benchmark.stats.stats.min
    benchmark.extra_info |= {
        "dense_s": dense_s, "c_s": c_s, "over_dense": dense_s / brian_s, "of_c": brian_s / c_s,
        "spikes": len(neurons), "spikes_c": c_loop(network, 30_000),
    }  # fmt: skip
    print(json.dumps(benchmark.extra_info))


@pytest.mark.parametrize("n", [300, 1000, 3000, 10_000])
def test_cost_grows_with_neurons(benchmark, warm, n):
    """30 s at degree 60, building included. The cost a step: a fixed part plus one a neuron."""
    network = network_of(n)
    benchmark.pedantic(simulate, args=(network, 30.0), rounds=2)
    us = benchmark.stats.stats.min / 30_000 * 1e6
    benchmark.extra_info |= {"us_per_step": us}
    print(n, f"{us:.1f} us a step")


@pytest.mark.parametrize("duration_s", [10.0, 30.0, 90.0])
def test_cost_grows_with_time(benchmark, warm, duration_s):
    benchmark.pedantic(simulate, args=(network_of(2250), duration_s), rounds=2)
    print(duration_s, f"{benchmark.stats.stats.min:.2f} s")


@pytest.mark.parametrize("topology", ["flat", "tracks"])
def test_axon_growth_against_the_plain_loop(benchmark, topology):
    """2250 neurons; the plain loop grows every 15th axon, and its time is counted 15 times."""
    recipe = CultureRecipe(wiring=WiringRecipe(topology=topology))
    rng = np.random.default_rng(0)
    anatomy = build_culture(recipe, 0)
    substrate = make_substrate(recipe.wiring, dish_radius_mm(recipe), rng)
    n, width = recipe.n_neurons, substrate.width_mm
    lengths = 0.1 * np.sqrt(-2 * np.log1p(-rng.random(n)))
    dish = [anatomy.positions_mm + width / 2, lengths, rng.normal(0.15, 0.02, n)]
    dish += [rng.uniform(0, 2 * np.pi, n), np.ascontiguousarray(substrate.heights_mm), width]
    some = list(dish)
    some[1] = np.where(np.arange(n) % 15 == 0, lengths, 0.0)
    plain_s = 15 * seconds(grow_plain, *some, np.random.default_rng(0))
    benchmark.pedantic(grow, args=(*dish, rng), rounds=5, warmup_rounds=1)
    ratio = plain_s / benchmark.stats.stats.min
    benchmark.extra_info |= {"plain_s": plain_s, "times_faster": ratio}
    print(
        topology, f"plain {plain_s:.0f} s, compiled {benchmark.stats.stats.min:.3f} s, {ratio:.0f}x"
    )


def grow_and_measure() -> None:
    """100,000 neurons, mean degree 60, 10 s: seconds and peak memory, in a process of its own."""
    start = time.perf_counter()
    culture: Culture = grow_culture(recipe_of(100_000, duration_s=10.0), 0, 0, "cython")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wall = time.perf_counter() - start
    print(json.dumps({"s": wall, "peak_gib": peak, **culture.summary}))


def test_a_hundred_thousand_neurons_fit_in_8_gib(benchmark, warm):
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
    code += "import test_culture_speed as t; t.grow_and_measure()"
    run = benchmark.pedantic(
        subprocess.run, args=([sys.executable, "-c", code],),
        kwargs={"capture_output": True, "text": True, "check": True}, rounds=1,
    )  # fmt: skip
    found = json.loads(run.stdout.splitlines()[-1])
    benchmark.extra_info |= found
    print(found)
    assert found["peak_gib"] < 8


def test_two_workers_against_one(benchmark, warm):
    """Eight cultures of 2250 neurons, 15 s each, in warm workers."""
    recipe = recipe_of(2250, duration_s=15.0)

    def sweep(n_jobs):
        with Parallel(n_jobs=n_jobs) as workers:
            workers(
                delayed(grow_culture)(recipe_of(50, 5.0, 0.1), 0, 0, "cython") for _ in range(4)
            )
            return seconds(
                lambda: workers(delayed(grow_culture)(recipe, 0, i, "cython") for i in range(8))
            )

    one = sweep(1)
    two = benchmark.pedantic(sweep, args=(2,), rounds=1)
    benchmark.extra_info |= {"one_s": one, "two_s": two, "throughput": one / two}
    print(f"one {one:.1f} s, two {two:.1f} s, {one / two:.2f} times the throughput")
