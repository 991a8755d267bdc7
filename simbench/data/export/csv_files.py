"""Export to CSV and npz: for R, MATLAB, Julia, and anything that reads a table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.data.dataset import Dataset
from simbench.data.recording import Recording, Truth

CONTENTS = """\
One folder per recording. Neurons are counted from 0, in the order of `labels.csv`. Times are seconds
from the start of the recording; the time of a frame is its start.

| file | content |
|---|---|
| `fluorescence.csv` | `time_s`, then one column per neuron: counts per frame above the offset, photons at gain 1 (F/F0 if noiseless) |
| `dff.csv` | the same form: dF/F against a running percentile baseline |
| `clean_dff.csv` | the same form, if simulated: true dF/F |
| `neuropil.csv` | the same form, if neuropil was imaged: fluorescence around each cell |
| `labels.csv` | one row per neuron; columns below |
| `spikes.csv` | `neuron`, `time_s`, if the spikes are known |
| `wiring.csv` | `pre`, `post`, `weight` (signed), if the wiring is known |
| `arrays.npz` | the traces, neurons x frames, spikes, wiring and frame rate as numpy arrays |
"""  # noqa: E501


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write the tables and the arrays of a recording into a folder of its name."""
    folder = folder / recording.name
    folder.mkdir()
    traces, tables = _traces(recording), _tables(recording.truth)
    for name, trace in traces.items():
        _trace_table(trace, recording.frame_rate).to_csv(
            folder / f"{name}.csv", index=False, lineterminator="\n"
        )
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    arrays: dict[str, Any] = dict(traces)
    for name in list(tables)[1:]:  # spikes and, if known, wiring
        arrays |= {f"{name}_{column}": v.to_numpy() for column, v in tables[name].items()}
    np.savez(folder / "arrays.npz", **arrays, frame_rate_hz=np.array(recording.frame_rate))


def _traces(recording: Recording) -> dict[str, np.ndarray]:
    traces = {
        "fluorescence": recording.fluorescence,
        "dff": recording.dff,
        "clean_dff": recording.truth.clean_dff,
        "neuropil": recording.truth.neuropil,
    }
    return {name: np.asarray(trace) for name, trace in traces.items() if trace is not None}


def _tables(truth: Truth) -> dict[str, pd.DataFrame]:
    tables = {"labels": truth.labels}
    if truth.spikes is not None:
        tables["spikes"] = pd.DataFrame(
            {"neuron": truth.spikes.neurons, "time_s": truth.spikes.times}
        )
    if truth.weights is not None:
        links = truth.weights.tocoo()
        tables["wiring"] = pd.DataFrame({"pre": links.row, "post": links.col, "weight": links.data})
    return tables


def _trace_table(trace: np.ndarray, frame_rate: float) -> pd.DataFrame:
    names = [f"neuron_{i:04d}" for i in range(len(trace))]
    table = pd.DataFrame(trace.T, columns=names)
    table.insert(0, "time_s", np.arange(trace.shape[1]) / frame_rate)
    return table
