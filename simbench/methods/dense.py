"""Autoencoders of whole traces: dense layers, one weight a frame, no notion of time."""

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_array, check_is_fitted
from torch import nn

from simbench.methods.learned import Course, LearnedTransformer, divide, train


class _WholeTrace(LearnedTransformer):
    """What both autoencoders share: minibatches of neurons and the way back to traces."""

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decoded dF/F, shape (n_neurons, n_frames), of latents (n_neurons, n_components)."""
        check_is_fitted(self, "network_")
        Z = check_array(Z, dtype=np.float32, estimator=self)
        decoded = self._apply(self.network_.decoder, Z)
        return decoded * np.float32(self.scaling_["sd"]) + np.float32(self.scaling_["mean"])

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        rng = self._rng("training")
        trains, stops = divide(X, groups, rng)
        traces = torch.from_numpy(X).to(device)
        held_out = traces[stops]

        def loss(step: int) -> torch.Tensor:
            return self.network_.loss(traces[rng.choice(trains, self.batch_size)])

        def check() -> float:
            return float(self.network_.loss(held_out))

        course = Course(self.n_steps, self.learning_rate, self.patience)
        train(self.network_, course, loss, check if len(stops) else None)


class _Linear(nn.Module):
    def __init__(self, n_frames: int, n_latents: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(n_frames, n_latents)
        self.decoder = nn.Linear(n_latents, n_frames)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(self.decoder(self.encoder(x)), x)


class LinearAutoencoder(_WholeTrace):
    """Linear encoder and decoder, trained by gradient descent on the squared error.

    Trained to its end it spans the space of the principal components (Baldi & Hornik 1989, Neural
    Networks 2:53); early stopping on held-out cultures keeps it from there.

    Parameters
    ----------
    n_components : int
        Latents per neuron.
    random_state : int or None
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    n_steps, batch_size : int
        Gradient steps at most, and neurons a step.
    learning_rate : float
    patience : int
        Checks of the held-out loss without improvement before training stops.
    """

    seed_name = "LinearAutoencoder"

    def __init__(
        self,
        n_components: int = 8,
        *,
        random_state: int | None = 0,
        device: str = "auto",
        n_steps: int = 1500,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        patience: int = 8,
    ) -> None:
        self.n_components = n_components
        self.random_state = random_state
        self.device = device
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience

    def _network(self) -> _Linear:
        return _Linear(self.n_features_in_, self.n_components)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.encoder(x)


class _DenseVAE(nn.Module):
    """Dense layers on both sides, and one learned noise variance for all frames."""

    def __init__(self, n_frames: int, n_latents: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(n_frames, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, 2 * n_latents),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(n_latents, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, n_frames),
        )  # fmt: skip
        self.log_sd = nn.Parameter(torch.zeros(()))

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Negative evidence lower bound a frame, without constants."""
        mean, log_variance = self.posterior(x)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) * self.training
        log_sd = self.log_sd.clamp(-6, 4)
        error = 0.5 * ((x - self.decoder(z)) * torch.exp(-log_sd)) ** 2
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return error.mean() + log_sd + kl.mean() / x.shape[1]


class MLPVAE(_WholeTrace):
    """Variational autoencoder with dense layers over the whole trace (Kingma & Welling 2014).

    Parameters
    ----------
    n_components : int
        Latents per neuron.
    random_state : int or None
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    width : int
        Units of the hidden layers, two on each side.
    n_steps, batch_size : int
        Gradient steps at most, and neurons a step.
    learning_rate : float
    patience : int
        Checks of the held-out loss without improvement before training stops.
    """

    seed_name = "MLPVAE"

    def __init__(
        self,
        n_components: int = 8,
        *,
        random_state: int | None = 0,
        device: str = "auto",
        width: int = 128,
        n_steps: int = 1500,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        patience: int = 8,
    ) -> None:
        self.n_components = n_components
        self.random_state = random_state
        self.device = device
        self.width = width
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience

    def _network(self) -> _DenseVAE:
        return _DenseVAE(self.n_features_in_, self.n_components, self.width)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.posterior(x)[0]
