"""Large traces: worked on in blocks of cells, in memory or in a file."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_BLOCK = 2**20  # values worked on at a time


class Traces:
    """Traces in memory or, a block at a time, in a file. They take no room before a write."""

    def __init__(self, shape: tuple[int, int], path: Path | None) -> None:
        self._shape, self._path = shape, path
        self._array: np.ndarray | None = None

    def array(self) -> np.ndarray:
        if self._path is not None and self._array is not None:
            # Mapped anew each time: pages of a closed map are no longer this process's memory.
            self._array = np.load(self._path, mmap_mode="r+")
        if self._array is None:
            self._array = self._create()
        return self._array

    def _create(self) -> np.ndarray:
        if self._path is None:
            return np.empty(self._shape, dtype=np.float32)
        return np.lib.format.open_memmap(self._path, "w+", np.float32, self._shape)

    def write(self, cells: np.ndarray, values: np.ndarray) -> None:
        self.array()[cells] = values

    def read(self, cells: np.ndarray) -> np.ndarray:
        return np.asarray(self.array()[cells])


def rows_per_block(n_frames: int) -> int:
    return max(1, _BLOCK // max(n_frames, 1))


def blocks(order: np.ndarray, n_frames: int) -> Iterator[np.ndarray]:
    rows = rows_per_block(n_frames)
    return (order[begin : begin + rows] for begin in range(0, len(order), rows))


def by_tile(positions_mm: np.ndarray, cells_per_tile: int) -> np.ndarray:
    """Cells tile by tile, so that the cells of a block have their neighbours in common."""
    tiles_per_side = max(1.0, math.sqrt(len(positions_mm) / cells_per_tile))
    extent = np.ptp(positions_mm, axis=0) + np.finfo(float).tiny
    tiles = np.floor((positions_mm - positions_mm.min(axis=0)) / extent * tiles_per_side)
    return np.lexsort((tiles[:, 0], tiles[:, 1]))
