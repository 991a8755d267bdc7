import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from simbench.core.errors import SimbenchError
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset, verify
from simbench.data.provenance import provenance
from simbench.data.recording import (
    Recording,
    Truth,
    clean_trace,
    read_recording,
    true_dff,
    true_spikes,
    write_recording,
)


@pytest.fixture(scope="session")
def saved(small_dataset, tmp_path_factory):
    return small_dataset.save(tmp_path_factory.mktemp("data") / "small")


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_saved_is_loaded(small_dataset, saved):
    loaded = Dataset.load(saved)
    assert loaded.scenario.digest() == small_dataset.scenario.digest()
    assert (loaded.seed, loaded.frame_rate, loaded.origin) == (7, 20.0, None)
    np.testing.assert_array_equal(loaded.test, small_dataset.test)
    pd.testing.assert_frame_equal(loaded.labels, small_dataset.labels, check_exact=True)
    np.testing.assert_array_equal(loaded.traces(), small_dataset.traces())
    for new, old in zip(loaded.recordings, small_dataset.recordings):
        np.testing.assert_array_equal(new.fluorescence, old.fluorescence)
        np.testing.assert_array_equal(new.truth.clean_dff, old.truth.clean_dff)
        np.testing.assert_array_equal(new.truth.spikes.times, old.truth.spikes.times)
        np.testing.assert_array_equal(new.truth.spikes.counts, old.truth.spikes.counts)
        np.testing.assert_array_equal(new.truth.weights.todense(), old.truth.weights.todense())
        assert new.truth.summary == old.truth.summary
    assert loaded.recordings[0].truth.neuropil is None
    np.testing.assert_array_equal(
        loaded.recordings[1].truth.neuropil, small_dataset.recordings[1].truth.neuropil
    )


def test_neurons_know_their_culture(small_dataset):
    np.testing.assert_array_equal(small_dataset.culture, np.repeat([0, 1], 12))
    np.testing.assert_array_equal(small_dataset.test_neurons, np.repeat([False, True], 12))
    np.testing.assert_array_equal(small_dataset.traces([1]), small_dataset.traces()[12:])


def test_the_same_dataset_gives_the_same_bytes(small_dataset, saved, tmp_path):
    assert contents(small_dataset.save(tmp_path / "again")) == contents(saved)
    assert contents(Dataset.load(saved).save(tmp_path / "loaded")) == contents(saved)


def test_plain_readers_open_the_files(small_dataset, saved):
    folder, truth = saved / "recording-000", small_dataset.recordings[0].truth
    np.testing.assert_array_equal(np.load(folder / "clean_dff.npy"), truth.clean_dff)
    np.testing.assert_array_equal(
        sparse.load_npz(folder / "wiring.npz").todense(), truth.weights.todense()
    )
    np.testing.assert_array_equal(pd.read_csv(folder / "labels.csv")["a"], truth.labels["a"])
    with np.load(folder / "spikes.npz") as spikes:
        np.testing.assert_array_equal(spikes["times"], truth.spikes.times)


def test_traces_are_mapped_and_truth_waits(copy):
    dataset = Dataset.load(copy)
    assert isinstance(dataset.recordings[0].fluorescence, np.memmap)
    (copy / "recording-000" / "spikes.npz").unlink()
    assert np.isfinite(dataset.traces()).all()
    with pytest.raises(SimbenchError, match=r"spikes\.npz: missing"):
        _ = dataset.recordings[0].truth


def test_saving_keeps_no_truth_in_memory(saved, tmp_path):
    dataset = Dataset.load(saved)
    dataset.save(tmp_path / "again")
    _ = dataset.labels
    assert all("truth" not in vars(recording) for recording in dataset.recordings)


FILES = [
    "manifest.json",
    "README.md",
    *(
        f"recording-001/{name}"
        for name in (
            "recording.json", "fluorescence.npy", "clean_dff.npy", "neuropil.npy",
            "labels.csv", "spikes.npz", "wiring.npz",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "byte", "longer"])
def test_every_damage_is_one_line_that_names_the_file(copy, name, damage):
    path = copy / name
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "byte":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes({"empty": b"", "half": data[: len(data) // 2], "longer": data * 2}[damage])
    with pytest.raises(SimbenchError) as error:
        Dataset.load(copy)
    assert path.name in one_line(error)


@pytest.mark.parametrize("name", FILES[2:])
@pytest.mark.parametrize("damage", [b"", b"not this", None])
def test_damage_is_one_line_even_unverified(copy, name, damage):
    path = copy / name
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage is None else damage)
    with pytest.raises(SimbenchError) as error:
        _ = Dataset.load(copy, verify=False).recordings[1].truth
    assert path.name in one_line(error)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILES[2:]), st.floats(0, 1, exclude_max=True), st.integers(0, 255))
def test_no_changed_byte_makes_a_traceback(saved, name, place, byte):
    path = saved / name
    data = path.read_bytes()
    changed = bytearray(data)
    changed[int(place**3 * len(data))] = byte  # mostly in the header
    try:
        path.write_bytes(changed)
        _ = Dataset.load(saved, verify=False).recordings[1].truth
    except SimbenchError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"format": None},
        {"recordings": "recording-000"},
        {"recordings": ["../elsewhere"]},
        {"test": [0, 1]},
        {"test": [True, False]},
        {"files": {}},
        {"scenario": {"name": "x"}},
        {"seed": "7"},
        {"surplus": 1},
    ],
)
def test_a_wrong_manifest_is_one_line(copy, change):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(SimbenchError) as error:
        Dataset.load(copy)
    assert "manifest.json" in one_line(error)


