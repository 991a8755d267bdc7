"""Cultures in blocks: the same as alone, whatever the target and the workers."""

import numpy as np
import pytest
from joblib import Parallel, delayed
from plain import run_plain

from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream
from simbench.culture import brian, planning
from simbench.culture.growth import build_culture, grow_culture, grow_cultures, make_network
from simbench.culture.planning import plan_blocks, prepare_target
from simbench.culture.rate_search import Drive
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe, WiringRecipe

pytestmark = pytest.mark.usefixtures("kept_builds")
SEED = 3
COMMON = {
    "duration_s": 3.0, "settle_s": 0.5, "inhibitory_fraction": 0.3, "noise_sigma": 4.0,
    "excitatory_types": {"RS": 0.25, "CH": 0.25, "TC": 0.25, "RZ": 0.25},
    "inhibitory_types": {"FS": 0.5, "LTS": 0.5},
    "wiring": WiringRecipe(topology="random", mean_in_degree=6.0),
}  # fmt: skip
STEADY = {"excitatory_types": {"RS": 0.5, "CH": 0.5}, "inhibitory_types": {"FS": 1.0}}


def recipe(n_neurons=20, **changes):
    return CultureRecipe(n_neurons=n_neurons, **{**COMMON, **changes})


RECIPES = [
    recipe(),
    recipe(31, noise_sigma=9.0),
    recipe(24, synapses=SynapseRecipe(depression=0.4, decay_ms=6.0)),
    recipe(40, type_current={"RS": 2.0, "FS": 1.0}),
    recipe(27, target_rate_hz=3.0, **STEADY),
    recipe(22, match_type_rates_hz=4.0, **STEADY),
]


def assert_same(one, other):
    assert one.labels.equals(other.labels)
    assert one.summary == other.summary
    np.testing.assert_array_equal(one.spikes.times, other.spikes.times)
    np.testing.assert_array_equal(one.spikes.lead_in.times, other.spikes.lead_in.times)


def grow_block(positions, target):
    """Cultures of some recipes, by position."""
    found = grow_cultures([RECIPES[p] for p in positions], SEED, positions, target)
    return {positions[k]: culture for k, culture in found}


@pytest.fixture(scope="module")
def alone():
    """Every culture by itself, on NumPy."""
    return [grow_culture(recipe, SEED, index) for index, recipe in enumerate(RECIPES)]


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_a_culture_in_a_block_is_the_culture_alone(target, alone):
    """Searches for a rate included; each ends at another time."""
    found = grow_block(range(len(RECIPES)), target)
    for position, culture in enumerate(alone):
        assert_same(found[position], culture)


def test_cultures_do_not_depend_on_workers(alone):
    """The blocks of eight workers, run by two."""
    jobs = (delayed(grow_block)(block, "numpy") for block in plan_blocks(RECIPES, 8))
    found = {p: c for some in Parallel(n_jobs=2)(jobs) for p, c in some.items()}
    for position, culture in enumerate(alone):
        assert_same(found[position], culture)


def test_a_block_of_forty_is_forty_cultures():
    recipes, indices = [recipe(12, duration_s=1.0)] * 40, range(40)
    found = dict(grow_cultures(recipes, SEED, indices, "numpy"))
    for index in (0, 17, 39):
        assert_same(found[index], grow_culture(recipes[0], SEED, index, "cython"))


def test_a_culture_that_cannot_be_grown_fails_alone():
    impossible = [
        recipe(wiring=WiringRecipe(topology="random", mean_in_degree=50.0)),
        recipe(target_rate_hz=5000.0),
    ]
    found = dict(grow_cultures([*impossible, RECIPES[0]], SEED, [7, 8, 0]))
    assert isinstance(found[0], SimbenchError)
    assert "can't be reached" in str(found[1])
    assert_same(found[2], grow_culture(RECIPES[0], SEED, 0))


