"""Calcium of each neuron: exponentials summed over spikes, as recursions over frames.

A module of its own because numba is slow to import.
"""

import numba
import numpy as np

_NEGLIGIBLE = 1e-20  # a decayed exponential is set to 0: subnormal numbers are slow


@numba.njit(cache=True)
def sum_exponentials(times, offsets, weights, rates, initial, start, step, period, out):
    """Add ``sum over spikes and terms of weight exp(-rate (t - spike time))`` to `out`.

    Samples lie at ``t = frame * period + start + sample * step``. Spikes act from their exact
    time on. The cost is one multiplication per sample and term, and two exponentials per spike
    and term.

    Parameters
    ----------
    times, offsets : ndarray
        Spike times (s) and where each neuron's begin, as in SpikeTrains.
    weights : ndarray, shape (n_terms,)
    rates : ndarray, shape (n_neurons, n_terms)
        1/s.
    initial : ndarray, shape (n_neurons, n_terms)
        Value of each term at t = 0, without its weight, from earlier spikes.
    start, step, period : float
        Seconds; all samples of a frame lie before the next frame.
    out : ndarray of float32, shape (n_samples, n_neurons, n_frames)
    """
    n_samples, n_neurons, n_frames = out.shape
    n_terms = len(weights)
    at_start = np.empty((n_terms, n_frames))
    state = np.empty(n_terms)
    for i in range(n_neurons):
        to_next_frame = np.exp(-rates[i] * period)
        to_next_sample = np.exp(-rates[i] * step)
        state[:] = initial[i]
        spike, last = offsets[i], offsets[i + 1]
        for frame in range(n_frames):
            for m in range(n_terms):
                at_start[m, frame] = weights[m] * state[m]
                state[m] *= to_next_frame[m]
                if state[m] < _NEGLIGIBLE:
                    state[m] = 0.0
            while spike < last and times[spike] < (frame + 1) * period:
                since_start = times[spike] - frame * period
                first = 0
                while first < n_samples and start + first * step < since_start:
                    first += 1
                for m in range(n_terms):
                    age = start + first * step - since_start
                    value = weights[m] * np.exp(-rates[i, m] * age)
                    for sample in range(first, n_samples):
                        out[sample, i, frame] += value
                        value *= to_next_sample[m]
                    state[m] += np.exp(-rates[i, m] * (period - since_start))
                spike += 1
        for sample in range(n_samples):
            for m in range(n_terms):
                decayed = np.exp(-rates[i, m] * (start + sample * step))
                for frame in range(n_frames):
                    out[sample, i, frame] += at_start[m, frame] * decayed
