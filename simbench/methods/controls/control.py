"""Controls: floor and ceilings. They stand beside the ranking and take no part in it.

A control that does more than look at traces is a `Control`: it has ``embed(dataset)`` in place of
``fit`` and ``transform``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

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


@dataclass(repr=False, eq=False)
class Spikes(Control):
    """Statistics of the true spike trains: what the physics left in the spikes.

    Parameters
    ----------
    population
        Whether those of the rest of the culture around the neuron are among them.
    by_frame
        Whether only the number of spikes in each frame is known.
    """

    population: bool = True
    by_frame: bool = False

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Spike-train statistics of every neuron, shape (n_neurons, n_statistics)."""
        return spike_latents(dataset, self.population, self.by_frame)
