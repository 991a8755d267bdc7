"""Axon growth after Orlandi et al. 2013: random walks that link to the dendrites they reach.

The loop over neurons, segments and neighbours is compiled: importing this imports Numba.
"""

import math

import numpy as np
from numba import njit
from scipy import sparse

from simbench.culture.substrate import Substrate
from simbench.scenario.culture_recipe import WiringRecipe

SEGMENT_MM = 0.001
HEADING_SD = 0.1  # rad per segment
# Probability that an axon crosses a height step (mm), linear in between (Hernandez-Navarro,
# thesis); walls met at 30 degrees or less are never crossed.
STEP_MM = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
CROSS_UP = np.array([1, 0.0007, 0.00045, 0.00035, 0.0003, 0.00025, 0.00015, 0.00002, 0])
CROSS_DOWN = np.array([1, 0.0066, 0.0033, 0.0033, 0.0033, 0.0033, 0.002, 0.0005, 0])

FREE, VERTICAL, HORIZONTAL = 0, 1, 2
MAX_TURNS = 100  # in one segment; a tip that is walled in waits
SKIN_MM = 0.03  # neighbours are looked up again when a tip has moved by this


def grow_axons(
    positions_mm: np.ndarray,
    recipe: WiringRecipe,
    substrate: Substrate,
    rng: np.random.Generator,
    axon_length_mm: float,
) -> sparse.csr_array:
    """Grow one axon from each soma; find all dendritic discs that it can link to.

    Segments of 1 um; the heading walks by N(0, 0.1) rad per segment. A link is found as soon as the
    tip lies in a neuron's dendritic disc and the straight line from its soma to the tip is not
    turned back by a wall.

    Parameters
    ----------
    positions_mm : ndarray, shape (n_neurons, 2)
    recipe : WiringRecipe
    substrate : Substrate
    rng : numpy.random.Generator
    axon_length_mm : float
        Scale of the Rayleigh distribution of lengths: the recipe's, or a longer one.

    Returns
    -------
    scipy.sparse.csr_array of bool, shape (n_neurons, n_neurons)
        All links that could be made, presynaptic x postsynaptic.
    """
    n = len(positions_mm)
    lengths = axon_length_mm * np.sqrt(-2 * np.log1p(-rng.random(n)))
    radii = rng.normal(recipe.dendrite_radius_um, recipe.dendrite_radius_sd_um, n) / 1000
    headings = rng.uniform(0, 2 * np.pi, n)
    pre, post = grow(
        positions_mm + substrate.width_mm / 2,
        lengths,
        np.maximum(radii, 0),
        headings,
        np.ascontiguousarray(substrate.heights_mm),
        substrate.width_mm,
        rng,
    )
    return sparse.csr_array((np.ones(len(pre), dtype=bool), (pre, post)), shape=(n, n))


@njit(cache=True)
def crossing_probability(step_mm):
    """Probability of crossing a height step; negative is down."""
    table = CROSS_UP if step_mm > 0 else CROSS_DOWN
    size = abs(step_mm)
    for k in range(1, len(STEP_MM)):  # np.interp allocates, and this is the innermost loop
        if size < STEP_MM[k]:
            share = (size - STEP_MM[k - 1]) / (STEP_MM[k] - STEP_MM[k - 1])
            return table[k - 1] + share * (table[k] - table[k - 1])
    return 0.0


@njit(cache=True)
def meet_walls(x0, y0, x1, y1, heights, width, rng):
    """Walk a straight line from cell to cell: the wall that turns it back, and the height climbed.

    A wall is a border between cells of different height. It turns the line back if they meet at
    30 degrees or less, or by chance.
    """
    rows, columns = heights.shape
    cell_x, cell_y = width / columns, width / rows
    column, row = math.floor(x0 / cell_x), math.floor(y0 / cell_y)
    last_column, last_row = math.floor(x1 / cell_x), math.floor(y1 / cell_y)
    climbed = 0.0
    if column == last_column and row == last_row:
        return FREE, climbed
    dx, dy = x1 - x0, y1 - y0
    length = math.sqrt(dx * dx + dy * dy)
    right, up = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
    # share of the line at which it meets the next border of either kind
    at_x = ((column + (dx > 0)) * cell_x - x0) / dx if dx != 0 else np.inf
    at_y = ((row + (dy > 0)) * cell_y - y0) / dy if dy != 0 else np.inf
    height = heights[row, column]
    for _ in range(abs(last_column - column) + abs(last_row - row)):
        if at_x <= at_y:
            wall, across = VERTICAL, abs(dx)
            column += right
            at_x += cell_x / abs(dx)
        else:
            wall, across = HORIZONTAL, abs(dy)
            row += up
            at_y += cell_y / abs(dy)
        inside = 0 <= row < rows and 0 <= column < columns
        new = heights[row, column] if inside else np.inf
        if new != height:
            if across <= 0.5 * length or rng.random() >= crossing_probability(new - height):
                return wall, climbed
            climbed += abs(new - height)
            height = new
    return FREE, climbed


