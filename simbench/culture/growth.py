"""Grow cultures: somata, wiring and weights are drawn, blocks of cultures fire, labels follow."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream
from simbench.culture.firing import Firing, draw_firing
from simbench.culture.integration import SpikeEvents, Trial, check_history, run_block
from simbench.culture.model import Network
from simbench.culture.neuron_labels import describe
from simbench.culture.rate_search import Drive, find_drive
from simbench.culture.spikes import SpikeTrains
from simbench.culture.wiring import (
    Wiring,
    dish_radius_mm,
    draw_weights,
    draw_wiring,
    link_delays_ms,
    lognormal,
    place_somata,
)
from simbench.scenario.culture_recipe import CultureRecipe


@dataclass(frozen=True)
class Culture:
    """A simulated culture and all that is known about it.

    Parameters
    ----------
    labels : DataFrame, one row per neuron
        See ``simbench.scenario.labels.LABELS`` for the columns and their units.
    spikes : SpikeTrains
    weights : scipy.sparse.csr_array, shape (n_neurons, n_neurons)
        Signed weights, presynaptic x postsynaptic.
    summary : dict
        Numbers about the culture as a whole.
    """

    labels: pd.DataFrame
    spikes: SpikeTrains
    weights: sparse.csr_array
    summary: dict[str, float]


@dataclass(frozen=True)
class Anatomy:
    """A culture before it fires.

    Parameters
    ----------
    positions_mm : ndarray, shape (n_neurons, 2)
    firing : Firing
    wiring : Wiring
    weights : scipy.sparse.csr_array, shape (n_neurons, n_neurons)
        Signed weights, presynaptic x postsynaptic.
    """

    positions_mm: np.ndarray
    firing: Firing
    wiring: Wiring
    weights: sparse.csr_array


def build_culture(recipe: CultureRecipe, seed: int, index: int = 0) -> Anatomy:
    """Place the somata of a culture, wire them, and draw each neuron's type and parameters."""
    rng = partial(stream, seed, "culture", index)
    positions = place_somata(recipe, rng("somata"))
    wiring = draw_wiring(recipe, positions, rng("wiring"))
    if wiring.weights is None:
        firing = draw_firing(recipe, rng("firing"))
        weights = draw_weights(wiring.links, firing.inhibitory, recipe.synapses, rng("weights"))
    else:
        weights = wiring.weights
        firing = draw_firing(recipe, rng("firing"), inhibitory=weights.min(axis=1).toarray() < 0)
    return Anatomy(positions, firing, wiring, weights)


def grow_culture(
    recipe: CultureRecipe, seed: int, index: int = 0, target: str = "numpy"
) -> Culture:
    """Grow, wire and run one culture.

    Parameters
    ----------
    recipe : CultureRecipe
    seed, index : int
        Seed of the run and number of the culture: together they name all random streams.
    target : {"numpy", "cython"}
        Brian2's code generation target; the spikes do not depend on it.

    Raises
    ------
    SimbenchError
        If the recipe can't be met: too many somata or links, a rate out of reach, a bad file.
    """
    ((_, culture),) = grow_cultures([recipe], seed, [index], target)
    if isinstance(culture, SimbenchError):
        raise culture
    return culture


def grow_cultures(
    recipes: Sequence[CultureRecipe],
    seed: int,
    indices: Sequence[int],
    target: str = "numpy",
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[int, Culture | SimbenchError]]:
    """Grow a block of cultures, run as one network; each comes as soon as it is there.

    A culture is the same bit for bit, whichever cultures are grown with it.

    Parameters
    ----------
    recipes : sequence of CultureRecipe
        One per culture, of one block of ``plan_blocks``.
    seed : int
    indices : sequence of int
        Number of each culture.
    target : {"numpy", "cython"}
    progress : callable, optional
        Called with the seconds of culture simulated since the last call; ``simulated_s`` of all
        recipes is about their sum.

    Yields
    ------
    position : int
        Of the culture in ``recipes``.
    culture : Culture, or the SimbenchError that says why this recipe can't be met
    """
    positions, trials, noise = [], [], []
    for position, (recipe, index) in enumerate(zip(recipes, indices)):
        try:
            anatomy = build_culture(recipe, seed, index)
        except SimbenchError as error:
            yield position, error
        else:
            positions.append(position)
            trials.append(_fire(recipe, anatomy, seed, index))
            noise.append(partial(stream, seed, "culture", index, "noise"))
    for number, culture in run_block(trials, noise, recipes[0].dt_ms, target, progress):
        yield positions[number], culture