@pytest.mark.parametrize("key", ["format", "recordings", "test", "files", "scenario", "digest"])
def test_a_manifest_without_a_key_is_one_line(copy, key):
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest[key]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SimbenchError) as error:
        Dataset.load(copy)
    assert "manifest.json" in one_line(error)


def test_no_folder_is_one_line(tmp_path):
    with pytest.raises(SimbenchError, match=r"manifest\.json: missing"):
        Dataset.load(tmp_path / "nowhere")


def test_verify_accepts_what_was_saved(saved):
    assert len(verify(saved).recordings) == 2


def test_verify_refuses_foreign_files(copy):
    (copy / "recording-000" / "notes.txt").touch()
    with pytest.raises(SimbenchError, match=r"notes\.txt: not part of the dataset"):
        verify(copy)


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (lambda t: {"labels": t.labels[:-1]}, "labels.csv"),
        (lambda t: {"weights": sparse.csr_array((3, 3))}, "wiring.npz"),
        (lambda t: {"clean_dff": t.clean_dff[:, :-1]}, "clean_dff.npy"),
        (lambda t: {"spikes": SpikeTrains(np.zeros(1), np.array([0, 1]), 1.0)}, "spikes.npz"),
    ],
)
def test_truth_that_does_not_fit_the_traces_is_refused(small_dataset, tmp_path, change, file):
    recording = small_dataset.recordings[0]
    wrong = replace(recording.truth, **change(recording.truth))
    dataset = Dataset((replace(recording, load_truth=lambda: wrong),), np.array([False]))
    with pytest.raises(SimbenchError) as error:
        verify(dataset.save(tmp_path / "wrong"))
    assert file in one_line(error)


def test_blinded_means_traces_and_frame_rate(small_dataset, tmp_path):
    blind = small_dataset.blind()
    assert (blind.scenario, blind.seed) == (None, None)
    assert blind.origin == provenance([], ["fluorescence"], license="CC BY 4.0")
    for bare, old in zip(blind.recordings, order_of(blind, small_dataset)):
        full = small_dataset.recordings[old]
        np.testing.assert_array_equal(bare.fluorescence, full.fluorescence)
        held = {f.name for f in fields(bare) if getattr(bare, f.name) is not None}
        assert held == {"name", "fluorescence", "frame_rate", "group"}
        assert bare.group == bare.name
        with pytest.raises(SimbenchError, match="blinded"):
            _ = bare.truth
    with pytest.raises(SimbenchError, match="blinded"):
        _ = blind.labels
    folder = blind.save(tmp_path / "blind")
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {"README.md", "manifest.json", "recording.json", "fluorescence.npy"}
    everything = b"".join(contents(folder).values())
    assert b"quickstart" not in everything
    assert b"GCaMP" not in everything
    np.testing.assert_array_equal(Dataset.load(folder).traces(), blind.traces())


def order_of(blind, dataset):
    """Index in the dataset of each recording of the blinded one, by the traces."""
    whole = [r.fluorescence.tobytes() for r in dataset.recordings]
    return [whole.index(np.asarray(r.fluorescence).tobytes()) for r in blind.recordings]


def test_the_order_of_blinded_recordings_follows_from_their_traces_alone(tiny_dataset):
    blind = tiny_dataset.blind()
    order = order_of(blind, tiny_dataset)
    assert sorted(order) == list(range(6)) != order
    np.testing.assert_array_equal(blind.test, tiny_dataset.test[order])
    assert [r.name for r in blind.recordings] == [f"recording-{i:03d}" for i in range(6)]
    turned = Dataset(tiny_dataset.recordings[::-1], tiny_dataset.test[::-1]).blind()
    np.testing.assert_array_equal(turned.traces(), blind.traces())


def test_a_dataset_is_replaced_only_when_told(small_dataset, copy):
    with pytest.raises(SimbenchError, match="not empty"):
        small_dataset.save(copy)
    Dataset.load(copy).blind().save(copy, overwrite=True)
    assert Dataset.load(copy).scenario is None


