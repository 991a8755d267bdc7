"""Files for CaImAn: an outside reader opens them, and they have the layout of a saved CNMF."""

import numpy as np
import pytest

from simbench.data.export import export

h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def file(small_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("caiman") / "out"
    export(small_dataset, folder, "caiman")
    return folder / "recording-001" / "cnmf.hdf5"


def test_roiextractors_opens_it(small_dataset, file):
    extractors = pytest.importorskip("roiextractors", reason="the outside reader of CaImAn")
    recording = small_dataset.recordings[1]
    reader = extractors.CaimanSegmentationExtractor(file)
    assert reader.get_num_rois() == recording.n_neurons
    assert reader.get_sampling_frequency() == 20
    np.testing.assert_allclose(reader.get_traces(name="raw"), recording.fluorescence.T, rtol=1e-5)
    np.testing.assert_array_equal(reader.get_traces(name="dff"), recording.dff.T)
    assert reader.get_traces(name="deconvolved").sum() == len(recording.truth.spikes.times)
    labels = recording.truth.labels
    masks = reader.get_roi_image_masks()  # rows x columns x neurons
    rows = [
        np.average(np.arange(masks.shape[0]), weights=mask.sum(axis=1))
        for mask in masks.T.swapaxes(1, 2)
    ]
    assert np.corrcoef(rows, labels["y_mm"])[0, 1] > 0.999


def test_it_has_the_layout_of_a_saved_cnmf(small_dataset, file):
    from scipy import sparse

    recording = small_dataset.recordings[1]
    with h5py.File(file) as saved:
        made = saved["estimates"]
        shape = tuple(made["A/shape"])
        footprints = sparse.csc_matrix(
            tuple(made[f"A/{part}"][:] for part in ("data", "indices", "indptr")), shape=shape
        )
        rows, columns = saved["params/data/dims"][:]
        assert shape == (rows * columns, recording.n_neurons)
        np.testing.assert_allclose(footprints.sum(axis=0), 1, rtol=1e-5)
        sizes = {made[name].shape for name in ("C", "S", "F_dff", "YrA")}
        assert sizes == {recording.fluorescence.shape}
        active = recording.truth.clean_dff.std(axis=1) > 0
        for clean, true in zip(made["C"][:][active], recording.truth.clean_dff[active]):
            assert np.corrcoef(clean, true)[0, 1] == pytest.approx(1, abs=1e-4)
        assert saved["params/data/fr"][()] == 20
