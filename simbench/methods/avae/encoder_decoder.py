"""The network of the AVAE: an encoder pooled over time, a causal decoder driven by its latent.

The decoder predicts mixtures of Gaussians; their density and their quantiles stand here, too.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from simbench.core.errors import SimbenchError
from simbench.methods.contrastive import info_nce
from simbench.methods.learned import draw, kl_divergence

POOLINGS = ("both", "quantiles", "spectrum")
Mixture = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""log_weight, mean, log_sd: tensors of the same shape (..., n_parts)."""

_N_BISECTIONS = 40
_REACH_SD = 12.0
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Statistics(nn.Module):
    """What the encoder reads of a trace: statistics that do not say when something happened.

    Quantiles of the frames and of the steps between frames at three lags, and the logarithm of
    the power in bands. Takes (n, n_frames), any number of frames; gives (n, n_statistics).

    Parameters
    ----------
    frame_rate : float
        Hz.
    pooling : {"both", "quantiles", "spectrum"}
        Quantiles alone, power alone, or both.
    """

    quantiles = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997)
    step_quantiles = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997)
    lags_s = (0.05, 0.15, 0.45)
    n_bands = 14
    spectrum_s = 12.8

    def __init__(self, frame_rate: float, pooling: str = "both") -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise SimbenchError(f"pooling = '{pooling}'; allowed: {', '.join(POOLINGS)}")
        self.has_quantiles, self.has_power = pooling != "spectrum", pooling != "quantiles"
        self.lags = [max(1, round(lag * frame_rate)) for lag in self.lags_s]
        self.n_window = max(8, 2 * round(self.spectrum_s * frame_rate / 2))
        edges = np.geomspace(1, self.n_window // 2 + 1, self.n_bands + 1).round().astype(int)
        self.edges = np.unique(edges).tolist()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = []
        if self.has_quantiles:
            parts.append(_quantiles(x, self.quantiles))
            lags = (min(lag, x.shape[1] - 1) for lag in self.lags)
            steps = (x[:, lag:] - x[:, :-lag] for lag in lags)
            parts += [_quantiles(step, self.step_quantiles) for step in steps]
        if self.has_power:
            parts.append(self._log_power(x))
        return torch.cat(parts, dim=1)

    def _log_power(self, x: torch.Tensor) -> torch.Tensor:
        """Welch's estimate with windows that overlap by half, (n, n_bands)."""
        size = min(self.n_window, x.shape[1])
        windows = x.unfold(1, size, max(1, size // 2))
        windows = windows - windows.mean(dim=2, keepdim=True)
        taper = torch.hann_window(size, device=x.device)
        spectrum = torch.fft.rfft(windows * taper, n=self.n_window, dim=2)
        power = (spectrum.abs() ** 2).mean(dim=1) * (self.n_window / size)
        pairs = zip(self.edges[:-1], self.edges[1:])
        bands = torch.stack([power[:, low:high].mean(dim=1) for low, high in pairs], dim=1)
        return torch.log(bands + 1e-4)


def _quantiles(x: torch.Tensor, levels: tuple[float, ...]) -> torch.Tensor:
    place = [round(level * (x.shape[1] - 1)) for level in levels]
    return x.sort(dim=1).values[:, place]


class Encoder(nn.Module):
    """q(z | x): dense layers over the statistics of a trace, standardised.

    Takes (n, n_statistics); gives mean and log variance, each (n, n_latents).
    """

    def __init__(self, n_statistics: int, n_latents: int, width: int) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(n_statistics))
        self.register_buffer("spread", torch.ones(n_statistics))
        self.dense = nn.Sequential(
            nn.Linear(n_statistics, width), nn.SiLU(), nn.Linear(width, 2 * n_latents)
        )

    def learn_scale(self, statistics: torch.Tensor) -> None:
        """Take mean and s.d. of statistics (n, n_statistics) as center and spread."""
        self.center = statistics.mean(dim=0)
        spread = statistics.std(dim=0, correction=0)
        self.spread = torch.where(spread > 1e-6, spread, 1.0)

    def scaled(self, statistics: torch.Tensor) -> torch.Tensor:
        """Statistics in standard deviations, at most 6."""
        return ((statistics - self.center) / self.spread).clamp(-6, 6)

    def forward(self, statistics: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.dense(self.scaled(statistics)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)


class Decoder(nn.Module):
    """p(x_t | x_<t, z): the ``reach`` frames before t, modulated by z, give a mixture of Gaussians.

    The reach is short, so that everything slower must come from z.
    """

    def __init__(self, n_latents: int, width: int, reach: int, n_parts: int) -> None:
        super().__init__()
        self.reach = reach
        self.first = nn.Linear(reach, width)
        self.second = nn.Linear(width, width)
        self.mixture = nn.Linear(width, 3 * n_parts)
        self.modulation = nn.Linear(n_latents, 4 * width)

    def forward(self, past: torch.Tensor, z: torch.Tensor) -> Mixture:
        """Distribution of the frame that follows each past.

        Parameters
        ----------
        past : tensor, shape (n, n_targets, reach)
            Frames in the order of time.
        z : tensor, shape (n, n_latents)
            Of each neuron.

        Returns
        -------
        log_weight, mean, log_sd : tensors, shape (n, n_targets, n_parts)
            Of the Gaussians.
        """
        scale1, shift1, scale2, shift2 = self.modulation(z)[:, None].chunk(4, dim=2)
        h = F.leaky_relu(self.first(past) * (1 + scale1) + shift1, 0.1)
        h = F.leaky_relu(self.second(h) * (1 + scale2) + shift2, 0.1)
        log_weight, step, log_sd = self.mixture(h).chunk(3, dim=2)
        return log_weight.log_softmax(dim=2), past[:, :, -1:] + step, log_sd.clamp(-6, 4)

    def predict(self, x: torch.Tensor, z: torch.Tensor) -> Mixture:
        """Distribution of x[:, reach:], each frame given the true frames before it."""
        return self(x.unfold(1, self.reach, 1)[:, :-1], z)


class AVAENetwork(nn.Module):
    """Encoder, decoder, a linear head from z to statistics, and a projection to compare z in."""

    def __init__(
        self, describe: Statistics, n_latents: int, width: int, reach: int, n_parts: int
    ) -> None:
        super().__init__()
        self.describe = describe
        n_statistics = describe(torch.zeros(1, 64)).shape[1]
        self.encoder = Encoder(n_statistics, n_latents, 128)
        self.decoder = Decoder(n_latents, width, reach, n_parts)
        self.head = nn.Linear(n_latents, n_statistics)
        self.projection = nn.Sequential(nn.Linear(n_latents, 64), nn.GELU(), nn.Linear(64, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Posterior mean given a whole trace, (n, n_frames) to (n, n_latents)."""
        return self.encoder(self.describe(x))[0]

    def losses(
        self, seen: torch.Tensor, other: torch.Tensor, frames: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What z, drawn from one window, says about another window of the same neuron.

        Parameters
        ----------
        seen, other : tensors, shape (n, n_statistics)
            Of the two windows.
        frames : tensor, shape (n, n_targets, reach + 1)
            Frames of the other window to predict, each behind its past.

        Returns
        -------
        nll : mean over frames
        kl : of each latent, mean over neurons, shape (n_latents,)
        error : Huber loss of the other window's statistics
        contrast : cross-entropy of finding the other window among those of all n neurons

        Notes
        -----
        In evaluation mode z is the posterior mean.
        """
        mean, log_variance = self.encoder(torch.cat([seen, other]))
        here, there = (draw(mean, log_variance) if self.training else mean).chunk(2)
        kl = kl_divergence(mean, log_variance).mean(0)
        nll = mixture_nll(frames[:, :, -1], self.decoder(frames[:, :, :-1], here)).mean()
        error = F.huber_loss(self.head(here), self.encoder.scaled(other))
        return nll, kl, error, info_nce(self.projection(here), self.projection(there))


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
