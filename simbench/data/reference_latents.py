"""Floor and ceilings of every score: random latents, and statistics of the true spikes."""

import numpy as np

from simbench.core.seeds import stream
from simbench.data.dataset import Dataset
from simbench.data.recording import true_spikes

_N_RANDOM = 8
_OF_POPULATION = ("culture_", "network_")


def random_latents(dataset: Dataset) -> np.ndarray:
    """Standard normal latents, the same for a dataset every time, shape (n_neurons, 8)."""
    return stream(0, "chance").standard_normal((len(dataset.culture), _N_RANDOM))


def spike_latents(dataset: Dataset, population: bool = True, by_frame: bool = False) -> np.ndarray:
    """Statistics of the true spike train of every neuron, shape (n_neurons, n_statistics).

    Parameters
    ----------
    dataset : Dataset
    population : bool
        Whether statistics of what the rest of the culture does around the neuron are among them.
    by_frame : bool
        Whether only the number of spikes in each frame of the camera is known.
    """
    from simbench.culture.spike_statistics import spike_statistics

    tables = []
    for recording in dataset.recordings:
        spikes = true_spikes(recording)
        if by_frame:
            spikes = spikes.counted(recording.frame_rate)
        tables.append(spike_statistics(spikes))
    kept = [c for c in tables[0] if population or not c.startswith(_OF_POPULATION)]
    return np.concatenate([table[kept] for table in tables])
