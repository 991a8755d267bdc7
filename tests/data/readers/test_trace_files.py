from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_files import cell, write_mat

from simbench.core.errors import SimbenchError
from simbench.data.dataset import verify
from simbench.data.export import export
from simbench.data.readers.trace_files import add_labels, import_traces


@pytest.fixture
def folder(tmp_path):
    """Two animals; two files of one name; recordings of different rate and length."""
    write_mat(tmp_path / "DS30-GCaMP8f-m-V1" / "x_479115_1_mini.mat", cell(), cell(rate=30.0))
    write_mat(tmp_path / "DS30-GCaMP8f-m-V1" / "same.mat", cell([]))
    write_mat(tmp_path / "DS14-GCaMP6s-m-V1" / "same.mat", cell(n_frames=400))
    return tmp_path


NAMES = ["DS14-GCaMP6s-m-V1-same", "DS30-GCaMP8f-m-V1-same", "x_479115_1_mini-0",
         "x_479115_1_mini-1"]  # fmt: skip


def test_a_folder_becomes_a_dataset(folder, tmp_path):
    dataset = import_traces(folder, license="CC BY 4.0", citation="Doe 2020")
    assert [r.name for r in dataset.recordings] == NAMES
    np.testing.assert_array_equal(dataset.groups, [0, 1, 2, 2])
    loaded = verify(dataset.save(tmp_path / "out"))
    np.testing.assert_array_equal(loaded.groups, dataset.groups)
    assert len(loaded.origin["files"]) == 3
    card = loaded.card(loaded.labels.columns)
    for part in (
        "**From elsewhere: fluorescence, spikes.**",
        "| 4, of 3 groups (culture or animal); for testing: 0 |",
        "200 to 400 at 20 to 30 Hz",
        "neurons x frames: 1 + dF/F",
        "| licence | CC BY 4.0 |",
        "| to cite | Doe 2020 |",
        "| source | not told |",
    ):
        assert part in card
    assert "Simulated" not in card
    windows = loaded.windows(5.0, 10.0)
    assert windows.traces().shape == (2 + 2 + 4 + 1, 50)


@pytest.mark.parametrize("to", ["nwb", "csv"])
def test_measured_recordings_are_exported(folder, tmp_path, to):
    if to == "nwb":
        pytest.importorskip("pynwb", reason="pynwb writes NWB files")
    dataset = import_traces(folder)
    export(dataset, tmp_path / "out", to)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "1 + dF/F" in card
    assert "photons" not in card
    if to == "nwb":
        again = import_traces(tmp_path / "out")
        for new, old in zip(again.recordings, dataset.recordings):
            np.testing.assert_array_equal(new.fluorescence, old.fluorescence)
            old_spikes, new_spikes = old.truth.spikes, new.truth.spikes
            if old_spikes.counts.sum():  # readers fail on a table of spikes without any
                np.testing.assert_allclose(new_spikes.times, old_spikes.times, atol=1e-9)
            assert new.frame_rate == pytest.approx(old.frame_rate)
            assert (new.truth.labels["indicator"] == old.truth.labels["indicator"]).all()


@pytest.mark.parametrize("to", ["suite2p", "cascade"])
def test_formats_that_need_more_say_so(folder, tmp_path, to):
    dataset = import_traces(folder)
    first = dataset.recordings[0]
    bare = replace(first.truth, spikes=None)
    dataset = replace(
        dataset, recordings=(replace(first, load_truth=lambda: bare),), test=dataset.test[:1]
    )
    with pytest.raises(SimbenchError, match=r"DS14.*(spikes are unknown|no labels x_mm)"):
        export(dataset, tmp_path / "out", to)


