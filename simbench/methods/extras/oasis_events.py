"""Events deconvolved by OASIS, and the intervals between them."""

from dataclasses import dataclass
from typing import Any, Self
from unittest.mock import patch

import numpy as np

from simbench.core.seeds import stream
from simbench.methods.features import TraceFeatures

_QUANTILES = (0.1, 0.5, 0.9, 1.0)
"""Of the sizes of events."""


@dataclass(repr=False, eq=False)
class OasisEvents(TraceFeatures):
    """Rate, sizes and inter-event-interval histogram of the events that OASIS finds.

    Each trace is deconvolved with an exponential kernel and a hard threshold (Friedrich et al.
    2017, PLoS Comput Biol 13:e1005423). The histogram is the feature of LOLCAT (Schneider et al.
    2023, Cell Rep 42:112318).

    Parameters
    ----------
    frame_rate
        Hz.
    threshold
        Smallest event, in standard deviations of the trace's noise.
    n_bins
        Bins of the histogram, of equal logarithmic width.
    longest_s
        Upper end of the histogram in seconds; longer intervals count in the last bin.

    Attributes
    ----------
    decay_ : float
        Decay of the kernel per frame, the median estimate over the training traces.
    """

    frame_rate: float = 20.0
    threshold: float = 3.0
    n_bins: int = 12
    longest_s: float = 20.0

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the decay of the indicator from dF/F, shape (n_neurons, n_frames)."""
        super().fit(X)
        decays = np.array([_decay(x) for x in np.asarray(X, dtype=np.float64)])
        usable = decays[(decays > 0) & (decays < 1)]
        self.decay_ = float(np.median(usable)) if len(usable) else float(np.exp(-1 / self._second))
        return self

    def _features(self, X: np.ndarray) -> np.ndarray:
        """Features of each trace, shape (n_neurons, 1 + 4 + n_bins).

        Logarithm of the event rate, quantiles of the size of events (compressed as multiples of
        the noise), and the share of intervals in each bin; zeros where there are no events.
        """
        return np.stack([self._describe(x) for x in X.astype(np.float64)])

    @property
    def _second(self) -> float:
        """Frames in a second, at least one."""
        return max(1.0, self.frame_rate)

    def _describe(self, trace: np.ndarray) -> np.ndarray:
        from oasis.functions import oasisAR1

        noise = _noise(trace)
        smallest = self.threshold * noise
        size = oasisAR1(trace, self.decay_, s_min=smallest)[1] if noise > 0 else np.zeros(0)
        size[:1] = 0  # the fluorescence that a trace starts with is no event
        frames = np.flatnonzero(size >= smallest)
        rate = np.log10(len(frames) / len(trace) * self._second + 0.01)
        sizes = np.zeros(len(_QUANTILES))
        if len(frames):
            sizes = np.quantile(np.log(size[frames] / noise), _QUANTILES)
        return np.concatenate(([rate], sizes, self._intervals(frames)))

    def _intervals(self, frames: np.ndarray) -> np.ndarray:
        longest = max(2.0, self.longest_s * self.frame_rate)
        edges = np.geomspace(1, longest, self.n_bins + 1) - 0.5
        intervals = np.minimum(np.diff(frames), edges[-1])
        return np.histogram(intervals, edges)[0] / max(1, len(intervals))


def _decay(trace: np.ndarray) -> float:
    """OASIS' estimate of the autoregressive coefficient; NaN where there is none."""
    from oasis.functions import estimate_parameters

    if len(trace) < 12 or np.ptp(trace) == 0:
        return np.nan
    draws = stream(0, "oasis")  # in place of the global ones, for an estimate out of range
    with patch.object(np.random, "normal", draws.normal):
        (decay,), _ = estimate_parameters(trace, p=1)
    return float(decay)


def _noise(trace: np.ndarray) -> float:
    """OASIS' estimate of the noise, from the upper half of the spectrum."""
    from oasis.functions import GetSn

    if len(trace) < 4 or np.ptp(trace) == 0:
        return 0.0
    return float(np.nan_to_num(GetSn(trace)))
