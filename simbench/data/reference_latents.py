"""Floor and ceiling of every score: random latents, and statistics of the true spikes."""

import numpy as np

from simbench.core.seeds import stream
from simbench.data.dataset import Dataset
from simbench.data.recording import true_spikes

_N_RANDOM = 8


def random_latents(dataset: Dataset) -> np.ndarray:
    """Standard normal latents, the same for a dataset every time, shape (n_neurons, 8)."""
    return stream(0, "chance").standard_normal((len(dataset.culture), _N_RANDOM))


def spike_latents(dataset: Dataset) -> np.ndarray:
    """Statistics of the true spike train of every neuron, shape (n_neurons, n_statistics)."""
    from simbench.culture.spike_statistics import spike_statistics

    return np.concatenate([spike_statistics(true_spikes(r)) for r in dataset.recordings])