def make_network(
    recipe: CultureRecipe, anatomy: Anatomy, seed: int, index: int, drive: Drive
) -> Network:
    """A culture ready to fire: its state at the start, and its drive."""
    firing, synapses, n = anatomy.firing, recipe.synapses, recipe.n_neurons
    start = stream(seed, "culture", index, "start")
    v = firing.c + 30 * start.random(n)
    spread = stream(seed, "culture", index, "drive").standard_normal(n)
    return Network(
        firing.a, firing.b, firing.c, firing.d, anatomy.weights,
        v=v, u=firing.b * v, release=start.random(n), resource=start.random(n),
        current=np.array([drive.type_current.get(kind, 0.0) for kind in firing.firing_type]),
        noise_sigma=drive.noise_sigma * lognormal(recipe.drive_log_sd, spread),
        synapses=synapses,
        delays_ms=link_delays_ms(
            anatomy.weights, anatomy.positions_mm, synapses.conduction_velocity_mm_per_ms
        ),
    )  # fmt: skip


def _fire(
    recipe: CultureRecipe, anatomy: Anatomy, seed: int, index: int
) -> Generator[Trial, SpikeEvents, Culture]:
    """Ask for the runs of a culture, and describe what it became."""
    settle_steps = round(recipe.settle_s * 1000 / recipe.dt_ms)
    last: tuple[Drive, Network] | None = None

    def run(drive: Drive, seconds: float) -> Generator[Trial, SpikeEvents, SpikeEvents]:
        nonlocal last
        if last is None or drive != last[0]:
            last = drive, make_network(recipe, anatomy, seed, index, drive)
        n_steps = round((recipe.settle_s + seconds) * 1000 / recipe.dt_ms)
        neurons, steps = yield Trial(last[1], n_steps)
        check_history(last[1], neurons, steps, recipe.dt_ms)
        return neurons, steps - settle_steps

    events, drive = yield from find_drive(recipe, anatomy.firing.firing_type, run)
    return _describe(recipe, anatomy, events, drive)


def _describe(
    recipe: CultureRecipe, anatomy: Anatomy, events: SpikeEvents, drive: Drive
) -> Culture:
    """Spikes (steps below 0 came before the recording), labels and summary of a culture."""
    neurons, steps = events
    times, recorded = steps * (recipe.dt_ms / 1000), steps >= 0
    before, since = times[~recorded] + recipe.settle_s, times[recorded]
    for some, end in ((before, recipe.settle_s), (since, recipe.duration_s)):
        np.clip(some, 0, np.nextafter(end, 0), out=some)  # rounding must not put a spike outside
    lead_in = SpikeTrains.from_events(neurons[~recorded], before, recipe.n_neurons, recipe.settle_s)
    spikes = SpikeTrains.from_events(
        neurons[recorded], since, recipe.n_neurons, recipe.duration_s, lead_in
    )
    realised, summary = describe(spikes, anatomy.weights)
    labels = pd.concat((_anatomy_labels(recipe, anatomy), realised), axis=1)
    summary |= {
        "noise_sigma": drive.noise_sigma,
        **{f"current_{kind}": value for kind, value in drive.type_current.items()},
        "mean_in_degree": anatomy.weights.nnz / recipe.n_neurons,
        "axon_length_mm": anatomy.wiring.axon_length_mm,
        "dish_radius_mm": dish_radius_mm(recipe),
    }
    return Culture(labels, spikes, anatomy.weights, summary)


def _anatomy_labels(recipe: CultureRecipe, anatomy: Anatomy) -> pd.DataFrame:
    positions = anatomy.positions_mm
    return pd.DataFrame(vars(anatomy.firing)).assign(
        x_mm=positions[:, 0],
        y_mm=positions[:, 1],
        rim_distance_mm=dish_radius_mm(recipe) - np.linalg.norm(positions, axis=1),
        topology=recipe.wiring.topology,
        module=anatomy.wiring.module,
    )
