"""Where the somata lie and who reaches whom: a sparse presynaptic x postsynaptic matrix."""

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from simbench.culture.axons import grow_axons
from simbench.errors import SimbenchError
from simbench.recipes import CultureRecipe, SynapseRecipe, WiringRecipe


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
    for _ in range(1000):
        pairs = cKDTree(positions).query_pairs(spacing, output_type="ndarray")
        if not len(pairs):
            return positions
        redraw = np.unique(pairs.max(axis=1))
        positions[redraw] = uniform(len(redraw))
    raise SimbenchError(
        f"culture.min_spacing_um = {recipe.min_spacing_um:g}: {recipe.n_neurons} somata do not fit "
        f"on a dish of {2 * radius:.3g} mm at that distance; lower it or density_per_mm2"
    )


def draw_links(
    recipe: WiringRecipe, positions_mm: np.ndarray, rng: np.random.Generator
) -> sparse.csr_array:
    """Links of the recipe's topology as a boolean matrix, presynaptic x postsynaptic."""
    if recipe.topology == "flat":
        return grow_axons(positions_mm, recipe, rng)
    raise SimbenchError(f"wiring.topology = '{recipe.topology}' is not built yet")


def draw_weights(
    links: sparse.csr_array,
    inhibitory: np.ndarray,
    recipe: SynapseRecipe,
    rng: np.random.Generator,
) -> sparse.csr_array:
    """Signed weights of the links; all that leave an inhibitory neuron are negative."""
    edges = links.tocoo()
    strength = np.where(inhibitory, -recipe.inhibitory_weight, recipe.excitatory_weight)[edges.row]
    jitter = np.abs(1 + recipe.weight_jitter * rng.standard_normal(edges.nnz))
    return sparse.csr_array((strength * jitter, (edges.row, edges.col)), shape=links.shape)
