"""Latents that are the same for two segments of one neuron, and differ between neurons."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from simbench.core.errors import SimbenchError
from simbench.methods.learned import Course, Division, LearnedTransformer, train

_N_CHECKS = 4  # fixed draws of each held-out culture
_TEMPERATURE = 0.2  # of the softmax over cosine similarities


class PooledEncoder(nn.Module):
    """Convolutions over time, then mean and standard deviation of each channel.

    Takes (n, n_frames) or (n, n_channels, n_frames), any number of frames; gives (n, n_outputs).
    """

    def __init__(
        self, n_outputs: int, width: int, dropout: float = 0.0, n_channels: int = 1
    ) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(n_channels, width, 9, stride=2, padding=4, padding_mode="replicate"),
            nn.GELU(),
            nn.Conv1d(width, 2 * width, 5, stride=2, padding=2), nn.GELU(),
            nn.Conv1d(2 * width, 2 * width, 5, stride=2, padding=2), nn.GELU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.LayerNorm(4 * width), nn.Dropout(dropout), nn.Linear(4 * width, 2 * width), nn.GELU()
        )
        self.last = nn.Linear(2 * width, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.convolutions(x if x.ndim == 3 else x[:, None])
        pooled = torch.cat([h.mean(-1), (h.var(-1, correction=0) + 1e-6).sqrt()], dim=1)
        return self.last(self.head(pooled))


def info_nce(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of telling the partner of each row among all rows (van den Oord et al. 2018).

    Parameters
    ----------
    first, second : tensors, shape (n, n_components)
        Row i of both is the same neuron.
    """
    similarity = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / _TEMPERATURE
    partner = torch.arange(len(first), device=first.device)
    return 0.5 * (F.cross_entropy(similarity, partner) + F.cross_entropy(similarity.T, partner))


def vicreg(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Invariance, variance and covariance terms of VICReg, weighted 25 : 25 : 1.

    Bardes, Ponce & LeCun 2022, ICLR. Arguments as in `info_nce`.
    """
    spread, overlap = torch.zeros(2, device=first.device)
    for z in (first, second):
        centred = z - z.mean(0)
        sd = (centred.pow(2).mean(0) + 1e-4).sqrt()
        spread = spread + F.relu(1 - sd).mean() / 2
        covariance = centred.T @ centred / max(1, len(z) - 1)
        overlap = overlap + (covariance - covariance.diag().diag()).pow(2).sum() / z.shape[1]
    return 25 * F.mse_loss(first, second) + 25 * spread + overlap


LOSSES = {"infonce": info_nce, "vicreg": vicreg}


class _Siamese(nn.Module):
    """Encoder, and the projection in which two segments are compared."""

    def __init__(self, n_latents: int, width: int, n_projected: int) -> None:
        super().__init__()
        self.encoder = PooledEncoder(n_latents, width)
        self.projection = nn.Sequential(
            nn.Linear(n_latents, n_projected), nn.GELU(), nn.Linear(n_projected, n_projected)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection(self.encoder(x))


@dataclass(kw_only=True, repr=False, eq=False)
class SegmentContrastive(LearnedTransformer):
    """Contrast between segments of one neuron and of others, as NeurPIR and NuCLR do.

    After NeurPIR (ICLR 2025; VICReg between two segments of a neuron) and NuCLR (NeurIPS 2025;
    InfoNCE), written from the papers. The encoder is pooled over time. All neurons of a step come
    from one culture, where cultures are known, so that recognising the culture does not help.

    Parameters
    ----------
    n_components, random_state, device
        As in `LearnedTransformer`.
    frame_rate
        Hz.
    loss
        ``infonce`` or ``vicreg``.
    window_s
        Length of a segment in seconds; at most half of the recording.
    gain_sd
        S.d. of the logarithm of the random gain of each segment; without gains, brightness alone
        would tell neurons apart.
    width
        Channels of the first convolution.
    n_projected
        Dimensions in which segments are compared.
    n_steps
        Gradient steps at most.
    batch_size
        Neurons per step.
    learning_rate
        Highest rate of a one-cycle schedule.
    patience
        Checks of the held-out loss without improvement before training stops.
    """

    frame_rate: float = 20.0
    loss: str = "infonce"
    window_s: float = 30.0
    gain_sd: float = 0.2
    width: int = 16
    n_projected: int = 64
    n_steps: int = 600
    batch_size: int = 64
    learning_rate: float = 3e-3
    patience: int = 8

    seed_name = "SegmentContrastive"
    any_length = True

    def _network(self) -> _Siamese:
        return _Siamese(self.n_components, self.width, self.n_projected)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.encoder(x)

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        if self.loss not in LOSSES:
            raise SimbenchError(f"loss = '{self.loss}'; allowed: {', '.join(LOSSES)}")
        contrast = LOSSES[self.loss]
        rng = self._rng("training")
        division = Division(len(X), groups, rng)

        def pair(neurons: np.ndarray) -> list[torch.Tensor]:
            return [torch.from_numpy(x).to(device) for x in self._segments(X[neurons], rng)]

        def loss(segments: list[torch.Tensor]) -> torch.Tensor:
            return contrast(*map(self.network_, segments))

        def step_loss(step: int) -> torch.Tensor:
            return loss(pair(division.draw(self.batch_size, rng)))

        held = division.stopping_groups()
        checks = [partial(loss, pair(group)) for group in held for _ in range(_N_CHECKS)]
        course = Course(self.n_steps, self.learning_rate, self.patience)
        train(self.network_, course, step_loss, checks)

    def _segments(self, X: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Two segments of each trace that don't overlap, each with a gain of its own."""
        half = X.shape[1] // 2
        length = max(1, min(round(self.window_s * self.frame_rate), half))
        starts = rng.integers(0, X.shape[1] - 2 * length + 1, len(X)) if half else np.zeros(len(X))
        gap = rng.integers(0, X.shape[1] - 2 * length - starts + 1) if half else 0
        segments = []
        for start in (starts, starts + length + gap):
            frames = (start[:, None] + np.arange(length)).astype(int) % X.shape[1]
            gain = np.exp(self.gain_sd * rng.standard_normal((len(X), 1))).astype(np.float32)
            segments.append(np.take_along_axis(X, frames, axis=1) * gain)
        return segments
