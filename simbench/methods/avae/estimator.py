"""The AVAE: a variational autoencoder whose latents say what a neuron is like in its culture."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

from simbench.core.errors import SimbenchError
from simbench.methods.avae.encoder_decoder import AVAENetwork, Layout
from simbench.methods.avae.reconstructing import Reconstructing
from simbench.methods.culture_features import (
    PARTS,
    Describer,
    Windows,
    WindowStatistics,
    together,
)
from simbench.methods.discriminants import discriminate
from simbench.methods.events import Scale
from simbench.methods.features import compress
from simbench.methods.learned import Course, train
from simbench.methods.population import others_mean

_RIDGE = 0.05
_N_PARTS = 4


@dataclass(kw_only=True, repr=False, eq=False)
class AVAE(Reconstructing):
    """Autoregressive variational autoencoder of neurons in their culture.

    The encoder reads hand-made statistics of one window of a neuron (amplitude, spectrum, events,
    and how it goes with the rest of its culture), whitened by what differs between windows of one
    neuron. Its latent z predicts the statistics of another window of the same neuron, tells that
    window from those of other neurons of the culture, and drives a causal decoder of the frames
    there, which also sees the mean of the other neurons. Latents of a neuron are means over its
    windows, in the order of how well they tell neurons apart.

    Parameters
    ----------
    n_components, random_state, device
        As in `LearnedTransformer`.
    frame_rate
        Hz.
    window_s
        Length of a window in seconds; at most 3/8 of the recording.
    population
        Whether statistics and decoder see the rest of the culture.
    centre
        ``culture`` or ``all``, as in `WindowDiscriminants`.
    n_statistics
        Whitened statistics that the encoder reads, the best ones.
    n_predicted
        Of these, how many z predicts for the other window.
    n_latents
        Width of z; of a wider one than ``n_components`` the best latents are given out.
    n_hidden, dropout
        Of the encoder's hidden layer, beside which stands a linear map.
    reach_s
        How far back the decoder sees, in seconds.
    n_ahead
        Frames after that, predicted each on its own.
    n_targets
        Places per window at which frames are predicted.
    width
        Channels of the decoder.
    beta
        Weight of the KL divergence, in nats of all latents.
    nll_weight
        Weight of the NLL of a frame.
    statistics_weight
        Weight of the Huber loss of the other window's statistics.
    contrast_weight
        Weight of the cross-entropy of finding the other window among those of other neurons.
    n_steps
        Gradient steps; 0 leaves the network untrained.
    batch_size
        Neurons per step, all of one culture.
    learning_rate
        Highest rate of a one-cycle schedule.
    patience
        Of the dynamic latents: checks without improvement before their training stops.
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

    n_components: int = field(default=32, kw_only=False)
    window_s: float = 45.0
    population: bool = True
    centre: str = "culture"
    n_statistics: int = 160
    n_predicted: int = 64
    n_latents: int = 32
    n_hidden: int = 256
    dropout: float = 0.15
    reach_s: float = 1.2
    n_ahead: int = 4
    n_targets: int = 24
    width: int = 48
    beta: float = 1e-3
    nll_weight: float = 0.2
    statistics_weight: float = 1.0
    contrast_weight: float = 0.5
    n_steps: int = 1000
    batch_size: int = 48

    seed_name = "PopulationAVAE"
    any_length = True
    min_frames: ClassVar[int] = 32

    @property
    def _parts(self) -> tuple[str, ...]:
        return PARTS if self.population else tuple(part for part in PARTS if part != "population")

    def _network(self) -> AVAENetwork:
        if self.n_features_in_ < self.min_frames:
            raise SimbenchError(
                f"avae: {self.n_features_in_} frames; training needs {self.min_frames} or more"
            )
        describer = Describer(self._parts, self.frame_rate, Scale(0.0, 1.0), 1.0)
        n_described = describer.describe(np.zeros((1, 64)), None).shape[1]
        n_statistics = min(self.n_statistics, n_described)
        # a window is 3/8 of a recording or less, and holds a past and what follows it
        reach = max(1, min(round(self.reach_s * self.frame_rate), self.n_features_in_ // 8))
        n_ahead = max(1, min(self.n_ahead, self.n_features_in_ // 8))
        network = AVAENetwork(
            Layout(
                n_described, n_statistics, min(self.n_predicted, n_statistics),
                max(self.n_latents, self.n_components), self.n_hidden, self.dropout,
                self.width, reach, n_ahead, _N_PARTS,
            )
        )  # fmt: skip
        self._add_dynamics(network)
        return network

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return X

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        network = self.network_
        statistics, values = WindowStatistics.learn(
            self._parts, self.frame_rate, self.window_s, self.centre, X, groups
        )
        self._keep(statistics)
        windows = statistics.windows(X.shape[1])
        found = discriminate(values, windows.pairs, network.whitening.shape[1], _RIDGE)
        # one unit for all windows together, or brightness would outweigh what follows it
        white = found.vectors / np.sqrt(1 + np.maximum(found.ratios, 0))
        network.whitening.copy_(torch.from_numpy(white))
        if self.n_steps == 0:
            return
        whitened = torch.from_numpy((values @ white).astype(np.float32)).to(device)
        signals = torch.from_numpy(self._signals(X, groups)).to(device)
        places = [rows for rows, known in together(len(X), groups) if known]
        places = places or [np.arange(len(X))]
        rng = self._rng("training")

        def loss(step: int) -> torch.Tensor:
            neurons = rng.permutation(places[rng.integers(len(places))])[: self.batch_size]
            return self._loss(whitened, signals, windows, neurons, rng)

        train(network, Course(self.n_steps, self.learning_rate, self.patience), loss, [])
        network.eval()
        with torch.no_grad():
            z = network.encoder(whitened)[0].cpu().numpy()
        center = z.mean(axis=(0, 1))
        rotation = discriminate(z - center, windows.pairs, z.shape[2], 1e-3).vectors
        network.center.copy_(torch.from_numpy(center))
        network.rotation.copy_(torch.from_numpy(rotation))

    def _loss(
        self, whitened: torch.Tensor, signals: torch.Tensor, windows: Windows,
        neurons: np.ndarray, rng: np.random.Generator,
    ) -> torch.Tensor:  # fmt: skip
        """Of two windows of each neuron, drawn anew."""
        pairs, reach = windows.pairs, self.network_.decoder.reach
        span = reach + self.network_.decoder.n_ahead
        drawn = rng.integers(0, len(pairs.first), len(neurons))
        first, second = pairs.first[drawn], pairs.second[drawn]
        is_turned = rng.random(len(neurons)) < 0.5
        seen, other = np.where(is_turned, second, first), np.where(is_turned, first, second)
        begin = rng.integers(0, windows.length - span + 1, (len(neurons), self.n_targets))
        frames = (windows.starts[other][:, None] + begin)[:, :, None] + np.arange(span)
        nll, kl, error, contrast = self.network_.losses(
            whitened[neurons, seen],
            whitened[neurons, other],
            signals[:, neurons[:, None, None], frames],
        )
        total = self.nll_weight * nll + self.statistics_weight * error
        return total + self.contrast_weight * contrast + self.beta * kl

    def _keep(self, statistics: WindowStatistics) -> None:
        """Keep what describes windows where `save` finds it."""
        scale = statistics.describer.scale
        self.scaling_ |= {
            "kept": scale.kept, "innovation": scale.noise, "length": statistics.length,
        }  # fmt: skip
        self.network_.mean.copy_(torch.from_numpy(statistics.mean))
        self.network_.spread.copy_(torch.from_numpy(statistics.spread))

    @property
    def _statistics(self) -> WindowStatistics:
        known = self.scaling_
        scale = Scale(known["kept"], known["innovation"])
        describer = Describer(self._parts, self.frame_rate, scale, known["noise"])
        mean, spread = (x.cpu().numpy() for x in (self.network_.mean, self.network_.spread))
        return WindowStatistics(describer, int(known["length"]), self.centre, mean, spread)

    def _encoded(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        values = self._statistics.describe(X, groups).astype(np.float32)
        return self._apply(self.network_.latents, values)

    def _read_out(self, z: np.ndarray) -> np.ndarray:
        center, rotation = (x.cpu().numpy() for x in (self.network_.center, self.network_.rotation))
        return ((z - center) @ rotation)[..., : self.n_components]

    def _signals(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        own = compress(X, self.scaling_["noise"])
        others = np.zeros_like(own)
        for rows, known in together(len(X), groups):
            if known and self.population:
                others[rows] = others_mean(own[rows])
        return np.stack([own, others]).astype(np.float32)
