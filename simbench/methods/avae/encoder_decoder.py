"""The network of the AVAE: an encoder of windows, a causal decoder that sees the population.

The decoder predicts mixtures of Gaussians; their density and their quantiles stand here, too.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from simbench.methods.contrastive import info_nce
from simbench.methods.learned import draw, kl_divergence

Mixture = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""log_weight, mean, log_sd: tensors of the same shape (..., n_parts)."""

_N_FILTERS = 32
_N_PARTS = 4
_LEVELS = (-0.5, 0.4, 1.3, 2.2, 3.1, 4.0)  # s.d. of a filter's output
_LOG_SLOPE = 1.1
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


class FrameEncoder(nn.Module):
    """q(z | window) by learned filters: of frames of the neuron and of the mean of the others.

    Each filter is summed up by its power and by the shares of time that it spends above levels,
    which are learned, too. Takes (n, 2, n_frames); gives mean and log variance, each
    (n, n_latents).
    """

    def __init__(self, n_latents: int, length: int, n_hidden: int, dropout: float) -> None:
        super().__init__()
        n, n_levels = _N_FILTERS, len(_LEVELS)
        self.filters = nn.Conv1d(3, n, 2 * (length // 2) + 1, stride=2, padding=length // 2)
        self.scale = nn.BatchNorm1d(n, affine=False)
        self.level = nn.Parameter(torch.tensor(_LEVELS).repeat(n, 1))
        self.log_slope = nn.Parameter(torch.full((n, n_levels), _LOG_SLOPE))
        self.rest = nn.Sequential(
            nn.BatchNorm1d(n * (n_levels + 1)),
            Encoder(n * (n_levels + 1), n_latents, n_hidden, dropout),
        )

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        steps = F.pad(frames[:, :1].diff(dim=2), (1, 0))
        h = self.scale(self.filters(torch.cat([frames, steps], dim=1)))
        above = [
            torch.sigmoid((h - level[:, None]) * slope[:, None]).mean(dim=2)
            for level, slope in zip(self.level.T, self.log_slope.T.exp())
        ]
        power = h.var(dim=2, correction=0)
        return self.rest(torch.log(torch.stack([*above, power], dim=2) + 1e-3).flatten(1))


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


class AVAENetwork(nn.Module):
    """Whitening, encoder, decoder, a linear head from z to statistics, and last directions.

    Of ``n_described`` statistics by hand the encoder reads ``n_statistics``; without any it learns
    filters of frames. The head predicts the best whitened statistics of another window; a
    projection compares z of two windows. The rotation puts latents in order, those that tell
    neurons apart best first; ``culture`` are directions in which cultures differ.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    culture_spread: torch.Tensor
    whitening: torch.Tensor
    center: torch.Tensor
    rotation: torch.Tensor
    culture: torch.Tensor

    def __init__(
        self, n_described: int, n_statistics: int, n_predicted: int, n_latents: int, n_culture: int,
        n_hidden: int, dropout: float, width: int, reach: int, n_ahead: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.n_predicted = n_predicted
        for name in ("mean", "spread", "culture_spread"):
            self.register_buffer(name, torch.ones(n_described, dtype=torch.float64))
        self.register_buffer("whitening", torch.zeros(n_described, n_statistics))
        self.register_buffer("center", torch.zeros(n_latents))
        self.register_buffer("rotation", torch.eye(n_latents))
        self.register_buffer("culture", torch.zeros(n_described or n_latents, n_culture))
        self.encoder: nn.Module = (
            Encoder(n_statistics, n_latents, n_hidden, dropout)
            if n_statistics
            else FrameEncoder(n_latents, reach, n_hidden, dropout)
        )
        self.decoder = Decoder(n_latents, width, reach, n_ahead, _N_PARTS)
        self.head = nn.Linear(n_latents, n_predicted) if n_predicted else None
        self.projection = nn.Sequential(nn.Linear(n_latents, 64), nn.GELU(), nn.Linear(64, 64))

    def losses(
        self, seen: torch.Tensor, other: torch.Tensor, frames: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What z, drawn from one window, says about another window of the same neuron.

        Parameters
        ----------
        seen, other : tensors, shape (n, n_statistics) or (n, 2, n_frames)
            What the encoder reads of the two windows.
        frames : tensor, shape (2, n, n_targets, reach + n_ahead)
            Of the neuron and of the others, in the other window: frames to predict behind their
            past.

        Returns
        -------
        nll : mean over frames
        kl : sum over latents, mean over neurons
        error : Huber loss of the other window's statistics; 0 without any
        contrast : cross-entropy of finding the other window among those of all n neurons
        """
        mean, log_variance = self.encoder(torch.cat([seen, other]))
        here, there = draw(mean, log_variance).chunk(2)
        reach = self.decoder.reach
        own, others = frames
        mixture = self.decoder(own[:, :, :reach], others[:, :, :reach], here)
        nll = mixture_nll(own[:, :, reach:], mixture).mean()
        error = here.new_zeros(())
        if self.head is not None:
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
