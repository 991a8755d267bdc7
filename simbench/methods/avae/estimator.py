"""The AVAE: an autoregressive variational autoencoder whose latents say what a neuron is like."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from simbench.core.errors import SimbenchError
from simbench.methods.avae.encoder_decoder import AVAENetwork, Statistics
from simbench.methods.avae.reconstructing import Reconstructing
from simbench.methods.avae.windows import Pairs, Windows
from simbench.methods.learned import Course, Division, in_batches, train

_N_CHECKS = 4  # fixed draws of each held-out culture


@dataclass(kw_only=True, repr=False, eq=False)
class AVAE(Reconstructing):
    """Autoregressive variational autoencoder of calcium traces.

    The encoder reads the statistics of one window of a neuron (quantiles of frames and steps,
    power in bands), which do not say when the neuron fired. Its latent z drives a causal decoder
    p(x_t | x_<t, z) of another window of the same neuron. It also predicts that window's
    statistics, and tells it from the windows of other neurons of the same culture. So z holds what
    all windows of a neuron share.

    Parameters
    ----------
    n_components, random_state, device
        As in `LearnedTransformer`.
    frame_rate
        Hz.
    window_s
        Length of a window in seconds; at most 3/8 of the recording.
    pooling
        Statistics that the encoder reads: ``both``, ``quantiles`` or ``spectrum``.
    gain_sd
        S.d. of the logarithm of a random gain of each window.
    reach_s
        How far back the decoder sees, in seconds.
    n_targets
        Frames predicted for each window.
    width
        Channels of the decoder.
    n_parts
        Gaussians in the predictive mixture.
    beta
        Weight of the KL divergence; 1 for the evidence bound of the whole recording.
    free_bits
        KL of each latent that costs nothing, in nats.
    warmup
        Share of the steps over which ``beta`` grows from 0.
    nll_weight
        Weight of the NLL of a frame.
    statistics_weight
        Weight of the Huber loss of the other window's statistics.
    contrast_weight
        Weight of the cross-entropy of finding the other window among those of other neurons.
    n_steps
        Gradient steps at most; 0 leaves the network untrained.
    batch_size
        Neurons per step, all of one culture.
    learning_rate
        Highest rate of a one-cycle schedule.
    patience
        Checks of the held-out loss without improvement before training stops.
    latents_per_minute
        Latent values that may be spent on one neuron for one minute. If given, a sequence of
        dynamic latents follows the latents of the neuron, and `inverse_transform` gives traces
        back; where ``n_components`` is more than a twentieth of the budget, the sequence is all.
    n_dynamic_steps
        Training steps of the dynamic latents; 0 leaves them at the principal components.

    References
    ----------
    Abante et al. 2025, arXiv 2501.14615, for the idea; the network is simbench's. The contrast is
    InfoNCE (van den Oord et al. 2018, arXiv 1807.03748).
    """

    window_s: float = 45.0
    pooling: str = "both"
    gain_sd: float = 0.0
    reach_s: float = 1.5
    n_targets: int = 48
    width: int = 48
    n_parts: int = 4
    beta: float = 1.0
    free_bits: float = 0.05
    warmup: float = 0.2
    nll_weight: float = 1.0
    statistics_weight: float = 1.0
    contrast_weight: float = 0.3
    n_steps: int = 3000
    batch_size: int = 96

    seed_name = "AVAE"
    any_length = True
    min_frames: ClassVar[int] = 32

    def _network(self) -> AVAENetwork:
        if self.n_features_in_ < self.min_frames:
            raise SimbenchError(
                f"avae: {self.n_features_in_} frames; training needs {self.min_frames} or more"
            )
        length = int(min(self.window_s * self.frame_rate, self.n_features_in_ / 4))
        reach = max(1, min(round(self.reach_s * self.frame_rate), length // 2))
        describe = Statistics(self.frame_rate, self.pooling)
        network = AVAENetwork(describe, self.n_components, self.width, reach, self.n_parts)
        self._add_dynamics(network)
        return network

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        network, rng = self.network_, self._rng("training")

        def describe(x: np.ndarray) -> np.ndarray:
            gain = np.exp(self.gain_sd * rng.standard_normal((len(x), 1)))
            x = np.arcsinh(np.sinh(x) * gain.astype(np.float32)) if self.gain_sd else x
            return in_batches(network.describe, x, 256, device)

        length = round(self.window_s * self.frame_rate)
        windows = Windows(X, describe, length, network.decoder.reach, self.n_targets)
        division = Division(len(X), groups, rng)
        seen = torch.from_numpy(windows.statistics[division.trains]).flatten(0, 1)
        network.encoder.learn_scale(seen.to(device))
        if self.n_steps == 0:
            return
        held = division.stopping_groups()
        checks = [
            partial(self._loss, windows.draw(neurons, rng), self.beta, device)
            for neurons in held
            for _ in range(_N_CHECKS)
        ]

        def loss(step: int) -> torch.Tensor:
            pairs = windows.draw(division.draw(self.batch_size, rng), rng)
            beta = self.beta * min(1.0, (step + 1) / max(1.0, self.warmup * self.n_steps))
            return self._loss(pairs, beta, device)

        train(network, Course(self.n_steps, self.learning_rate, self.patience), loss, checks)

    def _loss(self, pairs: Pairs, beta: float, device: torch.device) -> torch.Tensor:
        parts = (torch.from_numpy(part).to(device) for part in pairs)
        nll, kl, error, contrast = self.network_.losses(*parts)
        kl = kl.clamp(min=self.free_bits).sum() / self.n_features_in_
        weighted = self.nll_weight * nll + self.statistics_weight * error
        return weighted + self.contrast_weight * contrast + beta * kl
