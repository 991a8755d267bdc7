import numpy as np
import pytest

from simbench import simulate
from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.data.cultures import culture_folder, fill_cache
from simbench.data.simulation import recording_folders


def all_bytes(scenario, seed):
    files = [p for f in recording_folders(scenario, seed) for p in sorted(f.iterdir())]
    return {p.relative_to(p.parents[1]).as_posix(): p.read_bytes() for p in files}


def test_bytes_do_not_depend_on_workers_or_on_what_was_there(tiny, monkeypatch, tmp_path):
    results = []
    for n_jobs in (1, 2):
        monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / str(n_jobs)))
        simulate(tiny, seed=1, n_jobs=n_jobs)
        results.append(all_bytes(tiny, 1))
    one, two = results
    assert len(one) == tiny.replicates * 7
    assert one == two


def test_seeds_and_cultures_differ(tiny, tiny_dataset):
    first, second = (r.fluorescence for r in tiny_dataset.recordings[:2])
    assert not np.array_equal(first, second)
    other = simulate(tiny, seed=2)
    assert not np.array_equal(first, other.recordings[0].fluorescence)


def test_a_seed_may_be_an_integer_of_numpy(tiny, tiny_dataset, tmp_path):
    dataset = simulate(tiny, seed=np.int64(1))
    assert repr(dataset.seed) == "1"
    np.testing.assert_array_equal(dataset.traces(), tiny_dataset.traces())
    dataset.save(tmp_path / "out")


def test_recordings_have_the_promised_shape(tiny, tiny_dataset):
    for recording in tiny_dataset.recordings:
        assert recording.fluorescence.shape == (24, 200)
        assert recording.fluorescence.dtype == np.float32
        truth = recording.truth
        assert truth.clean_dff.shape == (24, 200)
        assert truth.weights.shape == (24, 24)
        assert truth.spikes.n_neurons == len(truth.labels) == 24
        np.testing.assert_array_equal(truth.labels["in_degree"], (truth.weights != 0).sum(axis=0))
    assert tiny_dataset.test.tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize("damage", ["altered", "missing", "truncated"])
def test_damaged_cache_entries_are_made_again(tiny, damage):
    dataset = simulate(tiny, seed=1)
    before = np.array(dataset.recordings[2].fluorescence)
    path = recording_folders(tiny, 1)[2] / "fluorescence.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.unlink()
    if damage != "missing":
        path.write_bytes(content if damage == "altered" else content[:1000])
    again = simulate(tiny, seed=1)
    np.testing.assert_array_equal(before, again.recordings[2].fluorescence)


def test_cache_key_follows_recipe_seed_and_index(tiny):
    keys = {
        cache.entry("recordings", [duration, seed, index])
        for duration in (1.0, 2.0)
        for seed in (0, 1)
        for index in (0, 1)
    }
    assert len(keys) == 8


def test_a_culture_that_fails_leaves_the_others_in_the_cache(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    recipes = dict.fromkeys(range(3), tiny.culture)
    wiring = tiny.culture.wiring.model_copy(
        update={"topology": "random", "mean_in_degree": 2.0 * tiny.culture.n_neurons}
    )
    recipes[1] = tiny.culture.model_copy(update={"wiring": wiring})
    with pytest.raises(SimbenchError, match="mean_in_degree"):
        fill_cache(recipes, 5, 1, lambda share: None)
    held = [cache.holds(culture_folder(recipe, 5, i)) for i, recipe in recipes.items()]
    assert held == [True, False, True]


def test_progress_rises_to_the_number_of_recordings(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    seen = []
    simulate(tiny, seed=6, progress=lambda done, total: seen.append((done, total)))
    n = tiny.replicates
    assert seen[0] == (0, n)
    assert seen[-1] == (n, n)
    assert seen == sorted(seen)
