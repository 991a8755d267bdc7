"""What a run will cost: what levels share is counted once, and what is there costs nothing."""

from itertools import chain

import pytest

from simbench.benchmark.estimate import estimate
from simbench.benchmark.plan import plan
from simbench.core.files import validated
from simbench.data.simulation import recording_folders
from simbench.scenario.scenario import Scenario

METHODS = ["pca", "spectrum"]


def at_levels(scenario, **levels):
    data = scenario.model_dump(mode="json", exclude_none=True)
    return validated(Scenario, data | {"levels": levels})


def of_one_level(scenario):
    units = plan([scenario], METHODS)
    first = units[0].level
    return [unit for unit in units if unit.level == first]


def test_levels_of_labels_share_recordings_and_fits(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    scenario = at_levels(tiny, labelled_cultures=[2, 3])
    one, both = estimate(of_one_level(scenario)), estimate(plan([scenario], METHODS))
    assert both.n_recordings == one.n_recordings == tiny.replicates
    assert one.n_fits < both.n_fits < 2 * one.n_fits  # only controls are made for each
    assert one.core_s < both.core_s < 2 * one.core_s
    assert both.disk_bytes == pytest.approx(one.disk_bytes)


def test_levels_of_optics_share_cultures(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    scenario = at_levels(tiny, **{"imaging.nu": [0.3, 1.0]})
    one, both = estimate(of_one_level(scenario)), estimate(plan([scenario], METHODS))
    assert both.n_recordings == 2 * one.n_recordings
    assert both.n_fits == 2 * one.n_fits
    assert both.disk_bytes == pytest.approx(2 * one.disk_bytes)
    assert both.core_s < 2 * one.core_s


def test_what_is_there_costs_nothing(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    units = plan([tiny], ["pca"])
    before = estimate(units)
    assert (before.n_recordings_cached, before.n_fits_cached) == (0, 0)
    made = chain.from_iterable((unit.latents_folder, unit.scores_folder) for unit in units)
    for folder in (*recording_folders(tiny, 0), *made):
        folder.mkdir(parents=True)
    after = estimate(units)
    assert (after.n_recordings_cached, after.n_fits_cached) == (tiny.replicates, before.n_fits)
    assert (after.core_s, after.disk_bytes) == (0, 0)
