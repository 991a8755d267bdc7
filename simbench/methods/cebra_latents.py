"""CEBRA on windows of single neurons, with the neuron as its discrete label."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from simbench.console import is_watched
from simbench.methods import training
from simbench.methods.features import compress, noise_level
from simbench.methods.randomness import seeded_numpy

_ARCHITECTURE = "offset1-model"


class CebraLatents(TransformerMixin, BaseEstimator):
    """Mean CEBRA embedding of the windows of a neuron.

    CEBRA (Schneider, Lee & Mathis 2023, Nature 617:360) embeds samples so that those with the
    same label lie together. Here a sample is a short window of a trace, and its label is the
    neuron that it comes from, so that a latent says what all windows of a neuron have in common.

    Parameters
    ----------
    n_components : int
        Latents per neuron.
    frame_rate : float
        Hz.
    random_state : int or None
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    window_s : float
        Length of a window in seconds.
    n_hidden : int
        Units of the hidden layers.
    max_iterations, batch_size : int
        Gradient steps, and windows a step.
    learning_rate : float

    Attributes
    ----------
    network_ : torch.nn.Module
        CEBRA's ``offset1-model``.
    noise_ : float
        S.d. of the frame noise in dF/F: the one scale of all traces.
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        frame_rate: float = 20.0,
        random_state: int | None = 0,
        device: str = "auto",
        window_s: float = 5.0,
        n_hidden: int = 64,
        max_iterations: int = 1000,
        batch_size: int = 512,
        learning_rate: float = 1e-3,
    ) -> None:
        self.n_components = n_components
        self.frame_rate = frame_rate
        self.random_state = random_state
        self.device = device
        self.window_s = window_s
        self.n_hidden = n_hidden
        self.max_iterations = max_iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on dF/F, shape (n_neurons, n_frames)."""
        from cebra import CEBRA

        X = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        self.noise_ = noise_level(X)
        self.n_window_ = max(1, min(round(self.window_s * self.frame_rate), X.shape[1]))
        windows = self._windows(X)
        neuron = np.repeat(np.arange(len(X)), windows.shape[1])
        device = training.resolve_device(self.device)
        with training.quiet_torch(self.random_state, device), seeded_numpy(self.random_state):
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
            ).fit(windows.reshape(-1, self.n_window_), neuron)
        self.network_ = model.solver_.model.eval()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Mean embedding over the windows of each neuron, shape (n_neurons, n_components)."""
        check_is_fitted(self, "network_")
        X = check_array(X, dtype=np.float32, estimator=self)
        windows = self._windows(X)
        device = training.resolve_device(self.device)
        network = self.network_.to(device)
        with training.quiet_torch(self.random_state, device):
            embedded = training.in_batches(
                network, windows.reshape(-1, self.n_window_, 1), 4096, device
            )
        return embedded.reshape(*windows.shape[:2], -1).mean(axis=1)

    @property
    def n_parameters_(self) -> int:
        """Trained numbers."""
        return sum(weights.numel() for weights in self.network_.parameters())

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file, nothing pickled."""
        check_is_fitted(self, "network_")
        about = {
            "parameters": self.get_params(),
            "noise": self.noise_,
            "n_window": self.n_window_,
            "n_frames": self.n_features_in_,
        }
        training.save_weights(path, about, self.network_)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        from cebra.models import init

        about, weights = training.read_weights(path)
        method = cls(**about["parameters"])
        method.noise_, method.n_window_ = about["noise"], about["n_window"]
        method.n_features_in_ = about["n_frames"]
        network = init(_ARCHITECTURE, method.n_window_, method.n_hidden, method.n_components)
        network.load_state_dict(weights)
        method.network_ = network.eval()
        return method

    def _windows(self, X: np.ndarray) -> np.ndarray:
        """Windows side by side, shape (n_neurons, n_windows, n_window); at least one."""
        X = compress(X, self.noise_)
        X = np.pad(X, ((0, 0), (0, max(0, self.n_window_ - X.shape[1]))), mode="edge")
        n_windows = X.shape[1] // self.n_window_
        return X[:, : n_windows * self.n_window_].reshape(len(X), n_windows, self.n_window_)
