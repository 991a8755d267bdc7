"""A recording: the traces of one culture, their truth, and the folder that holds both."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.core.errors import SimbenchError
from simbench.core.files import (
    check_files,
    checksum,
    read_array,
    read_model,
    read_table,
    reading,
    write_table,
)
from simbench.culture.spikes import SpikeTrains
from simbench.imaging.dff import delta_f_over_f
from simbench.scenario.recipe import Positive, Recipe


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """What is known of a recording, and a method must not see.

    Parameters
    ----------
    labels : DataFrame, one row per neuron
        Columns and units: ``simbench.scenario.labels.LABELS``.
    spikes : SpikeTrains or None
        None if nobody recorded them; `true_spikes` asks for them.
    weights : scipy.sparse.csr_array, shape (n_neurons, n_neurons), or None
        Signed, presynaptic x postsynaptic. None if the wiring is unknown.
    clean_dff : ndarray of float32, shape (n_neurons, n_frames), or None
        True dF/F of each cell, without noise and camera. None if the traces were measured;
        `true_dff` asks for it.
    summary : dict
        Numbers about the culture as a whole.
    neuropil : ndarray of float32, shape (n_neurons, n_frames), or None
        Light of the neuropil around each cell, in the unit of the recording's fluorescence.
    """

    labels: pd.DataFrame
    spikes: SpikeTrains | None
    weights: sparse.csr_array | None
    clean_dff: np.ndarray | None
    summary: dict[str, Any]
    neuropil: np.ndarray | None = None

    def __repr__(self) -> str:
        held = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return f"<Truth of {len(self.labels)} neurons: {', '.join(held)}>"


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """Traces of one culture; its truth is loaded only when asked for.

    Parameters
    ----------
    fluorescence : ndarray of float32, shape (n_neurons, n_frames)
        Counts per frame above the camera's offset (detected photons at gain 1); F/F0 if imaged
        without noise; of measured traces, light in the unit of their source.
    frame_rate : float
        Hz.
    load_truth : callable or None
        Returns the Truth; None in a blinded recording.
    group : str
        Culture or animal, which other recordings may share; by default the name.
    """

    name: str
    fluorescence: np.ndarray
    frame_rate: float
    load_truth: Callable[[], Truth] | None = None
    group: str = ""

    def __repr__(self) -> str:
        what = "no truth" if self.load_truth is None else "with truth"
        size = f"{self.n_neurons} neurons, {self.duration_s:g} s, {self.frame_rate:g} Hz"
        return f"<Recording {self.name}: {size}, {what}>"

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", self.group or self.name)

    @cached_property
    def truth(self) -> Truth:
        """The labels and everything else that made the traces, kept once loaded."""
        return self.read_truth()

    def read_truth(self) -> Truth:
        """The truth, read again and not kept in memory: for loops over many recordings."""
        if self.load_truth is None:
            raise SimbenchError(f"recording {self.name} is blinded: it holds no truth")
        return self.load_truth()

    @property
    def n_neurons(self) -> int:
        return len(self.fluorescence)

    @property
    def duration_s(self) -> float:
        """Length of the traces in seconds."""
        return self.fluorescence.shape[1] / self.frame_rate

    @property
    def dff(self) -> np.ndarray:
        """dF/F against a running percentile baseline, float32: what methods get."""
        return delta_f_over_f(np.asarray(self.fluorescence), self.frame_rate)


def clean_trace(recording: Recording) -> np.ndarray:
    """dF/F (n_neurons, n_frames) of the cells' own light, against its own running baseline.

    The scale of the noisy dF/F. The truth's dF/F is against the silent cell: no camera sees that
    baseline of a cell that never falls silent.
    """
    return delta_f_over_f(1 + true_dff(recording), recording.frame_rate)


def true_dff(recording: Recording) -> np.ndarray:
    """True dF/F (n_neurons, n_frames) of the cells, which only a simulation knows."""
    clean = recording.read_truth().clean_dff
    if clean is None:
        raise SimbenchError(f"recording {recording.name} was measured: its true dF/F is unknown")
    return clean


def true_spikes(recording: Recording) -> SpikeTrains:
    """Spikes of a recording, if they are known."""
    spikes = recording.read_truth().spikes
    if spikes is None:
        raise SimbenchError(f"recording {recording.name}: its spikes are unknown")
    return spikes


class _RecordingFile(Recipe):
    """Contents of ``recording.json``."""

    frame_rate: Positive
    text_labels: list[str]
    """Label columns that hold text, even if it looks like numbers."""
    group: str | None = None
    """Left out where it is the recording's name."""
    summary: dict[str, Any] | None
    files: dict[str, str]
    """SHA-256 of every other file of the folder."""


