"""The AVAE of arXiv 2501.14615 as its public code runs it: a gated multilayer perceptron.

That code hands an LSTM the whole trace as one time step, with zero state. The recurrent weights
and the forget gate are then multiplied by zero, and what is left is `GatedLayer`. Architecture and
training constants: github.com/AbanteLab/CaGenNet at 18c4fd8, folder eccb2025.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from simbench.core.console import track
from simbench.methods.dense import WholeTrace
from simbench.methods.learned import BestWeights, Division, draw, kl_divergence

_HELD_OUT = 0.2


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
        error = ((self.decoder(draw(mean, log_variance)) - x) ** 2).sum()
        return (error + beta * kl_divergence(mean, log_variance).sum()) / len(x)


@dataclass(kw_only=True, repr=False, eq=False)
class PublishedAVAE(WholeTrace):
    """The acting part of the published AVAE.

    Traces are scaled to -0.5 .. 0.5 by the minimum and maximum of all training traces. Blind to
    the order of time, and bound to the number of frames it was fitted on.

    Parameters
    ----------
    n_components
        Latents per neuron. Published: 2, 4, 8, 16.
    random_state, device
        As in `LearnedTransformer`.
    n_hidden
        Hidden units; None for 16 times ``n_components``, the published pairs.
    beta
        Weight of the KL divergence. Published: 0, 0.5, 1.
    n_epochs
        At most.
    batch_size
        Neurons per step.
    learning_rate
        Of Adam; falls by 1 % per epoch.
    patience
        Epochs without an improvement of ``min_improvement`` before training stops.
    min_improvement
        Of the held-out loss.

    References
    ----------
    Abante et al. 2025, arXiv 2501.14615.
    """

    n_hidden: int | None = None
    beta: float = 1.0
    n_epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 5e-4
    patience: int = 5
    min_improvement: float = 0.005

    seed_name = "PublishedAVAE"

    def sample(self, X: Any) -> np.ndarray:
        """One draw from the posterior of each trace, shape (n_neurons, n_components)."""
        return self._apply(lambda x: draw(*self.network_.posterior(x)), self._prepared(X))

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        low, high = float(X.min()), float(X.max())
        return {"offset": low, "span": (high - low) or 1.0}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return super()._scaled(X) - 0.5

    def _unscaled(self, X: np.ndarray) -> np.ndarray:
        return super()._unscaled(X + 0.5)

    def _network(self) -> GatedVAE:
        n_hidden = self.n_hidden or 16 * self.n_components
        return GatedVAE(self.n_features_in_, n_hidden, self.n_components)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.posterior(x)[0]

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        rng = self._rng("training")
        division = Division(len(X), groups, rng, _HELD_OUT)
        parts = (division.trains, division.stops)
        seen, check = (torch.from_numpy(X[part]).to(device) for part in parts)
        best = BestWeights(self.network_, self.patience, self.min_improvement)
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