@njit(cache=True)
def along(wall, heading, rng):
    """Heading along a wall, on the side to which the axon leans; head-on, either side."""
    lean = math.sin(heading) if wall == VERTICAL else math.cos(heading)
    if abs(lean) < 1e-9:
        lean = rng.random() - 0.5
    if wall == VERTICAL:
        return math.pi / 2 if lean > 0 else -math.pi / 2
    return 0.0 if lean > 0 else math.pi


@njit(cache=True)
def advance(x, y, heading, length, heights, width, rng):
    """One segment: new tip, heading and total length; walls turn the axon along them."""
    for _ in range(MAX_TURNS):
        new_x = x + SEGMENT_MM * math.cos(heading)
        new_y = y + SEGMENT_MM * math.sin(heading)
        wall, climbed = meet_walls(x, y, new_x, new_y, heights, width, rng)
        if wall == FREE:
            return new_x, new_y, heading, length - climbed
        heading = along(wall, heading, rng)
    return x, y, heading, length


@njit(cache=True)
def sort_into_boxes(positions, width, size):
    """Somata box by box, for looking up neighbours: boxes per side, order, first of each box."""
    boxes = max(1, int(width / size))
    place = np.empty(len(positions), np.int64)
    first = np.zeros(boxes * boxes + 1, np.int64)
    for i in range(len(positions)):
        column = min(boxes - 1, int(positions[i, 0] / width * boxes))
        row = min(boxes - 1, int(positions[i, 1] / width * boxes))
        place[i] = row * boxes + column
        first[place[i] + 1] += 1
    return boxes, np.argsort(place, kind="mergesort"), np.cumsum(first)


@njit(cache=True)
def find_near(x, y, axon, linked, positions, radii, width, lookup, near):
    """Fill ``near`` with the unlinked somata whose discs lie within ``SKIN_MM`` of the tip."""
    boxes, order, first = lookup
    column = min(boxes - 1, max(0, int(x / width * boxes)))
    row = min(boxes - 1, max(0, int(y / width * boxes)))
    n_near = 0
    for r in range(max(0, row - 1), min(boxes, row + 2)):
        low = first[r * boxes + max(0, column - 1)]
        high = first[r * boxes + min(boxes, column + 2)]
        for j in order[low:high]:
            if linked[j] == axon:
                continue
            limit = radii[j] + SKIN_MM
            if (positions[j, 0] - x) ** 2 + (positions[j, 1] - y) ** 2 < limit * limit:
                near[n_near] = j
                n_near += 1
    return n_near


@njit(cache=True)
def grow(positions, lengths, radii, headings, heights, width, rng):
    """Pre- and postsynaptic index of every link found; positions are measured from the corner."""
    n = len(positions)
    lookup = sort_into_boxes(positions, width, radii.max() + SKIN_MM)
    pre, post = [0 for _ in range(0)], [0 for _ in range(0)]  # typed, empty lists
    linked = np.full(n, -1, np.int64)
    near = np.empty(n, np.int64)
    for i in range(n):
        x, y, heading, length = positions[i, 0], positions[i, 1], headings[i], lengths[i]
        linked[i] = i  # no axon links to its own soma
        grown, moved, n_near = 0.0, np.inf, 0
        while grown < length:
            x, y, heading, length = advance(x, y, heading, length, heights, width, rng)
            grown += SEGMENT_MM
            moved += SEGMENT_MM
            if moved > SKIN_MM - SEGMENT_MM:
                n_near = find_near(x, y, i, linked, positions, radii, width, lookup, near)
                moved = 0.0
            k = 0
            while k < n_near:
                j = near[k]
                k += 1
                dx, dy = x - positions[j, 0], y - positions[j, 1]
                if dx * dx + dy * dy >= radii[j] * radii[j]:
                    continue
                wall, _ = meet_walls(positions[j, 0], positions[j, 1], x, y, heights, width, rng)
                if wall == FREE:
                    pre.append(i)
                    post.append(j)
                    linked[j] = i
                    k -= 1
                    n_near -= 1
                    near[k] = near[n_near]
            heading += HEADING_SD * rng.standard_normal()
    return np.array(pre), np.array(post)
