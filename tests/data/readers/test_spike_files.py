import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simbench.core.errors import SimbenchError
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset, verify
from simbench.data.export import export
from simbench.data.readers.spike_files import import_spikes
from simbench.imaging import image
from simbench.scenario.imaging_recipe import ImagingRecipe

TIMES = np.array([0.5, 1.25, 3.0, 0.1, 4.5])
NEURONS = np.array([0, 0, 0, 2, 2])


def write(path, **arrays):
    np.savez(path, **{"times": TIMES, "neurons": NEURONS} | arrays)
    return path


def test_events_and_ragged_spikes_are_the_same(tmp_path):
    positions = {"x_mm": np.zeros(3), "y_mm": np.array([0.0, 0.1, 0.2])}
    shuffled = np.random.default_rng(0).permutation(5)
    events = write(
        tmp_path / "events.npz", times=TIMES[shuffled], neurons=NEURONS[shuffled], **positions
    )
    np.savez(tmp_path / "ragged.npz", times=TIMES, offsets=[0, 3, 3, 5], **positions)
    one, other = (import_spikes(f).recordings[0] for f in (events, tmp_path / "ragged.npz"))
    np.testing.assert_array_equal(one.truth.spikes.times, TIMES)
    np.testing.assert_array_equal(one.truth.spikes.counts, [3, 0, 2])
    np.testing.assert_array_equal(one.fluorescence, other.fluorescence)


def test_numbers_of_neurons_may_be_unsigned(tmp_path):
    (recording,) = import_spikes(write(tmp_path / "a.npz", neurons=NEURONS.astype("u2"))).recordings
    np.testing.assert_array_equal(recording.truth.spikes.counts, [3, 0, 2])


def test_the_optics_are_those_of_any_culture(tmp_path):
    recipe = ImagingRecipe(preset="ideal", nu=2.0, frame_rate_hz=30.0)
    xy = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]])
    path = write(tmp_path / "a.npz", x_mm=xy[:, 0], y_mm=xy[:, 1], duration=6.0)
    recording = import_spikes(path, recipe, seed=3).recordings[0]
    spikes = SpikeTrains.from_events(NEURONS, TIMES, 3, 6.0)
    expected = image(spikes, xy, recipe, seed=3, index=0)
    np.testing.assert_array_equal(recording.fluorescence, expected.fluorescence)
    np.testing.assert_array_equal(recording.truth.clean_dff, expected.clean_dff)
    assert recording.fluorescence.shape == (3, 180)


def test_only_known_labels_are_there(tmp_path):
    path = write(
        tmp_path / "a.npz",
        firing_type=np.array(["RS", "FS", "RS"]),
        n_spikes=np.ones(3),
        gain=np.zeros(3),
    )
    dataset = import_spikes(path)
    labels = dataset.labels
    assert {"in_degree", "a", "topology", "condition"}.isdisjoint(labels)
    assert list(labels["firing_type"]) == ["RS", "FS", "RS"]
    assert list(labels["n_spikes"]) == [3, 0, 2]  # counted, not believed
    assert (labels["gain"] > 0).all()  # drawn, not believed
    np.testing.assert_allclose(labels["rate_hz"], np.array([3, 0, 2]) / 5)
    assert dataset.recordings[0].truth.weights is None
    assert dataset.scenario is None
    assert not dataset.test.any()


@pytest.mark.parametrize(
    ("stated", "asked", "expected"),
    [(None, None, 5.0), (8.0, None, 8.0), (8.0, 2.0, 2.0), (None, 6.5, 6.5)],
)
def test_duration(tmp_path, stated, asked, expected):
    path = write(tmp_path / "a.npz", **({} if stated is None else {"duration": stated}))
    spikes = import_spikes(path, duration_s=asked).recordings[0].truth.spikes
    assert spikes.duration == expected
    np.testing.assert_array_equal(np.sort(spikes.times), np.sort(TIMES[expected > TIMES]))


def test_a_spike_on_the_last_whole_second_is_kept(tmp_path):
    path = write(tmp_path / "a.npz", times=TIMES + 0.5)
    assert import_spikes(path).recordings[0].truth.spikes.duration == 6.0


