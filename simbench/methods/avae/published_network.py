"""The AVAE of arXiv 2501.14615 as its public code runs it: a gated multilayer perceptron.

That code hands an LSTM the whole trace as one time step, with zero state. The recurrent weights
and the forget gate are then multiplied by zero, and what is left is `GatedLayer`. Architecture and
training constants: github.com/AbanteLab/CaGenNet at 18c4fd8, folder eccb2025.
"""

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from simbench.core.console import track
from simbench.methods import training
from simbench.methods.learned import LearnedTransformer


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


class PublishedAVAE(LearnedTransformer):
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

    seed_name = "PublishedAVAE"

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

    def sample(self, X: Any) -> np.ndarray:
        """One draw from each posterior, shape (n_neurons, n_components); as `transform`."""
        return self._apply(lambda x: _draw(*self.network_.posterior(x)), self._prepared(X))

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decoded dF/F, shape (n_neurons, n_frames), of latents (n_neurons, n_components)."""
        check_is_fitted(self, "network_")
        scaled = self._apply(self.network_.decoder, np.asarray(Z, dtype=np.float32))
        low, span = np.float32(self.scaling_["low"]), np.float32(self.scaling_["span"])
        return (scaled + np.float32(0.5)) * span + low

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        low, high = float(X.min()), float(X.max())
        return {"low": low, "span": (high - low) or 1.0}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        low, span = np.float32(self.scaling_["low"]), np.float32(self.scaling_["span"])
        return (X - low) / span - np.float32(0.5)

    def _network(self) -> GatedVAE:
        n_hidden = self.n_hidden or 16 * self.n_components
        return GatedVAE(self.n_features_in_, n_hidden, self.n_components)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.posterior(x)[0]

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        rng = self._rng("training")
        held = training.held_out(groups, len(X), 0.2, rng)
        seen, check = (torch.from_numpy(X[part]).to(device) for part in (~held, held))
        best = training.BestWeights(self.network_, self.patience, self.min_improvement)
        optimizer = torch.optim.Adam(self.network_.parameters(), self.learning_rate, eps=1e-6)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
        for _ in track(range(self.n_epochs), "training avae-published"):
            order = torch.from_numpy(rng.permutation(len(seen))).to(device)
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
