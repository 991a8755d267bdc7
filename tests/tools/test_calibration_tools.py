"""Scripts that calibrate cultures and cells: what they search, and spreads that are known."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simbench.data.real_cultures import STATISTICS, real_ranges

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import calibrate_cultures as cultures
import measure_cell_spreads as spreads


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
