"""Axon growth after Orlandi et al. 2013: random walks that link to the dendrites they reach."""

from functools import cache
from typing import Any

import numpy as np
from scipy import sparse

from simbench.culture.substrate import Substrate
from simbench.scenario.culture_recipe import WiringRecipe


def grow_axons(
    positions_mm: np.ndarray,
    recipe: WiringRecipe,
    substrate: Substrate,
    rng: np.random.Generator,
    axon_length_mm: float | None = None,
) -> sparse.csr_array:
    """Grow one axon from each soma; find all dendritic discs that it can link to.

    Segments of 1 um; the heading walks by N(0, 0.1) rad a segment. A link is found as soon as the
    tip lies in a neuron's dendritic disc and the straight line from its soma to the tip is not
    turned back by a wall.

    Parameters
    ----------
    positions_mm : ndarray, shape (n_neurons, 2)
    recipe : WiringRecipe
    substrate : Substrate
    rng : numpy.random.Generator
    axon_length_mm : float, optional
        Scale of the Rayleigh distribution of lengths instead of the recipe's.

    Returns
    -------
    scipy.sparse.csr_array of bool, shape (n_neurons, n_neurons)
        All links that could be made, presynaptic x postsynaptic.
    """
    n = len(positions_mm)
    lengths = (axon_length_mm or recipe.axon_length_mm) * np.sqrt(-2 * np.log1p(-rng.random(n)))
    radii = rng.normal(recipe.dendrite_radius_um, recipe.dendrite_radius_sd_um, n) / 1000
    headings = rng.uniform(0, 2 * np.pi, n)
    pre, post = _kernel()(
        positions_mm + substrate.width_mm / 2,
        lengths,
        np.maximum(radii, 0),
        headings,
        np.ascontiguousarray(substrate.heights_mm),
        substrate.width_mm,
        rng,
    )
    return sparse.csr_array((np.ones(len(pre), dtype=bool), (pre, post)), shape=(n, n))


@cache
def _kernel() -> Any:
    """The compiled kernel; Numba is imported only where axons grow."""
    from simbench.culture.axon_kernel import grow

    return grow
