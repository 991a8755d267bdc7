"""An autoregressive variational autoencoder whose latents say what kind of neuron it is."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.nn import functional as F

from simbench.methods import training
from simbench.seeds import stream


class Encoder(nn.Module):
    """q(z | x): convolutions, pooled over time, so that it can't say when a neuron fired.

    Takes (n, n_frames), any number of frames; gives mean and log variance, each (n, n_latents).
    """

    stride = 4

    def __init__(self, n_latents: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, width, 8, stride=2, padding=4, padding_mode="replicate"),
            nn.LeakyReLU(0.1),
            nn.Conv1d(width, width, 6, stride=2, padding=3),
            nn.LeakyReLU(0.1),
            nn.Conv1d(width, 2 * width, 5, padding=6, dilation=3),
            nn.LeakyReLU(0.1),
        )
        self.head = nn.Sequential(
            nn.LayerNorm(4 * width),
            nn.Linear(4 * width, 4 * width),
            nn.SiLU(),
            nn.Linear(4 * width, 2 * n_latents),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.conv(x[:, None])
        pooled = torch.cat([h.mean(-1), (h.var(-1, correction=0) + 1e-6).sqrt()], dim=1)
        mean, log_variance = self.head(pooled).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)


class Decoder(nn.Module):
    """p(x_t | x_<t, z): a short causal convolution, bent by z, into a mixture of Gaussians.

    The reach is short, so that everything slower than ``reach`` frames must come from z.
    """

    def __init__(self, n_latents: int, width: int, reach: int, n_parts: int) -> None:
        super().__init__()
        self.reach = reach
        self.past = nn.Conv1d(1, width, reach)
        self.film = nn.Linear(n_latents, 4 * width)
        self.mix = nn.Conv1d(width, width, 1)
        self.out = nn.Conv1d(width, 3 * n_parts, 1)

    def forward(self, x: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Mixture of x[:, reach:], each frame from the ``reach`` frames before it.

        Returns
        -------
        log_weight, mean, log_sd : tensors, shape (n, n_parts, n_frames - reach)
        """
        scale1, shift1, scale2, shift2 = self.film(z)[:, :, None].chunk(4, dim=1)
        h = F.leaky_relu(self.past(x[:, None, :-1]) * (1 + scale1) + shift1, 0.1)
        h = F.leaky_relu(self.mix(h) * (1 + scale2) + shift2, 0.1)
        weight, step, log_sd = self.out(h).chunk(3, dim=1)
        previous = x[:, None, self.reach - 1 : -1]
        return weight.log_softmax(dim=1), previous + step, log_sd.clamp(-6, 4)


def mixture_nll(target: torch.Tensor, mixture: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Negative log likelihood of each frame, shape of ``target`` (n, n_frames)."""
    log_weight, mean, log_sd = mixture
    z = (target[:, None] - mean) * torch.exp(-log_sd)
    log_p = log_weight - 0.5 * z**2 - log_sd - 0.9189385
    return -torch.logsumexp(log_p, dim=1)


class Network(nn.Module):
    """Encoder and decoder of the AVAE."""

    def __init__(self, n_latents: int, width: int, reach: int, n_parts: int) -> None:
        super().__init__()
        self.encoder = Encoder(n_latents, width)
        self.decoder = Decoder(n_latents, width, reach, n_parts)

    def forward(
        self, seen: torch.Tensor, predicted: torch.Tensor, sample: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean NLL a frame of ``predicted`` given the latent of ``seen``; KL of each latent."""
        mean, log_variance = self.encoder(seen)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) if sample else mean
        nll = mixture_nll(predicted[:, self.decoder.reach :], self.decoder(predicted, z))
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
        return nll.mean(), kl.mean(0)


