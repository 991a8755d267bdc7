"""Latents that are the same for two segments of one neuron, and differ between neurons."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from simbench.methods.features import compress, noise_level
from simbench.methods.learned import Course, LearnedTransformer, divide, of_one_group, train

N_CHECKS = 4


class PooledEncoder(nn.Module):
    """Convolutions over time, then mean and standard deviation of each channel.

    Takes (n, n_frames), any number of frames; gives (n, n_outputs). ``features`` are what it
    holds before the last layer, (n, n_features).
    """

    def __init__(self, n_outputs: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(1, width, 9, stride=2, padding=4, padding_mode="replicate"),
            nn.GELU(),
            nn.Conv1d(width, 2 * width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(2 * width, 2 * width, 5, stride=2, padding=2),
            nn.GELU(),
        )
        self.head = nn.Sequential(
            nn.LayerNorm(4 * width), nn.Dropout(dropout), nn.Linear(4 * width, 2 * width), nn.GELU()
        )
        self.last = nn.Linear(2 * width, n_outputs)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        h = self.convolutions(x[:, None])
        pooled = torch.cat([h.mean(-1), (h.var(-1, correction=0) + 1e-6).sqrt()], dim=1)
        return self.head(pooled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.features(x))


def info_nce(first: torch.Tensor, second: torch.Tensor, temperature: float = 0.2) -> torch.Tensor:
    """Cross-entropy of telling the partner of each row among all rows (van den Oord et al. 2018).

    Parameters
    ----------
    first, second : tensors, shape (n, n_components)
        Row i of both is the same neuron.
    temperature : float
        Of the softmax over cosine similarities.
    """
    similarity = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / temperature
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


class SegmentContrastive(LearnedTransformer):
    """Contrast between segments of one neuron and of others, as NeurPIR and NuCLR do.

    After NeurPIR (ICLR 2025; VICReg between two segments of a neuron) and NuCLR (NeurIPS 2025;
    InfoNCE), written from the papers. The encoder is pooled over time. All neurons of a step come
    from one culture, where cultures are known, so that recognising the culture does not help.

    Parameters
    ----------
    n_components : int
        Latents per neuron.
    frame_rate : float
        Hz.
    random_state : int or None
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    loss : {"infonce", "vicreg"}
    window_s : float
        Length of a segment in seconds; at most half of the recording.
    gain_sd : float
        S.d. of the logarithm of the random gain of each segment: brightness is not identity.
    width, n_projected : int
        Channels of the first convolution; dimensions in which segments are compared.
    n_steps, batch_size : int
        Gradient steps at most, and neurons a step.
    learning_rate : float
    patience : int
        Checks of the held-out loss without improvement before training stops.
    """

    seed_name = "SegmentContrastive"
    any_length = True

    def __init__(
        self,
        n_components: int = 8,
        *,
        frame_rate: float = 20.0,
        random_state: int | None = 0,
        device: str = "auto",
        loss: str = "infonce",
        window_s: float = 30.0,
        gain_sd: float = 0.2,
        width: int = 16,
        n_projected: int = 64,
        n_steps: int = 600,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        patience: int = 8,
    ) -> None:
        self.n_components = n_components
        self.frame_rate = frame_rate
        self.random_state = random_state
        self.device = device
        self.loss = loss
        self.window_s = window_s
        self.gain_sd = gain_sd
        self.width = width
        self.n_projected = n_projected
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        return {"noise": noise_level(X)}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return compress(X, self.scaling_["noise"])

    def _network(self) -> _Siamese:
        return _Siamese(self.n_components, self.width, self.n_projected)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_.encoder(x)

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        contrast = LOSSES[self.loss]
        rng = self._rng("training")
        trains, stops = divide(X, groups, rng)
        groups = np.zeros(len(X), dtype=int) if groups is None else np.asarray(groups)

        def pair(neurons: np.ndarray) -> list[torch.Tensor]:
            return [torch.from_numpy(x).to(device) for x in self._segments(X[neurons], rng)]

        def loss(step: int) -> torch.Tensor:
            here = of_one_group(trains, groups, rng)
            chosen = rng.permutation(here)[: self.batch_size]
            return contrast(*map(self.network_, pair(chosen)))

        names = np.unique(groups[stops])
        checks = [pair(stops[groups[stops] == name]) for name in names for _ in range(N_CHECKS)]

        def check() -> float:
            return float(np.mean([float(contrast(*map(self.network_, c))) for c in checks]))

        course = Course(self.n_steps, self.learning_rate, self.patience)
        train(self.network_, course, loss, check if checks else None)

    def _segments(self, X: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two segments of each trace that don't overlap, each with a gain of its own."""
        half = X.shape[1] // 2
        length = max(1, min(round(self.window_s * self.frame_rate), half))
        starts = rng.integers(0, X.shape[1] - 2 * length + 1, len(X)) if half else np.zeros(len(X))
        gap = rng.integers(0, X.shape[1] - 2 * length - starts + 1) if half else 0
        frames = np.arange(length)
        pair = [
            np.take_along_axis(X, (start[:, None] + frames).astype(int) % X.shape[1], axis=1)
            for start in (starts, starts + length + gap)
        ]
        first, second = (
            x * np.exp(self.gain_sd * rng.standard_normal((len(X), 1))).astype(np.float32)
            for x in pair
        )
        return first, second
