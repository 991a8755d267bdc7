"""One culture under one camera: traces, truth, and its folder on disk."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.errors import SimbenchError
from simbench.files import check_files, checksum, new_folder, read_json
from simbench.imaging.dff import delta_f_over_f
from simbench.spikes import SpikeTrains


@dataclass(frozen=True)
class Truth:
    """What the simulation knows of a recording, and a method must not.

    Parameters
    ----------
    labels : DataFrame, one row a neuron
        Columns and units: ``simbench.labels.LABELS``.
    spikes : SpikeTrains
    weights : scipy.sparse.csr_array, shape (n_neurons, n_neurons)
        Signed, presynaptic x postsynaptic.
    clean_dff : ndarray of float32, shape (n_neurons, n_frames)
        True dF/F of each cell, before everything that the camera adds.
    summary : dict
        Numbers about the culture as a whole.
    """

    labels: pd.DataFrame
    spikes: SpikeTrains
    weights: sparse.csr_array
    clean_dff: np.ndarray
    summary: dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """Traces of one culture; its truth is loaded only when asked for.

    Parameters
    ----------
    name : str
    fluorescence : ndarray of float32, shape (n_neurons, n_frames)
        Detected photons per frame; F/F0 if imaged without noise.
    frame_rate : float
        Hz.
    load_truth : callable or None
        Returns the Truth; None in a blinded recording.
    """

    name: str
    fluorescence: np.ndarray
    frame_rate: float
    load_truth: Callable[[], Truth] | None = field(default=None, repr=False)

    @cached_property
    def truth(self) -> Truth:
        """The labels and everything else that made the traces."""
        if self.load_truth is None:
            raise SimbenchError(f"recording {self.name} is blinded: it holds no truth")
        return self.load_truth()

    @property
    def n_neurons(self) -> int:
        return len(self.fluorescence)

    @cached_property
    def dff(self) -> np.ndarray:
        """dF/F against a running percentile baseline: what methods get. float32."""
        return delta_f_over_f(np.asarray(self.fluorescence), self.frame_rate)


def write_recording(
    folder: Path, fluorescence: np.ndarray, frame_rate: float, truth: Truth | None
) -> None:
    """Write a recording to a new folder, whole or not at all.

    Raises
    ------
    SimbenchError
        If the folder can't be written.
    """
    with new_folder(folder, keep_existing=True) as draft:
        np.save(draft / "fluorescence.npy", fluorescence)
        if truth is not None:
            _write_truth(draft, truth)
        about = {
            "frame_rate": frame_rate,
            "summary": truth.summary if truth else None,
            "files": {path.name: checksum(path) for path in sorted(draft.iterdir())},
        }
        (draft / "recording.json").write_text(json.dumps(about, indent=1))


def _write_truth(folder: Path, truth: Truth) -> None:
    np.save(folder / "clean_dff.npy", truth.clean_dff)
    truth.labels.to_csv(folder / "labels.csv", index=False)
    spikes = truth.spikes
    np.savez(
        folder / "spikes.npz",
        times=spikes.times, offsets=spikes.offsets, duration=spikes.duration,
    )  # fmt: skip
    sparse.save_npz(folder / "wiring.npz", truth.weights, compressed=False)


def read_recording(folder: Path, name: str | None = None, verify: bool = True) -> Recording:
    """Read a recording; traces are memory-mapped, the truth is loaded when asked for.

    Raises
    ------
    SimbenchError
        If a file is missing, or (with ``verify``) altered.
    """
    about = read_json(folder / "recording.json")
    try:
        files, frame_rate = about["files"], float(about["frame_rate"])
    except (KeyError, TypeError, ValueError):
        raise SimbenchError(f"{folder / 'recording.json'}: not the form of a recording") from None
    check_files(folder, files, verify)

    def load_truth() -> Truth:
        spikes = np.load(folder / "spikes.npz", allow_pickle=False)
        return Truth(
            labels=pd.read_csv(folder / "labels.csv", float_precision="round_trip"),
            spikes=SpikeTrains(spikes["times"], spikes["offsets"], float(spikes["duration"])),
            weights=sparse.csr_array(sparse.load_npz(folder / "wiring.npz")),
            clean_dff=np.load(folder / "clean_dff.npy", mmap_mode="r", allow_pickle=False),
            summary=about["summary"],
        )

    return Recording(
        name or folder.name,
        np.load(folder / "fluorescence.npy", mmap_mode="r", allow_pickle=False),
        frame_rate,
        load_truth if "labels.csv" in files else None,
    )
