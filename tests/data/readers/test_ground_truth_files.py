import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import N_FRAMES, RATE_HZ, cell, write_mat
from scipy.io import savemat

from simbench.core.errors import SimbenchError
from simbench.data.export import export
from simbench.data.readers.ground_truth_files import labels_of_path, read_ground_truth
from simbench.data.readers.trace_files import import_traces

NAME = "DS32-GCaMP8s-m-V1/CAttached_jGCaMP8s_479572_8_mini.mat"


def refused(path, message):
    with pytest.raises(SimbenchError, match=message) as error:
        read_ground_truth(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_struct_is_a_recording_of_one_neuron(tmp_path):
    path = write_mat(tmp_path / NAME, cell(), cell(rate=30.0, spikes_s=[]))
    one, two = read_ground_truth(path)
    assert [one.name, two.name] == [f"{path.stem}-0", f"{path.stem}-1"]
    assert one.frame_rate == pytest.approx(RATE_HZ)
    assert two.frame_rate == pytest.approx(30.0)
    np.testing.assert_allclose(one.fluorescence, 1 + cell()["fluo_mean"][None], rtol=1e-6)
    # the clock starts with the first frame: .025 s before its middle at .03 s
    np.testing.assert_allclose(one.truth.spikes.times, np.array([1.0, 2.5, 2.51, 7.0]) - 0.005)
    assert one.truth.spikes.duration == pytest.approx(N_FRAMES / RATE_HZ)
    labels = one.truth.labels.iloc[0]
    assert (labels["indicator"], labels["region"]) == ("jGCaMP8s", "m-V1")
    assert labels["animal"] == one.group == two.group == "479572"
    assert labels["n_spikes"] == 4
    assert labels["burst_fraction"] == 0.5
    assert np.isfinite(labels["isi_cv2"])
    assert "network_spike_share" not in labels
    assert two.truth.labels["n_spikes"][0] == 0


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("DS06-GCaMP6f-zf-aDp/CAttached_GC_aDp_190501_Fish1_cell3_mini.mat",
         {"indicator": "GCaMP6f", "region": "zf-aDp", "animal": "190501_Fish1"}),
        ("DS09-GCaMP6f-m-V1/CAttached_Chen2013_GC6f_cell10_full_mini.mat",
         {"indicator": "GCaMP6f", "region": "m-V1"}),
        ("DS11-GCaMP6f-m-V1-neuropil-corrected/CAttached_Allen_Cux2f_103703_neuropil_x_mini.mat",
         {"indicator": "GCaMP6f", "region": "m-V1"}),
        ("DS29-GCaMP7f-m-V1/CAttached_jGCaMP7f_471991_1_mini.mat",
         {"indicator": "jGCaMP7f", "region": "m-V1", "animal": "471991"}),
        ("DS18-R-CaMP-m-CA3/cell.mat", {"indicator": "R-CaMP", "region": "m-CA3"}),
        ("mine/CAttached_Chen2013_GC6s_cell4.mat", {"indicator": "GCaMP6s"}),
        ("mine/cell.mat", {}),
    ],
)  # fmt: skip
def test_names_tell_indicator_region_and_animal(tmp_path, path, labels):
    assert labels_of_path(tmp_path / path) == labels


