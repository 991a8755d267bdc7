import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simbench import simulate
from simbench.core.errors import SimbenchError
from simbench.core.files import validated
from simbench.culture.growth import grow_culture, grow_cultures
from simbench.data import cultures as module
from simbench.data.cultures import cached_culture, culture_folder
from simbench.data.simulation import recording_folders
from simbench.scenario.culture_recipe import CultureRecipe

RECIPE = validated(
    CultureRecipe,
    {"n_neurons": 16, "duration_s": 0.6, "settle_s": 0.2, "noise_sigma": 8.0},
)


@pytest.fixture
def counted(monkeypatch):
    """Indices of the cultures that were really grown."""
    indices = []

    def grow(recipe, seed, index, target="numpy"):
        indices.append(index)
        return grow_culture(recipe, seed, index, target)

    def grow_some(recipes, seed, some, *more):
        indices.extend(some)
        return grow_cultures(recipes, seed, some, *more)

    monkeypatch.setattr(module, "grow_culture", grow)
    monkeypatch.setattr(module, "grow_cultures", grow_some)
    return indices


@pytest.fixture
def short(tiny):
    """Two cultures of two seconds."""
    culture = tiny.culture.model_copy(update={"duration_s": 2.0})
    return tiny.model_copy(update={"culture": culture, "replicates": 2})


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.labels, other.labels, check_exact=True, check_dtype=False)
    for mine, its in ((one.spikes, other.spikes), (one.spikes.lead_in, other.spikes.lead_in)):
        np.testing.assert_array_equal(mine.times, its.times)
        np.testing.assert_array_equal(mine.offsets, its.offsets)
        assert mine.duration == its.duration
    assert (one.weights != other.weights).nnz == 0
    assert one.summary == other.summary


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 50), st.sampled_from([0.0, 8.0, 30.0]))
def test_a_kept_culture_is_the_grown_one_bit_by_bit(seed, index, sigma):
    recipe = RECIPE.model_copy(update={"noise_sigma": sigma})  # 0: silent, all intervals missing
    first = cached_culture(recipe, seed, index)
    assert culture_folder(recipe, seed, index).is_dir()
    again = cached_culture(recipe, seed, index)
    assert_same(first, again)
    assert_same(again, grow_culture(recipe, seed, index))


def test_levels_of_imaging_share_their_cultures(short, counted, own_cache):
    levels = short.model_copy(update={"levels": {"imaging.nu": [0.3, 2.0, 8.0]}}).at_levels
    datasets = [simulate(level, seed=5) for level in levels.values()]
    assert sorted(counted) == list(range(short.replicates))
    quiet, _, noisy = (dataset.recordings[0] for dataset in datasets)
    np.testing.assert_array_equal(quiet.truth.spikes.times, noisy.truth.spikes.times)
    np.testing.assert_array_equal(quiet.truth.clean_dff, noisy.truth.clean_dff)
    assert not np.array_equal(quiet.fluorescence, noisy.fluorescence)


def test_recordings_have_the_same_bytes_with_and_without_kept_cultures(
    short, monkeypatch, tmp_path
):
    """Once imaged right after growing, once from cultures that another level had left."""
    noisy = short.model_copy(update={"imaging": short.imaging.model_copy(update={"nu": 5.0})})
    files = []
    for name, before in (("direct", []), ("kept", [short])):
        monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / name))
        for scenario in (*before, noisy):
            simulate(scenario, seed=3)
        folders = recording_folders(noisy, 3)
        files.append([path.read_bytes() for f in folders for path in sorted(f.iterdir())])
    assert files[0] == files[1]


@pytest.mark.parametrize("name", ["labels.csv", "spikes.npz", "lead_in.npz", "culture.json"])
@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_damaged_cultures_are_grown_again(name, damage, counted, own_cache):
    first = cached_culture(RECIPE, 1, 0)
    path = culture_folder(RECIPE, 1, 0) / name
    content = path.read_bytes()
    path.unlink()
    if damage == "altered":
        path.write_bytes(content[: len(content) // 2])
    assert_same(first, cached_culture(RECIPE, 1, 0))
    assert_same(first, cached_culture(RECIPE, 1, 0))
    assert counted == [0, 0]


def test_other_recipes_seeds_and_indices_are_other_cultures():
    recipes = [RECIPE, RECIPE.model_copy(update={"noise_sigma": 8.5})]
    folders = {culture_folder(r, seed, i) for r in recipes for seed in (0, 1) for i in (0, 1)}
    assert len(folders) == 8


def test_a_block_that_takes_too_long_is_stopped(short, own_cache, monkeypatch):
    monkeypatch.setattr(module, "prepare_target", lambda *_: "numpy")  # nothing is compiled
    endless = short.culture.model_copy(update={"duration_s": 1e5})
    slow = short.model_copy(update={"culture": endless})
    with pytest.raises(SimbenchError, match="took longer than 4 s"):
        simulate(slow, timeout_s=4)
