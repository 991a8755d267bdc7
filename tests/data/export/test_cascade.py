import numpy as np
import pandas as pd
import pytest
from scipy import io

from simbench.data.export import export
from simbench.data.readers.trace_files import import_traces


@pytest.fixture(scope="module")
def folder(small_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cascade") / "out"
    export(small_dataset, folder, "cascade")
    return folder


def test_ground_truth_has_the_form_that_cascade_unpacks(small_dataset, folder):
    recording = small_dataset.recordings[1]
    cells = io.loadmat(folder / "recording-001_mini.mat")["CAttached"][0]
    assert len(cells) == recording.n_neurons
    for neuron, cell in enumerate(cells):
        record = cell[0][0]
        assert set(record.dtype.names) == {"fluo_mean", "fluo_time", "events_AP"}
        np.testing.assert_array_equal(np.squeeze(record["fluo_mean"]), recording.dff[neuron])
        times = np.squeeze(record["fluo_time"])
        assert 1 / np.diff(times).mean() == pytest.approx(20)
        events = record["events_AP"]
        events = events[~np.isnan(events)] / 1e4
        np.testing.assert_allclose(events, recording.truth.spikes[neuron], atol=1e-9)
        edges = np.append(times, times[-1] + 1 / 20) - 1 / 40
        assert np.histogram(events, edges)[0].sum() == len(recording.truth.spikes[neuron])


def test_it_comes_back(small_dataset, folder):
    dataset = import_traces(folder)
    assert len(dataset.labels) == len(small_dataset.labels)
    times, known = (
        np.sort(np.concatenate([r.truth.spikes.times for r in some.recordings]))
        for some in (dataset, small_dataset)
    )
    np.testing.assert_allclose(times, known, atol=1e-3)


def test_traces_to_predict_from_are_a_fraction(small_dataset, folder):
    recording = small_dataset.recordings[0]
    data = io.loadmat(folder / "recording-000_dF_traces.mat")
    np.testing.assert_array_equal(data["dF_traces"], recording.dff)
    assert data["frame_rate"].item() == 20
    labels = pd.read_csv(folder / "recording-000_labels.csv")
    np.testing.assert_array_equal(labels["in_degree"], recording.truth.labels["in_degree"])


def test_the_header_names_no_time(folder):
    header = (folder / "recording-000_mini.mat").read_bytes()[:116].decode()
    assert header.strip() == "MATLAB 5.0 MAT-file, written by simbench"
