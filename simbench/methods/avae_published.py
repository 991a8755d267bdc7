"""The AVAE of arXiv 2501.14615 as its public code runs it: a gated multilayer perceptron.

That code hands an LSTM the whole trace as one time step, with zero state. The recurrent weights
and the forget gate are then multiplied by zero, and what is left is `GatedLayer`. Architecture and
training constants: github.com/AbanteLab/CaGenNet at 18c4fd8, folder eccb2025.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from simbench.console import track
from simbench.errors import SimbenchError
from simbench.methods import training
from simbench.seeds import stream


class GatedLayer(nn.Module):
    """h = sigmoid(o) tanh(sigmoid(i) tanh(g)): one LSTM step from zero state.

    i, g and o are affine in the input, initialized as in `torch.nn.LSTM`.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.gates = nn.Linear(n_in, 3 * n_out)
        bound = n_out**-0.5
        nn.init.uniform_(self.gates.weight, -bound, bound)
        # an LSTM adds two biases
        biases = torch.empty(2, 3 * n_out).uniform_(-bound, bound)
        self.gates.bias.data = biases.sum(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        i, g, o = self.gates(x).chunk(3, dim=-1)
        return torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))


class GatedVAE(nn.Module):
    """Gated layer to the latents, linear and gated layer back to the trace."""

    def __init__(self, n_frames: int, n_hidden: int, n_latents: int) -> None:
        super().__init__()
        self.encoder = GatedLayer(n_frames, n_hidden)
        self.mean = nn.Linear(n_hidden, n_latents)
        self.log_variance = nn.Linear(n_hidden, n_latents)
        self.decoder = nn.Sequential(nn.Linear(n_latents, n_hidden), GatedLayer(n_hidden, n_frames))

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of each latent."""
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def loss(self, x: torch.Tensor, beta: float) -> torch.Tensor:
        """Squared error plus ``beta`` KL, summed over frames and latents, mean over traces."""
        mean, log_variance = self.posterior(x)
        error = ((self.decoder(_draw(mean, log_variance)) - x) ** 2).sum()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return (error + beta * kl) / len(x)


def _draw(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


class PublishedAVAE(TransformerMixin, BaseEstimator):
    """The acting part of the published AVAE.

    Traces are scaled to -0.5 .. 0.5 by the minimum and maximum of all training traces. Blind to
    the order of time, and bound to the number of frames it was fitted on.

    Parameters
    ----------
    n_components : int
        Latents per neuron. Published: 2, 4, 8, 16.
    frame_rate : float
        Hz; the network does not use it.
    random_state : int or None
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    n_hidden : int or None
        Hidden units; None for 16 times ``n_components``, the published pairs.
    beta : float
        Weight of the KL divergence. Published: 0, 0.5, 1.
    n_epochs, batch_size : int
    learning_rate : float
        Of Adam; falls by 1 % an epoch.
    patience : int
        Epochs without an improvement of ``min_improvement`` before training stops.
    min_improvement : float

    References
    ----------
    Abante et al. 2025, arXiv 2501.14615.
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        frame_rate: float = 20.0,
        random_state: int | None = 0,
        device: str = "auto",
        n_hidden: int | None = None,
        beta: float = 1.0,
        n_epochs: int = 200,
        batch_size: int = 256,
        learning_rate: float = 5e-4,
        patience: int = 5,
        min_improvement: float = 0.005,
    ) -> None:
        self.n_components = n_components
        self.frame_rate = frame_rate
        self.random_state = random_state
        self.device = device
        self.n_hidden = n_hidden
        self.beta = beta
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.min_improvement = min_improvement

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames); ``groups`` only choose who stops the training."""
        X = training.check_traces(X)
        self.n_features_in_ = X.shape[1]
        self.low_, self.high_ = float(X.min()), float(X.max())
        device = training.resolve_device(self.device)
        with training.quiet_torch(self.random_state, device):
            self.network_ = self._network().to(device)
            self._train(torch.from_numpy(self._scale(X)).to(device), groups)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Posterior means, shape (n_neurons, n_components).

        Raises
        ------
        SimbenchError
            If the number of frames is not the one of the training traces.
        """
        return self._apply(lambda x: self.network_.posterior(x)[0], self._check_and_scale(X))

    def sample(self, X: Any) -> np.ndarray:
        """One draw from each posterior, shape (n_neurons, n_components); as `transform`."""
        return self._apply(lambda x: _draw(*self.network_.posterior(x)), self._check_and_scale(X))

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decoded dF/F, shape (n_neurons, n_frames), of latents (n_neurons, n_components)."""
        check_is_fitted(self, "network_")
        scaled = self._apply(self.network_.decoder, np.asarray(Z, dtype=np.float32))
        return (scaled + np.float32(0.5)) * np.float32(self._span) + np.float32(self.low_)

    @property
    def n_parameters_(self) -> int:
        """Trained numbers."""
        return sum(weights.numel() for weights in self.network_.parameters())

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file, nothing pickled."""
        check_is_fitted(self, "network_")
        about = {
            "parameters": self.get_params(),
            "n_frames": self.n_features_in_,
            "range": [self.low_, self.high_],
        }
        training.save_weights(path, about, self.network_)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        about, weights = training.read_weights(path)
        method = cls(**about["parameters"])
        method.n_features_in_ = about["n_frames"]
        method.low_, method.high_ = about["range"]
        method.network_ = method._network()
        method.network_.load_state_dict(weights)
        return method

    def _network(self) -> GatedVAE:
        n_hidden = self.n_hidden or 16 * self.n_components
        return GatedVAE(self.n_features_in_, n_hidden, self.n_components)

    @property
    def _span(self) -> float:
        return (self.high_ - self.low_) or 1.0

    def _check_and_scale(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "network_")
        X = training.check_traces(X)
        if X.shape[1] != self.n_features_in_:
            raise SimbenchError(
                f"avae-published: {X.shape[1]} frames, fitted on {self.n_features_in_}; "
                "the published network takes traces of one length only"
            )
        return self._scale(X)

    def _scale(self, X: np.ndarray) -> np.ndarray:
        return (X - np.float32(self.low_)) / np.float32(self._span) - np.float32(0.5)

    def _apply(self, function: Any, X: np.ndarray) -> np.ndarray:
        device = training.resolve_device(self.device)
        self.network_.to(device)
        with training.quiet_torch(self.random_state, device):
            return training.in_batches(function, X, 1024, device)

    def _train(self, X: torch.Tensor, groups: Any) -> None:
        rng = stream(self.random_state or 0, "avae-published")
        held = training.held_out(groups, len(X), 0.2, rng)
        seen, check = X[~held], X[held]
        best = training.BestWeights(self.network_, self.patience, self.min_improvement)
        optimizer = torch.optim.Adam(self.network_.parameters(), self.learning_rate, eps=1e-6)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
        for _ in track(range(self.n_epochs), "training avae-published"):
            order = torch.from_numpy(rng.permutation(len(seen))).to(X.device)
            for batch in order.split(self.batch_size):
                optimizer.zero_grad()
                self.network_.loss(seen[batch], self.beta).backward()
                nn.utils.clip_grad_norm_(self.network_.parameters(), 1.0)
                optimizer.step()
            schedule.step()
            if len(check):
                with torch.no_grad():
                    loss = float(self.network_.loss(check, self.beta))
                if best.update(loss):
                    break
        if len(check):
            best.restore()