def write_nwb(
    path, timestamps=False, units=2, linked=True, plane_rows=3, kind="Fluorescence", animals=None,
    containers=(None,), **scale,
):  # fmt: skip
    """Three ROIs in a plane, traces of the last two, and units of the last ROIs."""
    pynwb = pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    from datetime import UTC, datetime

    from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel

    subject = pynwb.file.Subject(subject_id="mouse 7", species="Mus musculus")
    file = pynwb.NWBFile("a session", "id", datetime(2025, 1, 1, tzinfo=UTC), subject=subject)
    channel = OpticalChannel(name="channel", description="green", emission_lambda=520.0)
    plane = file.create_imaging_plane(
        name="plane", optical_channel=channel,
        description="a plane", device=file.create_device("microscope"), excitation_lambda=920.0,
        indicator="GCaMP6s", location="CA1", imaging_rate=10.0,
    )  # fmt: skip
    segmentation = ImageSegmentation()
    make = {"Fluorescence": Fluorescence, "DfOverF": DfOverF}[kind]
    made = [make(name=name) if name else make() for name in containers]
    file.create_processing_module("ophys", "optical physiology").add([segmentation, *made])
    table = segmentation.create_plane_segmentation("cells", plane, name="cells")
    for _ in range(plane_rows):
        table.add_roi(pixel_mask=[(0, 0, 1.0)])
    table.add_column("firing_type", "type", data=["RS", "FS", "IB"][:plane_rows])
    if animals:
        table.add_column("animal", "animal", data=animals)
    when = {"rate": 10.0, "starting_time": 100.0}
    if timestamps:
        when = {"timestamps": 100.05 + np.arange(100) / 10}
    data = np.arange(200.0).reshape(100, 2)
    names = ("RoiResponseSeries", "Neuropil", "Denoised") if len(made) == 1 else ("plane0",)
    for number, container in enumerate(made):
        for name in names:
            rois = table.create_roi_table_region("some", region=[1, 2])
            container.create_roi_response_series(
                name=name, data=data + number, unit="n.a.", rois=rois, **when, **scale
            )
    for unit in range(units):
        file.add_unit(spike_times=[101.0 + unit, 102.5 + unit])
    if linked and units:
        file.units.add_column("roi", "ROI", data=[2, 1][:units], table=table)
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


@pytest.mark.parametrize("timestamps", [False, True])
def test_nwb_traces_come_with_their_spikes_and_labels(tmp_path, timestamps):
    path = write_nwb(tmp_path / "a.nwb", timestamps)
    (recording,) = import_traces(path).recordings
    assert (recording.name, recording.group) == ("a", "mouse 7")
    assert recording.frame_rate == pytest.approx(10.0)
    np.testing.assert_array_equal(recording.fluorescence, np.arange(200.0).reshape(100, 2).T)
    np.testing.assert_allclose(recording.truth.spikes.times, [2.0, 3.5, 1.0, 2.5])
    labels = recording.truth.labels
    assert list(labels["firing_type"]) == ["FS", "IB"]
    assert set(labels["indicator"] + labels["region"] + labels["animal"]) == {"GCaMP6sCA1mouse 7"}
    assert "network_spike_share" in labels


def test_of_a_file_of_suite2p_only_fluorescence_is_read(tmp_path):
    """suite2p calls every series like its plane, and names the containers."""
    containers = ("Neuropil", "Fluorescence", "Deconvolved")
    (recording,) = import_traces(write_nwb(tmp_path / "a.nwb", containers=containers)).recordings
    np.testing.assert_array_equal(recording.fluorescence[0, :2], [1.0, 3.0])


def test_rois_of_one_animal_are_its_group_and_those_of_several_are_one_line(tmp_path):
    one = write_nwb(tmp_path / "a.nwb", animals=["other", "mine", "mine"])
    assert [r.group for r in import_traces(one).recordings] == ["mine"]
    two = write_nwb(tmp_path / "b.nwb", animals=["mine", "mine", "other"])
    with pytest.raises(SimbenchError, match=r"b.nwb.*several animals, such as 'mine' and 'other'"):
        import_traces(two)


def test_units_without_rois_are_the_neurons_if_there_are_as_many(tmp_path):
    (recording,) = import_traces(write_nwb(tmp_path / "a.nwb", linked=False)).recordings
    np.testing.assert_allclose(recording.truth.spikes.times, [1.0, 2.5, 2.0, 3.5])
    for units in (0, 1, 3):
        path = write_nwb(tmp_path / f"{units}.nwb", units=units, linked=False)
        dataset = import_traces(path)
        assert dataset.recordings[0].truth.spikes is None
        assert dataset.origin["given"] == ["fluorescence"]
        assert "rate_hz" not in dataset.labels


def test_relative_traces_count_from_one(tmp_path):
    (recording,) = import_traces(write_nwb(tmp_path / "a.nwb", kind="DfOverF")).recordings
    assert recording.fluorescence[0, 0] == 1.0


@pytest.mark.parametrize(("kind", "zero"), [("Fluorescence", 0.0), ("DfOverF", 1.0)])
def test_nwb_traces_are_in_the_unit_that_the_series_states(tmp_path, kind, zero):
    path = write_nwb(tmp_path / "a.nwb", kind=kind, conversion=0.5, offset=-3.0)
    (recording,) = import_traces(path).recordings
    expected = np.arange(200.0).reshape(100, 2).T * 0.5 - 3 + zero
    np.testing.assert_array_equal(recording.fluorescence, expected)


