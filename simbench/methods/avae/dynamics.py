"""Dynamic latents: a few numbers for every block of a trace, from which it can be given back.

The encoder and the decoder start as principal components of the blocks and are corrected by
networks that also see the blocks around. Only noisy traces are known, so they learn to predict one
recorrupted version of a trace from another. The noise of the two is independent, so what they learn
is the trace without its noise.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from simbench.methods.features import noise_levels
from simbench.methods.learned import Course, Division, draw, in_batches, kl_divergence, train
from simbench.methods.windowed_pca import cut

_WIDTH = 256  # units of the hidden layers, two on each side
_BETA = 0.03  # weight of the KL divergence; 1 for the evidence bound at the level of the noise
_TRAINED = 48  # traces per step
_BLOCK_S = 1.0  # shortest block
_REACH_S = 2.0  # what the networks see beyond a block, at least, on either side
_CROP = 12  # most blocks of a training example
_RECORRUPTION = 0.5
_START_LOG_VARIANCE = -6.0
_BATCH = 64  # traces encoded or decoded at a time


@dataclass(frozen=True)
class BlockLayout:
    """``n_values`` for every ``block`` of frames, seen with ``reach`` blocks on either side."""

    block: int
    n_values: int
    reach: int

    def n_blocks(self, n_frames: int) -> int:
        return -(-n_frames // self.block)


def choose_layout(n_values: int, n_frames: int, frame_rate: float) -> BlockLayout:
    """Short blocks of about a second, or longer ones where a block would get no value.

    Parameters
    ----------
    n_values : int
        Most values that may be spent on a trace, 1 or more.
    n_frames : int
        Of a trace.
    frame_rate : float
        Hz.
    """
    shortest = min(n_frames, max(-(-n_frames // n_values), round(_BLOCK_S * frame_rate), 1))
    blocks = range(shortest, min(2 * shortest, n_frames) + 1)
    counts = [-(-n_frames // block) for block in blocks]
    spent = [count * min(n_values // count, block) for count, block in zip(counts, blocks)]
    best = int(np.argmax(spent))
    reach = -(-round(_REACH_S * frame_rate) // blocks[best])
    return BlockLayout(blocks[best], spent[best] // counts[best], max(reach, 1))


class Dynamics(nn.Module):
    """Variational autoencoder of the blocks of a trace, in dF/F.

    Parameters
    ----------
    layout : BlockLayout
        Of the blocks.
    n_static : int
        Latents of the neuron as a whole, which the decoder is told.
    """

    scale: torch.Tensor

    def __init__(self, layout: BlockLayout, n_static: int = 0) -> None:
        super().__init__()
        block, k, context = layout.block, layout.n_values, 2 * layout.reach + 1
        self.layout = layout
        self.register_buffer("scale", torch.ones(()))
        self.mean = nn.Parameter(torch.zeros(block))
        self.analysis = nn.Parameter(torch.zeros(block, k))
        self.synthesis = nn.Parameter(torch.zeros(k, block))
        self.encoder = _correction(context * block + 1, 2 * k)
        self.decoder = _correction(context * k + n_static, block)

    def start(self, X: np.ndarray) -> None:
        """Become the principal components of the blocks of traces (n_neurons, n_frames)."""
        self.scale.fill_(float(X.std()) or 1.0)
        blocks = cut(X, self.layout.block) / float(self.scale)
        pca = PCA(min(self.layout.n_values, *blocks.shape), svd_solver="full").fit(blocks)
        sd = np.sqrt(pca.explained_variance_).clip(1e-6)[:, None]
        n = len(sd)
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(pca.mean_))
            self.analysis[:, :n] = torch.from_numpy((pca.components_ / sd).T)
            self.synthesis[:n] = torch.from_numpy(pca.components_ * sd)

    def encode(self, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the latents of each block.

        Parameters
        ----------
        x : tensor, shape (n, n_frames)
            dF/F.
        noise : tensor, shape (n,)
            S.d. of the frame noise.

        Returns
        -------
        mean, log_variance : tensors, shape (n, n_blocks, n_values)
        """
        block, reach = self.layout.block, self.layout.reach
        n_blocks = self.layout.n_blocks(x.shape[1])
        frames = torch.arange(-reach * block, (n_blocks + reach) * block, device=x.device)
        x = x[:, _mirrored(frames, x.shape[1])] / self.scale
        level = torch.log(noise / self.scale + 1e-3)[:, None, None].expand(-1, n_blocks, 1)
        seen = torch.cat([x.unfold(1, (2 * reach + 1) * block, block), level], dim=2)
        mean, log_variance = self.encoder(seen).chunk(2, dim=2)
        own = x[:, reach * block : (reach + n_blocks) * block].unflatten(1, (n_blocks, block))
        log_variance = (log_variance + _START_LOG_VARIANCE).clamp(-14, 2)
        return (own - self.mean) @ self.analysis + mean, log_variance

    def decode(self, z: torch.Tensor, static: torch.Tensor) -> torch.Tensor:
        """dF/F (n, n_blocks * block) of latents (n, n_blocks, n_values) and (n, n_static)."""
        reach = self.layout.reach
        around = F.pad(z, (0, 0, reach, reach)).unfold(1, 2 * reach + 1, 1).flatten(2)
        seen = torch.cat([around, static[:, None].expand(-1, z.shape[1], -1)], dim=2)
        return (self.scale * (self.mean + z @ self.synthesis + self.decoder(seen))).flatten(1)

    def loss(
        self, x: torch.Tensor, target: torch.Tensor, noise: torch.Tensor, static: torch.Tensor
    ) -> torch.Tensor:
        """Negative evidence bound per frame, in units of the scale's square, without constants.

        In evaluation mode z is the posterior mean, and only the error counts.
        """
        mean, log_variance = self.encode(x, noise)
        z = draw(mean, log_variance) if self.training else mean
        error = (((self.decode(z, static)[:, : x.shape[1]] - target) / self.scale) ** 2).mean()
        if not self.training:
            return error
        kl = kl_divergence(mean, log_variance).sum(dim=(1, 2))
        variance = (noise / self.scale) ** 2
        return error + 2 * _BETA * (variance * kl).mean() / x.shape[1]

    def learn(
        self, X: np.ndarray, static: np.ndarray, groups: Any, rng: np.random.Generator,
        course: Course,
    ) -> None:  # fmt: skip
        """Start from principal components, then learn from crops of recorrupted traces.

        Parameters
        ----------
        X : ndarray of float32, shape (n_neurons, n_frames)
            dF/F.
        static : ndarray of float32, shape (n_neurons, n_static)
            Latents of the neuron as a whole.
        groups : array_like or None
            Cultures; some stop the training.
        rng : Generator
            Draws examples.
        course : Course
            Without steps the principal components stay.

        References
        ----------
        Pang et al. 2021, CVPR:2043 (recorrupted-to-recorrupted).
        """
        self.start(X)
        if course.n_steps == 0:
            return
        noise = noise_levels(X)
        division = Division(len(X), groups, rng)
        # half of a recording at most, so that no example says when in the recording it was taken
        n_frames = min(-(-X.shape[1] // 2), _CROP * self.layout.block)

        def example(neurons: np.ndarray, length: int) -> list[torch.Tensor]:
            begin = rng.integers(0, X.shape[1] - length + 1, (len(neurons), 1))
            x = X[neurons[:, None], begin + np.arange(length)]
            parts = (*recorrupt(x, noise[neurons], rng), noise[neurons], static[neurons])
            return [torch.from_numpy(part).to(self.mean.device) for part in parts]

        held_out = example(division.stops, X.shape[1])

        def loss(step: int) -> torch.Tensor:
            return self.loss(*example(rng.choice(division.trains, _TRAINED), n_frames))

        train(self, course, loss, [partial(self.loss, *held_out)] if len(division.stops) else [])

    def encode_traces(self, X: np.ndarray) -> np.ndarray:
        """Posterior means of dF/F (n_neurons, n_frames), one block after the other."""

        def encode(x: torch.Tensor) -> torch.Tensor:
            return self.encode(x[:, :-1], x[:, -1])[0].flatten(1)

        X = np.column_stack([X, noise_levels(X)])
        return in_batches(encode, X, _BATCH, self.mean.device)

    def decode_traces(self, Z: np.ndarray, static: np.ndarray) -> np.ndarray:
        """dF/F (n_neurons, n_blocks * block) of dynamic and static latents, one row per neuron."""
        n_static = static.shape[1]

        def decode(z: torch.Tensor) -> torch.Tensor:
            blocks = z[:, n_static:].unflatten(1, (-1, self.layout.n_values))
            return self.decode(blocks, z[:, :n_static])

        return in_batches(decode, np.column_stack([static, Z]), _BATCH, self.mean.device)


def recorrupt(
    x: np.ndarray, noise: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two noisier versions of traces; the noise of one is independent of that of the other.

    Parameters
    ----------
    x : ndarray of float32, shape (n, n_frames)
        dF/F with Gaussian noise; its variance grows with the light, 1 + dF/F.
    noise : ndarray of float32, shape (n,)
        S.d. of the noise at rest.
    rng : Generator
        Draws the noise that is added.

    Returns
    -------
    one, other : ndarray of float32, shape (n, n_frames)
        The first is a little noisier than ``x``, the second much.
    """
    added = rng.standard_normal(x.shape, dtype=np.float32)
    added *= noise[:, None] * np.sqrt(np.maximum(1 + x, 0.5))
    return x + np.float32(_RECORRUPTION) * added, x - added / np.float32(_RECORRUPTION)


def _correction(n_in: int, n_out: int) -> nn.Sequential:
    """Two hidden layers and an output that is zero at first."""
    first, second = nn.Linear(n_in, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
    last = nn.Linear(_WIDTH, n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)


def _mirrored(frames: torch.Tensor, n_frames: int) -> torch.Tensor:
    """Frames within a recording: beyond its ends it runs backwards."""
    there = torch.remainder(frames, max(2 * (n_frames - 1), 1))
    return torch.minimum(there, 2 * (n_frames - 1) - there).clamp(min=0)
