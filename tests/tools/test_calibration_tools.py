"""Scripts that calibrate cultures and cells: what they search, and spreads that are known."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simbench.benchmark.rows import read_rows
from simbench.board.leaderboard import leaderboard
from simbench.data.real_cultures import STATISTICS, real_ranges
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import load_scenario
from simbench.scoring import HEADLINE

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import calibrate_cultures as cultures
import match_rates
import measure_cell_spreads as spreads

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("region", cultures.START)
def test_shares_are_the_inverse_of_recipes(region):
    start = cultures.START[region]
    shares = cultures.shares_of(start)
    assert ((shares >= 0) & (shares <= 1)).all()
    data = cultures.recipe_of(shares).model_dump()
    for value, (key, *_) in zip(start, cultures.FREE):
        table, _, leaf = key.rpartition(".")
        assert (data[table] if table else data)[leaf] == pytest.approx(value, rel=1e-3)


def test_the_median_culture_costs_nothing_and_a_saturated_neuron_does():
    ranges = real_ranges()
    some = ranges[ranges["region"] == "cortical"].set_index("statistic")
    culture = dict(some["p50"]) | {"largest_rate_hz": 20.0}
    found = [culture] * cultures.N_CULTURES
    assert cultures.misfit(found, "cortical", ranges) == pytest.approx(0)
    busy = [culture | {"largest_rate_hz": 200.0}, *found[1:]]
    assert cultures.misfit(busy, "cortical", ranges) == pytest.approx(1)
    far = [culture | dict.fromkeys(STATISTICS, 1e3)] * cultures.N_CULTURES
    assert cultures.misfit(far, "cortical", ranges) > 1
    assert cultures.misfit(found[1:], "cortical", ranges) == 100


@pytest.mark.parametrize("spread", [0.0, 0.3, 0.8])
def test_the_spread_between_cells_is_found_beneath_animals_and_error(spread):
    rng = np.random.default_rng(0)
    animal = np.repeat(np.arange(60), 12)
    cell = np.repeat(np.arange(240), 3)
    values = (
        rng.normal(0, 1.0, 60)[animal] + spread * rng.normal(size=240)[cell]
        + rng.normal(0, 0.4, 720)
    )  # fmt: skip
    kept = rng.random(720) < 0.8  # cells have one to three recordings
    found = spreads.spread_of_cells(*(pd.Series(x[kept]) for x in (values, cell, animal)))
    assert found == pytest.approx(spread, abs=0.12)


@pytest.mark.slow
def test_rate_alone_comes_at_most_half_way_to_the_best_on_firing_types():
    found = match_rates.clue(load_scenario("firing-types").model_copy(update={"replicates": 16}))
    found = found[(found["target"] == "firing_type") & found["metric"].isin(HEADLINE)]
    rows = read_rows(RESULTS / "firing-types")
    for probe, score in zip(found["probe"], found["value"], strict=True):
        board = leaderboard(rows, probe)
        of_methods = board.table["firing_type"]
        best, chance = of_methods["score"][board.ranked].max(), of_methods["chance"].iloc[0]
        assert score <= (chance + best) / 2, probe


def small(axes=None, **culture):
    culture = {
        "n_neurons": 20, "duration_s": 4.0, "settle_s": 0.5, "noise_sigma": 4.0,
        "wiring": {"topology": "random", "mean_in_degree": 4.0}, **culture,
    }  # fmt: skip
    return Scenario.model_validate(
        {
            "name": "small", "version": 1, "question": "?", "replicates": 2, "axes": axes or {},
            "targets": ["in_degree"], "culture": culture, "imaging": {},
        }
    )  # fmt: skip


def reached(scenario, monkeypatch, goal):
    """Largest error of the rates, log10, before and after a short search."""
    monkeypatch.setattr(match_rates, "N_CULTURES", {"condition": 8, "firing_type": 8})
    monkeypatch.setattr(match_rates, "N_ROUNDS", 5)
    before = match_rates.Knobs(scenario)
    errors = []
    for knobs in (before, match_rates.search(scenario, goal)):
        table = match_rates.rates(knobs.set_recipes(), knobs.names, 1500, 16)
        errors.append((table.groupby(knobs.group)["log_rate"].mean() - goal).abs().max())
    return errors


@pytest.mark.slow
def test_noise_is_found_that_makes_wirings_fire_alike(monkeypatch):
    axes = {
        "culture.wiring.topology and culture.noise_sigma": [["random", 2.0], ["scale-free", 8.0]]
    }
    before, after = reached(small(axes), monkeypatch, goal=0.5)
    assert after < 0.1 < before / 2


@pytest.mark.slow
def test_currents_are_found_that_make_types_fire_alike(monkeypatch):
    types = {"excitatory_types": {"RS": 0.5, "CH": 0.5}, "inhibitory_types": {"FS": 1.0}}
    before, after = reached(small(**types, inhibitory_fraction=0.5), monkeypatch, goal=0.5)
    assert after < 0.15 < before / 2
