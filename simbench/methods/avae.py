"""An autoregressive variational autoencoder whose latents say what kind of neuron it is."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from simbench.errors import SimbenchError
from simbench.methods import training
from simbench.methods.avae_network import AVAENetwork
from simbench.methods.windows import Pairs, Windows
from simbench.seeds import stream

_CHECK_EVERY = 50  # steps between looks at the held-out cultures
_N_CHECKS = 4  # fixed draws of the held-out neurons at each look
_MIN_FRAMES = 32


class AVAE(TransformerMixin, BaseEstimator):
    """Autoregressive variational autoencoder of calcium traces.

    A convolutional encoder, pooled over time, reads one window of a neuron; its latent z drives a
    causal decoder p(x_t | x_<t, z) that predicts frames elsewhere in the recording of the same
    neuron, and a linear head that predicts the summary of segments outside the window. What all
    windows share is what kind of neuron this is; when it fired is not shared.

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
        Length of a window in seconds; at most half of the recording.
    reach_s : float
        How far back the decoder sees, in seconds.
    n_targets : int
        Frames predicted for each window.
    width : int
        Channels of the convolutions.
    n_parts : int
        Gaussians in the predictive mixture.
    beta : float
        Weight of the KL divergence; 1 for the evidence bound of the whole recording.
    free_bits : float
        KL of each latent that costs nothing, in nats.
    warmup : float
        Share of the steps over which ``beta`` grows from 0.
    summary_weight : float
        Weight of the summary's Huber loss against the NLL of a frame; 0 leaves it out.
    n_steps : int
        0 leaves the network untrained.
    batch_size : int
    learning_rate : float
        Highest rate of a one-cycle schedule.
    patience : int
        Looks at the held-out loss without improvement before training stops.

    Attributes
    ----------
    network_ : AVAENetwork
    noise_ : float
        Typical s.d. of the frame noise in dF/F: the one scale of all traces.

    References
    ----------
    Abante et al. 2025, arXiv 2501.14615, for the idea; the network is simbench's.
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        frame_rate: float = 20.0,
        random_state: int | None = 0,
        device: str = "auto",
        window_s: float = 45.0,
        reach_s: float = 1.5,
        n_targets: int = 192,
        width: int = 48,
        n_parts: int = 4,
        beta: float = 1.0,
        free_bits: float = 0.05,
        warmup: float = 0.2,
        summary_weight: float = 2.0,
        n_steps: int = 900,
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
        self.n_targets = n_targets
        self.width = width
        self.n_parts = n_parts
        self.beta = beta
        self.free_bits = free_bits
        self.warmup = warmup
        self.summary_weight = summary_weight
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames); ``groups`` only choose who stops the training.

        Raises
        ------
        SimbenchError
            If the traces are too short or not finite.
        """
        X = training.check_traces(X)
        if X.shape[1] < _MIN_FRAMES:
            raise SimbenchError(f"avae: {X.shape[1]} frames; training needs {_MIN_FRAMES} or more")
        self.n_features_in_ = X.shape[1]
        self.noise_ = _noise_level(X)
        device = training.resolve_device(self.device)
        windows = self._windows(self._compress(X))
        self._n_summaries = windows.summaries.shape[2]
        with training.quiet_torch(self.random_state, device):
            self.network_ = self._network().to(device)
            self._train(windows, groups, device)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Posterior mean given the whole trace, shape (n_neurons, n_components)."""
        check_is_fitted(self, "network_")
        X = self._compress(training.check_traces(X))
        device = training.resolve_device(self.device)
        network = self.network_.to(device).eval()
        with training.quiet_torch(self.random_state, device):
            return training.in_batches(lambda x: network.encoder(x)[0], X, 64, device)

    @property
    def n_parameters_(self) -> int:
        """Trained numbers."""
        return sum(weights.numel() for weights in self.network_.parameters())

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file, nothing pickled."""
        check_is_fitted(self, "network_")
        about = {
            "parameters": self.get_params(),
            "noise": self.noise_,
            "n_frames": self.n_features_in_,
            "n_summaries": self._n_summaries,
        }
        training.save_weights(path, about, self.network_)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        about, weights = training.read_weights(path)
        method = cls(**about["parameters"])
        method.noise_, method.n_features_in_ = about["noise"], about["n_frames"]
        method._n_summaries = about["n_summaries"]
        method.network_ = method._network()
        method.network_.load_state_dict(weights)
        return method

    def _shape(self) -> tuple[int, int]:
        """Frames of a window and of the decoder's reach; both shrink for short recordings."""
        n_frames = self.n_features_in_
        length = max(1, min(round(self.window_s * self.frame_rate), n_frames // 2))
        reach = max(1, min(round(self.reach_s * self.frame_rate), (n_frames - length) // 4))
        return length, reach

    def _windows(self, X: np.ndarray) -> Windows:
        return Windows(X, *self._shape(), self.n_targets)

    def _network(self) -> AVAENetwork:
        reach = self._shape()[1]
        return AVAENetwork(self.n_components, self.width, reach, self.n_parts, self._n_summaries)

    def _compress(self, X: np.ndarray) -> np.ndarray:
        """Linear within the noise, logarithmic above; one scale for all neurons."""
        return np.arcsinh(X / np.float32(4 * self.noise_))

    def _train(self, windows: Windows, groups: Any, device: torch.device) -> None:
        if self.n_steps == 0:
            return
        rng = stream(self.random_state or 0, "avae")
        held = training.held_out(groups, len(windows.X), 0.15, rng)
        seen = np.flatnonzero(~held)
        checks = [
            windows.draw(np.flatnonzero(held), rng) for _ in range(_N_CHECKS if held.any() else 0)
        ]
        best = training.BestWeights(self.network_, self.patience)
        optimizer = torch.optim.AdamW(self.network_.parameters(), self.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=self.n_steps + 1, pct_start=0.15
        )
        for step in range(1, self.n_steps + 1):
            pairs = windows.draw(rng.choice(seen, self.batch_size), rng)
            beta = self.beta * min(1.0, step / max(1.0, self.warmup * self.n_steps))
            optimizer.zero_grad()
            self._loss(pairs, beta, device).backward()
            nn.utils.clip_grad_norm_(self.network_.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            look = checks and (step % _CHECK_EVERY == 0 or step == self.n_steps)
            if look and best.update(self._held_out_loss(checks, device)):
                break
        if checks:
            best.restore()

    def _held_out_loss(self, checks: list[Pairs], device: torch.device) -> float:
        self.network_.eval()
        with torch.no_grad():
            loss = sum(float(self._loss(pairs, self.beta, device)) for pairs in checks)
        self.network_.train()
        return loss / len(checks)

    def _loss(self, pairs: Pairs, beta: float, device: torch.device) -> torch.Tensor:
        parts = (pairs.window, pairs.frames, pairs.summary)
        nll, kl, error = self.network_(*(torch.from_numpy(part).to(device) for part in parts))
        kl = kl.clamp(min=self.free_bits).sum() / self.n_features_in_
        return nll + beta * kl + self.summary_weight * error


def _noise_level(X: np.ndarray) -> float:
    """Median over neurons of the robust s.d. of frame-to-frame steps; 1 if nothing moves."""
    levels = np.median(np.abs(np.diff(X, axis=1)), axis=1) / 0.954
    levels = levels[levels > 0]
    return float(np.median(levels)) if levels.size else 1.0
