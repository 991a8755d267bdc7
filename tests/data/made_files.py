"""Small made-up files in the formats of public recordings."""

import numpy as np
from scipy.io import savemat

RATE_HZ, N_FRAMES = 20.0, 200


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
