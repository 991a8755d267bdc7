"""What a method sees: dF/F of every recording, and nothing that says what a recording is."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simbench.core import cache
from simbench.core.files import read_array
from simbench.core.parallel import run_jobs
from simbench.core.seeds import stream
from simbench.data.recording import read_recording

_IN_MEMORY_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Traces:
    """dF/F of recordings in `blind_order`, without a label.

    Parameters
    ----------
    dff : sequence of ndarray of float32, shape (n_neurons, n_frames)
        Of each recording, against a running baseline.
    frame_rate : float
        Hz.
    training : ndarray of bool, shape (n_recordings,)
        The recordings that a method may learn from.
    """

    dff: Sequence[np.ndarray]
    frame_rate: float
    training: np.ndarray

    def stacked(self, recordings: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """dF/F (n_neurons, n_frames) of some recordings, and who is from which (n_neurons,)."""
        chosen = list(recordings)
        sizes = [len(self.dff[i]) for i in chosen]
        shape = sum(sizes), self.dff[chosen[0]].shape[1]
        return stack((self.dff[i] for i in chosen), shape), np.repeat(chosen, sizes)


def stack(parts: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Matrices below each other, float32; above 1 GiB memory-mapped from a file without a name."""
    if 4 * shape[0] * shape[1] <= _IN_MEMORY_BYTES:
        stacked = np.empty(shape, dtype=np.float32)
    else:
        with tempfile.TemporaryFile() as file:
            stacked = np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
    first = 0
    for part in parts:
        stacked[first : first + len(part)] = part
        first += len(part)
    return stacked


def blind_order(n_recordings: int, seed: int) -> np.ndarray:
    """Order in which a method gets recordings, whose own order tells their conditions.

    Parameters
    ----------
    n_recordings : int
    seed : int
        Of the data, which no method is told.
    """
    return stream(seed, "blind order").permutation(n_recordings)


def trace_folders(recordings: Sequence[Path], n_jobs: int = 1) -> list[Path]:
    """Entries of the cache with the dF/F of cached recordings, made where they are missing.

    They lie apart from the recordings, whose folders hold the labels.
    """
    folders = [cache.entry("traces", recording.name) for recording in recordings]
    missing = {
        folder: (folder, recording)
        for folder, recording in zip(folders, recordings)
        if not cache.holds(folder)
    }
    for _ in run_jobs(_keep_dff, missing, n_jobs):
        pass
    return folders


def _keep_dff(folder: Path, recording: Path) -> None:
    cache.fetch(folder, lambda draft: np.save(draft / "dff.npy", read_recording(recording).dff))


def read_traces(folder: Path) -> np.ndarray:
    """dF/F of an entry, memory-mapped, shape (n_neurons, n_frames)."""
    return read_array(folder / "dff.npy")
