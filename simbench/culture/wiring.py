"""Where the somata lie and who reaches whom: a sparse presynaptic x postsynaptic matrix."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from scipy.special import ndtr

from simbench.core.errors import SimbenchError
from simbench.culture import graphs
from simbench.culture.edge_file import read_edges
from simbench.culture.substrate import Substrate, make_substrate
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe, WiringRecipe

GROWN = ("flat", "tracks", "squares", "height-map")
LENGTHEN = 1.25
MAX_LENGTHENINGS = 20


@dataclass(frozen=True)
class Wiring:
    """Who reaches whom.

    Parameters
    ----------
    links : scipy.sparse.csr_array of bool, shape (n_neurons, n_neurons)
        Presynaptic x postsynaptic, without self-links, indices sorted.
    module : ndarray of int, shape (n_neurons,)
        Block of each neuron in a modular wiring; 0 in all others.
    substrate : Substrate or None
        What the axons grew on.
    axon_length_mm : float
        Scale of the axon lengths that was used; 0 where no axon grew.
    weights : scipy.sparse.csr_array or None
        Signed weights, if an edge list brings its own.
    """

    links: sparse.csr_array
    module: np.ndarray
    substrate: Substrate | None = None
    axon_length_mm: float = 0.0
    weights: sparse.csr_array | None = None


def dish_radius_mm(recipe: CultureRecipe) -> float:
    """Radius of the circular dish that holds the neurons at the recipe's density."""
    return float(np.sqrt(recipe.n_neurons / recipe.density_per_mm2 / np.pi))


def place_somata(recipe: CultureRecipe, rng: np.random.Generator) -> np.ndarray:
    """Uniform positions on the dish, at least ``min_spacing_um`` apart, shape (n_neurons, 2), mm.

    Raises
    ------
    SimbenchError
        If the dish is too small for its somata.
    """
    radius, spacing = dish_radius_mm(recipe), recipe.min_spacing_um / 1000

    def uniform(n: int) -> np.ndarray:
        r, angle = radius * np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
        return np.column_stack((r * np.cos(angle), r * np.sin(angle)))

    positions = uniform(recipe.n_neurons)
    # discs of half the spacing can't cover more of the plane than the densest packing does
    possible = recipe.density_per_mm2 * np.pi * spacing * spacing / 4 < np.pi / np.sqrt(12)
    for _ in range(1000 if possible else 0):
        pairs = cKDTree(positions).query_pairs(spacing, output_type="ndarray")
        if not len(pairs):
            return positions
        redraw = np.unique(pairs.max(axis=1))
        positions[redraw] = uniform(len(redraw))
    raise SimbenchError(
        f"culture.min_spacing_um = {recipe.min_spacing_um:g}: {recipe.n_neurons} somata do not fit "
        f"on a dish of {2 * radius:.3g} mm at that distance; lower it or density_per_mm2"
    )


def draw_wiring(
    recipe: CultureRecipe, positions_mm: np.ndarray, rng: np.random.Generator
) -> Wiring:
    """Links of the recipe's topology.

    With a ``mean_in_degree``, the number of links is exactly that mean times the neurons, rounded.
    Graphs are drawn with that number of links. Grown wirings and custom ones are thinned to it, all
    links alike; if axons make too few, all lengths are raised by steps of 25 % until they make
    enough, and the length that was used is in the culture's summary.

    Raises
    ------
    SimbenchError
        If the mean in-degree is impossible, or a file can't be used.
    """
    wiring, n = recipe.wiring, recipe.n_neurons
    n_links = None if wiring.mean_in_degree is None else round(wiring.mean_in_degree * n)
    if n_links is not None and n_links > n * (n - 1):
        raise degree_error(wiring, n - 1, f"{n} neurons without self-links")
    if wiring.topology in GROWN:
        return _grow(recipe, positions_mm, n_links, rng)
    if wiring.topology == "custom":
        links, weights = read_edges(str(wiring.edges), n)
        if n_links is not None:
            if n_links > links.nnz:
                raise degree_error(wiring, links.nnz / n, f"the links in '{wiring.edges}'")
            links = _thin(links, n_links, rng)
            weights = None if weights is None else sparse.csr_array(weights.multiply(links))
        return Wiring(links, np.zeros(n, dtype=int), weights=weights)
    assert n_links is not None  # the recipe demands it
    try:
        links, module = graphs.draw_graph(wiring, n_links, positions_mm, rng)
    except graphs.TooManyLinks as error:
        raise degree_error(wiring, error.most / n, error.why) from None
    return Wiring(links, module)


