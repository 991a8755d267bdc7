"""The AVAE on traces whose frames are out of order: what is left without time."""

import hashlib
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_array

from simbench.core.seeds import stream
from simbench.methods.avae.estimator import AVAE


class ShuffledTimeAVAE(AVAE):
    """The AVAE on time-shuffled traces. Parameters are those of `AVAE`."""

    seed_name = "ShuffledTimeAVAE"

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Shuffle the frames of each trace (n_neurons, n_frames), then train on them."""
        return super().fit(self._shuffled(X), y, groups)

    def transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Latents of the shuffled traces, shape (n_neurons, n_components)."""
        return super().transform(self._shuffled(X), groups)

    def _shuffled(self, X: Any) -> np.ndarray:
        return shuffle_frames(check_array(X, dtype=np.float32, estimator=self))


def shuffle_frames(X: np.ndarray) -> np.ndarray:
    """Frames of each trace in an order of its own, drawn from what the trace holds.

    A trace is always shuffled in the same way, wherever it stands in the array.
    """
    names = (hashlib.sha256(x.tobytes()).hexdigest() for x in X)
    return np.stack([stream(0, "shuffled-time", name).permutation(x) for name, x in zip(names, X)])
