"""Plain loops over the published rules, written from the equations: what simbench is tested on."""

import numpy as np
from scipy import sparse

from simbench.culture.model import Network
from simbench.scenario.recipes import SynapseRecipe


def random_network(
    seed, n=60, types=None, degree=12, delay_ms=0.0, inhibitory=0.3, sigma=2.25, synapses=None
):
    """A random network of the given (a, b, c, d), both signs of weight, jittered parameters."""
    rng = np.random.default_rng(seed)
    from simbench.scenario.recipes import FIRING_TYPES

    table = np.array(list(FIRING_TYPES.values()) if types is None else types)
    a, b, c, d = (table[np.arange(n) % len(table)] * rng.normal(1, 0.05, (n, 4))).T
    dense = (rng.random((n, n)) < degree / n) * np.abs(rng.normal(1, 0.1, (n, n)))
    np.fill_diagonal(dense, 0)
    dense *= np.where(rng.random(n) < inhibitory, -12, 6)[:, None]
    weights = sparse.csr_array(dense)
    v = c + 30 * rng.random(n)
    return Network(
        a, b, c, d, weights, v, b * v, rng.random(n), rng.random(n), rng.normal(0, 1, n),
        sigma, synapses or SynapseRecipe(),
        delays_ms=rng.uniform(0, delay_ms, weights.nnz) if delay_ms else None,
    )  # fmt: skip


def run_plain(network: Network, noise, n_steps, dt_ms=1.0) -> set[tuple[int, int]]:
    """The reference scheme with a dense matrix: the set of (neuron, step) that spiked.

    Every neuron has the P of its synapses, and a slow one; ``noise`` is a random generator.
    """
    synapses, weights = network.synapses, network.weights.toarray()
    lag = np.zeros(weights.shape, dtype=int)
    if network.delays_ms is not None:
        edges = network.weights.tocoo()
        lag[edges.row, edges.col] = np.rint(network.delays_ms / dt_ms)
    slow = np.where(weights > 0, synapses.slow_share * weights, 0)
    # every kind of link: its lag, its weights, its decay, and P as it arrives
    links = [
        (k, np.where(lag == k, some, 0), decay_ms, network.release.copy())
        for k in np.unique(lag)
        for some, decay_ms in ((weights - slow, synapses.decay_ms), (slow, synapses.slow_decay_ms))
    ]
    v, u, R = network.v.copy(), network.u.copy(), network.resource.copy()
    released = []
    spikes = set()
    for step in range(n_steps):
        current = sum(W.T @ P for _, W, _, P in links) + network.current
        eta = np.sqrt(2 * network.noise_sigma / dt_ms) * noise.standard_normal(len(v))
        du = network.a * (network.b * v - u)
        for _ in range(2):
            v = v + 0.5 * dt_ms * (0.04 * v**2 + 5 * v + 140 - u + current + eta)
        u = u + dt_ms * du
        R = R + dt_ms * (1 - R) / (1000 * synapses.recovery_s)
        fired = v > 30
        released.append(np.where(fired, R, 0))
        v[fired] = network.c[fired]
        u[fired] += network.d[fired]
        R[fired] *= 1 - synapses.depression
        for k, _, decay_ms, P in links:
            P -= dt_ms * P / decay_ms
            if step >= k:
                P += released[step - k]
        spikes |= {(int(i), step) for i in np.flatnonzero(fired)}
    return spikes


