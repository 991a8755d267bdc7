"""The AVAE: a variational autoencoder whose latents say what a neuron is like in its culture."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

from simbench.core.errors import SimbenchError
from simbench.methods.avae.encoder_decoder import AVAENetwork
from simbench.methods.avae.readers import Encoded, FrameReader, Lesson, StatisticsReader
from simbench.methods.avae.reconstructing import Reconstructing
from simbench.methods.culture_features import (
    CENTRES,
    NO_POPULATION,
    PARTS,
    Describer,
    neurons_by_culture,
)
from simbench.methods.discriminants import (
    CULTURE_EVERY,
    RIDGE,
    culture_directions,
    discriminate,
    two_kinds,
)
from simbench.methods.events import Scale
from simbench.methods.features import compress
from simbench.methods.learned import Course, quiet_torch, train
from simbench.methods.population import others_mean

FILTERS = ("statistics", "learned")
_RIDGE_OF_Z = 1e-3


@dataclass(kw_only=True, repr=False, eq=False)
class AVAE(Reconstructing):
    """Autoregressive variational autoencoder of neurons in their culture.

    The encoder reads hand-made statistics of one window of a neuron (amplitude, spectrum, events,
    and how it goes with the rest of its culture), whitened by what differs between windows of one
    neuron. Its latent z predicts the statistics of another window of the same neuron, tells that
    window from those of other neurons of the culture, and drives a causal decoder of the frames
    there, which also sees the mean of the other neurons. Latents of a neuron are means over its
    windows, in the order of how well they tell neurons apart; every eighth is of the culture as a
    whole, as in `WindowDiscriminants`.

    Parameters
    ----------
    n_components, random_state, device
        As in `LearnedTransformer`.
    frame_rate
        Hz.
    window_s
        Length of a window in seconds; at most 3/8 of the recording.
    filters
        What the encoder reads: ``statistics``, made by hand, or ``learned``: frames of the neuron
        and of the mean of the others, through convolutions, with no statistic anywhere.
    population
        Whether encoder and decoder see what the others do meanwhile. What statistics are relative
        to is set by ``centre``.
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
    filters: str = "statistics"
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
    def _reader(self) -> StatisticsReader | FrameReader:
        known = self.network_, self.scaling_, self.frame_rate, self.window_s, self.centre
        if self.filters == "learned":
            return FrameReader(*known)
        return StatisticsReader(*known, self._parts)

    @property
    def _parts(self) -> tuple[str, ...]:
        return PARTS if self.population else NO_POPULATION

    def _network(self) -> AVAENetwork:
        if self.n_features_in_ < self.min_frames:
            raise SimbenchError(
                f"avae: {self.n_features_in_} frames; training needs {self.min_frames} or more"
            )
        for name, allowed in (("filters", FILTERS), ("centre", CENTRES)):
            if getattr(self, name) not in allowed:
                given = f"{name} = '{getattr(self, name)}'"
                raise SimbenchError(f"{given}; allowed: {', '.join(allowed)}")
        n_described = 0
        if self.filters == "statistics":
            describer = Describer(self._parts, self.frame_rate, Scale(0.0, 1.0), 1.0)
            n_described = describer.describe(np.zeros((1, 64)), None).shape[1]
        n_statistics = min(self.n_statistics, n_described)
        # a window is 3/8 of a recording or less, and holds a past and what follows it
        reach = max(1, min(round(self.reach_s * self.frame_rate), self.n_features_in_ // 8))
        n_ahead = max(1, min(self.n_ahead, self.n_features_in_ // 8))
        network = AVAENetwork(
            n_described, n_statistics, min(self.n_predicted, n_statistics),
            max(self.n_latents, self.n_components), self.n_components // CULTURE_EVERY,
            self.n_hidden, self.dropout, self.width, reach, n_ahead,
        )  # fmt: skip
        self._add_dynamics(network)
        return network

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return X

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        network, rng = self.network_, self._rng("training")
        signals = torch.from_numpy(self._signals(X, groups)).to(device)
        lesson = self._reader.learn(X, signals, groups)
        places = [rows for rows, known in neurons_by_culture(len(X), groups) if known]
        places = places or [np.arange(len(X))]

        def loss(step: int) -> torch.Tensor:
            neurons = rng.permutation(places[rng.integers(len(places))])[: self.batch_size]
            return self._loss(lesson, signals, neurons, rng)

        if self.n_steps:
            train(network, Course(self.n_steps, self.learning_rate, self.patience), loss, [])
        network.eval()
        self._learn_directions(lesson, rng)

    def _learn_directions(self, lesson: Lesson, rng: np.random.Generator) -> None:
        """Those of neurons in z, and those of cultures; before any training, at random."""
        network, pairs = self.network_, lesson.windows.pairs
        _, z, split = lesson.encoded()
        cultures = culture_directions(split, pairs, self.n_components, RIDGE)
        self.scaling_["n_culture"] = cultures.shape[1]
        if self.n_steps:
            center = z.mean(axis=(0, 1))
            network.center.copy_(torch.from_numpy(center))
            rotation = discriminate(z - center, pairs, z.shape[2], _RIDGE_OF_Z).vectors
            network.rotation.copy_(torch.from_numpy(rotation))
        else:
            cultures = rng.standard_normal(cultures.shape)
        network.culture[:, : cultures.shape[1]] = torch.from_numpy(cultures)

    def _loss(
        self, lesson: Lesson, signals: torch.Tensor, neurons: np.ndarray, rng: np.random.Generator
    ) -> torch.Tensor:
        """Of two windows of each neuron, drawn anew."""
        windows, reach = lesson.windows, self.network_.decoder.reach
        pairs = windows.pairs
        span = reach + self.network_.decoder.n_ahead
        drawn = rng.integers(0, len(pairs.first), len(neurons))
        first, second = pairs.first[drawn], pairs.second[drawn]
        is_turned = rng.random(len(neurons)) < 0.5
        seen, other = np.where(is_turned, second, first), np.where(is_turned, first, second)
        begin = rng.integers(0, windows.length - span + 1, (len(neurons), self.n_targets))
        frames = (windows.starts[other][:, None] + begin)[:, :, None] + np.arange(span)
        nll, kl, error, contrast = self.network_.losses(
            lesson.read(neurons, seen),
            lesson.read(neurons, other),
            signals[:, neurons[:, None, None], frames],
        )
        total = self.nll_weight * nll + self.statistics_weight * error
        return total + self.contrast_weight * contrast + self.beta * kl

    def _latents(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        _, z, split = self._encode_windows(X, groups)
        network, n_culture = self.network_, self.scaling_["n_culture"]
        center, rotation, cultures = (
            x.cpu().numpy() for x in (network.center, network.rotation, network.culture)
        )
        own = (z.mean(axis=1) - center) @ rotation
        latents = two_kinds(own, split, cultures[:, :n_culture], self.n_components)
        return latents.astype(np.float32)

    def _encoded(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        return self._encode_windows(X, groups).z.mean(axis=1)

    def _encode_windows(self, X: np.ndarray, groups: np.ndarray | None) -> Encoded:
        with quiet_torch(self.random_state, self.device) as device:
            self.network_.to(device)
            return self._reader.encode(X, self._signals(X, groups), groups)

    def _signals(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        own = compress(X, self.scaling_["noise"])
        others = np.zeros_like(own)
        for rows, known in neurons_by_culture(len(X), groups):
            if known and self.population:
                others[rows] = others_mean(own[rows])
        return np.stack([own, others]).astype(np.float32)
