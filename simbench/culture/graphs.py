"""Wirings drawn from a rule: directed graphs without self-links, with an exact number of links."""

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from simbench.scenario.culture_recipe import WiringRecipe

_CHUNK = 2**23


class TooManyLinks(Exception):
    """More links asked for than the topology has room for."""

    def __init__(self, most: float, why: str) -> None:
        super().__init__(why)
        self.most, self.why = most, why


def draw_graph(
    recipe: WiringRecipe, n_links: int, positions_mm: np.ndarray, rng: np.random.Generator
) -> tuple[sparse.csr_array, np.ndarray]:
    """Links (presynaptic x postsynaptic) and the module of each neuron.

    - ``random``: Erdos-Renyi, any ``n_links`` of the ordered pairs.
    - ``small-world``: links to the nearest neighbours on the dish, a share of them rewired to a
      random target (Watts & Strogatz 1998, on the plane).
    - ``scale-free``: Barabasi & Albert 1999, every link in a random direction.
    - ``modular``: stochastic blocks; the modules are equal sectors of the dish.
    - ``distance``: links drawn without replacement with weights exp(-distance / length constant).

    Raises
    ------
    TooManyLinks
    """
    n = len(positions_mm)
    module = np.zeros(n, dtype=int)
    if recipe.topology == "modular":
        module = _sectors(positions_mm, recipe.n_modules)
    if not n_links:
        return sparse.csr_array((n, n), dtype=bool), module
    if recipe.topology == "random":
        pre, post = _pairs_within(module, n_links, rng)
    elif recipe.topology == "small-world":
        pre, post = _small_world(positions_mm, n_links, recipe.rewiring, rng)
    elif recipe.topology == "scale-free":
        pre, post = _scale_free(n, n_links, rng)
    elif recipe.topology == "modular":
        pre, post = _blocks(module, n_links, recipe.within_module, rng)
    else:
        pre, post = _by_distance(positions_mm, n_links, recipe.length_constant_mm, rng)
    return sparse.csr_array((np.ones(n_links, dtype=bool), (pre, post)), shape=(n, n)), module


def _pairs_within(
    module: np.ndarray, n_links: int, rng: np.random.Generator, share: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ordered pairs of neurons that share a module; ``share`` is theirs of all links."""
    member, first, size = _members(module)
    choices = size[module[member]] - 1
    row, k = _pick(choices, n_links, rng, "pairs of neurons within a module", share)
    k += k >= row - first[module[member[row]]]  # skip the neuron itself
    return member[row], member[first[module[member[row]]] + k]


def _pairs_between(
    module: np.ndarray, n_links: int, rng: np.random.Generator, share: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ordered pairs of neurons of different modules; ``share`` is theirs of all links."""
    member, first, size = _members(module)
    choices = len(module) - size[module[member]]
    row, k = _pick(choices, n_links, rng, "pairs of neurons of different modules", share)
    own = module[member[row]]
    k += (k >= first[own]) * size[own]  # skip the whole module
    return member[row], member[k]


def _members(module: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons sorted by module, the place of each module's first, and the modules' sizes."""
    size = np.bincount(module)
    return np.argsort(module, kind="stable"), np.cumsum(size) - size, size


def _pick(
    choices: np.ndarray, n_links: int, rng: np.random.Generator, what: str, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (row, choice) pairs, uniform over all, where row i has ``choices[i]`` of them."""
    last = np.cumsum(choices)
    if n_links > last[-1]:
        raise TooManyLinks(float(last[-1]) / share, what)
    index = rng.choice(last[-1], n_links, replace=False, shuffle=False)
    row = np.searchsorted(last, index, side="right")
    return row, index - (last - choices)[row]


def _sectors(positions_mm: np.ndarray, n_modules: int) -> np.ndarray:
    """Equal blocks of neurons, by the angle at which they lie on the dish."""
    n = len(positions_mm)
    rank = np.argsort(np.argsort(np.arctan2(*positions_mm.T[::-1]), kind="stable"))
    return rank * n_modules // n


def _blocks(
    module: np.ndarray, n_links: int, share_within: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    n_within = round(share_within * n_links)
    within = _pairs_within(module, n_within, rng, share_within)
    between = _pairs_between(module, n_links - n_within, rng, 1 - share_within)
    return np.concatenate((within[0], between[0])), np.concatenate((within[1], between[1]))


def _small_world(
    positions_mm: np.ndarray, n_links: int, rewiring: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Every neuron reaches its nearest neighbours: as many as the mean, or one more."""
    n = len(positions_mm)
    out_degree = np.full(n, n_links // n)
    out_degree[rng.permutation(n)[: n_links % n]] += 1
    _, near = cKDTree(positions_mm).query(positions_mm, k=out_degree.max() + 1)
    pre = np.repeat(np.arange(n), out_degree)
    rank = np.arange(n_links) - np.repeat(np.cumsum(out_degree) - out_degree, out_degree)
    post = near[pre, 1 + rank]
    taken = set((pre * n + post).tolist())
    for link in np.flatnonzero(rng.random(n_links) < rewiring):
        if out_degree[pre[link]] == n - 1:
            continue  # it reaches everyone already
        target = rng.integers(n)
        while target == pre[link] or pre[link] * n + target in taken:
            target = rng.integers(n)
        taken.remove(pre[link] * n + post[link])
        taken.add(int(pre[link] * n + target))
        post[link] = target
    return pre, post


def _scale_free(n: int, n_links: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Preferential attachment with the fewest links per newcomer that suffice, thinned."""
    newcomer = np.arange(1, n // 2 + 1)
    enough = newcomer * (n - newcomer) >= n_links
    if not enough.any():
        raise TooManyLinks(n * n / 4, "links that preferential attachment makes")
    graph = nx.barabasi_albert_graph(n, int(newcomer[np.argmax(enough)]), seed=rng)
    ends = np.array(graph.edges, dtype=np.int64)
    ends = ends[rng.choice(len(ends), n_links, replace=False)]
    ends = rng.permutation(n)[ends]  # hubs are the oldest: anyone may be a hub
    turned = rng.random(n_links) < 0.5
    return np.where(turned, ends[:, 1], ends[:, 0]), np.where(turned, ends[:, 0], ends[:, 1])


def _by_distance(
    positions_mm: np.ndarray, n_links: int, length_constant_mm: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sampling without replacement: the largest of log weight + Gumbel noise."""
    n = len(positions_mm)
    keys, pairs = np.empty(0), np.empty(0, dtype=np.int64)
    rows = max(1, _CHUNK // n)
    for start in range(0, n, rows):
        some = slice(start, min(start + rows, n))
        key = -cdist(positions_mm[some], positions_mm) / length_constant_mm
        key += rng.gumbel(size=key.shape)
        key[np.arange(len(key)), np.arange(some.start, some.stop)] = -np.inf
        keys = np.concatenate((keys, key.ravel()))
        pairs = np.concatenate((pairs, start * n + np.arange(key.size)))
        if len(keys) > n_links:
            best = np.argpartition(keys, -n_links)[-n_links:]
            keys, pairs = keys[best], pairs[best]
    return pairs // n, pairs % n