def test_few_spikes_outside_are_left_out_and_counted(tmp_path):
    path = write_mat(tmp_path / "a.mat", cell([-0.02, 1.0, 9.99, 10.01, 14.9]))
    (recording,) = read_ground_truth(path)
    assert recording.truth.spikes.counts[0] == 2
    assert recording.truth.summary["spikes_left_out"] == 3
    assert import_traces(path).origin["spikes_outside_of_the_traces"] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spikes_s": [1.0, 16.0]}, "5.995 s outside of the 10 s of the frames"),
        ({"start_s": 100.0}, "outside of the 10 s of the frames.* on one clock"),
        ({"spikes_s": [1.0, np.nan]}, "a spike time is not finite"),
        ({"fluo_mean": np.ones(199)}, "199 frames, but 200 times of frames"),
        ({"fluo_mean": np.full(200, np.nan)}, "the fluorescence holds a value that is not finite"),
        ({"fluo_mean": np.ones((2, 100))}, "'fluo_mean' is 2-d"),
        ({"fluo_mean": "abc"}, "'fluo_mean' is 1-d <U3; needed: "),
        ({"fluo_time": np.delete(np.arange(201.0), 50)}, "a frame is missing"),
        ({"fluo_time": np.zeros(200)}, "not evenly spaced"),
        ({"fluo_time": np.full(200, np.nan)}, "not evenly spaced"),
        ({"fluo_time": [0.1], "fluo_mean": [0.2]}, "at least 2 are needed"),
    ],
)
def test_values_that_cannot_be_right_are_one_line(tmp_path, changes, message):
    path = write_mat(tmp_path / "a.mat", cell(), cell(**changes))
    refused(path, f"struct 2 of CAttached: .*{message}")


def test_files_without_what_is_needed_are_one_line(tmp_path):
    some = {"fluo_time": [0.0, 1.0]}
    refused(write_mat(tmp_path / "a.mat", some), "struct 1 .* holds no fluo_mean, events_AP")
    refused(write_mat(tmp_path / "b.mat", cell(), name="other"), "no variable 'CAttached'")
    refused(write_mat(tmp_path / "c.mat"), "holds no cells")
    savemat(tmp_path / "d.mat", {"CAttached": np.arange(3)})
    refused(tmp_path / "d.mat", "struct 1 .* holds no fluo_time")
    refused(tmp_path / "none.mat", "missing")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "e.mat").write_bytes(header + b"\x89HDF\r\n\x1a\n")
    refused(tmp_path / "e.mat", r"version 7\.3; allowed: save\(\.\.\., '-v7'\)")


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.booleans())
def test_a_damaged_file_is_read_or_one_line(tmp_path_factory, place, byte, cut):
    path = write_mat(tmp_path_factory.mktemp("mat") / "a.mat", cell())
    data = bytearray(path.read_bytes())
    index = int(place**2 * len(data))
    path.write_bytes(data[:index] if cut else data[:index] + bytes([byte]) + data[index + 1 :])
    try:
        read_ground_truth(path)
    except SimbenchError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)


def test_an_export_comes_back(small_dataset, tmp_path):
    export(small_dataset, tmp_path / "out", "cascade")
    recordings = read_ground_truth(tmp_path / "out" / "recording-001_mini.mat")
    truth, dff = small_dataset.recordings[1].truth, small_dataset.recordings[1].dff
    assert len(recordings) == 12
    for neuron, recording in enumerate(recordings):
        np.testing.assert_allclose(recording.fluorescence[0], 1 + dff[neuron], rtol=1e-6)
        np.testing.assert_allclose(recording.truth.spikes.times, truth.spikes[neuron], atol=1e-9)


def test_real_cells_are_read_and_few_spikes_left_out(real):
    dataset = import_traces(real / "ground_truth")
    labels = dataset.labels
    n_spikes, left_out = labels["n_spikes"].sum(), dataset.origin["spikes_outside_of_the_traces"]
    assert left_out < 0.03 * n_spikes
    assert labels[["indicator", "region"]].notna().all(axis=None)
    assert set(labels["indicator"]) <= {
        "GCaMP6f", "GCaMP6s", "jGCaMP7f", "jGCaMP8f", "jGCaMP8m", "jGCaMP8s"
    }  # fmt: skip
    windows = dataset.windows(60.0, 20.0, per_recording=1)
    traces = windows.traces()
    assert traces.shape == (len(dataset.recordings), 1200)
    assert np.isfinite(traces).all()
    assert len(set(windows.groups)) == len(set(dataset.groups)) < len(dataset.recordings)
