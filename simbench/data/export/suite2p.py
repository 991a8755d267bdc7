"""Export to suite2p: the folder that its GUI, roiextractors and many pipelines read."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import skew

from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.export.rois import Rois, draw_rois
from simbench.data.recording import Recording, true_spikes, write_truth

_NEUROPIL_SHARE = 0.7


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write the suite2p folder of a recording, and its truth beside it."""
    truth = recording.truth
    plane = folder / recording.name / "suite2p" / "plane0"
    plane.mkdir(parents=True)
    traces = np.asarray(recording.fluorescence)
    neuropil = np.zeros_like(traces) if truth.neuropil is None else np.asarray(truth.neuropil)
    rois = draw_rois(recording)
    corrected = traces - _NEUROPIL_SHARE * neuropil
    np.save(plane / "F.npy", traces)
    np.save(plane / "Fneu.npy", neuropil)
    counts = spike_counts(true_spikes(recording), recording.frame_rate, traces.shape[1])
    np.save(plane / "spks.npy", counts)
    np.save(plane / "iscell.npy", np.ones((len(traces), 2), dtype=np.float32))
    np.save(plane / "stat.npy", np.array(_stat(rois, corrected), dtype=object))
    np.save(plane / "ops.npy", np.array(_ops(recording, rois, corrected), dtype=object))
    write_truth(folder / recording.name / "truth", truth)


def _stat(rois: Rois, traces: np.ndarray) -> list[dict[str, Any]]:
    """One dictionary per ROI, with the keys that suite2p's panels show."""
    cover = np.zeros(rois.shape, dtype=np.int32)
    for rows, columns, _ in rois.pixels:
        cover[rows, columns] += 1
    mean_size = np.mean([len(rows) for rows, _, _ in rois.pixels])
    spread = traces.std(axis=1)
    lopsided = np.where(spread > 0, skew(traces, axis=1), 0)
    return [
        {
            "ypix": rows.astype(np.int32), "xpix": columns.astype(np.int32), "lam": weights,
            "med": [int(np.median(rows)), int(np.median(columns))],
            "npix": len(rows), "npix_norm": float(len(rows) / mean_size), "npix_soma": len(rows),
            "soma_crop": np.ones(len(rows), dtype=bool), "overlap": cover[rows, columns] > 1,
            "radius": float(rois.radius), "aspect_ratio": 1.0, "compact": 1.0, "footprint": 1.0,
            "skew": float(lopsided[neuron]), "std": float(spread[neuron]),
        }
        for neuron, (rows, columns, weights) in enumerate(rois.pixels)
    ]  # fmt: skip


def _ops(recording: Recording, rois: Rois, traces: np.ndarray) -> dict[str, Any]:
    """Frame rate, field of view, and images that follow the traces."""
    level = traces.mean(axis=1)
    brightness = level / level.mean()
    image = rois.paint(brightness)
    rows, columns = rois.shape
    change = np.diff(traces, axis=1).var(axis=1)
    signal_share = 1 - 0.5 * change / np.maximum(traces.var(axis=1), np.finfo(np.float32).tiny)
    peak = traces.max(axis=1) / level.mean()
    return {
        "suite2p_version": "1.1.0", "save_path": "",
        "nplanes": 1, "nchannels": 1, "functional_chan": 1,
        "fs": float(recording.frame_rate), "nframes": traces.shape[1],
        "tau": max(1.0, 2 / recording.frame_rate),  # the GUI bins traces by tau * fs / 2 frames
        "neucoeff": _NEUROPIL_SHARE,
        "Ly": rows, "Lx": columns, "yrange": [0, rows], "xrange": [0, columns],
        "diameter": float(2 * rois.radius), "aspect": 1.0, "um_per_pixel": float(rois.pixel_um),
        "meanImg": image, "meanImgE": image / image.max(),
        "max_proj": rois.paint(peak),
        "Vcorr": rois.paint(signal_share.clip(0, 1)),
    }  # fmt: skip


def spike_counts(spikes: SpikeTrains, frame_rate: float, n_frames: int) -> np.ndarray:
    """Spikes of each neuron in each frame, float32, shape (n_neurons, n_frames)."""
    frames = spikes.frames(frame_rate)
    inside = frames < n_frames
    counts = np.zeros((spikes.n_neurons, n_frames), dtype=np.float32)
    np.add.at(counts, (spikes.neurons[inside], frames[inside]), 1)
    return counts
