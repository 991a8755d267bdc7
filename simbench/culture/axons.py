"""Axon growth after Orlandi et al. 2013: random walks that link to the dendrites they reach."""

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from simbench.recipes import WiringRecipe

SEGMENT_MM = 0.001
HEADING_SD = 0.1


def grow_axons(
    positions_mm: np.ndarray, recipe: WiringRecipe, rng: np.random.Generator
) -> sparse.csr_array:
    """Grow one axon from each soma on a flat dish; link it to dendritic discs that it enters.

    Parameters
    ----------
    positions_mm : ndarray, shape (n_neurons, 2)

    Returns
    -------
    scipy.sparse.csr_array of bool, shape (n_neurons, n_neurons)
        Presynaptic x postsynaptic.
    """
    n = len(positions_mm)
    lengths = recipe.axon_length_mm * np.sqrt(-2 * np.log1p(-rng.random(n)))
    n_segments = np.ceil(lengths / SEGMENT_MM).astype(int)
    radii = rng.normal(recipe.dendrite_radius_um, recipe.dendrite_radius_sd_um, n) / 1000
    headings = rng.uniform(0, 2 * np.pi, n)
    links = sparse.lil_array((n, n), dtype=bool)
    somata = cKDTree(positions_mm)
    for i in range(n):
        turns = rng.normal(0, HEADING_SD, n_segments[i])
        heading = headings[i] + np.cumsum(turns)
        step = np.column_stack((np.cos(heading), np.sin(heading))) * SEGMENT_MM
        tips = positions_mm[i] + np.cumsum(step, axis=0)
        near = np.array(
            somata.query_ball_point(positions_mm[i], lengths[i] + radii.max()), dtype=int
        )
        near = near[near != i]
        if near.size and tips.size:
            distance = np.linalg.norm(tips[:, None] - positions_mm[near], axis=-1).min(axis=0)
            links[i, near[distance < radii[near]]] = True
    found = links.tocoo()
    kept = rng.random(found.nnz) < recipe.link_probability
    return sparse.csr_array(
        (np.ones(kept.sum(), dtype=bool), (found.row[kept], found.col[kept])), shape=(n, n)
    )
