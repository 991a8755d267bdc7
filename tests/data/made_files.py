"""Small made-up files in the formats of public recordings."""

import numpy as np
from scipy.io import savemat

RATE_HZ, N_FRAMES = 20.0, 200
CELLS = {
    "name": "cells", "version": 1, "question": "?", "targets": ["log_rate", "burst_fraction"],
    "nuisances": ["culture", "nu"], "within": "indicator", "normal_scores": True,
    "given": {"burst_fraction": "log_rate"}, "n_components": 2,
    "recordings": {
        "kind": "ground-truth", "folder": "ground_truth", "seconds": 8.0, "frame_rate_hz": 10.0,
        "per_recording": 1,
    },
}  # fmt: skip
"""A scenario of the cells of `write_cells`."""


def cell(spikes_s=(1.0, 2.5, 2.51, 7.0), rate=RATE_HZ, n_frames=N_FRAMES, start_s=0.03, **changes):
    """A struct of CASCADE: the middle of the first frame at ``start_s``, spikes on that clock."""
    rng = np.random.default_rng(0)
    return {
        "fluo_time": start_s + np.arange(n_frames) / rate,
        "fluo_mean": rng.normal(0.1, 0.1, n_frames).astype(np.float32),
        "events_AP": np.array(spikes_s)[:, None] * 1e4,
    } | changes


def write_mat(path, *cells, name="CAttached"):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.empty((1, len(cells)), dtype=object)
    array[0, :] = cells
    savemat(path, {name: array}, do_compression=True)
    return path


def write_h5(path, without=(), **changes):
    """Three electrodes of a culture; the second is silent."""
    import h5py

    content = {
        "spikes": np.array([0.5, 1.25, 3.0, 0.1, 4.5], dtype=np.float32),
        "sCount": np.array([3, 0, 2], dtype=np.int32),
        "epos": np.array([[200.0, 400.0, 600.0], [1400.0, 1400.0, 200.0]]),
        "recordingtime": np.array([0.0, 5.0]),
        "meta/region": np.array([b"ctx"]),
        "meta/age": np.array([14], dtype=np.int32),
    }
    with h5py.File(path, "w") as file:
        for name, value in (content | changes).items():
            if name not in without:
                file[name] = value
    return path


def write_cells(root, n_animals=8, per_animal=2):
    """Cells of two indicators that fire at rates of their own and shine when they do."""
    rng = np.random.default_rng(0)
    for animal in range(n_animals):
        folder = ("DS30-GCaMP8f-m-V1", "DS14-GCaMP6s-m-V1")[animal % 2]
        cells = []
        for _ in range(per_animal):
            times = np.sort(rng.uniform(0.1, 9.8, rng.integers(3, 60)))
            light = 0.1 * np.histogram(times, 200, (0, 10))[0] + rng.normal(0, 0.05, 200)
            cells.append(cell(times, fluo_mean=light.astype(np.float32)))
        write_mat(root / "ground_truth" / folder / f"CAttached_x_{471990 + animal}_1.mat", *cells)
    return root
