"""The physics: a recipe in, spikes and labels out."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.culture.firing import draw_firing
from simbench.culture.network import Network, run_network
from simbench.culture.wiring import dish_radius_mm, draw_links, draw_weights, place_somata
from simbench.recipes import CultureRecipe
from simbench.seeds import seed32, stream
from simbench.spikes import SpikeTrains


@dataclass(frozen=True)
class Culture:
    """A simulated culture and all that is known about it.

    Parameters
    ----------
    labels : DataFrame, one row a neuron
        See ``simbench.labels.LABELS`` for the columns and their units.
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
    """
    rng = partial(stream, seed, "culture", index)
    n = recipe.n_neurons
    firing = draw_firing(recipe, rng("firing"))
    positions = place_somata(recipe, rng("somata"))
    links = draw_links(recipe.wiring, positions, rng("wiring"))
    weights = draw_weights(links, firing.inhibitory, recipe.synapses, rng("weights"))
    start = rng("start")
    v = firing.c + 30 * start.random(n)
    network = Network(
        firing.a, firing.b, firing.c, firing.d, weights,
        v=v, u=firing.b * v, release=start.random(n), resource=start.random(n),
        current=np.array([recipe.type_current.get(t, 0.0) for t in firing.firing_type]),
    )  # fmt: skip
    neurons, steps = run_network(
        network, recipe.synapses,
        noise_sigma=recipe.noise_sigma, duration_s=recipe.settle_s + recipe.duration_s,
        dt_ms=recipe.dt_ms, seed=seed32(seed, "culture", index, "noise"), target=target,
    )  # fmt: skip
    steps = steps - round(recipe.settle_s * 1000 / recipe.dt_ms)
    recorded = steps >= 0
    spikes = SpikeTrains.from_events(
        neurons[recorded], steps[recorded] * (recipe.dt_ms / 1000), n, recipe.duration_s
    )
    labels = pd.DataFrame(
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
            "in_degree": np.diff(links.tocsc().indptr),
            "out_degree": np.diff(links.indptr),
            "n_spikes": spikes.counts,
            "rate_hz": spikes.counts / recipe.duration_s,
        }
    )
    summary = {"mean_rate_hz": float(labels["rate_hz"].mean()), "noise_sigma": recipe.noise_sigma}
    return Culture(labels, spikes, weights, summary)
