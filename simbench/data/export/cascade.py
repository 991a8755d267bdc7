"""Export to Cascade: ground truth to train spike inference with, traces to test it with."""

from pathlib import Path

import numpy as np
from scipy import io

from simbench.core.files import write_table
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording, true_spikes

_TICKS_PER_S = 1e4
_HEADER = b"MATLAB 5.0 MAT-file, written by simbench"


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write the ground truth, the traces alone, and the labels of a recording."""
    spikes, dff = true_spikes(recording), recording.dff
    centres = (np.arange(dff.shape[1]) + 0.5) / recording.frame_rate
    cells = np.empty((1, recording.n_neurons), dtype=object)
    for neuron, trace in enumerate(dff):
        cells[0, neuron] = {
            "fluo_mean": trace,
            "fluo_time": centres,
            "events_AP": spikes[neuron] * _TICKS_PER_S,
        }
    _save(folder / f"{recording.name}_mini.mat", {"CAttached": cells})
    traces = {"dF_traces": dff, "frame_rate": recording.frame_rate}
    _save(folder / f"{recording.name}_dF_traces.mat", traces)
    write_table(folder / f"{recording.name}_labels.csv", recording.truth.labels)


def _save(path: Path, variables: dict) -> None:
    io.savemat(path, variables, do_compression=True)
    with path.open("r+b") as file:  # scipy's header holds the time of writing
        file.write(_HEADER.ljust(116))
