"""Controls: floor and ceiling. They stand in every table and take no part in the ranking.

A control that does more than look at traces has ``embed(dataset)`` in place of ``fit`` and
``transform``.
"""

import numpy as np
from sklearn.base import BaseEstimator

from simbench.anchors import random_latents, spike_latents
from simbench.dataset import Dataset


class Chance(BaseEstimator):
    """Random latents: what a probe scores on nothing."""

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Random latents, shape (n_neurons, 8)."""
        return random_latents(dataset)


class SpikeOracle(BaseEstimator):
    """Statistics of the true spike trains: what the physics left in the spikes."""

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Spike-train statistics of every neuron, shape (n_neurons, n_statistics)."""
        return spike_latents(dataset)