class AVAE(TransformerMixin, BaseEstimator):
    """Autoregressive variational autoencoder of calcium traces.

    A convolutional encoder, pooled over time, reads one window of a neuron; a causal decoder
    p(x_t | x_<t, z) predicts another window of the same neuron. What both windows share is what
    kind of neuron this is; when it fired is not shared. Early stopping on held-out cultures.

    Parameters
    ----------
    n_components : int
        Latents per neuron.
    frame_rate : float
        Hz.
    random_state : int or None
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    window_s : float
        Length of the windows in seconds; at most half of the recording.
    reach_s : float
        How far back the decoder sees, in seconds.
    width : int
        Channels of the convolutions.
    n_parts : int
        Gaussians in the predictive mixture.
    beta : float
        Weight of the KL divergence against the summed NLL of a window.
    free_bits : float
        KL of each latent that costs nothing, in nats.
    warmup : float
        Share of the steps over which ``beta`` grows from 0.
    n_steps, batch_size : int
    learning_rate : float
    patience : int
        Checks of the held-out loss without improvement before training stops.
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        frame_rate: float = 20.0,
        random_state: int | None = 0,
        device: str = "auto",
        window_s: float = 30.0,
        reach_s: float = 1.0,
        width: int = 32,
        n_parts: int = 4,
        beta: float = 1.0,
        free_bits: float = 0.05,
        warmup: float = 0.2,
        n_steps: int = 800,
        batch_size: int = 48,
        learning_rate: float = 3e-3,
        patience: int = 6,
    ) -> None:
        self.n_components = n_components
        self.frame_rate = frame_rate
        self.random_state = random_state
        self.device = device
        self.window_s = window_s
        self.reach_s = reach_s
        self.width = width
        self.n_parts = n_parts
        self.beta = beta
        self.free_bits = free_bits
        self.warmup = warmup
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames); ``groups`` only choose who stops the training."""
        X = training.check_traces(X)
        self.n_features_in_ = X.shape[1]
        self.scale_ = _noise_level(X)
        device = training.resolve_device(self.device)
        with training.quiet_torch(self.random_state, device):
            self.network_ = self._network().to(device)
            self._train(self._compress(X), groups, device)
        self.network_.eval()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Latents (n_neurons, n_components): the posterior mean given the whole trace."""
        check_is_fitted(self, "network_")
        X = self._compress(training.check_traces(X))
        device = training.resolve_device(self.device)
        network = self.network_.to(device)
        with training.quiet_torch(self.random_state, device):
            return training.in_batches(lambda x: network.encoder(x)[0], X, 64, device)

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file, nothing pickled."""
        check_is_fitted(self, "network_")
        about = {
            "parameters": self.get_params(),
            "scale": self.scale_,
            "n_features_in": self.n_features_in_,
        }
        training.save_weights(path, about, self.network_)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        about, weights = training.read_weights(path)
        method = cls(**about["parameters"])
        method.scale_, method.n_features_in_ = about["scale"], about["n_features_in"]
        method.network_ = method._network()
        method.network_.load_state_dict(weights)
        method.network_.eval()
        return method

    def _network(self) -> Network:
        reach = max(1, round(self.reach_s * self.frame_rate))
        return Network(self.n_components, self.width, reach, self.n_parts)

    def _compress(self, X: np.ndarray) -> np.ndarray:
        """Linear within the noise, logarithmic above; one scale for all neurons."""
        return np.arcsinh(X / np.float32(4 * self.scale_))

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        rng = stream(self.random_state or 0, "avae")
        held = training.held_out(groups, len(X), 0.15, rng)
        length = min(round(self.window_s * self.frame_rate), X.shape[1] // 2)
        checks = [_window_pairs(X[held], np.arange(held.sum()), length, rng) for _ in range(2)]
        best = training.BestWeights(self.network_, self.patience)
        optimizer = torch.optim.AdamW(self.network_.parameters(), self.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=self.n_steps, pct_start=0.1
        )
        neurons = np.flatnonzero(~held)
        for step in range(self.n_steps):
            chosen = rng.choice(neurons, self.batch_size)
            beta = self.beta * min(1, (step + 1) / (self.warmup * self.n_steps))
            loss = self._loss(_window_pairs(X, chosen, length, rng), beta, device, sample=True)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network_.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if (step + 1) % 50 == 0 and held.any():
                with torch.no_grad():
                    losses = [self._loss(c, self.beta, device, sample=False) for c in checks]
                if best.update(float(sum(losses))):
                    break
        if held.any():
            best.restore()

    def _loss(
        self, pair: tuple[np.ndarray, np.ndarray], beta: float, device: torch.device, sample: bool
    ) -> torch.Tensor:
        seen, predicted = (torch.from_numpy(part).to(device) for part in pair)
        nll, kl = self.network_(seen, predicted, sample)
        return nll + beta / seen.shape[1] * kl.clamp(min=self.free_bits).sum()


def _noise_level(X: np.ndarray) -> float:
    """Median over neurons of the robust s.d. of the frame-to-frame noise; 1 if all is constant."""
    if X.shape[1] < 2:
        return 1.0
    steps = np.abs(np.diff(X, axis=1))
    levels = np.median(steps, axis=1) / 0.954
    levels = levels[levels > 0]
    return float(np.median(levels)) if levels.size else 1.0


def _window_pairs(
    X: np.ndarray, neurons: np.ndarray, length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two windows that do not overlap, in random order, of each of the neurons."""
    free = X.shape[1] - 2 * length
    gaps = np.sort(rng.integers(0, free + 1, (len(neurons), 2)), axis=1)
    starts = gaps + np.array([0, length])
    starts = rng.permuted(starts, axis=1)
    frames = starts[:, :, None] + np.arange(length)
    windows = X[neurons[:, None, None], frames]
    return np.ascontiguousarray(windows[:, 0]), np.ascontiguousarray(windows[:, 1])