def test_a_simulated_dataset_comes_back_from_nwb(small_dataset, tmp_path):
    pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    export(small_dataset, tmp_path / "out", "nwb")
    recording = import_traces(tmp_path / "out").recordings[1]
    old = small_dataset.recordings[1]
    np.testing.assert_array_equal(recording.fluorescence, old.fluorescence)
    np.testing.assert_allclose(recording.truth.spikes.times, old.truth.spikes.times, atol=1e-9)
    np.testing.assert_array_equal(
        recording.truth.labels["in_degree"], old.truth.labels["in_degree"]
    )
    assert "animal" not in recording.truth.labels


@pytest.mark.parametrize("name", ["bad.mat", "bad.nwb", "bad.txt"])
@pytest.mark.parametrize("content", [b"", b"not a file of traces", None])
def test_broken_files_are_one_line(tmp_path, name, content):
    if name.endswith("nwb"):
        pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SimbenchError) as error:
        import_traces(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_nwb_without_traces_is_one_line(tmp_path):
    pynwb = pytest.importorskip("pynwb", reason="pynwb reads NWB files")
    from datetime import UTC, datetime

    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(pynwb.NWBFile("a session", "id", datetime(2025, 1, 1, tzinfo=UTC)))
    with pytest.raises(SimbenchError, match=r"a\.nwb: holds no RoiResponseSeries"):
        import_traces(tmp_path / "a.nwb")


def test_an_empty_folder_is_one_line(tmp_path):
    with pytest.raises(SimbenchError, match=r"holds no file that ends in \.mat, \.nwb"):
        import_traces(tmp_path)


def own(tmp_path, **columns):
    pd.DataFrame(columns).to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path / "labels.csv"


def test_own_labels_join_by_name_or_in_order(folder, tmp_path):
    dataset = import_traces(folder)
    neurons = [f"{name}/0" for name in NAMES]
    named = add_labels(dataset, own(tmp_path, neuron=neurons[::-1], depth=[4, 3, 2, 1]))
    assert list(named.labels["depth"]) == [1, 2, 3, 4]
    in_order = add_labels(dataset, own(tmp_path, depth=[1.5, 2, 3, 4], region=list("abcd")))
    assert list(in_order.labels["depth"]) == [1.5, 2, 3, 4]
    assert list(in_order.labels["region"]) == list("abcd")
    assert in_order.origin["given"][-1] == "labels (depth, region)"
    loaded = verify(in_order.save(tmp_path / "out"))
    pd.testing.assert_frame_equal(loaded.labels, in_order.labels, check_exact=True)
    assert list(loaded.windows(5.0, 10.0, per_recording=1).labels["depth"]) == [1.5, 2, 3, 4]


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "nan"])
def test_a_missing_number_leaves_numbers(folder, tmp_path, missing):
    columns = {"depth": [1.5, 2, missing, 4], "layer": ["NA", "2/3", "4", "4"]}
    labels = add_labels(import_traces(folder), own(tmp_path, **columns)).labels
    np.testing.assert_array_equal(labels["depth"], [1.5, 2, np.nan, 4])
    assert list(labels["layer"]) == columns["layer"]


def test_a_label_of_cultures_divides_no_animal(folder, tmp_path):
    labelled = add_labels(import_traces(folder), own(tmp_path, culture=list("abcd")))
    assert [recording.group for recording in labelled.recordings] == ["a", "b", "479115", "479115"]


def test_true_and_false_with_gaps_stay_classes_and_names_stay_names(folder, tmp_path):
    columns = {"healthy": [True, "", False, True], "inhibitory": ["TRUE", "NA", "FALSE", "TRUE"],
               "animal": [1, "", 3, 3]}  # fmt: skip
    labels = add_labels(import_traces(folder), own(tmp_path, **columns)).labels
    assert labels["healthy"].fillna("").tolist() == ["True", "", "False", "True"]
    assert list(labels["inhibitory"]) == ["True", "", "False", "True"]
    assert list(labels["animal"]) == ["1", "", "3", "3"]
    whole = add_labels(import_traces(folder), own(tmp_path, healthy=[True, True, False, True]))
    assert whole.labels["healthy"].dtype == bool


