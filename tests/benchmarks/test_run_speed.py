"""Seconds a simulated culture-minute, seconds a method, the whole quickstart, and the runner.

Run with ``pytest tests/benchmarks/test_run_speed.py``.
"""

import pytest

from simbench import embed, get_method, load_scenario, simulate
from simbench.benchmark.plan import plan
from simbench.benchmark.run import run
from simbench.culture.brian import compiler_found
from simbench.culture.growth import grow_culture
from simbench.culture.planning import prepare_target
from simbench.methods.registry import expand_names


@pytest.fixture(scope="module")
def quickstart():
    return load_scenario("quickstart")


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_one_culture_minute(benchmark, quickstart, target):
    """120 neurons for 60 s, growth and all labels included, compiled code warm."""
    if target == "cython" and not compiler_found():
        pytest.skip("no C++ compiler")
    recipe = quickstart.culture.model_copy(update={"duration_s": 60.0, "settle_s": 0.0})
    prepare_target([recipe] * 1000)
    benchmark.pedantic(grow_culture, (recipe, 0, 0, target), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("name", expand_names([]))
def test_one_method(benchmark, quickstart, name):
    """Fit on half of the quickstart's cultures and embed all: 1600 neurons x 2400 frames."""
    dataset = simulate(quickstart, n_jobs=2)
    method = get_method(name, n_components=quickstart.n_components)
    benchmark.pedantic(embed, (method, dataset), rounds=1)


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))


def test_the_whole_quickstart(benchmark, quickstart, empty_cache):
    """Everything that `simbench run` does before it draws, from an empty cache, on two workers."""
    rows = benchmark.pedantic(run, (plan([quickstart]), 2), rounds=1)
    assert (rows["status"] == "ok").all()


def test_planning_ten_thousand_units(benchmark, quickstart):
    """Plan, and look every unit up in the cache. Wanted: under 2 s."""
    scenarios = [quickstart.model_copy(update={"version": v}) for v in range(1, 1251)]

    def plan_all():
        methods = ["pca", "fa", "ica", "avae", "avae-published", "trace-stats"]
        units = plan(scenarios, methods)
        return len(units), sum(unit.is_cached for unit in units)

    n_units, _ = benchmark.pedantic(plan_all, rounds=1)
    assert n_units == 10_000


def test_a_run_with_nothing_left_to_do(benchmark, quickstart, empty_cache):
    """All rows from the cache, as after a change of a figure."""
    units = plan([quickstart], ["pca", "trace-stats"])
    run(units, 2)
    benchmark.pedantic(run, (units, 2), rounds=3)
