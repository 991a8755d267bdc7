"""CEBRA on windows of single neurons, with the neuron as its discrete label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from simbench.core.console import is_watched
from simbench.core.seeds import seeded_numpy
from simbench.methods.features import long_enough
from simbench.methods.learned import LearnedTransformer

_ARCHITECTURE = "offset1-model"


@dataclass(kw_only=True, repr=False, eq=False)
class CebraLatents(LearnedTransformer):
    """Mean CEBRA embedding of the windows of a neuron.

    CEBRA (Schneider, Lee & Mathis 2023, Nature 617:360) embeds samples so that those with the
    same label lie together. Here a sample is a short window of a trace, and its label is the
    neuron that it comes from, so that a latent says what all windows of a neuron have in common.
    The network is CEBRA's ``offset1-model``.

    Parameters
    ----------
    n_components, random_state, device
        As in `LearnedTransformer`.
    frame_rate
        Hz.
    window_s
        Length of a window in seconds.
    n_hidden
        Units of the hidden layers.
    max_iterations
        Gradient steps.
    batch_size
        Windows per step.
    learning_rate
        Of CEBRA's optimizer.
    """

    frame_rate: float = 20.0
    window_s: float = 5.0
    n_hidden: int = 64
    max_iterations: int = 1000
    batch_size: int = 512
    learning_rate: float = 1e-3

    seed_name = "CebraLatents"
    any_length = True

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        """As many whole windows as there are, shape (n_neurons, n_frames); at least one."""
        X = long_enough(super()._scaled(X), self._n_window)
        return X[:, : X.shape[1] // self._n_window * self._n_window]

    @property
    def _n_window(self) -> int:
        return max(1, min(round(self.window_s * self.frame_rate), self.n_features_in_))

    def _network(self) -> nn.Module:
        from cebra.models import init

        return init(_ARCHITECTURE, self._n_window, self.n_hidden, self.n_components)

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        from cebra import CEBRA

        windows = X.reshape(-1, self._n_window)
        neuron = np.repeat(np.arange(len(X)), len(windows) // len(X))
        with seeded_numpy(self.random_state):
            model = CEBRA(
                model_architecture=_ARCHITECTURE,
                output_dimension=self.n_components,
                num_hidden_units=self.n_hidden,
                max_iterations=self.max_iterations,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                conditional="time_delta",
                device=str(device),
                verbose=is_watched(),
            ).fit(windows, neuron)
        self.network_ = model.solver_.model

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        embedded = self.network_(x.reshape(-1, self._n_window, 1))
        return embedded.reshape(len(x), -1, self.n_components).mean(dim=1)