def test_a_crash_while_saving_leaves_the_old_dataset(small_dataset, copy):
    def fail():
        raise RuntimeError("crash")

    broken = replace(small_dataset.recordings[1], load_truth=fail)
    before = contents(copy.parent)
    with pytest.raises(RuntimeError):
        Dataset((small_dataset.recordings[0], broken), small_dataset.test).save(copy, True)
    assert contents(copy.parent) == before


def test_impossible_datasets_are_refused(small_dataset):
    first, second = small_dataset.recordings
    test = np.array([False, True])
    shared = replace(second, group=first.group)
    for recordings, flags in [((), []), ((first, second), [True]), ((first, first), test),
                              ((first, shared), test)]:  # fmt: skip
        with pytest.raises(SimbenchError, match="dataset: "):
            Dataset(recordings, np.array(flags, dtype=bool))


def test_recordings_may_differ_but_not_where_they_are_stacked(small_dataset):
    first, second = small_dataset.recordings
    slower = replace(second, frame_rate=5.0)
    dataset = replace(small_dataset, recordings=(first, slower))
    for ask in (dataset.traces, lambda: dataset.frame_rate):
        with pytest.raises(SimbenchError, match=r"5 to 20 Hz and 10 to 40 s; .*Dataset\.windows"):
            ask()
    assert dataset.traces([1]).shape == (12, 200)
    assert "| 200 at 5 to 20 Hz (10 to 40 s) |" in dataset.card()


@pytest.fixture
def grouped(small_dataset):
    first, second = small_dataset.recordings
    recordings = (
        replace(first, group="dish B"), replace(second, group="dish A"),
        replace(first, name="later", fluorescence=first.fluorescence + 1, group="dish B"),
    )  # fmt: skip
    return Dataset(recordings, np.array([False, True, False]))


def test_a_group_is_one_culture_and_is_kept(grouped, tmp_path):
    np.testing.assert_array_equal(grouped.groups, [0, 1, 0])
    np.testing.assert_array_equal(grouped.culture, np.repeat([0, 1, 0], 12))
    np.testing.assert_array_equal(grouped.recording, np.repeat([0, 1, 2], 12))
    np.testing.assert_array_equal(grouped.test_neurons, np.repeat([False, True, False], 12))
    loaded = verify(grouped.save(tmp_path / "out"))
    assert [r.group for r in loaded.recordings] == ["dish B", "dish A", "dish B"]
    blind = verify(loaded.blind().save(tmp_path / "blind"))
    order = order_of(blind, grouped)
    kept, given = grouped.groups[order], blind.groups
    np.testing.assert_array_equal(given[:, None] == given, kept[:, None] == kept)
    assert given[0] == 0
    np.testing.assert_array_equal(blind.test, grouped.test[order])
    assert not any("dish" in r.group for r in blind.recordings)
    assert "| 3, of 2 groups (culture or animal); for testing: 1 |" in loaded.card()


def test_measured_recordings_lack_what_nobody_measured(small_dataset, tmp_path):
    bare = replace(small_dataset.recordings[0].truth, spikes=None, clean_dff=None, weights=None)
    recording = replace(small_dataset.recordings[0], load_truth=lambda: bare)
    dataset = Dataset((recording,), np.array([False]))
    loaded = verify(dataset.save(tmp_path / "out")).recordings[0]
    assert loaded.truth.spikes is loaded.truth.clean_dff is None
    for ask in (true_spikes, true_dff, clean_trace):
        with pytest.raises(SimbenchError, match="recording recording-000.* unknown") as error:
            ask(loaded)
        one_line(error)


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1)
tables = st.lists(
    st.tuples(words, st.booleans(), st.integers(-(2**62), 2**62), st.floats()),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(tables)
def test_any_label_survives(tmp_path_factory, rows):
    labels = pd.DataFrame(rows, columns=["word", "flag", "count", "value"])
    n = len(rows)
    truth = Truth(
        labels,
        SpikeTrains(np.zeros(0), np.zeros(n + 1, dtype=int), 1.0),
        None,
        np.zeros((n, 2), np.float32),
        {},
    )
    folder = tmp_path_factory.mktemp("labels") / "x"
    write_recording(folder, Recording("x", np.ones((n, 2), np.float32), 2.0), truth)
    recording = read_recording(folder)
    assert isinstance(recording, Recording)
    assert recording.truth.weights is None
    pd.testing.assert_frame_equal(recording.truth.labels, labels, check_exact=True)


def test_large_traces_are_memory_mapped_and_give_the_same_latents(small_dataset, monkeypatch):
    from simbench import embed
    from simbench.data import traces as module
    from simbench.methods.baselines import TraceStats

    in_memory, latents = small_dataset.traces(), embed(TraceStats(), small_dataset)
    monkeypatch.setattr(module, "_IN_MEMORY_BYTES", 100)
    mapped = small_dataset.traces()
    assert isinstance(mapped, np.memmap)
    assert not isinstance(in_memory, np.memmap)
    np.testing.assert_array_equal(mapped, in_memory)
    np.testing.assert_array_equal(embed(TraceStats(), small_dataset), latents)