def degree_error(recipe: WiringRecipe, most: float, why: str) -> SimbenchError:
    return SimbenchError(
        f"wiring.mean_in_degree = {recipe.mean_in_degree:g} is impossible for topology "
        f"'{recipe.topology}'; allowed: at most {most:.4g} ({why})"
    )


def _grow(
    recipe: CultureRecipe, positions_mm: np.ndarray, n_links: int | None, rng: np.random.Generator
) -> Wiring:
    from simbench.culture.axons import grow_axons

    wiring = recipe.wiring
    substrate = make_substrate(wiring, dish_radius_mm(recipe), rng)
    length, module = wiring.axon_length_mm, np.zeros(recipe.n_neurons, dtype=int)
    found = grow_axons(positions_mm, wiring, substrate, rng, length)
    if n_links is None:
        kept = rng.random(found.nnz) < wiring.link_probability
        return Wiring(_keep(found, kept), module, substrate, length)
    for _ in range(MAX_LENGTHENINGS):
        if found.nnz >= n_links:
            return Wiring(_thin(found, n_links, rng), module, substrate, length)
        length *= LENGTHEN
        found = grow_axons(positions_mm, wiring, substrate, rng, length)
    raise degree_error(
        wiring, found.nnz / recipe.n_neurons, f"made by axons of {length:.3g} mm on this dish"
    )


def _thin(links: sparse.csr_array, n_links: int, rng: np.random.Generator) -> sparse.csr_array:
    kept = np.zeros(links.nnz, dtype=bool)
    kept[rng.choice(links.nnz, n_links, replace=False, shuffle=False)] = True
    return _keep(links, kept)


def _keep(links: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    edges = links.tocoo()
    return sparse.csr_array((edges.data[kept], (edges.row[kept], edges.col[kept])), links.shape)


def draw_weights(
    links: sparse.csr_array,
    inhibitory: np.ndarray,
    recipe: SynapseRecipe,
    rng: np.random.Generator,
) -> sparse.csr_array:
    """Signed weights of the links; all that leave an inhibitory neuron are negative."""
    edges = links.tocoo()
    strength = np.where(inhibitory, -recipe.inhibitory_weight, recipe.excitatory_weight)[edges.row]
    normal = rng.standard_normal(edges.nnz)
    spread = np.abs(1 + recipe.weight_jitter * normal)
    if recipe.weight_log_sd:
        factors = lognormal(recipe.weight_log_sd, normal, recipe.largest_weight)
        spread = np.where(strength > 0, factors, spread)
    return sparse.csr_array((strength * spread, (edges.row, edges.col)), shape=links.shape)


def lognormal(log_sd: float, normal: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Factors of mean 1 whose natural logarithms have this s.d., from standard normal numbers.

    With a ``largest``, factors beyond it are cut to it, and all scaled so that the mean stays.
    """
    factors = np.exp(log_sd * normal - log_sd**2 / 2)
    if largest is None:
        return factors
    edge = np.log(largest) / log_sd + log_sd / 2
    mean = ndtr(edge - log_sd) + largest * ndtr(-edge)
    return np.minimum(factors, largest) / mean


def link_delays_ms(
    weights: sparse.csr_array, positions_mm: np.ndarray, velocity_mm_per_ms: float | None
) -> np.ndarray | None:
    """Conduction delay of each stored weight, by the straight distance; None without a velocity."""
    if velocity_mm_per_ms is None:
        return None
    edges = weights.tocoo()
    distance = np.linalg.norm(positions_mm[edges.row] - positions_mm[edges.col], axis=1)
    return distance / velocity_mm_per_ms
