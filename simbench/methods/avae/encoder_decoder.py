"""The network of the AVAE: an encoder of statistics, a causal decoder that sees the population.

The decoder predicts mixtures of Gaussians; their density and their quantiles stand here, too.
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from simbench.methods.contrastive import info_nce
from simbench.methods.learned import draw, kl_divergence

Mixture = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""log_weight, mean, log_sd: tensors of the same shape (..., n_parts)."""

_N_BISECTIONS = 40
_REACH_SD = 12.0
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Encoder(nn.Module):
    """q(z | window): a linear map of whitened statistics, and a hidden layer beside it.

    Takes (n, n_statistics); gives mean and log variance, each (n, n_latents).
    """

    def __init__(self, n_statistics: int, n_latents: int, n_hidden: int, dropout: float) -> None:
        super().__init__()
        self.skip = nn.Linear(n_statistics, n_latents)
        self.hidden = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(n_statistics, n_hidden), nn.SiLU(), nn.Dropout(dropout)
        )
        self.out = nn.Linear(n_hidden, 2 * n_latents)

    def forward(self, statistics: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        bend, log_variance = self.out(self.hidden(statistics)).chunk(2, dim=-1)
        return self.skip(statistics) + bend, log_variance.clamp(-12, 4)


class Decoder(nn.Module):
    """p(x_t ... x_(t + n_ahead - 1) | x_<t, others_<t, z): mixtures of Gaussians, modulated by z.

    The reach is short, so that everything slower must come from z.
    """

    def __init__(self, n_latents: int, width: int, reach: int, n_ahead: int, n_parts: int) -> None:
        super().__init__()
        self.reach, self.n_ahead, self.n_parts = reach, n_ahead, n_parts
        self.first = nn.Linear(2 * reach, width)
        self.second = nn.Linear(width, width)
        self.mixture = nn.Linear(width, 3 * n_parts * n_ahead)
        self.modulation = nn.Linear(n_latents, 4 * width)

    def forward(self, own: torch.Tensor, others: torch.Tensor, z: torch.Tensor) -> Mixture:
        """Distribution of the frames that follow each past.

        Parameters
        ----------
        own, others : tensors, shape (n, n_targets, reach)
            Frames of the neuron, and of the mean of its culture without it, in the order of time.
        z : tensor, shape (n, n_latents)
            Of each neuron.

        Returns
        -------
        log_weight, mean, log_sd : tensors, shape (n, n_targets, n_ahead, n_parts)
            Of the Gaussians; each frame on its own.
        """
        scale1, shift1, scale2, shift2 = self.modulation(z).tanh()[:, None].chunk(4, dim=2)
        h = F.leaky_relu(self.first(torch.cat([own, others], 2)) * (1 + scale1) + shift1, 0.1)
        h = F.leaky_relu(self.second(h) * (1 + scale2) + shift2, 0.1)
        parts = self.mixture(h).unflatten(2, (self.n_ahead, 3 * self.n_parts))
        log_weight, step, log_sd = parts.chunk(3, dim=3)
        mean = own[:, :, -1:, None] + step
        return log_weight.log_softmax(dim=3), mean, log_sd.clamp(-6, 4)

    def predict(self, own: torch.Tensor, others: torch.Tensor, z: torch.Tensor) -> Mixture:
        """Distribution of own[:, reach:], each frame given all true frames before it."""
        own, others = (x.unfold(1, self.reach, 1)[:, :-1] for x in (own, others))
        log_weight, mean, log_sd = self(own, others, z)
        return log_weight[:, :, 0], mean[:, :, 0], log_sd[:, :, 0]


class Layout(NamedTuple):
    """Sizes of the network: statistics by hand, those kept and those predicted; latents; layers."""

    n_described: int
    n_statistics: int
    n_predicted: int
    n_latents: int
    n_hidden: int
    dropout: float
    width: int
    reach: int
    n_ahead: int
    n_parts: int


class AVAENetwork(nn.Module):
    """Whitening, encoder, decoder, a linear head from z to statistics, and a last rotation.

    The head predicts the best whitened statistics of another window; a projection compares z of
    two windows. The rotation puts latents in order, those that tell neurons apart best first.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    whitening: torch.Tensor
    center: torch.Tensor
    rotation: torch.Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        n_described, n_latents = layout.n_described, layout.n_latents
        self.n_predicted = layout.n_predicted
        self.register_buffer("mean", torch.zeros(n_described, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(n_described, dtype=torch.float64))
        self.register_buffer("whitening", torch.zeros(n_described, layout.n_statistics))
        self.register_buffer("center", torch.zeros(n_latents))
        self.register_buffer("rotation", torch.eye(n_latents))
        self.encoder = Encoder(layout.n_statistics, n_latents, layout.n_hidden, layout.dropout)
        self.decoder = Decoder(
            n_latents, layout.width, layout.reach, layout.n_ahead, layout.n_parts
        )
        self.head = nn.Linear(n_latents, layout.n_predicted)
        self.projection = nn.Sequential(nn.Linear(n_latents, 64), nn.GELU(), nn.Linear(64, 64))

    def latents(self, statistics: torch.Tensor) -> torch.Tensor:
        """Posterior mean, mean over windows: (n, n_windows, n_described) to (n, n_latents)."""
        return self.encoder(statistics @ self.whitening)[0].mean(dim=1)

    def losses(
        self, seen: torch.Tensor, other: torch.Tensor, frames: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What z, drawn from one window, says about another window of the same neuron.

        Parameters
        ----------
        seen, other : tensors, shape (n, n_statistics)
            Whitened, of the two windows.
        frames : tensor, shape (2, n, n_targets, reach + n_ahead)
            Of the neuron and of the others, in the other window: frames to predict behind their
            past.

        Returns
        -------
        nll : mean over frames
        kl : sum over latents, mean over neurons
        error : Huber loss of the other window's statistics
        contrast : cross-entropy of finding the other window among those of all n neurons
        """
        mean, log_variance = self.encoder(torch.cat([seen, other]))
        here, there = draw(mean, log_variance).chunk(2)
        reach = self.decoder.reach
        own, others = frames
        mixture = self.decoder(own[:, :, :reach], others[:, :, :reach], here)
        nll = mixture_nll(own[:, :, reach:], mixture).mean()
        error = F.huber_loss(self.head(here), other[:, : self.n_predicted])
        contrast = info_nce(self.projection(here), self.projection(there))
        return nll, kl_divergence(mean, log_variance).sum(dim=1).mean(), error, contrast


def mixture_nll(x: torch.Tensor, mixture: Mixture) -> torch.Tensor:
    """Negative logarithm of the density at x, in the shape of ``x`` (...)."""
    log_weight, mean, log_sd = mixture
    error = (x[..., None] - mean) * torch.exp(-log_sd)
    return -torch.logsumexp(log_weight - 0.5 * error**2 - log_sd - _LOG_SQRT_2PI, dim=-1)


def mixture_cdf(x: torch.Tensor, mixture: Mixture) -> torch.Tensor:
    """Probability of a value up to x, in the shape of ``x`` (...)."""
    log_weight, mean, log_sd = mixture
    standard = (x[..., None] - mean) * torch.exp(-log_sd)
    return (log_weight.exp() * torch.special.ndtr(standard)).sum(dim=-1)


def mixture_quantile(probability: float, mixture: Mixture) -> torch.Tensor:
    """Value that is not passed with a probability between 0 and 1, shape (...)."""
    _, mean, log_sd = mixture
    reach = _REACH_SD * log_sd.exp()
    low, high = (mean - reach).amin(dim=-1), (mean + reach).amax(dim=-1)
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        is_below = mixture_cdf(middle, mixture) < probability
        low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
    return (low + high) / 2
