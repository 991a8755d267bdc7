"""Export to CSV and npz: for R, MATLAB, Julia, and anything that reads a table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.core.files import write_table
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write the tables and the arrays of a recording into a folder of its name."""
    folder = folder / recording.name
    folder.mkdir()
    truth = recording.truth
    traces = {
        "fluorescence": recording.fluorescence, "dff": recording.dff,
        "clean_dff": truth.clean_dff, "neuropil": truth.neuropil,
    }  # fmt: skip
    known = {name: np.asarray(trace) for name, trace in traces.items() if trace is not None}
    for name, trace in known.items():
        table = pd.DataFrame(trace.T, columns=[f"neuron_{i:04d}" for i in range(len(trace))])
        table.insert(0, "time_s", np.arange(trace.shape[1]) / recording.frame_rate)
        write_table(folder / f"{name}.csv", table)
    write_table(folder / "labels.csv", truth.labels)
    lists = {}
    if truth.spikes is not None:
        lists["spikes"] = {"neuron": truth.spikes.neurons, "time_s": truth.spikes.times}
    if truth.weights is not None:
        links = truth.weights.tocoo()
        lists["wiring"] = {"pre": links.row, "post": links.col, "weight": links.data}
    arrays: dict[str, Any] = {**known}
    for name, columns in lists.items():
        write_table(folder / f"{name}.csv", pd.DataFrame(columns))
        arrays |= {f"{name}_{column}": values for column, values in columns.items()}
    np.savez(folder / "arrays.npz", **arrays, frame_rate_hz=np.array(recording.frame_rate))
