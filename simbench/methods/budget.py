"""Traces in blocks, and how many latent values a budget affords."""

import numpy as np

from simbench.core.errors import SimbenchError


def affordable(latents_per_minute: float, n_frames: int, frame_rate: float) -> int:
    """Latent values that a budget leaves for one trace.

    Parameters
    ----------
    latents_per_minute : float
        Latent values per neuron-minute.
    n_frames : int
    frame_rate : float
        Hz.

    Raises
    ------
    SimbenchError
        If there are none.
    """
    minutes = n_frames / frame_rate / 60
    n_values = int(latents_per_minute * minutes + 1e-9)
    if n_values < 1:
        raise SimbenchError(
            f"latents_per_minute = {latents_per_minute:g} leaves no value for {60 * minutes:.3g} s;"
            f" allowed: {1 / minutes:.3g} or more"
        )
    return n_values


def cut(X: np.ndarray, length: int) -> np.ndarray:
    """Blocks of all traces (n_neurons, n_frames), shape (n_neurons * n_blocks, length).

    The last frame is repeated where a trace ends inside a block.
    """
    missing = -X.shape[1] % length
    return np.pad(X, ((0, 0), (0, missing)), mode="edge").reshape(-1, length)
