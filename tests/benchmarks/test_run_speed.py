"""Seconds a simulated culture-minute, seconds a method, the whole quickstart, and the runner.

Run with ``pytest tests/benchmarks/test_run_speed.py``.
"""

import time

import pytest

from simbench import embed, get_method, load_scenario, simulate
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
    """Fit on half of the quickstart's cultures and embed all: 1920 neurons x 2400 frames."""
    dataset = simulate(quickstart, n_jobs=2)
    method = get_method(name, n_components=quickstart.n_components)
    benchmark.pedantic(embed, (method, dataset), rounds=1)


def test_the_whole_quickstart(benchmark, quickstart, monkeypatch, tmp_path):
    """Everything that `simbench run` does before it draws, from an empty cache, on two workers."""
    from simbench.benchmark import run as runner

    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    units = runner.plan([quickstart])
    rows = benchmark.pedantic(runner.run, (units, 2), rounds=1)
    assert (rows["status"] == "ok").all()


def test_planning_ten_thousand_units(benchmark, quickstart):
    """Plan, and look every unit up in the cache. Wanted: under 2 s."""
    from simbench.benchmark import run as runner

    scenarios = [quickstart.model_copy(update={"version": v}) for v in range(1, 1251)]

    def plan_all():
        units = runner.plan(
            scenarios, ["pca", "fa", "ica", "avae", "avae-published", "trace-stats"]
        )
        return len(units), sum(unit.is_cached for unit in units)

    n_units, _ = benchmark.pedantic(plan_all, rounds=1)
    assert n_units == 10_000


def test_overhead_of_the_runner(benchmark, quickstart, tmp_path, monkeypatch):
    """Time of a run on one worker over the time that its units take. Wanted: under 1.02."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    from simbench.benchmark import run as runner

    simulate(quickstart, n_jobs=2)
    spent = []
    make = runner._make

    def timed(*job):
        start = time.perf_counter()
        try:
            return make(*job)
        finally:
            spent.append(time.perf_counter() - start)

    monkeypatch.setattr(runner, "_make", timed)
    units = runner.plan([quickstart], ["pca", "avae-published"])
    start = time.perf_counter()
    benchmark.pedantic(runner.run, (units, 1), rounds=1)
    benchmark.extra_info["ratio"] = (time.perf_counter() - start) / sum(spent)
    print(f"\nrunner / units: {benchmark.extra_info['ratio']:.4f}")