def run_plain_sums(network: Network, noise, n_steps, dt_ms=1.0) -> set[tuple[int, int]]:
    """The same scheme without delays, its operations in the engine's order: equal to the last bit.

    Every neuron has the sums of its fast and its slow inputs, to which each spike adds.
    """
    synapses, weights = network.synapses, network.weights
    slow = np.where(weights.data > 0, synapses.slow_share * weights.data, 0)
    decays = (weights.data - slow, synapses.decay_ms), (slow, synapses.slow_decay_ms)
    kept = [1 - dt_ms / decay_ms for _, decay_ms in decays]
    layout = weights.indices, weights.indptr
    to_all = [sparse.csr_array((w, *layout), shape=weights.shape) for w, _ in decays]
    sums = [matrix.T @ network.release for matrix in to_all]
    v, u, R = network.v.copy(), network.u.copy(), network.resource.copy()
    recovery = dt_ms / (1000 * synapses.recovery_s)
    spikes = set()
    for step in range(n_steps):
        eta = np.sqrt(2 * network.noise_sigma / dt_ms) * noise.standard_normal(len(v))
        given = 140 - u + network.current + sums[0] + sums[1] + eta
        du = network.a * (network.b * v - u)
        for _ in range(2):
            v = v + 0.5 * dt_ms * ((0.04 * v + 5) * v + given)
        u = u + dt_ms * du
        sums = [share * g for share, g in zip(kept, sums)]
        R = R + recovery * (1 - R)
        for i in np.flatnonzero(v > 30):
            row = slice(weights.indptr[i], weights.indptr[i + 1])
            for g, matrix in zip(sums, to_all):
                g[matrix.indices[row]] += matrix.data[row] * R[i]
            spikes.add((int(i), step))
        fired = v > 30
        v[fired] = network.c[fired]
        u[fired] += network.d[fired]
        R[fired] *= 1 - synapses.depression
    return spikes


def grow_plain(positions, lengths, radii, headings, heights, width, rng):
    """Axon growth as the rules state it: a loop over neurons, segments, neighbours.

    Walls on a line are found by looking at the ground every 2 um.
    """
    rows, columns = heights.shape
    steps = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    up = [1, 0.0007, 0.00045, 0.00035, 0.00030, 0.00025, 0.00015, 0.00002, 0]
    down = [1, 0.0066, 0.0033, 0.0033, 0.0033, 0.0033, 0.0020, 0.0005, 0]
    walled = np.pad(heights, 1, constant_values=np.inf)

    def wall(x0, y0, x1, y1):
        """Direction of the wall that turned the line back (None: it passed); height climbed."""
        length = np.hypot(x1 - x0, y1 - y0)
        share = np.linspace(0, 1, int(length / 0.002) + 2)
        row = np.floor((y0 + share * (y1 - y0)) / width * rows).astype(int)
        column = np.floor((x0 + share * (x1 - x0)) / width * columns).astype(int)
        ground = walled[np.clip(row, -1, rows) + 1, np.clip(column, -1, columns) + 1]
        climbed = 0.0
        for k in np.flatnonzero(ground[1:] != ground[:-1]):
            step = ground[k + 1] - ground[k]
            along_x = row[k] != row[k + 1]
            angle = np.arcsin((abs(y1 - y0) if along_x else abs(x1 - x0)) / length)
            chance = np.interp(abs(step), steps, up if step > 0 else down)
            if angle <= np.pi / 6 or rng.random() >= chance:
                return ("x" if along_x else "y"), climbed
            climbed += abs(step)
        return None, climbed

    links = set()
    for i, (x, y) in enumerate(positions):
        heading, length, grown = headings[i], lengths[i], 0.0
        while grown < length:
            for _ in range(100):
                new_x, new_y = x + 0.001 * np.cos(heading), y + 0.001 * np.sin(heading)
                turned, climbed = wall(x, y, new_x, new_y)
                if turned is None:
                    x, y, length = new_x, new_y, length - climbed
                    break
                lean = np.cos(heading) if turned == "x" else np.sin(heading)
                if abs(lean) < 1e-9:
                    lean = rng.random() - 0.5
                heading = (0 if lean > 0 else np.pi) if turned == "x" else np.pi / 2 * np.sign(lean)
            grown += 0.001
            distance = np.hypot(positions[:, 0] - x, positions[:, 1] - y)
            for j in np.flatnonzero(distance < radii):
                if j != i and (i, j) not in links and wall(*positions[j], x, y)[0] is None:
                    links.add((i, int(j)))
            heading += 0.1 * rng.standard_normal()
    return links
