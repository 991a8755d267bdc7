"""Spike trains of a culture, stored neuron after neuron."""

from dataclasses import dataclass

import numpy as np

from simbench.core.errors import SimbenchError


@dataclass(frozen=True, repr=False)
class SpikeTrains:
    """Spike times of every neuron of a culture.

    Parameters
    ----------
    times : ndarray, shape (n_spikes,)
        Spike times in seconds, neuron after neuron, ascending within a neuron.
    offsets : ndarray of int, shape (n_neurons + 1,)
        ``times[offsets[i]:offsets[i + 1]]`` are the spikes of neuron ``i``.
    duration : float
        Length of the recording in seconds; every spike lies in ``[0, duration)``.
    lead_in : SpikeTrains, optional
        What the same neurons fired before the recording, ending where it begins: its calcium
        still glows in the first frames.
    """

    times: np.ndarray
    offsets: np.ndarray
    duration: float
    lead_in: "SpikeTrains | None" = None

    def __repr__(self) -> str:
        n_neurons = len(self.offsets) - 1
        return (
            f"<SpikeTrains of {n_neurons} neurons: {len(self.times)} spikes, {self.duration:g} s>"
        )

    @classmethod
    def from_events(
        cls,
        neurons: np.ndarray,
        times: np.ndarray,
        n_neurons: int,
        duration: float,
        lead_in: "SpikeTrains | None" = None,
    ) -> "SpikeTrains":
        """Build from parallel arrays of neuron indices and spike times (s), in any order.

        Raises
        ------
        SimbenchError
            If a time or the duration is not finite, a time lies outside ``[0, duration)``, or an
            index is too large or no whole number.
        """
        given = np.asarray(neurons)
        neurons = given.astype(np.int64)
        if (neurons != given).any():
            raise SimbenchError("spikes: neuron indices must be whole numbers")
        if not np.isfinite(duration):
            raise SimbenchError(f"spikes: duration = {duration:g} s; allowed: a finite number")
        times = np.asarray(times, dtype=np.float64)
        if neurons.shape != times.shape or neurons.ndim != 1:
            raise SimbenchError(
                f"spikes: {neurons.shape} neuron indices do not match {times.shape} times"
            )
        if not np.isfinite(times).all():
            raise SimbenchError("spikes: a spike time is not finite; times are seconds")
        if times.size and (times.min() < 0 or times.max() >= duration):
            raise SimbenchError(
                f"spikes: times span {times.min():g} to {times.max():g} s, "
                f"allowed is 0 <= t < {duration:g} s"
            )
        if neurons.size and (neurons.min() < 0 or neurons.max() >= n_neurons):
            raise SimbenchError(f"spikes: neuron indices must lie in 0..{n_neurons - 1}")
        order = np.lexsort((times, neurons))
        counts = np.bincount(neurons, minlength=n_neurons)
        return cls(times[order], np.concatenate(([0], np.cumsum(counts))), float(duration), lead_in)

    @property
    def n_neurons(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> np.ndarray:
        """Spikes per neuron, shape (n_neurons,)."""
        return np.diff(self.offsets)

    @property
    def neurons(self) -> np.ndarray:
        """Neuron index of every spike, shape (n_spikes,)."""
        return np.repeat(np.arange(self.n_neurons), self.counts)

    def frames(self, frame_rate: float) -> np.ndarray:
        """Frame (int) in which each spike falls, at a rate in Hz; shape (n_spikes,)."""
        # spike times lie on the simulation's grid: rounding must not move one into the frame before
        return np.floor(self.times * frame_rate + 1e-6).astype(np.int64)

    def counted(self, frame_rate: float) -> "SpikeTrains":
        """What is left if only the number of spikes in each frame is known.

        The spikes of a frame lie evenly in it.

        Parameters
        ----------
        frame_rate : float
            Hz.
        """
        frame = self.frames(frame_rate)
        is_first = np.ones(len(frame), dtype=bool)
        is_first[1:] = (np.diff(frame) != 0) | (np.diff(self.neurons) != 0)
        first = np.flatnonzero(is_first)
        count = np.diff(np.append(first, len(frame)))
        place = np.arange(len(frame)) - np.repeat(first, count)
        times = (frame + (place + 0.5) / np.repeat(count, count)) / frame_rate
        times = np.minimum(times, np.nextafter(self.duration, 0))
        return SpikeTrains(times, self.offsets, self.duration)

    def __getitem__(self, neuron: int) -> np.ndarray:
        return self.times[self.offsets[neuron] : self.offsets[neuron + 1]]
