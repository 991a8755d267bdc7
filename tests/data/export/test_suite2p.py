from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from simbench.culture.spikes import SpikeTrains
from simbench.data.export import export
from simbench.data.export.rois import draw_rois
from simbench.data.export.suite2p import spike_counts

# What the loader of suite2p's GUI and its panels read (suite2p 1.1).
STAT = {"ypix", "xpix", "lam", "med", "npix", "radius", "overlap", "footprint", "compact", "skew",
        "aspect_ratio"}  # fmt: skip
OPS = {"Ly", "Lx", "fs", "tau", "nframes", "diameter", "yrange", "xrange", "meanImg", "meanImgE",
       "Vcorr", "max_proj"}  # fmt: skip


@pytest.fixture(scope="module")
def folder(small_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite2p") / "out"
    export(small_dataset, folder, "suite2p")
    return folder


def load(folder, name):
    return np.load(folder / "recording-001" / "suite2p" / "plane0" / name, allow_pickle=True)


def test_roiextractors_opens_it(small_dataset, folder):
    extractors = pytest.importorskip("roiextractors", reason="the outside reader of suite2p")
    recording = small_dataset.recordings[1]
    reader = extractors.Suite2pSegmentationExtractor(folder / "recording-001" / "suite2p")
    assert reader.get_num_rois() == recording.n_neurons
    assert reader.get_sampling_frequency() == 20
    np.testing.assert_array_equal(reader.get_traces(name="raw"), recording.fluorescence.T)
    np.testing.assert_array_equal(reader.get_traces(name="neuropil"), recording.truth.neuropil.T)
    assert reader.get_traces(name="deconvolved").sum() == len(recording.truth.spikes.times)
    assert reader.get_image("mean").shape == reader.get_frame_shape()
    assert len(reader.get_roi_pixel_masks()) == recording.n_neurons


def test_rois_of_the_widest_field_lie_on_the_sensor(small_dataset):
    recording = small_dataset.recordings[1]
    labels = recording.truth.labels
    wide = labels.assign(x_mm=1000 * labels["x_mm"], y_mm=900 * labels["y_mm"])
    rois = draw_rois(replace(recording, load_truth=partial(replace, recording.truth, labels=wide)))
    for rows, columns, weights in rois.pixels:
        assert len(weights)
        assert 0 <= rows.min() <= rows.max() < rois.shape[0]
        assert 0 <= columns.min() <= columns.max() < rois.shape[1]


def test_everything_the_gui_asks_for_is_there(folder):
    stat, ops = load(folder, "stat.npy"), load(folder, "ops.npy").item()
    assert all(set(roi) >= STAT for roi in stat)
    assert set(ops) >= OPS
    assert load(folder, "iscell.npy").shape == (12, 2)
    shapes = {load(folder, name).shape for name in ("F.npy", "Fneu.npy", "spks.npy")}
    assert shapes == {(12, ops["nframes"])}
    for image in ("meanImg", "meanImgE", "Vcorr", "max_proj"):
        assert ops[image].shape == (ops["Ly"], ops["Lx"])
        assert np.isfinite(ops[image]).all()


def test_rois_are_round_and_at_the_true_positions(small_dataset, folder):
    labels = small_dataset.recordings[1].truth.labels
    stat, ops = load(folder, "stat.npy"), load(folder, "ops.npy").item()
    scale = ops["um_per_pixel"] / 1000
    centres = np.array(
        [[np.average(s["xpix"], weights=s["lam"]), np.average(s["ypix"], weights=s["lam"])]
         for s in stat]
    )  # fmt: skip
    true = labels[["x_mm", "y_mm"]].to_numpy()
    offsets = (centres + 0.5) * scale - true
    assert np.abs(offsets - offsets.mean(axis=0)).max() < 0.5 * scale
    area = np.pi * stat[0]["radius"] ** 2
    for roi in stat:
        assert roi["npix"] == pytest.approx(area, rel=0.25)
        for pixels in (roi["ypix"], roi["xpix"]):
            assert np.ptp(pixels) + 1 <= 2 * roi["radius"] + 1
        assert roi["ypix"].min() >= 0
        assert roi["ypix"].max() < ops["Ly"]
        assert roi["xpix"].max() < ops["Lx"]


def test_cells_are_brighter_than_their_surroundings(folder):
    stat, ops = load(folder, "stat.npy"), load(folder, "ops.npy").item()
    inside = np.mean([ops["meanImg"][s["ypix"], s["xpix"]].mean() for s in stat])
    assert inside > 2 * np.median(ops["meanImg"])


def test_the_truth_is_beside_it(small_dataset, folder):
    labels = pd.read_csv(folder / "recording-001" / "truth" / "labels.csv")
    expected = small_dataset.recordings[1].truth.labels["in_degree"]
    np.testing.assert_array_equal(labels["in_degree"], expected)


def test_a_spike_on_the_edge_of_a_frame_belongs_to_the_frame_that_begins():
    times = np.arange(10) / 10
    spikes = SpikeTrains.from_events(np.zeros(10, dtype=int), times, 2, 1.0)
    np.testing.assert_array_equal(spike_counts(spikes, 10.0, 10), [[1] * 10, [0] * 10])
