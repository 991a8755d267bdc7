"""Traces as the protocol of arXiv 2501.14615 has them: pooled, on one scale, split by neuron.

For a replication only; `simbench.scoring.published_protocol` tells the whole protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import read_array
from simbench.data.recording import Recording, read_recording, true_dff
from simbench.data.splits import published_split


@dataclass(frozen=True, eq=False)
class PublishedTraces:
    """Noisy and clean traces of the neurons of all cultures, and which neurons are scored.

    Parameters
    ----------
    noisy, clean : ndarray of float32, shape (n_neurons, n_frames)
        Fluorescence and clean dF/F, each on a scale of its own (`published_scale`).
    test : ndarray of bool, shape (n_neurons,)
    """

    noisy: np.ndarray
    clean: np.ndarray
    test: np.ndarray


def published_scale(traces: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Traces on the scale where the minimum and maximum of ``like`` are -0.5 and 0.5.

    Parameters
    ----------
    traces : ndarray, shape (n_neurons, n_frames)
    like : ndarray, optional
        By default the traces themselves, all neurons together.
    """
    like = traces if like is None else like
    low, high = np.min(like), np.max(like)
    if not high > low:
        raise SimbenchError("published_scale: the traces are constant and have no scale")
    return (traces - low) / (high - low) - 0.5


def published_traces(recordings: Sequence[Recording]) -> tuple[np.ndarray, np.ndarray]:
    """Noisy fluorescence and clean dF/F of all neurons, each on a scale of its own."""
    noisy = np.concatenate([recording.fluorescence for recording in recordings])
    clean = np.concatenate([true_dff(recording) for recording in recordings])
    return published_scale(noisy), published_scale(clean)


def published_folder(recordings: Sequence[Path], seed: int) -> Path:
    """Entry of the cache with the published traces of cached recordings."""
    folder = cache.entry("traces", ["published", seed, *(r.name for r in recordings)])

    def make(draft: Path) -> None:
        read = [read_recording(recording) for recording in recordings]
        noisy, clean = published_traces(read)
        np.save(draft / "noisy.npy", noisy)
        np.save(draft / "clean.npy", clean)
        np.save(draft / "test.npy", published_split(len(noisy), seed))

    return cache.fetch(folder, make)


def read_published(folder: Path) -> PublishedTraces:
    """The traces of an entry, memory-mapped."""
    noisy, clean = (read_array(folder / f"{name}.npy") for name in ("noisy", "clean"))
    return PublishedTraces(noisy, clean, np.load(folder / "test.npy", allow_pickle=False))