def test_blocks_hold_every_culture_once_and_share_what_they_must():
    recipes = [recipe(n) for n in (50, 3000, 200, 7000)] + [recipe(duration_s=9.0)] * 5
    recipes += [recipe(synapses=SynapseRecipe(conduction_velocity_mm_per_ms=0.1))] * 3
    for n_workers in (1, 2, 3):
        blocks = plan_blocks(recipes, n_workers)
        assert sorted(p for block in blocks for p in block) == list(range(len(recipes)))
        for block in blocks:
            first = recipes[block[0]]
            for p in block:
                assert recipes[p].duration_s == first.duration_s
                assert recipes[p].synapses == first.synapses
        largest = max(sum(recipes[p].n_neurons for p in block) for block in blocks)
        assert largest < 8000


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_blocks_keep_all_workers_busy(n_workers):
    blocks = plan_blocks([recipe(84)] * 300, n_workers)
    sizes = [len(block) for block in blocks]
    assert len(blocks) % n_workers == 0
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) * 84 <= 8000


@pytest.fixture
def cold(monkeypatch, tmp_path):
    """No model is compiled yet."""
    monkeypatch.setattr(brian, "cache_folder", lambda: tmp_path)


def test_little_work_runs_on_numpy(cold):
    assert prepare_target([recipe(10, duration_s=1.0)]) == "numpy"
    assert prepare_target([recipe(10, duration_s=100.0)] * 8, n_workers=8) == "numpy"


def test_much_work_is_compiled_once():
    assert prepare_target([recipe(1000, duration_s=600.0)] * 50) == "cython"
    assert prepare_target([recipe(10, duration_s=1.0)]) == "cython"


@pytest.mark.slow
def test_two_workers_share_the_compiling(tmp_path, monkeypatch):
    """They begin at the two ends of the model; what is compiled afterwards is nothing."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(brian, "cache_folder", cache_folder)  # that of the workers, too
    assert prepare_target([recipe(1000, duration_s=600.0)] * 50, n_workers=2) == "cython"
    compiled = set(tmp_path.rglob("*.so"))
    assert compiled
    grow_culture(recipe(10, duration_s=0.1), SEED, target="cython")
    assert set(tmp_path.rglob("*.so")) == compiled


def test_without_a_compiler_numpy_runs_with_a_note(cold, monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert prepare_target([recipe(1000, duration_s=600.0)] * 50) == "numpy"
    assert caplog.messages == ["no C++ compiler found: simulating with Brian2's NumPy target"]


def test_with_a_compiler_that_fails_numpy_runs_with_a_note(cold, monkeypatch, caplog):
    monkeypatch.setattr(planning, "_compile", lambda *_: 1 / 0)
    assert prepare_target([recipe(1000, duration_s=600.0)] * 50) == "numpy"
    assert caplog.messages == ["the C++ compiler failed: simulating with Brian2's NumPy target"]
    assert prepare_target([recipe(10, duration_s=1.0)]) == "numpy"


def test_a_delay_longer_than_the_kept_releases_is_an_error():
    slow = SynapseRecipe(conduction_velocity_mm_per_ms=0.001)
    with pytest.raises(SimbenchError, match="conduction_velocity_mm_per_ms: the longest delay"):
        grow_culture(recipe(noise_sigma=20.0, synapses=slow), SEED)


def test_lognormal_weights_and_drives_and_a_slow_current_reach_the_neurons():
    """A culture with all of them fires as the plain loop over its network does."""
    synapses = SynapseRecipe(weight_log_sd=0.7, slow_share=0.2, slow_decay_ms=60.0)
    usual = recipe(100, duration_s=1.0, settle_s=0.0, **STEADY)
    varied = usual.model_copy(update={"synapses": synapses, "drive_log_sd": 0.6})
    anatomy = build_culture(varied, SEED)
    network = make_network(varied, anatomy, SEED, 0, Drive(varied.noise_sigma))
    spikes = grow_culture(varied, SEED).spikes
    steps = np.rint(spikes.times * 1000).astype(int)
    noise = stream(SEED, "culture", 0, "noise")
    assert set(zip(spikes.neurons.tolist(), steps.tolist())) == run_plain(network, noise, 1000)
    log_sigma = np.log(network.noise_sigma / varied.noise_sigma)
    assert log_sigma.std() == pytest.approx(0.6, rel=0.2)
    plain = make_network(usual, build_culture(usual, SEED), SEED, 0, Drive(usual.noise_sigma))
    np.testing.assert_array_equal(plain.noise_sigma, usual.noise_sigma)
