"""What abante2025-published-size costs, by station, on one core, from three of its 15 cultures.

Run: OMP_NUM_THREADS=1 pytest tests/benchmarks/test_published_dish.py -s
"""

import resource
import time

import numpy as np
import pytest

from simbench.culture.growth import grow_cultures
from simbench.culture.planning import prepare_target
from simbench.data.simulation import recording_units
from simbench.imaging import image
from simbench.methods.registry import get_method
from simbench.scenario.scenario_file import load_scenario

SEED, N_FITTED = 1000, 512
SCENARIO = next(iter(load_scenario("abante2025-published-size").at_levels.values()))
UNITS = recording_units(SCENARIO)
N_NEURONS = SCENARIO.culture.n_neurons


@pytest.fixture(scope="module")
def traces():
    """dF/F of one culture of each type; prints what simulation and optics cost."""
    some = UNITS[: len(SCENARIO.conditions)]
    recipes = [condition.culture for _, condition in some]
    target = prepare_target(recipes)
    start = time.process_time()
    cultures = dict(grow_cultures(recipes, SEED, [index for index, _ in some], target))
    scale = len(UNITS) / len(some)
    print(f"\nsimulate {len(UNITS)} cultures: {scale * (time.process_time() - start):.0f} s")
    degree = np.mean([culture.summary["mean_in_degree"] for culture in cultures.values()])
    assert 15 < degree < 18  # published: 17
    start, traces = time.process_time(), []
    for index, culture in cultures.items():
        positions = culture.labels[["x_mm", "y_mm"]].to_numpy()
        imaged = image(culture.spikes, positions, SCENARIO.imaging, SEED, index)
        traces.append(imaged.fluorescence)
    size = sum(some.nbytes for some in traces)
    print(f"image them: {scale * (time.process_time() - start):.0f} s")
    print(f"fluorescence: {scale * size / 1e9:.1f} GB, and as much of the true dF/F")
    return np.concatenate(traces)


@pytest.mark.parametrize("name", ["pca", "avae-published"])
@pytest.mark.parametrize("n_components", [2, 16])
def test_fit(traces, name, n_components):
    n_trained = N_NEURONS * len(UNITS) * 3 // 5
    some = np.random.default_rng(0).permutation(len(traces))[:N_FITTED]
    method = get_method(name).set_params(n_components=n_components)
    start = time.process_time()
    method.fit(traces[some])
    spent = (time.process_time() - start) * n_trained / N_FITTED
    print(f"fit {name}, {n_components} latents, {n_trained} neurons: {spent / 60:.0f} min")
    print(f"memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")
    assert method.transform(traces[some]).shape == (N_FITTED, n_components)
