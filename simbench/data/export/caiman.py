"""Export to CaImAn: one HDF5 file per recording, in the layout of a saved CNMF object."""

from pathlib import Path

import numpy as np
from scipy import sparse

from simbench.core.errors import needing
from simbench.data.dataset import Dataset
from simbench.data.export.rois import Rois, draw_rois
from simbench.data.export.suite2p import spike_counts
from simbench.data.recording import Recording, true_dff, true_spikes, write_truth

_DECAY_S = 1.0  # CaImAn asks for one number; its own default is near it


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write the CNMF file of a recording, and its truth beside it."""
    with needing("nwb", "export to caiman"):
        import h5py
    rois = draw_rois(recording)
    traces = np.asarray(recording.fluorescence)
    clean = scaled_to(true_dff(recording), traces)
    estimates = {
        "C": clean, "YrA": traces - clean, "F_dff": recording.dff,
        "S": spike_counts(true_spikes(recording), recording.frame_rate, traces.shape[1]),
        "idx_components": np.arange(len(traces)), "dims": np.array(rois.shape),
    }  # fmt: skip
    footprints = as_columns(rois)
    (folder / recording.name).mkdir()
    with h5py.File(folder / recording.name / "cnmf.hdf5", "w") as file:
        for name, values in estimates.items():
            file[f"estimates/{name}"] = values
        for part in ("data", "indices", "indptr"):
            file[f"estimates/A/{part}"] = getattr(footprints, part)
        file["estimates/A/shape"] = np.array(footprints.shape)
        file["params/data/fr"] = float(recording.frame_rate)
        file["params/data/dims"] = np.array(rois.shape)
        file["params/data/decay_time"] = _DECAY_S
    write_truth(folder / recording.name / "truth", recording.truth)


def scaled_to(clean: np.ndarray, traces: np.ndarray) -> np.ndarray:
    """Clean traces on the scale of noisy ones, float32, both (n_neurons, n_frames)."""
    centred = clean - clean.mean(axis=1, keepdims=True)
    power = np.maximum((centred**2).sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    slope = (centred * traces).sum(axis=1, keepdims=True) / power
    return (traces.mean(axis=1, keepdims=True) + slope * centred).astype(np.float32)


def as_columns(rois: Rois) -> sparse.csc_array:
    """One column of pixels, in Fortran order, for each ROI."""
    n_rows, n_columns = rois.shape
    pixels = [rows + n_rows * columns for rows, columns, _ in rois.pixels]
    neurons = np.repeat(np.arange(len(pixels)), [len(some) for some in pixels])
    weights = np.concatenate([weights for _, _, weights in rois.pixels])
    shape = n_rows * n_columns, len(pixels)
    return sparse.csc_array((weights, (np.concatenate(pixels), neurons)), shape=shape)
