"""The physics: a recipe in, spikes and labels out."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.core.seeds import seed32, stream
from simbench.culture.firing import Firing, draw_firing
from simbench.culture.model import Network
from simbench.culture.network import run_network
from simbench.culture.neuron_labels import describe
from simbench.culture.rate_search import Events, match_type_rates, run_at_rate
from simbench.culture.spikes import SpikeTrains
from simbench.culture.wiring import (
    Wiring,
    dish_radius_mm,
    draw_weights,
    draw_wiring,
    link_delays_ms,
    place_somata,
)
from simbench.scenario.culture_recipe import CultureRecipe


@dataclass(frozen=True)
class Culture:
    """A simulated culture and all that is known about it.

    Parameters
    ----------
    labels : DataFrame, one row a neuron
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
    anatomy = build_culture(recipe, seed, index)
    (neurons, steps), drive = _fire(recipe, anatomy, seed, index, target)
    times, recorded = steps * (recipe.dt_ms / 1000), steps >= 0
    lead_in = SpikeTrains.from_events(
        neurons[~recorded], times[~recorded] + recipe.settle_s, recipe.n_neurons, recipe.settle_s
    )
    spikes = SpikeTrains.from_events(
        neurons[recorded], times[recorded], recipe.n_neurons, recipe.duration_s, lead_in
    )
    realised, summary = describe(spikes, anatomy.weights)
    labels = pd.concat((_anatomy_labels(recipe, anatomy), realised), axis=1)
    summary |= drive | {
        "mean_in_degree": anatomy.weights.nnz / recipe.n_neurons,
        "axon_length_mm": anatomy.wiring.axon_length_mm,
        "dish_radius_mm": dish_radius_mm(recipe),
    }
    return Culture(labels, spikes, anatomy.weights, summary)


def _anatomy_labels(recipe: CultureRecipe, anatomy: Anatomy) -> pd.DataFrame:
    firing, positions = anatomy.firing, anatomy.positions_mm
    return pd.DataFrame(
        {
            "firing_type": firing.firing_type,
            "inhibitory": firing.inhibitory,
            "a": firing.a,
            "b": firing.b,
            "c": firing.c,
            "d": firing.d,
            "x_mm": positions[:, 0],
            "y_mm": positions[:, 1],
            "rim_distance_mm": dish_radius_mm(recipe) - np.linalg.norm(positions, axis=1),
            "topology": recipe.wiring.topology,
            "module": anatomy.wiring.module,
        }
    )


def _fire(
    recipe: CultureRecipe, anatomy: Anatomy, seed: int, index: int, target: str
) -> tuple[Events, dict[str, float]]:
    """Spikes (neurons, steps; below 0: before the recording), and the drive that was used."""
    firing = anatomy.firing
    start = stream(seed, "culture", index, "start")
    v = firing.c + 30 * start.random(recipe.n_neurons)
    resting = Network(
        firing.a, firing.b, firing.c, firing.d, anatomy.weights,
        v=v, u=firing.b * v,
        release=start.random(recipe.n_neurons), resource=start.random(recipe.n_neurons),
        current=np.zeros(recipe.n_neurons),
        delays_ms=link_delays_ms(
            anatomy.weights, anatomy.positions_mm, recipe.synapses.conduction_velocity_mm_per_ms
        ),
    )  # fmt: skip

    def run(noise_sigma: float, type_current: dict[str, float], seconds: float) -> Events:
        current = np.array([type_current.get(kind, 0.0) for kind in firing.firing_type])
        neurons, steps = run_network(
            replace(resting, current=current), recipe.synapses,
            noise_sigma=noise_sigma, duration_s=recipe.settle_s + seconds, dt_ms=recipe.dt_ms,
            seed=seed32(seed, "culture", index, "noise"), target=target,
        )  # fmt: skip
        return neurons, steps - round(recipe.settle_s * 1000 / recipe.dt_ms)

    current, sigma = dict(recipe.type_current), recipe.noise_sigma
    if recipe.target_rate_hz is not None:
        events, sigma = run_at_rate(recipe, run)
    else:
        if recipe.match_type_rates_hz is not None:
            current = match_type_rates(recipe, firing.firing_type, run)
        events = run(sigma, current, recipe.duration_s)
    drive = {"noise_sigma": sigma} | {f"current_{kind}": value for kind, value in current.items()}
    return events, drive
