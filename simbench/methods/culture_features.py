"""All hand-made statistics of neurons in their cultures, of whole traces and of windows."""

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from simbench.core.errors import SimbenchError
from simbench.methods.events import Scale, event_statistics, find_events, learn_scale
from simbench.methods.features import TraceSpectrum, noise_level
from simbench.methods.population import population_statistics

PARTS = ("amplitude", "spectrum", "events", "population")
NO_POPULATION = PARTS[:-1]
CENTRES = ("culture", "all")
_AT_A_TIME = 512  # neurons recorded alone
_MOST = 3 / 8  # of a recording is a window, so that pairs of windows can lie in many ways
_MOST_WINDOWS = 24
_CLIP_SD = 6.0


@dataclass(frozen=True)
class Describer:
    """Statistics of traces by hand, in the parts that are asked for.

    Parameters
    ----------
    parts : tuple of str
        Of `PARTS`: mean, s.d. and maximum; what `TraceSpectrum` gives; `event_statistics`;
        `population_statistics`.
    frame_rate : float
        Hz.
    scale : Scale
        Of the training traces' innovations.
    noise : float
        Of the training traces, dF/F.
    """

    parts: tuple[str, ...]
    frame_rate: float
    scale: Scale
    noise: float

    @classmethod
    def learn(cls, parts: tuple[str, ...], frame_rate: float, X: np.ndarray) -> "Describer":
        """Take scale and noise from training traces (n_neurons, n_frames)."""
        if not set(parts) <= set(PARTS):
            given = f"parts = '{'+'.join(parts)}'"
            raise SimbenchError(f"{given}; allowed: {', '.join(PARTS)}, joined by +")
        return cls(parts, frame_rate, learn_scale(X), noise_level(X))

    def describe(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Statistics of traces, shape (n_neurons, n_statistics).

        Those of the population are NaN for a neuron without others of its culture (``groups``).
        """
        parts = neurons_by_culture(len(X), groups)
        described = np.concatenate([self._describe(X[rows], known) for rows, known in parts])
        statistics = np.empty(described.shape)
        statistics[np.concatenate([rows for rows, _ in parts])] = described
        return statistics

    def _describe(self, X: np.ndarray, known: bool) -> np.ndarray:
        found = []
        if "amplitude" in self.parts:
            found.append(np.column_stack((X.mean(axis=1), X.std(axis=1), X.max(axis=1))))
        if "spectrum" in self.parts:
            spectrum = TraceSpectrum(self.frame_rate)
            spectrum.scale_, spectrum.n_features_in_ = self.noise, X.shape[1]
            found.append(spectrum.transform(X))
        if not {"events", "population"}.isdisjoint(self.parts):
            events = find_events(X, self.scale)
            if "events" in self.parts:
                found.append(event_statistics(events, self.frame_rate))
            if "population" in self.parts and known:
                found.append(population_statistics(events, self.frame_rate))
            elif "population" in self.parts:
                first = population_statistics(find_events(X[:1], self.scale), self.frame_rate)
                found.append(np.full((len(X), first.shape[1]), np.nan))
        return np.column_stack(found)


def neurons_by_culture(n: int, groups: np.ndarray | None) -> list[tuple[np.ndarray, bool]]:
    """Neurons that were recorded together, and whether they were: if not, a few at a time."""
    groups = np.arange(n) if groups is None else groups
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    alone = np.flatnonzero(size[group] == 1)
    shared = [np.flatnonzero(group == g) for g in np.flatnonzero(size > 1)]
    chunks = [alone[i : i + _AT_A_TIME] for i in range(0, len(alone), _AT_A_TIME)]
    return [(rows, True) for rows in shared] + [(rows, False) for rows in chunks]


def check_groups(groups: Any, n: int) -> np.ndarray | None:
    """Groups as an array (n,), or None."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise SimbenchError(f"groups: shape {groups.shape}, expected ({n},), one per neuron")
    return groups


@dataclass(repr=False, eq=False)
class CultureFeatures(TransformerMixin, BaseEstimator):
    """Hand-made statistics of whole traces, some of them of what the culture does meanwhile.

    Parameters
    ----------
    parts
        Names of `PARTS`, joined by ``+``.
    frame_rate
        Hz.
    """

    parts: str = "events+population"
    _: KW_ONLY
    frame_rate: float = 20.0

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Learn scales and the means of dF/F (n_neurons, n_frames); ``groups`` are cultures."""
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        self.describer_ = Describer.learn(tuple(self.parts.split("+")), self.frame_rate, X)
        statistics = self.describer_.describe(X, check_groups(groups, len(X)))
        self.mean_ = means(statistics)
        return self

    def transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Statistics, shape (n_neurons, n_statistics).

        For a neuron without others of its culture (``groups``), those of the population are the
        training neurons' mean.
        """
        check_is_fitted(self, "describer_")
        X = check_array(X, dtype=[np.float64, np.float32], estimator=self)
        statistics = self.describer_.describe(X, check_groups(groups, len(X)))
        return np.where(np.isnan(statistics), self.mean_, statistics)


def means(statistics: np.ndarray) -> np.ndarray:
    """Mean over all neurons of which a statistic is known, shape (n_statistics,); 0 without any."""
    known = ~np.isnan(statistics)
    return np.where(known, statistics, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


class Pairs(NamedTuple):
    """Windows that do not overlap: their numbers, and first frames; shape (n_pairs,) each."""

    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True, eq=False)
class Windows:
    """Where windows of a recording begin, and how long they are, in frames."""

    starts: np.ndarray
    length: int

    @classmethod
    def lay(cls, n_frames: int, length: int) -> "Windows":
        """Six windows or more, each about a third of a window or less after the one before.

        At most 24, so that those of a recording of more than 9 windows' length lie further apart;
        fewer than six where there are not so many frames to begin at.
        """
        length = min(length, n_frames)
        room = n_frames - length
        n = min(_MOST_WINDOWS, max(6, 1 + round(3 * room / length))) if room else 1
        return cls(np.unique(np.linspace(0, room, n).astype(int)), length)

    @property
    def pairs(self) -> Pairs:
        """All pairs that do not overlap, the earlier one first."""
        apart = self.starts[None, :] - self.starts[:, None] >= self.length
        return Pairs(*np.nonzero(apart))


class Split(NamedTuple):
    """Values of windows: of neurons, less those of their culture, and of cultures.

    Parameters
    ----------
    own : ndarray, shape (n_neurons, n_windows, n_values)
    cultures : ndarray, shape (n_cultures, n_windows, n_values)
        Means over neurons that were recorded together.
    member : ndarray of int, shape (n_neurons,)
        Row of `cultures`; -1 for a neuron that was recorded alone.
    """

    own: np.ndarray
    cultures: np.ndarray
    member: np.ndarray


def split_by_culture(values: np.ndarray, groups: np.ndarray | None) -> Split:
    """Take off each culture's mean over its neurons and windows, where a culture is known."""
    own = values.copy()
    cultures: list[np.ndarray] = []
    member = np.full(len(values), -1)
    for rows, known in neurons_by_culture(len(values), groups):
        if known:
            member[rows] = len(cultures)
            cultures.append(values[rows].mean(axis=0))
            own[rows] -= cultures[-1].mean(axis=0)
    return Split(own, np.stack(cultures) if cultures else values[:0], member)


@dataclass(eq=False)
class WindowStatistics:
    """Standardised statistics of windows of traces.

    Parameters
    ----------
    describer : Describer
    length : int
        Frames of a window.
    centre : {"culture", "all"}
        Mean of what is taken off: of the neuron's culture, or of all training neurons (as for every
        neuron that was recorded alone).
    mean, spread : ndarray, shape (n_statistics,)
        Of the training windows; the spread is infinite where there is none.
    culture_spread : ndarray, shape (n_statistics,)
        The same of windows of cultures.
    """

    describer: Describer
    length: int
    centre: str
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    spread: np.ndarray = field(default_factory=lambda: np.ones(0))
    culture_spread: np.ndarray = field(default_factory=lambda: np.ones(0))

    @classmethod
    def learn(
        cls, parts: tuple[str, ...], frame_rate: float, window_s: float, centre: str,
        X: np.ndarray, groups: np.ndarray | None,
    ) -> tuple["WindowStatistics", Split]:  # fmt: skip
        """Learn from training traces; give their statistics, too, as `describe` does."""
        if centre not in CENTRES:
            raise SimbenchError(f"centre = '{centre}'; allowed: {', '.join(CENTRES)}")
        length = cls.window_length(window_s, frame_rate, X.shape[1])
        learned = cls(Describer.learn(parts, frame_rate, X), length, centre)
        raw = learned._raw(X, groups)
        learned.mean = means(raw.reshape(-1, raw.shape[2]))
        split = learned._split(raw, groups)
        learned.spread, learned.culture_spread = _spread(split.own), _spread(split.cultures)
        return learned, learned._scaled(split)

    @staticmethod
    def window_length(window_s: float, frame_rate: float, n_frames: int) -> int:
        """Frames of a window; at most 3/8 of a recording."""
        return max(1, min(round(window_s * frame_rate), int(_MOST * n_frames)))

    def windows(self, n_frames: int) -> Windows:
        """Windows of a recording of so many frames."""
        return Windows.lay(n_frames, self.length)

    def describe(self, X: np.ndarray, groups: np.ndarray | None) -> Split:
        """Statistics in standard deviations, at most 6; no cultures if ``centre`` is ``all``."""
        return self._scaled(self._split(self._raw(X, groups), groups))

    def _raw(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        windows = self.windows(X.shape[1])
        parts = [
            self.describer.describe(X[:, start : start + windows.length], groups)
            for start in windows.starts
        ]
        return np.stack(parts, axis=1)

    def _split(self, raw: np.ndarray, groups: np.ndarray | None) -> Split:
        centred = np.where(np.isnan(raw), 0.0, raw - self.mean)
        return split_by_culture(centred, groups if self.centre == "culture" else None)

    def _scaled(self, split: Split) -> Split:
        own, cultures = split.own / self.spread, split.cultures / self.culture_spread
        return Split(
            np.clip(own, -_CLIP_SD, _CLIP_SD), np.clip(cultures, -_CLIP_SD, _CLIP_SD), split.member
        )


def _spread(values: np.ndarray) -> np.ndarray:
    """S.d. over all windows, shape (n_values,); infinite where there is none."""
    flat = values.reshape(-1, values.shape[2])
    sd = flat.std(axis=0) if len(flat) else np.zeros(flat.shape[1])
    return np.where(sd > 1e-6, sd, np.inf)
