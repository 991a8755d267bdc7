import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from simbench.data.export import export


@pytest.fixture(scope="module")
def folder(small_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv") / "out"
    export(small_dataset, folder, "csv")
    return folder


def test_pandas_reads_the_tables(small_dataset, folder):
    for recording in small_dataset.recordings:
        truth, here = recording.truth, folder / recording.name
        traces = {"fluorescence": recording.fluorescence, "dff": recording.dff,
                  "clean_dff": truth.clean_dff, "neuropil": truth.neuropil}  # fmt: skip
        for name, expected in traces.items():
            if expected is None:
                assert not (here / f"{name}.csv").exists()
                continue
            table = pd.read_csv(here / f"{name}.csv", index_col="time_s")
            np.testing.assert_array_equal(table.to_numpy(dtype=np.float32).T, expected)
            np.testing.assert_allclose(table.index, np.arange(200) / 20)
        spikes = pd.read_csv(here / "spikes.csv")
        for neuron in range(recording.n_neurons):
            times = spikes.loc[spikes["neuron"] == neuron, "time_s"]
            np.testing.assert_array_equal(times, truth.spikes[neuron])
        labels = pd.read_csv(here / "labels.csv")
        np.testing.assert_array_equal(labels["a"], truth.labels["a"])
        links = pd.read_csv(here / "wiring.csv")
        rebuilt = sparse.coo_array((links["weight"], (links["pre"], links["post"])), (12, 12))
        np.testing.assert_array_equal(rebuilt.todense(), truth.weights.todense())


def test_numpy_reads_the_arrays(small_dataset, folder):
    recording = small_dataset.recordings[0]
    with np.load(folder / "recording-000" / "arrays.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["fluorescence"], recording.fluorescence)
        np.testing.assert_array_equal(arrays["clean_dff"], recording.truth.clean_dff)
        np.testing.assert_array_equal(arrays["spikes_time_s"], recording.truth.spikes.times)
        np.testing.assert_array_equal(arrays["spikes_neuron"], recording.truth.spikes.neurons)
        assert arrays["wiring_pre"].shape == (recording.truth.weights.nnz,)
        assert arrays["frame_rate_hz"] == 20
