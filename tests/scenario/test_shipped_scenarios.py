"""The suite: every shipped scenario is what its file promises."""

import re

import pytest
from command_line import simbench

from simbench.data.simulation import recording_folders, recording_units
from simbench.scenario.axes import split_keys
from simbench.scenario.presets import CAMERAS
from simbench.scenario.scenario_file import available_scenarios, load_scenario

ALL = {name: load_scenario(name) for name in available_scenarios()}
RANKED = (
    "firing-types", "firing-types-matched", "continuous", "excitation", "topologies", "tracks",
)  # fmt: skip
LADDERS = {
    "noise-ladder": {"imaging.nu"},
    "frame-rate": {"imaging.frame_rate_hz"},
    "duration": {"culture.duration_s"},
    "indicators": {"imaging.indicator"},
    "haze": {"imaging.haze_sigma_mm", "imaging.neuropil"},
    "batch": {"imaging.culture_gain_sd"},
    "cells": {f"imaging.{key}" for key in CAMERAS["cells"]},
    "scale": {"culture.n_neurons"},
}
TOPOLOGIES = {"flat", "tracks", "modular", "small-world", "scale-free", "random"}


SIMULATED = {name: scenario for name, scenario in ALL.items() if not scenario.recordings}


def n_test_cultures(scenario):
    return scenario.n_test * len(scenario.conditions)


def test_the_suite_is_complete():
    assert {*RANKED, *LADDERS, "quickstart", "abante2025", "reconstruction"} <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_asks_a_question_in_a_paragraph(name):
    question = ALL[name].question
    assert "?" in question or name == "abante2025"
    assert 40 <= len(question.split()) <= 130
    assert max(map(len, question.splitlines())) <= 110


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_is_short(name):
    assert len(available_scenarios()[name].read_text().splitlines()) <= 60


@pytest.mark.parametrize("name", SIMULATED)
def test_every_level_plans_its_recordings_in_folders_of_their_own(name):
    for level in ALL[name].at_levels.values():
        units = recording_units(level)
        assert len(units) == level.replicates * len(level.conditions)
        assert len(set(recording_folders(level, 1000))) == len(units)


@pytest.mark.parametrize("name", RANKED)
def test_ranks_are_claimed_on_twenty_test_cultures_or_more(name):
    scenario = ALL[name]
    assert not scenario.levels
    assert n_test_cultures(scenario) >= 20
    assert scenario.replicates - scenario.n_test >= 4


@pytest.mark.parametrize("name", LADDERS)
def test_ladders_vary_what_they_say_and_nothing_else(name):
    scenario = ALL[name]
    assert set(split_keys(scenario.levels)) == LADDERS[name]
    first, *others = scenario.at_levels.values()
    paths = [path.split(".") for path in split_keys(scenario.levels)]

    def without_levels(level):
        data = level.model_dump(mode="json")
        return [data[room].pop(key) for room, key in paths] and data

    assert all(without_levels(other) == without_levels(first) for other in others)


@pytest.mark.parametrize("name", sorted(set(LADDERS) - {"scale"}))
def test_ladders_test_on_eight_cultures_or_more_a_level_and_claim_no_rank_there(name):
    assert all(n_test_cultures(level) >= 8 for level in ALL[name].at_levels.values())
    assert "rank methods at a single level" in " ".join(ALL[name].question.split())


def test_noise_runs_from_a_culture_under_wide_field_to_poor_two_photon():
    levels = ALL["noise-ladder"].levels["imaging.nu"]
    assert len(levels) == 5
    assert levels == sorted(levels)
    assert levels[0] == 0.3
    assert levels[-1] > 5  # Cascade: "rather poor"


def test_a_faster_camera_sees_no_more_photons():
    levels = ALL["frame-rate"].at_levels.values()
    rates = [level.imaging.frame_rate_hz for level in levels]
    assert (min(rates), max(rates)) == (5, 100)
    fluxes = [level.imaging.photons_per_frame * rate for level, rate in zip(levels, rates)]
    assert fluxes == pytest.approx([fluxes[0]] * len(fluxes))


