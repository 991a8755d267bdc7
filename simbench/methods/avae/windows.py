"""Pairs of windows of the same neuron that don't overlap: what one must say about the other."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

N_STARTS = 16
_MOST = 3 / 8  # of a recording, so that pairs of windows can lie in many ways


class Pairs(NamedTuple):
    """Two windows of each neuron: their statistics, and frames of the second one.

    ``seen`` and ``other`` (n, n_statistics); ``frames`` (n, n_targets, reach + 1), each target
    behind its past. Float32.
    """

    seen: np.ndarray
    other: np.ndarray
    frames: np.ndarray


class Windows:
    """Draws pairs of windows from a grid of places whose statistics are computed once.

    Parameters
    ----------
    X : ndarray of float32, shape (n_neurons, n_frames)
    describe : callable
        Statistics (n, n_statistics) of windows (n, length).
    length : int
        Frames of a window; at most 3/8 of a recording are taken.
    reach : int
        Frames of past behind each target; fewer than a window has.
    n_targets : int
        Frames to predict in each second window.
    """

    def __init__(
        self, X: np.ndarray, describe: Callable[[np.ndarray], np.ndarray],
        length: int, reach: int, n_targets: int,
    ) -> None:  # fmt: skip
        n_frames = X.shape[1]
        self.X, self.reach, self.n_targets = X, reach, n_targets
        self.length = min(length, int(_MOST * n_frames))
        self.starts = np.linspace(0, n_frames - self.length, N_STARTS).astype(int)
        self.statistics = np.stack(
            [describe(X[:, start : start + self.length]) for start in self.starts], axis=1
        )
        self.places = np.argwhere(np.abs(self.starts[:, None] - self.starts) >= self.length)

    def draw(self, neurons: np.ndarray, rng: np.random.Generator) -> Pairs:
        """Two windows of each neuron, and targets in the second."""
        first, second = self.places[rng.integers(0, len(self.places), len(neurons))].T
        target = rng.integers(self.reach, self.length, (len(neurons), self.n_targets))
        frame = (self.starts[second][:, None] + target)[:, :, None] + np.arange(-self.reach, 1)
        return Pairs(
            self.statistics[neurons, first],
            self.statistics[neurons, second],
            self.X[neurons[:, None, None], frame],
        )
