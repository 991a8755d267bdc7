"""The network of the AVAE: an encoder pooled over time, a causal decoder driven by its latent."""

import torch
from torch import nn
from torch.nn import functional as F

_LOG_SQRT_2PI = 0.9189385


class Encoder(nn.Module):
    """q(z | x): convolutions pooled over time, so that z can't say when a neuron fired.

    Takes (n, n_frames), any number of frames; gives mean and log variance, each (n, n_latents).
    """

    patch, stride = 16, 4

    def __init__(self, n_latents: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(self.patch, width)
        self.second = nn.Conv1d(width, 2 * width, 5, padding=2)
        self.head = nn.Sequential(
            nn.BatchNorm1d(4 * width),
            nn.Linear(4 * width, 128),
            nn.SiLU(),
            nn.Linear(128, 2 * n_latents),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        padding = (self.patch // 2, self.patch // 2)
        patches = F.pad(x[:, None], padding, mode="replicate")[:, 0].unfold(
            1, self.patch, self.stride
        )
        h = F.leaky_relu(self.first(patches), 0.1).transpose(1, 2)
        h = F.leaky_relu(self.second(h), 0.1)
        mean = h.mean(-1)
        variance = ((h**2).mean(-1) - mean**2).clamp(min=0)
        pooled = torch.cat([mean, 0.5 * (variance + 1e-4).log()], dim=1)
        mean, log_variance = self.head(pooled).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)


class Decoder(nn.Module):
    """p(x_t | x_<t, z): the ``reach`` frames before t, bent by z, give a mixture of Gaussians.

    The reach is short, so that everything slower must come from z.
    """

    def __init__(self, n_latents: int, width: int, reach: int, n_parts: int) -> None:
        super().__init__()
        self.reach = reach
        self.first = nn.Linear(reach, width)
        self.second = nn.Linear(width, width)
        self.mixture = nn.Linear(width, 3 * n_parts)
        self.modulation = nn.Linear(n_latents, 4 * width)

    def forward(self, past: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Distribution of the frame that follows each past.

        Parameters
        ----------
        past : tensor, shape (n, n_targets, reach)
        z : tensor, shape (n, n_latents)

        Returns
        -------
        log_weight, mean, log_sd : tensors, shape (n, n_targets, n_parts)
        """
        scale1, shift1, scale2, shift2 = self.modulation(z)[:, None].chunk(4, dim=2)
        h = F.leaky_relu(self.first(past) * (1 + scale1) + shift1, 0.1)
        h = F.leaky_relu(self.second(h) * (1 + scale2) + shift2, 0.1)
        log_weight, step, log_sd = self.mixture(h).chunk(3, dim=2)
        return log_weight.log_softmax(dim=2), past[:, :, -1:] + step, log_sd.clamp(-6, 4)

    def predict(self, x: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Distribution of x[:, reach:], each frame given the true frames before it."""
        return self(x.unfold(1, self.reach, 1)[:, :-1], z)


def mixture_nll(target: torch.Tensor, mixture: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Negative log likelihood of each target, in the shape of ``target`` (n, n_targets)."""
    log_weight, mean, log_sd = mixture
    error = (target[:, :, None] - mean) * torch.exp(-log_sd)
    return -torch.logsumexp(log_weight - 0.5 * error**2 - log_sd - _LOG_SQRT_2PI, dim=2)


class AVAENetwork(nn.Module):
    """Encoder, decoder, and a linear head from z to the summary of unseen segments."""

    def __init__(
        self, n_latents: int, width: int, reach: int, n_parts: int, n_summaries: int
    ) -> None:
        super().__init__()
        self.encoder = Encoder(n_latents, width)
        self.decoder = Decoder(n_latents, width, reach, n_parts)
        self.summary = nn.Linear(n_latents, n_summaries)

    def forward(
        self, window: torch.Tensor, frames: torch.Tensor, summary: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Losses of what z, drawn from a window, says about the rest of the recording.

        Parameters
        ----------
        window : tensor, shape (n, n_frames)
        frames : tensor, shape (n, n_targets, reach + 1)
            Frames to predict, each behind its past.
        summary : tensor, shape (n, n_summaries)

        Returns
        -------
        nll : mean over frames
        kl : of each latent, mean over neurons, shape (n_latents,)
        error : Huber loss of the summary

        Notes
        -----
        In evaluation mode z is the posterior mean.
        """
        mean, log_variance = self.encoder(window)
        z = mean
        if self.training:
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        nll = mixture_nll(frames[:, :, -1], self.decoder(frames[:, :, :-1], z)).mean()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(0)
        return nll, kl, F.huber_loss(self.summary(z), summary)
