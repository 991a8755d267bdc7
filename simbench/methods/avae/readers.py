"""What the encoder of the AVAE reads of a window: hand-made statistics, or its frames."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from simbench.methods.avae.encoder_decoder import AVAENetwork
from simbench.methods.culture_features import (
    Describer,
    Split,
    Windows,
    WindowStatistics,
    split_by_culture,
)
from simbench.methods.discriminants import discriminate
from simbench.methods.events import Scale

_LEAST_RATIO = 1e-3  # of variance between neurons by that within
_N_TRACES = 64  # encoded at a time
Groups = np.ndarray | None


class Encoded(NamedTuple):
    """Latents of windows, and what is known of their cultures.

    Parameters
    ----------
    z, own : ndarray, shape (n_neurons, n_windows, n_latents)
        As the decoder gets them, and relative to the culture if ``centre`` says so.
    split : Split
        Of the values that say what cultures are like.
    """

    z: np.ndarray
    own: np.ndarray
    split: Split


class Lesson(NamedTuple):
    """Training traces as the encoder reads them.

    Parameters
    ----------
    windows : Windows
    read : callable
        What the encoder is given of neurons (n,) in windows (n,): a tensor.
    encoded : callable
        Latents of all windows, as the network is when it is called.
    """

    windows: Windows
    read: Callable[[np.ndarray, np.ndarray], torch.Tensor]
    encoded: Callable[[], Encoded]


@dataclass(frozen=True)
class _Reader:
    """Lays windows over traces and encodes them.

    What it learns lies in ``scaling`` and in the network's buffers, where it is saved.
    """

    network: AVAENetwork
    scaling: dict[str, Any]
    frame_rate: float
    window_s: float
    centre: str


@dataclass(frozen=True)
class StatisticsReader(_Reader):
    """Whitened statistics of windows, relative to the neuron's culture if ``centre`` says so."""

    parts: tuple[str, ...]

    def learn(self, X: np.ndarray, signals: torch.Tensor, groups: Groups) -> Lesson:
        """Learn statistics of dF/F (n_neurons, n_frames) and what whitens them."""
        network = self.network
        statistics, split = WindowStatistics.learn(
            self.parts, self.frame_rate, self.window_s, self.centre, X, groups
        )
        windows = statistics.windows(X.shape[1])
        found = discriminate(split.own, windows.pairs, network.whitening.shape[1])
        # one unit for all windows together, or brightness would outweigh what follows it
        white = found.vectors / np.sqrt(1 + np.maximum(found.ratios, 0))
        white[:, found.ratios < _LEAST_RATIO] = 0  # what never varied could be anything elsewhere
        network.whitening.copy_(torch.from_numpy(white))
        for name in ("mean", "spread", "culture_spread"):
            getattr(network, name).copy_(torch.from_numpy(getattr(statistics, name)))
        scale = statistics.describer.scale
        self.scaling.update(kept=scale.kept, innovation=scale.noise, length=statistics.length)
        whitened = (split.own @ white).astype(np.float32)
        inputs = torch.from_numpy(whitened).to(signals.device)
        return Lesson(
            windows, lambda neurons, window: inputs[neurons, window],
            lambda: self._encode(whitened, split),
        )  # fmt: skip

    def encode(self, X: np.ndarray, signals: np.ndarray, groups: Groups) -> Encoded:
        """Latents of the windows of dF/F."""
        split = self._statistics.describe(X, groups)
        white = self.network.whitening.cpu().numpy()
        return self._encode((split.own @ white).astype(np.float32), split)

    def _encode(self, whitened: np.ndarray, split: Split) -> Encoded:
        z = encode_windows(self.network, list(whitened.swapaxes(0, 1)))
        return Encoded(z, z, split)

    @property
    def _statistics(self) -> WindowStatistics:
        known, network = self.scaling, self.network
        scale = Scale(known["kept"], known["innovation"])
        describer = Describer(self.parts, self.frame_rate, scale, known["noise"])
        learned = (network.mean, network.spread, network.culture_spread)
        return WindowStatistics(
            describer, int(known["length"]), self.centre, *(x.cpu().numpy() for x in learned)
        )


class FrameReader(_Reader):
    """Frames of the neuron and of the mean of the others, for learned filters."""

    def learn(self, X: np.ndarray, signals: torch.Tensor, groups: Groups) -> Lesson:
        """Lay windows over dF/F (n_neurons, n_frames)."""
        length = WindowStatistics.window_length(self.window_s, self.frame_rate, X.shape[1])
        self.scaling["length"] = length
        windows = Windows.lay(X.shape[1], length)

        def read(neurons: np.ndarray, window: np.ndarray) -> torch.Tensor:
            frames = windows.starts[window][:, None] + np.arange(windows.length)
            return signals[:, neurons[:, None], frames].movedim(0, 1)

        return Lesson(windows, read, lambda: self.encode(X, signals.cpu().numpy(), groups))

    def encode(self, X: np.ndarray, signals: np.ndarray, groups: Groups) -> Encoded:
        """Latents of the windows of traces, of which only ``signals`` are read."""
        windows = Windows.lay(X.shape[1], int(self.scaling["length"]))
        pieces = [signals[:, :, start : start + windows.length] for start in windows.starts]
        z = encode_windows(self.network, [piece.swapaxes(0, 1) for piece in pieces])
        split = split_by_culture(z, groups if self.centre == "culture" else None)
        return Encoded(z, split.own, split)


def encode_windows(network: AVAENetwork, windows: list[np.ndarray]) -> np.ndarray:
    """Posterior means, shape (n_neurons, n_windows, n_latents), of what is read of each window."""
    device = network.center.device
    with torch.no_grad():
        z = [
            torch.cat([
                network.encoder(torch.from_numpy(np.ascontiguousarray(part)).to(device))[0].cpu()
                for part in np.array_split(window, max(1, len(window) // _N_TRACES))
            ]).numpy()
            for window in windows
        ]  # fmt: skip
    return np.stack(z, axis=1)
