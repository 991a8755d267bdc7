"""Scenarios that see the same cultures count as one."""

import re

import numpy as np
import pandas as pd
import pytest

from simbench.board.reality_boards import compare_with_cells
from simbench.board.shared_cultures import culture_sets
from simbench.culture.growth import build_culture
from simbench.data.cultures import cached_culture
from simbench.scenario.scenario_file import available_scenarios, load_scenario


def test_ladders_see_the_cultures_of_one_scenario():
    sets = culture_sets(map(load_scenario, available_scenarios()))
    assert {sets[name] for name in ("noise-ladder", "duration", "cells")} == {"firing-types"}
    assert sets["recorded-cells"] == sets["recorded-cells-twins"] != sets["recorded-cultures"]
    own = ("excitation", "continuous", "firing-types-matched", "quickstart", "recorded-cultures")
    assert [sets[name] for name in own] == list(own)


def test_cultures_of_the_same_wiring_count_as_one():
    scenarios = [load_scenario(name) for name in available_scenarios()]
    sets = culture_sets(scenarios, same="wiring")
    names = ("firing-types", "firing-types-matched", "continuous", "excitation")
    assert len({sets[name] for name in names}) == 1
    assert sets["topologies"] != sets["tracks"] != sets["continuous"] != sets["topologies"]
    drawn = [build_culture(load_scenario(name).culture, 1) for name in names]
    for other in drawn[1:]:
        np.testing.assert_array_equal(drawn[0].positions_mm, other.positions_mm)
        assert (drawn[0].weights.astype(bool) != other.weights.astype(bool)).nnz == 0


def test_a_scenario_says_whose_cultures_it_shares():
    scenarios = {name: load_scenario(name) for name in available_scenarios()}
    sets = culture_sets(scenarios.values())
    for name, owner in sets.items():
        if scenarios[name].recordings:
            continue
        said = re.findall(r"the first (\d+) of\s`([\w-]+)`", scenarios[name].question)
        shared = [(str(scenarios[name].replicates), owner)]
        assert said == (shared if owner != name else []), name
    assert "`scale` shares the first two" in scenarios["label-efficiency"].question
    assert sets["scale"] == "label-efficiency"


def test_conditions_in_another_order_are_other_cultures(tiny):
    other = tiny.model_copy(update={"name": "other"})
    both = {"culture.noise_sigma": [4.0, 5.0]}
    turned = tiny.model_copy(update={"name": "turned", "axes": {"culture.noise_sigma": [5.0, 4.0]}})
    straight = tiny.model_copy(update={"name": "straight", "axes": both})
    assert culture_sets([tiny, other]) == {"tiny": "tiny", "other": "tiny"}
    assert culture_sets([turned, straight]) == {"turned": "turned", "straight": "straight"}


def test_a_culture_that_is_recorded_longer_is_the_same_culture(tiny):
    short, long = (
        cached_culture(tiny.culture.model_copy(update={"duration_s": s}), 1, 0) for s in (5.0, 10.0)
    )
    assert short.labels["firing_type"].equals(long.labels["firing_type"])
    for one, other in zip(short.spikes, long.spikes, strict=True):
        np.testing.assert_array_equal(one, other[: len(one)])
    assert short.spikes.counts.sum() < long.spikes.counts.sum()


def test_boards_of_the_same_cultures_count_once_in_the_mean_of_the_suite():
    skill = np.linspace(0.1, 0.6, 6)
    rng = np.random.default_rng(0)

    def board(sign):
        values = sign * skill + rng.normal(0, 0.01, (9, 6))
        return pd.DataFrame(values, columns=list("abcdef"))

    cells, families = {"log_rate": board(1)}, dict.fromkeys("abcdef", "linear")
    suite = {"one": board(1), "ladder": board(-1), "another ladder": board(-1)}
    sets = {"ladder": "ladder", "another ladder": "ladder"}

    def mean(sets):
        table = compare_with_cells(cells, cells, suite, {}, families, sets)
        return table[table["kind"] == "suite mean"].iloc[0]

    assert mean({})["tau"] == pytest.approx(-1 / 3)
    assert mean(sets)["tau"] == pytest.approx(0)
    assert mean(sets)["board"] == "mean of 3 boards, 2 sets of cultures"
