"""Autoencoders of whole traces: dense layers, one weight per frame, no notion of time."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_array, check_is_fitted
from torch import nn

from simbench.methods.learned import Course, Division, LearnedTransformer, kl_divergence, train


class WholeTrace(LearnedTransformer):
    """A learned method that takes traces as they are, and whose network has a ``decoder``."""

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decoded dF/F, shape (n_neurons, n_frames), of latents (n_neurons, n_components)."""
        check_is_fitted(self, "network_")
        Z = check_array(Z, dtype=np.float32, estimator=self)
        return self._unscaled(self._apply(self.network_.decoder, Z))

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        return {"offset": float(X.mean()), "span": float(X.std()) or 1.0}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return (X - self.scaling_["offset"]) / self.scaling_["span"]

    def _unscaled(self, X: np.ndarray) -> np.ndarray:
        return X * self.scaling_["span"] + self.scaling_["offset"]


@dataclass(kw_only=True, repr=False, eq=False)
class _Autoencoder(WholeTrace):
    """What both autoencoders share: minibatches of neurons."""

    n_steps: int = 1500
    batch_size: int = 128
    learning_rate: float = 1e-3
    patience: int = 8

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        rng = self._rng("training")
        division = Division(len(X), groups, rng)
        traces = torch.from_numpy(X).to(device)
        held_out = traces[division.stops]

        def loss(step: int) -> torch.Tensor:
            return self.network_.loss(traces[rng.choice(division.trains, self.batch_size)])

        checks = [partial(self.network_.loss, held_out)] if len(held_out) else []
        train(self.network_, Course(self.n_steps, self.learning_rate, self.patience), loss, checks)


class LinearAutoencoder(_Autoencoder):
    """Linear encoder and decoder, trained by gradient descent on the squared error.

    Trained to its end it spans the space of the principal components (Baldi & Hornik 1989, Neural
    Networks 2:53); early stopping on held-out cultures keeps it from there.

    Parameters
    ----------
    n_components, random_state, device
        As in `LearnedTransformer`.
    n_steps
        Gradient steps at most.
    batch_size
        Neurons per step.
    learning_rate
        Highest rate of a one-cycle schedule.
    patience
        Checks of the held-out loss without improvement before training stops.
    """

    seed_name = "LinearAutoencoder"

    def _network(self) -> nn.Module:
        return _Linear(self.n_features_in_, self.n_components)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.encoder(x)


@dataclass(kw_only=True, repr=False, eq=False)
class MLPVAE(_Autoencoder):
    """Variational autoencoder with dense layers over the whole trace (Kingma & Welling 2014).

    Parameters
    ----------
    width
        Units of the hidden layers, two on each side. All others as in `LinearAutoencoder`.
    """

    width: int = 128

    seed_name = "MLPVAE"

    def _network(self) -> nn.Module:
        return _DenseVAE(self.n_features_in_, self.n_components, self.width)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.posterior(x)[0]


class _Linear(nn.Module):
    def __init__(self, n_frames: int, n_latents: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(n_frames, n_latents)
        self.decoder = nn.Linear(n_latents, n_frames)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(self.decoder(self.encoder(x)), x)


class _DenseVAE(nn.Module):
    """Dense layers on both sides, and one learned noise variance for all frames."""

    def __init__(self, n_frames: int, n_latents: int, width: int) -> None:
        super().__init__()
        self.encoder = _dense(n_frames, width, 2 * n_latents)
        self.decoder = _dense(n_latents, width, n_frames)
        self.log_sd = nn.Parameter(torch.zeros(()))

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Negative evidence lower bound per frame, without constants."""
        mean, log_variance = self.posterior(x)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) * self.training
        log_sd = self.log_sd.clamp(-6, 4)
        error = 0.5 * ((x - self.decoder(z)) * torch.exp(-log_sd)) ** 2
        kl = kl_divergence(mean, log_variance).sum(1)
        return error.mean() + log_sd + kl.mean() / x.shape[1]


def _dense(n_in: int, width: int, n_out: int) -> nn.Sequential:
    first, second, last = nn.Linear(n_in, width), nn.Linear(width, width), nn.Linear(width, n_out)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)
