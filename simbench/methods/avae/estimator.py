"""An autoregressive variational autoencoder whose latents say what kind of neuron it is."""

from typing import Any, Self

import numpy as np
import torch

from simbench.core.errors import SimbenchError
from simbench.methods.avae.encoder_decoder import AVAENetwork, Statistics
from simbench.methods.avae.reconstructing import Reconstructing
from simbench.methods.avae.windows import Pairs, Windows
from simbench.methods.features import compress, noise_level
from simbench.methods.learned import Course, divide, of_one_group, train
from simbench.methods.training import in_batches

_N_CHECKS = 4  # fixed draws of each held-out culture at each look
_MIN_FRAMES = 32


class AVAE(Reconstructing):
    """Autoregressive variational autoencoder of calcium traces.

    The encoder reads the statistics of one window of a neuron (quantiles of frames and steps,
    power in bands), which do not hold when the neuron fired. Its latent z drives a causal decoder
    p(x_t | x_<t, z) of another window of the same neuron, and it has to foretell that window's
    statistics and to tell it from the windows of other neurons of the same culture. What windows
    of a neuron share is what kind of neuron it is.

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
        Length of a window in seconds; at most 3/8 of the recording.
    pooling : {"both", "quantiles", "spectrum"}
        Statistics that the encoder reads.
    gain_sd : float
        S.d. of the logarithm of a random gain of each window.
    reach_s : float
        How far back the decoder sees, in seconds.
    n_targets : int
        Frames predicted for each window.
    width : int
        Channels of the decoder.
    n_parts : int
        Gaussians in the predictive mixture.
    beta : float
        Weight of the KL divergence; 1 for the evidence bound of the whole recording.
    free_bits : float
        KL of each latent that costs nothing, in nats.
    warmup : float
        Share of the steps over which ``beta`` grows from 0.
    nll_weight : float
        Weight of the NLL of a frame.
    statistics_weight : float
        Weight of the Huber loss of the other window's statistics.
    contrast_weight : float
        Weight of the cross-entropy of finding the other window among those of other neurons.
    n_steps : int
        0 leaves the network untrained.
    batch_size : int
        Neurons a step, all of one culture.
    learning_rate : float
        Highest rate of a one-cycle schedule.
    patience : int
        Looks at the held-out loss without improvement before training stops.
    latents_per_minute : float or None
        Latent values that may be spent on one neuron for one minute. If given, a sequence of
        dynamic latents follows the latents of the neuron, and `inverse_transform` gives traces
        back; where ``n_components`` is more than a twentieth of the budget, the sequence is all.
    n_dynamic_steps : int
        Training steps of the dynamic latents; 0 leaves them at the principal components.

    Attributes
    ----------
    network_ : AVAENetwork
    scaling_ : dict
        ``noise``: typical s.d. of the frame noise in dF/F, the one scale of all traces.

    References
    ----------
    Abante et al. 2025, arXiv 2501.14615, for the idea; the network is simbench's. The contrast is
    InfoNCE (van den Oord et al. 2018, arXiv 1807.03748).
    """

    seed_name = "AVAE"
    any_length = True

    def __init__(
        self,
        n_components: int = 8,
        *,
        frame_rate: float = 20.0,
        random_state: int | None = 0,
        device: str = "auto",
        window_s: float = 45.0,
        pooling: str = "both",
        gain_sd: float = 0.0,
        reach_s: float = 1.5,
        n_targets: int = 48,
        width: int = 48,
        n_parts: int = 4,
        beta: float = 1.0,
        free_bits: float = 0.05,
        warmup: float = 0.2,
        nll_weight: float = 1.0,
        statistics_weight: float = 1.0,
        contrast_weight: float = 0.3,
        n_steps: int = 3000,
        batch_size: int = 96,
        learning_rate: float = 3e-3,
        patience: int = 30,
        latents_per_minute: float | None = None,
        n_dynamic_steps: int = 1500,
    ) -> None:
        self.n_components = n_components
        self.frame_rate = frame_rate
        self.random_state = random_state
        self.device = device
        self.window_s = window_s
        self.pooling = pooling
        self.gain_sd = gain_sd
        self.reach_s = reach_s
        self.n_targets = n_targets
        self.width = width
        self.n_parts = n_parts
        self.beta = beta
        self.free_bits = free_bits
        self.warmup = warmup
        self.nll_weight = nll_weight
        self.statistics_weight = statistics_weight
        self.contrast_weight = contrast_weight
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.latents_per_minute = latents_per_minute
        self.n_dynamic_steps = n_dynamic_steps

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames).

        ``groups`` (cultures) choose who stops the training and whose windows are told apart.

        Raises
        ------
        SimbenchError
            If the traces are too short.
        """
        n_frames = np.shape(X)[1] if np.ndim(X) == 2 else _MIN_FRAMES
        if n_frames < _MIN_FRAMES:
            raise SimbenchError(f"avae: {n_frames} frames; training needs {_MIN_FRAMES} or more")
        return super().fit(X, y, groups)

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        return {"noise": noise_level(X)}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return compress(X, self.scaling_["noise"])

    def _network(self) -> AVAENetwork:
        length = int(min(self.window_s * self.frame_rate, self.n_features_in_ / 4))
        reach = max(1, min(round(self.reach_s * self.frame_rate), length // 2))
        describe = Statistics(self.frame_rate, self.pooling)
        network = AVAENetwork(describe, self.n_components, self.width, reach, self.n_parts)
        self.add_dynamics(network)
        return network

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_(x)

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        network, rng = self.network_, self._rng("training")

        def describe(x: np.ndarray) -> np.ndarray:
            gain = np.exp(self.gain_sd * rng.standard_normal((len(x), 1)))
            x = np.arcsinh(np.sinh(x) * gain.astype(np.float32)) if self.gain_sd else x
            return in_batches(network.describe, x, 256, device)

        windows = Windows(
            X,
            describe,
            round(self.window_s * self.frame_rate),
            network.decoder.reach,
            self.n_targets,
        )
        trains, stops = divide(X, groups, rng)
        groups = np.zeros(len(X), dtype=int) if groups is None else np.asarray(groups)
        seen = torch.from_numpy(windows.statistics[trains]).flatten(0, 1)
        network.encoder.learn_scale(seen.to(device))
        if self.n_steps == 0:
            return
        held = [stops[groups[stops] == name] for name in np.unique(groups[stops])]
        checks = [windows.draw(neurons, rng) for neurons in held for _ in range(_N_CHECKS)]

        def loss(step: int) -> torch.Tensor:
            neurons = rng.permutation(of_one_group(trains, groups, rng))[: self.batch_size]
            beta = self.beta * min(1.0, (step + 1) / max(1.0, self.warmup * self.n_steps))
            return self._loss(windows.draw(neurons, rng), beta, device)

        def check() -> float:
            return float(np.mean([float(self._loss(c, self.beta, device)) for c in checks]))

        course = Course(self.n_steps, self.learning_rate, self.patience)
        train(network, course, loss, check if checks else None)

    def _loss(self, pairs: Pairs, beta: float, device: torch.device) -> torch.Tensor:
        parts = (pairs.seen, pairs.other, pairs.frames)
        nll, kl, error, contrast = self.network_.losses(
            *(torch.from_numpy(part).to(device) for part in parts)
        )
        kl = kl.clamp(min=self.free_bits).sum() / self.n_features_in_
        weighted = self.nll_weight * nll + self.statistics_weight * error
        return weighted + self.contrast_weight * contrast + beta * kl