def write_recording(
    folder: Path, recording: Recording, truth: Truth | None, group: str | None = None
) -> dict[str, str]:
    """Write a recording into a folder that holds nothing else.

    Parameters
    ----------
    truth : Truth or None
        That of the recording, which the caller has read; None if it is blinded.
    group : str, optional
        If it is not the name that the recording will be read with.

    Returns
    -------
    dict
        SHA-256 of every file, by name.
    """
    folder.mkdir(exist_ok=True)
    np.save(folder / "fluorescence.npy", np.asarray(recording.fluorescence, dtype=np.float32))
    if truth is not None:
        write_truth(folder, truth)
    files = {path.name: checksum(path) for path in sorted(folder.iterdir()) if path.is_file()}
    about = _RecordingFile(
        frame_rate=float(recording.frame_rate),
        text_labels=text_columns(truth.labels) if truth else [],
        summary=truth.summary if truth else None,
        files=files,
        group=group,
    )
    kept = about.model_dump(exclude={"group"} if group is None else None)
    (folder / "recording.json").write_text(json.dumps(kept, indent=1))
    return {**files, "recording.json": checksum(folder / "recording.json")}


def text_columns(labels: pd.DataFrame) -> list[str]:
    """Columns of a label table that hold text."""
    return [name for name, column in labels.items() if not pd.api.types.is_numeric_dtype(column)]


def write_truth(folder: Path, truth: Truth) -> None:
    """Write the files of the truth: labels, spikes, wiring, clean dF/F, neuropil."""
    folder.mkdir(exist_ok=True)
    for name, traces in (("clean_dff", truth.clean_dff), ("neuropil", truth.neuropil)):
        if traces is not None:
            np.save(folder / f"{name}.npy", np.asarray(traces, dtype=np.float32))
    if truth.weights is not None:
        sparse.save_npz(folder / "wiring.npz", truth.weights, compressed=False)
    write_table(folder / "labels.csv", truth.labels)
    if truth.spikes is not None:
        write_spikes(folder / "spikes.npz", truth.spikes)


def write_spikes(path: Path, spikes: SpikeTrains) -> None:
    """Write spike trains, without their lead-in."""
    np.savez(path, times=spikes.times, offsets=spikes.offsets, duration=spikes.duration)


def read_recording(folder: Path, name: str | None = None) -> Recording:
    """Read a recording; traces are memory-mapped, the truth is loaded when asked for."""
    about = read_model(folder / "recording.json", _RecordingFile)
    check_files(folder, about.files, verify=False)
    fluorescence = read_array(folder / "fluorescence.npy")
    load_truth = partial(_read_truth, folder, about, fluorescence.shape)
    return Recording(
        name or folder.name,
        fluorescence,
        about.frame_rate,
        load_truth if "labels.csv" in about.files else None,
        about.group or "",
    )


def _read_truth(folder: Path, about: _RecordingFile, shape: tuple[int, int]) -> Truth:
    n_neurons = shape[0]

    def held(name: str, read: Callable[..., Any], expected: Any) -> Any:
        return read(folder / name, expected) if name in about.files else None

    return Truth(
        labels=read_labels(folder / "labels.csv", about.text_labels, n_neurons),
        spikes=held("spikes.npz", read_spikes, n_neurons),
        weights=held("wiring.npz", read_weights, n_neurons),
        clean_dff=held("clean_dff.npy", read_array, shape),
        summary=about.summary or {},
        neuropil=held("neuropil.npy", read_array, shape),
    )


def read_labels(path: Path, text: list[str], n_neurons: int) -> pd.DataFrame:
    """Read a label table whose columns ``text`` hold text; it has one row per neuron."""
    with reading(path):
        header = pd.read_csv(path, nrows=0).columns
        labels = read_table(
            path,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values={name: [""] for name in header if name not in text},
        )
        if len(labels) != n_neurons:
            raise ValueError(f"{len(labels)} rows, expected one for each of {n_neurons} neurons")
    return labels


def read_spikes(path: Path, n_neurons: int) -> SpikeTrains:
    """Read the spike trains of ``n_neurons`` neurons."""
    with reading(path):
        with np.load(path, allow_pickle=False) as file:
            spikes = SpikeTrains(file["times"], file["offsets"], float(file["duration"]))
        ends = (spikes.offsets[0], spikes.offsets[-1])
        if spikes.n_neurons != n_neurons or ends != (0, len(spikes.times)):
            raise ValueError(f"offsets do not divide the spikes among {n_neurons} neurons")
    return spikes


def read_weights(path: Path, n_neurons: int) -> sparse.csr_array:
    """Read the weights between ``n_neurons`` neurons."""
    with reading(path):
        weights = sparse.csr_array(sparse.load_npz(path))
        if weights.shape != (n_neurons, n_neurons):
            raise ValueError(f"shape {weights.shape}, expected {n_neurons} x {n_neurons}")
    return weights
