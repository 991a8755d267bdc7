"""What one window of a recording must tell about the rest of it: pairs for self-supervision."""

from dataclasses import dataclass

import numpy as np

N_SEGMENTS = 8
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_STEP_LEVELS = (0.01, 0.1, 0.5, 0.9, 0.99, 1.0)
_N_BANDS = 10


@dataclass(frozen=True)
class Pairs:
    """Windows, and what to predict outside of them; float32 arrays.

    ``window`` (n, n_frames); ``frames`` (n, n_targets, reach + 1), each target behind its past;
    ``summary`` (n, n_summaries).
    """

    window: np.ndarray
    frames: np.ndarray
    summary: np.ndarray


class Windows:
    """Draws windows of neurons together with targets that never overlap them.

    Parameters
    ----------
    X : ndarray of float32, shape (n_neurons, n_frames)
    length : int
        Frames of a window, at most half of the recording.
    reach : int
        Frames of past behind each target.
    n_targets : int
        Frames to predict for each neuron.
    """

    def __init__(self, X: np.ndarray, length: int, reach: int, n_targets: int) -> None:
        self.X, self.length, self.reach, self.n_targets = X, length, reach, n_targets
        self.segment = X.shape[1] // N_SEGMENTS
        self.summaries = standardized_summaries(X, self.segment)

    def draw(self, neurons: np.ndarray, rng: np.random.Generator) -> Pairs:
        """One window of each neuron, uniform in time."""
        start = rng.integers(0, self.X.shape[1] - self.length + 1, (len(neurons), 1))
        window = self.X[neurons[:, None], start + np.arange(self.length)]
        target = self._targets(start, rng)[:, :, None] + np.arange(-self.reach, 1)
        frames = self.X[neurons[:, None, None], target]
        return Pairs(window, frames, self._summary(neurons, start))

    def _targets(self, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames whose past doesn't touch the window, uniform, shape (n, n_targets)."""
        end = start + self.length + self.reach
        before = np.maximum(start - self.reach, 0)
        after = np.maximum(self.X.shape[1] - end, 0)
        chosen = (rng.random((len(start), self.n_targets)) * (before + after)).astype(int)
        return np.where(chosen < before, self.reach + chosen, end + chosen - before)

    def _summary(self, neurons: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Mean summary of the segments outside the window."""
        begin = np.arange(N_SEGMENTS) * self.segment
        free = (begin + self.segment <= start) | (begin >= start + self.length)
        weight = (free / free.sum(axis=1, keepdims=True)).astype(np.float32)
        return np.einsum("ns,nsf->nf", weight, self.summaries[neurons])


def standardized_summaries(X: np.ndarray, segment: int) -> np.ndarray:
    """Summaries of all segments, in units of their spread over neurons.

    Returns
    -------
    ndarray of float32, shape (n_neurons, N_SEGMENTS, n_summaries)
    """
    S = np.stack(
        [summarize(X[:, i * segment : (i + 1) * segment]) for i in range(N_SEGMENTS)], axis=1
    )
    spread = S.mean(axis=1).std(axis=0)
    return ((S - S.mean(axis=(0, 1))) / np.where(spread > 1e-6, spread, 1)).astype(np.float32)


def summarize(X: np.ndarray) -> np.ndarray:
    """Quantiles of the frames and of their steps, log power in bands: blind to when.

    Parameters
    ----------
    X : ndarray, shape (n_neurons, n_frames)

    Returns
    -------
    ndarray, shape (n_neurons, n_summaries)
    """
    levels = np.quantile(X, _LEVELS, axis=1).T
    steps = np.quantile(np.diff(X, axis=1), _STEP_LEVELS, axis=1).T
    power = np.abs(np.fft.rfft(X * np.hanning(X.shape[1]), axis=1)) ** 2 / X.shape[1]
    edges = np.unique(np.geomspace(1, power.shape[1], _N_BANDS + 1).round().astype(int))
    sums = np.add.reduceat(power, edges[:-1], axis=1)
    bands = np.log(sums / np.diff(edges) + 1e-5)
    return np.concatenate([levels, steps, bands], axis=1)