def test_the_dataset_can_be_saved_verified_and_carded(tmp_path):
    paths = [write(tmp_path / "a.npz", duration=5.0), write(tmp_path / "b.npz", duration=5.0)]
    dataset = import_spikes(paths, ImagingRecipe(preset="ideal", nu=1.0), seed=4)
    loaded = verify(dataset.save(tmp_path / "out"))
    assert loaded.origin == json.loads(json.dumps(dataset.origin))
    assert set(loaded.origin["files"]) == {f"{tmp_path.name}/{name}.npz" for name in "ab"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Spikes from elsewhere" in card
    assert "`imaging.nu` | 1.0" in card
    assert "`in_degree`" not in card


def test_recordings_of_an_animal_share_a_group_and_their_files_a_name(tmp_path):
    animals = {"first": "m7", "second": "m7", "third": "m8"}
    for folder, animal in animals.items():
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.npz", duration=5.0, animal=np.full(3, animal))
    dataset = import_spikes(tmp_path)
    assert [r.group for r in dataset.recordings] == list(animals.values())
    assert list(dataset.labels["animal"].unique()) == ["m7", "m8"]
    assert dataset.labels["culture"].nunique() == 3
    assert list(dataset.origin["files"]) == [f"{folder}/a.npz" for folder in animals]
    with pytest.raises(SimbenchError, match="recordings of 'm7' are both for training and for"):
        replace(dataset, test=np.array([True, False, False]))


def test_recordings_of_a_culture_share_a_group(tmp_path):
    """Two days of one dish must not be on both sides of a split."""
    for day in ("1", "2"):
        write(tmp_path / f"{day}.npz", duration=5.0, culture=np.full(3, "dish A"))
    write(tmp_path / "3.npz", duration=5.0)
    dataset = import_spikes(tmp_path)
    assert dataset.groups.tolist() == [0, 0, 1]
    assert list(dataset.labels["culture"].unique()) == ["dish A", "culture-002"]


def test_neurons_of_several_animals_are_one_line(tmp_path):
    path = write(tmp_path / "a.npz", animal=np.array(["m7", "m7", "m8"]))
    with pytest.raises(SimbenchError, match=r"a\.npz: neurons of several animals, such as 'm7'"):
        import_spikes(path)


def test_a_seed_may_be_an_integer_of_numpy(tmp_path):
    path = write(tmp_path / "a.npz")
    plain, other = (import_spikes(path, seed=seed) for seed in (3, np.int64(3)))
    np.testing.assert_array_equal(plain.traces(), other.traces())
    pd.testing.assert_frame_equal(plain.labels, other.labels)
    other.save(tmp_path / "out")


def test_a_saved_dataset_can_be_imaged_again(small_dataset, tmp_path):
    folder = small_dataset.save(tmp_path / "small")
    again = import_spikes(folder / "recording-000" / "spikes.npz").recordings[0]
    truth = small_dataset.recordings[0].truth
    np.testing.assert_array_equal(again.truth.spikes.times, truth.spikes.times)
    np.testing.assert_array_equal(again.truth.spikes.counts, truth.spikes.counts)


def test_nwb_comes_back_with_labels_and_positions(tiny_dataset, tmp_path):
    pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    export(tiny_dataset, tmp_path / "nwb", "nwb")
    again = import_spikes(
        tmp_path / "nwb" / "recording-001.nwb", ImagingRecipe(preset="ideal", nu=2.0)
    )
    verify(again.save(tmp_path / "again"))
    recording, truth = again.recordings[0], tiny_dataset.recordings[1].truth
    assert recording.truth.labels.columns.is_unique
    assert recording.truth.labels["nu"].mean() == pytest.approx(2.0)  # of this camera
    np.testing.assert_array_equal(recording.truth.spikes.times, truth.spikes.times)
    assert recording.truth.spikes.duration == truth.spikes.duration
    for name in ("x_mm", "y_mm", "a", "firing_type", "in_degree", "n_spikes"):
        np.testing.assert_array_equal(recording.truth.labels[name], truth.labels[name])


def test_times_in_nwb_count_from_the_first_observation(tmp_path):
    pynwb = pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    from datetime import UTC, datetime

    file = pynwb.NWBFile("a session", "id", datetime(2025, 1, 1, tzinfo=UTC))
    for times in ([100.5, 101.25], [102.0]):
        file.add_unit(spike_times=times, obs_intervals=[[100.0, 104.0]])
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    spikes = import_spikes(tmp_path / "a.nwb").recordings[0].truth.spikes
    np.testing.assert_allclose(spikes.times, [0.5, 1.25, 2.0])
    assert spikes.duration == 4.0


@pytest.mark.parametrize(
    ("subject", "columns", "group"),
    [
        ("mouse-7", {}, "mouse-7"),
        ("unknown", {}, "recording-000"),
        ("mouse-7", {"culture": ["dish-1", "dish-1"]}, "dish-1"),
        ("mouse-7", {"animal": ["mouse-8", "mouse-8"]}, "mouse-8"),
    ],
)
def test_the_subject_of_nwb_is_the_animal_where_nothing_else_is_told(
    tmp_path, subject, columns, group
):
    pynwb = pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    from datetime import UTC, datetime

    file = pynwb.NWBFile("a session", "id", datetime(2025, 1, 1, tzinfo=UTC))
    file.subject = pynwb.file.Subject(subject_id=subject)
    for times in ([0.5, 1.25], [2.0]):
        file.add_unit(spike_times=times)
    for name, values in columns.items():
        file.add_unit_column(name, "as told", data=values)
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    recording = import_spikes(tmp_path / "a.nwb").recordings[0]
    assert recording.group == group


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"times": np.array([0.5, np.nan, 1, 2, 3])}, "not finite"),
        ({"times": np.array([0.5, np.inf, 1, 2, 3])}, "not finite"),
        ({"times": -TIMES}, "allowed is 0 <= t"),
        ({"times": np.arange(5)}, "'times' is int64; needed: floats, in seconds"),
        ({"times": TIMES[:3]}, "'neurons' has shape \\(5,\\); needed: \\(3,\\)"),
        ({"times": TIMES[:, None]}, "'times' has shape"),
        ({"duration": np.ones(2)}, "'duration' has shape"),
        ({"neurons": NEURONS - 1}, "must lie in"),
        ({"neurons": NEURONS + 0.5}, "whole numbers"),
        ({"n_neurons": 2}, "must lie in"),
        ({"n_neurons": np.zeros(0, int)}, "'n_neurons' has shape"),
        ({"offsets": [0, 3, 5]}, "either 'neurons' or 'offsets'"),
        ({"bananas": np.zeros(3)}, "unknown array 'bananas'"),
        ({"x_mm": np.zeros(3), "y_mm": np.zeros(2)}, "'y_mm' has shape"),
        (
            {"x_mm": np.full(3, np.nan), "y_mm": np.zeros(3)},
            "'x_mm' holds .* not finite",
        ),
        ({"duration": -1.0}, "allowed is a positive number"),
        ({"duration": 0.01}, "at least 2 frames"),
        ({"duration": 1e12}, "allowed: up to 1e\\+10 samples"),
        ({"n_neurons": 2 * 10**7, "duration": 0.2}, "n_neurons = 20000000: .* equal to 10000000"),
        ({"n_neurons": 10**12}, "allowed: up to 1e\\+10 samples"),
        ({"x_mm": np.array(list("abc")), "y_mm": np.zeros(3)}, "'x_mm' is <U1"),
        ({"in_degree": np.array(list("abc"))}, "'in_degree' is <U1; needed: numbers"),
        ({"firing_type": np.arange(3)}, "'firing_type' is int64; needed: text"),
        ({"a": np.ones(3, complex)}, "'a' is complex128; needed: numbers"),
        ({"inhibitory": np.zeros(3)}, "'inhibitory' is float64; needed: true or false"),
        ({"module": np.zeros(3)}, "'module' is float64; needed: whole numbers"),
    ],
)
def test_impossible_spikes_are_one_line(tmp_path, arrays, message):
    path = write(tmp_path / "bad.npz", **arrays)
    with pytest.raises(SimbenchError, match=message) as error:
        import_spikes(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_too_little_memory_is_one_line(tmp_path, monkeypatch):
    def image(*_):
        raise MemoryError

    monkeypatch.setattr("simbench.imaging.image", image)
    with pytest.raises(SimbenchError, match="do not fit into the memory"):
        import_spikes(write(tmp_path / "a.npz"))


@pytest.mark.parametrize("offsets", [[0, 3], [1, 5], [0, 4, 3, 5], [0]])
def test_impossible_offsets_are_one_line(tmp_path, offsets):
    np.savez(tmp_path / "bad.npz", times=TIMES, offsets=offsets)
    with pytest.raises(SimbenchError, match="'offsets'"):
        import_spikes(tmp_path / "bad.npz")


@pytest.mark.parametrize("name", ["bad.npz", "bad.nwb", "bad.txt"])
@pytest.mark.parametrize("content", [b"", b"not a file of spikes", None])
def test_broken_files_are_one_line(tmp_path, name, content):
    if name.endswith("nwb"):
        pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SimbenchError) as error:
        import_spikes(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_pickles_are_not_opened(tmp_path):
    write(tmp_path / "bad.npz", firing_type=np.array([{}, {}, {}], dtype=object))
    with pytest.raises(SimbenchError, match="not of the right form"):
        import_spikes(tmp_path / "bad.npz")


def test_nothing_to_import():
    with pytest.raises(SimbenchError):
        import_spikes([])


def test_the_same_file_gives_the_same_bytes(tmp_path):
    path = write(tmp_path / "a.npz")
    for name in ("one", "two"):
        import_spikes(path, ImagingRecipe(preset="ideal", nu=1.0), seed=1).save(tmp_path / name)
    one, two = ((tmp_path / n / "manifest.json").read_bytes() for n in ("one", "two"))
    assert one == two
    assert isinstance(Dataset.load(tmp_path / "one"), Dataset)