@pytest.mark.parametrize("stem", [".x", "README.md", "manifest.json"])
def test_names_that_no_dataset_can_have_are_one_line(tmp_path, stem):
    write_mat(tmp_path / f"{stem}.mat", cell())
    with pytest.raises(SimbenchError, match="allowed are names that a folder can have") as error:
        import_traces(tmp_path / f"{stem}.mat").save(tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_hidden_files_of_a_folder_are_left_alone(folder):
    write_mat(folder / ".x.mat", cell())
    assert [r.name for r in import_traces(folder).recordings] == NAMES


def test_labels_with_a_slash_are_exported(folder, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    dataset = add_labels(import_traces(folder), own(tmp_path, **{"c/d": [1, 2, 3, 4], "c_d": 5}))
    export(dataset, tmp_path / "out", "nwb")
    with pynwb.NWBHDF5IO(next((tmp_path / "out").rglob("*.nwb")), "r") as io:
        tables = [o for o in io.read().objects.values() if "c_d" in getattr(o, "colnames", ())]
        assert tables
        assert all("c_d_" in table.colnames for table in tables)


def test_own_animals_are_groups(folder, tmp_path):
    dataset = import_traces(folder)
    named = add_labels(
        dataset, own(tmp_path, animal=["m1", "m2", "m1", "m1"], culture=list("abcd"))
    )
    assert [r.group for r in named.recordings] == ["m1", "m2", "m1", "m1"]


def test_neurons_of_several_animals_in_a_recording_are_one_line(small_dataset, tmp_path):
    table = own(tmp_path, animal=["m1", "m2"] * 12)
    complaint = r"labels.csv: recording recording-000: neurons of several animals, such as 'm1'"
    with pytest.raises(SimbenchError, match=complaint):
        add_labels(small_dataset, table)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"depth": [1, 2]}, "2 rows for 4 neurons, and no column 'neuron'"),
        ({"neuron": [f"{n}/0" for n in NAMES[:3]]}, "neuron 'x_479115_1_mini-1/0' is missing"),
        ({"neuron": [f"{n}/0" for n in [*NAMES, NAMES[0]]]}, f"'{NAMES[0]}/0' is a duplicate"),
        ({"neuron": [f"{n}/0" for n in [*NAMES[:3], "x"]]}, "neuron 'x/0' is no neuron of the"),
        ({"split": [1, 2, 3, 4]}, "column 'split': exports .*: any name but split, "),
        ({"id": [1, 2, 3, 4]}, "column 'id': exports call something else so"),
        ({"days_in_vitro": list("abcd")}, "column 'days_in_vitro' is text; needed: numbers"),
    ],
)
def test_impossible_label_tables_are_one_line(folder, tmp_path, columns, message):
    with pytest.raises(SimbenchError, match=message) as error:
        add_labels(import_traces(folder), own(tmp_path, **columns))
    assert "labels.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_called_like_something_else_that_is_exported_are_refused(tiny_dataset, tmp_path):
    for library in ("xarray", "pyarrow"):
        pytest.importorskip(library)
    export(tiny_dataset, tmp_path / "out", "parquet")
    columns = set(pd.read_parquet(next((tmp_path / "out").glob("*.parquet"))))
    taken = (columns | set(tiny_dataset.to_xarray().variables)) - set(tiny_dataset.labels)
    assert {"split", "dff", "time"} <= taken
    n = len(tiny_dataset.labels)
    for name in taken - {"neuron"}:  # that column names the neurons
        with pytest.raises(SimbenchError, match=f"column '{name}': exports call"):
            add_labels(tiny_dataset, own(tmp_path, **{name: np.arange(n)}))


def test_own_labels_of_simulated_cultures_keep_their_card(small_dataset, tmp_path):
    dataset = add_labels(small_dataset, own(tmp_path, depth=np.arange(24)))
    card = dataset.card(dataset.labels.columns)
    assert "Simulated data: no animal" in card
    assert "| `depth` |  |  | own label |" in card
    unknown = replace(small_dataset, scenario=None)
    labelled = add_labels(unknown, tmp_path / "labels.csv")
    assert "**From elsewhere: labels (depth).**" in labelled.card()
    labelled.blind().card()


def test_a_table_that_is_none_is_one_line(folder, tmp_path):
    for content in (b"", b"\xff\xfe\x00"):
        (tmp_path / "labels.csv").write_bytes(content)
        with pytest.raises(SimbenchError, match=r"labels\.csv: "):
            add_labels(import_traces(folder), tmp_path / "labels.csv")
