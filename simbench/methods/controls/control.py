"""Controls: floor and ceiling. They stand in every table and take no part in the ranking.

A control that does more than look at traces is a `Control`: it has ``embed(dataset)`` in place of
``fit`` and ``transform``.
"""

from abc import ABC, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator

from simbench.data.dataset import Dataset
from simbench.data.reference_latents import random_latents, spike_latents


class Control(BaseEstimator, ABC):
    """A method that is given the whole dataset, truth included. Never ranked."""

    @abstractmethod
    def embed(self, dataset: Dataset) -> np.ndarray:
        """Latents of all neurons, shape (n_neurons, n_components)."""


class Chance(Control):
    """Random latents: what a probe scores on nothing."""

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Random latents, shape (n_neurons, 8)."""
        return random_latents(dataset)


class SpikeOracle(Control):
    """Statistics of the true spike trains: what the physics left in the spikes."""

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Spike-train statistics of every neuron, shape (n_neurons, n_statistics)."""
        return spike_latents(dataset)