def test_duration_runs_from_15_to_300_s():
    levels = ALL["duration"].levels["culture.duration_s"]
    assert (min(levels), max(levels)) == (15, 300)


def test_indicators_are_trained_on_one_and_tested_on_each():
    seen = {}
    for name, level in ALL["indicators"].at_levels.items():
        units = [condition.imaging.indicator for _, condition in recording_units(level)]
        n_train = level.replicates - level.n_test
        assert set(units[:n_train]) == {"GCaMP6s"}
        assert set(units[n_train:]) == {name}
        seen[name] = recording_folders(level, 1000)[:n_train]
    assert "GCaMP6s" in seen
    assert len({tuple(folders) for folders in seen.values()}) == 1  # one set of training cultures


def noise_by_topology(name):
    cultures = [condition.culture for condition in ALL[name].conditions]
    same = {"noise_sigma": 1.0, "wiring": cultures[0].wiring}
    assert all(c.model_copy(update=same) == cultures[0].model_copy(update=same) for c in cultures)
    assert len({culture.wiring.mean_in_degree for culture in cultures}) == 1
    return {culture.wiring.topology: culture.noise_sigma for culture in cultures}


def test_topologies_share_all_but_wiring_and_noise():
    assert set(noise_by_topology("topologies")) == TOPOLOGIES
    assert ALL["topologies"].n_test >= 4


def test_tracks_are_grown_against_flat_with_the_noise_of_topologies():
    noise = noise_by_topology("tracks")
    assert list(noise) == ["flat", "tracks"]
    assert noise.items() <= noise_by_topology("topologies").items()


def test_types_are_matched_in_rate_and_nothing_else():
    matched, plain = ALL["firing-types-matched"], ALL["firing-types"]
    undone = {"type_current": plain.culture.type_current}
    assert matched.culture.model_copy(update=undone) == plain.culture
    assert matched.imaging == plain.imaging
    culture = matched.culture
    assert set(culture.type_current) == {*culture.excitatory_types, *culture.inhibitory_types}


def test_continuous_labels_come_from_the_continuous_families():
    scenario = ALL["continuous"]
    assert {"c", "d", "in_degree"} <= set(scenario.targets)
    assert set(scenario.culture.excitatory_types) == {"excitatory-family"}
    assert set(scenario.culture.inhibitory_types) == {"inhibitory-family"}


def test_excitation_gives_every_type_an_input():
    culture = ALL["excitation"].culture
    assert set(culture.type_current) == {*culture.excitatory_types, *culture.inhibitory_types}
    assert not set(culture.excitatory_types) & set(culture.inhibitory_types)


def test_batch_asks_whether_the_gain_is_ignored():
    assert "culture_gain" in ALL["batch"].nuisances
    assert min(ALL["batch"].levels["imaging.culture_gain_sd"]) == 0


def test_cells_are_alike_then_as_measured_then_twice_as_unlike():
    measured = CAMERAS["cells"]
    for times, level in enumerate(ALL["cells"].at_levels.values()):
        spreads = {key: getattr(level.imaging, key) for key in measured}
        assert spreads == pytest.approx({key: times * value for key, value in measured.items()})


def test_the_ladders_share_their_cultures():
    """Simulated once, imaged for each: the recipes of their cultures are the same."""
    of_one_length = ("noise-ladder", "frame-rate", "indicators", "haze", "batch", "cells")
    recipes = [ALL[name].culture for name in of_one_length]
    assert all(recipe == recipes[0] for recipe in recipes)


def test_the_list_names_every_scenario():
    done = simbench("list", "scenarios")
    listed = re.findall(r"^\s*([a-z0-9-]+)\s{2,}(?:\d|recorded)", done.stdout, flags=re.MULTILINE)
    assert sorted(listed) == sorted(ALL)
    assert not done.stderr
