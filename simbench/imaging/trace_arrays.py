"""Arrays of traces: blocks of cells, in memory or in a file, and lines between knots."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_BLOCK = 2**20  # values worked on at a time


class TraceArray:
    """Traces in memory or, block by block, in a file, which is made by the first write."""

    def __init__(self, shape: tuple[int, int], path: Path | None) -> None:
        self._shape, self._path = shape, path
        self._array: np.ndarray | None = None

    def array(self) -> np.ndarray:
        if self._path is not None and self._array is not None:
            # A new map each time: the pages of a closed one no longer take memory.
            self._array = np.load(self._path, mmap_mode="r+")
        elif self._path is not None:
            self._array = np.lib.format.open_memmap(self._path, "w+", np.float32, self._shape)
        elif self._array is None:
            self._array = np.empty(self._shape, dtype=np.float32)
        return self._array

    def write(self, cells: np.ndarray, values: np.ndarray) -> None:
        self.array()[cells] = values

    def read(self, cells: np.ndarray) -> np.ndarray:
        return np.asarray(self.array()[cells])


def rows_per_block(n_frames: int) -> int:
    """Traces of this length in a block."""
    return max(1, _BLOCK // max(n_frames, 1))


def blocks(order: np.ndarray, n_frames: int) -> Iterator[np.ndarray]:
    """Numbers of cells, a block at a time."""
    rows = rows_per_block(n_frames)
    return (order[begin : begin + rows] for begin in range(0, len(order), rows))


def by_tile(positions_mm: np.ndarray, cells_per_tile: int) -> np.ndarray:
    """Order of cells in which those of a block are neighbours."""
    tiles_per_side = max(1.0, math.sqrt(len(positions_mm) / cells_per_tile))
    extent = np.ptp(positions_mm, axis=0) + np.finfo(float).tiny
    tiles = np.floor((positions_mm - positions_mm.min(axis=0)) / extent * tiles_per_side)
    return np.lexsort((tiles[:, 0], tiles[:, 1]))


def interpolate(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Straight lines between knots 0, 1, 2, ...; constant outside.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_knots)
    position : ndarray, shape (n_frames,)
        Where each frame lies, in knots.

    Returns
    -------
    ndarray, shape (n_rows, n_frames)
    """
    last = values.shape[1] - 1
    position = np.clip(position, 0, last)
    left = np.minimum(position.astype(np.intp), max(last - 1, 0))
    share = (position - left).astype(values.dtype)
    lines = np.take(values, left, axis=1)
    lines += np.take(np.diff(values, axis=1, append=values[:, -1:]), left, axis=1) * share
    return lines
