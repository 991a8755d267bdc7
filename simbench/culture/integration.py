"""Cultures without links between them, run as one Brian2 network, each on a clock of its own."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.culture.brian import use_target
from simbench.culture.model import HISTORY, Network, build_model, neuron_values

CHUNK = 2**20  # draws of noise in memory
BUSY = 2 / 3  # with a smaller share of neurons at work, a block is built anew without the others
STATE = {"v", "u", "g", "R", "slow"}
# Spikes: neurons, and steps counted from the start of the run
SpikeEvents = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Trial:
    """A run that is asked for: a network from its start on, for a number of steps.

    The network of the trial before, for more steps, goes on where that ended.
    """

    network: Network
    n_steps: int


# Asks for one trial after the other, is sent the spikes of each, and returns a result
Trials = Generator[Trial, SpikeEvents, Any]
Noise = Callable[[], np.random.Generator]


@dataclass
class _Member:
    """A culture of a block, and the trial that it is in.

    ``begun`` is the step of the block at which the trial began, ``place`` are its neurons among
    those of the block; from ``first_id`` on it numbers them even when other cultures have left.
    """

    number: int
    trials: Trials
    trial: Trial
    noise: Noise
    rng: np.random.Generator
    first_id: int
    begun: int = 0
    place: slice = field(default_factory=lambda: slice(0))

    @property
    def n_neurons(self) -> int:
        return self.trial.network.n_neurons

    @property
    def end(self) -> int:
        return self.begun + self.trial.n_steps


def run_network(
    network: Network, noise: Noise, n_steps: int, dt_ms: float = 1.0, target: str = "numpy"
) -> SpikeEvents:
    """Run one network; returns the neurons and steps of its spikes.

    A spike's time is ``step * dt_ms``. The spikes do not depend on the target.
    """

    def trials() -> Trials:
        return (yield Trial(network, n_steps))

    ((_, events),) = run_block([trials()], [noise], dt_ms, target)
    return events


def run_block(
    trials: Sequence[Trials],
    noise: Sequence[Noise],
    dt_ms: float,
    target: str,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[int, Any]]:
    """Run the trials of all cultures at once; yield the result of each as soon as it is there.

    The spikes of a culture depend on its network and its noise alone: not on the target, not on
    the other cultures of the block.

    Parameters
    ----------
    trials : sequence of generators
        One per culture. All networks have the same model: with delays, or all without.
    noise : sequence of callable
        Gives the random generator of a culture at the start of each trial.
    dt_ms : float
    target : {"numpy", "cython"}
        Brian2's code generation target, prepared by ``simbench.culture.brian``.
    progress : callable, optional
        Called with the seconds of a culture that were simulated since the last call, summed over
        the cultures.

    Yields
    ------
    number : int
        Position of the culture in ``trials``.
    result : what its trials return, or the SimbenchError that they raise
    """
    members: list[_Member] = []
    first_id = 0
    for number, (some, make) in enumerate(zip(trials, noise)):
        members.append(_Member(number, some, next(some), make, make(), first_id))
        first_id += members[-1].n_neurons
    if not members:
        return
    block = _Block(members, dt_ms, target)
    while members:
        n_steps = min(min(member.end for member in members) - block.step, block.most_steps)
        block.advance(n_steps)
        if progress:
            progress(len(members) * n_steps * dt_ms / 1000)
        ended = [member for member in members if member.end == block.step]
        for member, events in zip(ended, block.events_of(ended)):
            try:
                trial = member.trials.send(events)
            except (StopIteration, SimbenchError) as end:
                members.remove(member)
                yield member.number, end.value if isinstance(end, StopIteration) else end
            else:
                goes_on = trial.network is member.trial.network
                member.trial = trial
                if not goes_on:
                    block.restart(member)
        if ended:
            block.keep(members)


class _Block:
    """The Brian2 objects of the members, and the spikes that they fired."""

    def __init__(self, members: list[_Member], dt_ms: float, target: str) -> None:
        self.step = 0
        self._dt_ms, self._target = dt_ms, target
        self._fired: list[SpikeEvents] = []
        self._build(members)

    def _build(self, members: list[_Member]) -> None:
        b2 = use_target(self._target)
        from brian2.groups.group import CodeRunner  # not before Brian2 is fit for threads

        self._members = list(members)
        networks = [member.trial.network for member in members]
        self._model, self._neurons = build_model(networks, self._dt_ms)
        self._model.run(0 * b2.ms, namespace={})  # generates and compiles the code
        # called here step by step, for Brian2's own loop knows no chunks of noise
        parts = [part for part in self._model.sorted_objects if isinstance(part, CodeRunner)]
        self._parts = [part.run for part in parts]
        self._noise, self._spiking = self._array("noise"), self._array("_spikespace")
        self.most_steps = max(1, CHUNK // len(self._noise))
        self._draws = np.zeros((self.most_steps, len(self._noise)))
        self._normal = np.empty(self.most_steps * max(network.n_neurons for network in networks))
        self._noise_sd = np.concatenate([network.noise_sd(self._dt_ms) for network in networks])
        start = 0
        for member in members:
            member.place = slice(start, start + member.n_neurons)
            start = member.place.stop
        first_ids = [np.arange(m.first_id, m.first_id + m.n_neurons) for m in members]
        self._ids = np.concatenate(first_ids)

    def _array(self, name: str) -> np.ndarray:
        return self._neurons.variables[name].get_value()

    def advance(self, n_steps: int) -> None:
        """Run all members for a number of steps, at most ``most_steps``."""
        for member in self._members:
            normal = self._normal[: n_steps * member.n_neurons].reshape(n_steps, member.n_neurons)
            member.rng.standard_normal(out=normal)
            noise_sd = self._noise_sd[member.place]
            np.multiply(normal, noise_sd, out=self._draws[:n_steps, member.place])
        neurons, counts = [], np.zeros(n_steps, dtype=np.int64)
        for step, row in enumerate(self._draws[:n_steps]):
            self._noise[:] = row
            for run in self._parts:
                run()
            if n_spikes := self._spiking[-1]:
                counts[step] = n_spikes
                neurons.append(self._spiking[:n_spikes].copy())
        if neurons:
            steps = np.repeat(np.arange(self.step, self.step + n_steps), counts)
            self._fired.append((self._ids[np.concatenate(neurons)], steps))
        self.step += n_steps

    def events_of(self, members: Sequence[_Member]) -> Iterator[SpikeEvents]:
        """What each member has fired in its trial, in any order."""
        none = np.empty(0, np.int64)
        ids, steps = map(np.concatenate, zip((none, none), *self._fired))
        order = np.argsort(ids)  # so that each member finds its own
        ids, steps = ids[order], steps[order]
        for member in members:
            first, last = np.searchsorted(ids, member.first_id + np.array([0, member.n_neurons]))
            neurons, since = ids[first:last] - member.first_id, steps[first:last] - member.begun
            yield neurons[since >= 0], since[since >= 0]

    def restart(self, member: _Member) -> None:
        """Begin a new trial of a member."""
        member.begun, member.rng = self.step, member.noise()
        self._noise_sd[member.place] = member.trial.network.noise_sd(self._dt_ms)
        for name, values in neuron_values(member.trial.network, self._dt_ms).items():
            self._array(name)[member.place] = values
        for name in self._neurons.variables:
            if name.startswith("released"):
                self._array(name)[member.place] = 0  # what is under way arrives as nothing

    def keep(self, members: list[_Member]) -> None:
        """Forget all other members: their spikes, and their neurons once they are many."""
        self._members = list(members)
        kept = np.zeros(len(self._ids), dtype=bool)
        for member in members:
            kept[member.place] = True
        self._draws[:, ~kept] = 0
        first = min((member.begun for member in members), default=self.step)
        self._fired = [(ids[steps >= first], steps[steps >= first]) for ids, steps in self._fired]
        # with delays they stay, for spikes under way could not move
        if members and members[0].trial.network.delays_ms is None and kept.mean() < BUSY:
            names = STATE & set(self._neurons.variables)
            state = {name: self._array(name)[kept] for name in names}
            self._build(members)
            for name, values in state.items():
                self._array(name)[:] = values


def check_history(network: Network, neurons: np.ndarray, steps: np.ndarray, dt_ms: float) -> None:
    """Refuse a run in which more spikes of a neuron were under way on a link than are kept."""
    if network.delays_ms is None or not network.delays_ms.size:
        return
    longest_ms = float(network.delays_ms.max())
    order = np.lexsort((steps, neurons))
    neurons, times_ms = neurons[order], steps[order] * dt_ms
    same = neurons[HISTORY:] == neurons[:-HISTORY]
    span = (times_ms[HISTORY:] - times_ms[:-HISTORY])[same]
    if span.size and span.min() <= longest_ms:
        raise SimbenchError(
            f"synapses.conduction_velocity_mm_per_ms: the longest delay is {longest_ms:.3g} ms, "
            f"and {HISTORY} spikes of a neuron came within {span.min():.3g} ms; raise the velocity"
        )
