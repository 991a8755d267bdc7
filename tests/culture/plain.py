"""Plain loops over the published rules, written from the equations: what simbench is tested on."""

import numpy as np

from simbench.culture.model import Network
from simbench.scenario.culture_recipe import SynapseRecipe


def random_network(seed, n=60, types=None, degree=12, delay_ms=0.0, inhibitory=0.3):
    """A random network of the given (a, b, c, d), both signs of weight, jittered parameters."""
    rng = np.random.default_rng(seed)
    from scipy import sparse

    from simbench.scenario.culture_recipe import FIRING_TYPES

    table = np.array(list(FIRING_TYPES.values()) if types is None else types)
    a, b, c, d = (table[np.arange(n) % len(table)] * rng.normal(1, 0.05, (n, 4))).T
    dense = (rng.random((n, n)) < degree / n) * np.abs(rng.normal(1, 0.1, (n, n)))
    np.fill_diagonal(dense, 0)
    dense *= np.where(rng.random(n) < inhibitory, -12, 6)[:, None]
    weights = sparse.csr_array(dense)
    v = c + 30 * rng.random(n)
    return Network(
        a, b, c, d, weights, v, b * v, rng.random(n), rng.random(n), rng.normal(0, 1, n),
        rng.uniform(0, delay_ms, weights.nnz) if delay_ms else None,
    )  # fmt: skip


def plain_step(network, synapses, noise_sigma, state, normal):
    """One 1-ms step of the reference scheme, its input given as the sum g; who fired."""
    v, u, g, R = (state[name].copy() for name in ("v", "u", "g", "R"))
    eta = np.sqrt(2 * noise_sigma) * normal
    du = network.a * (network.b * v - u)
    for _ in range(2):
        v += 0.5 * (0.04 * v**2 + 5 * v + 140 - u + g + network.current + eta)
    u += du
    g -= g / synapses.decay_ms
    R += (1 - R) / (1000 * synapses.recovery_s)
    fired = v > 30
    g += network.weights.toarray().T @ np.where(fired, R, 0)
    v[fired], u[fired] = network.c[fired], u[fired] + network.d[fired]
    R[fired] *= 1 - synapses.depression
    return {"v": v, "u": u, "g": g, "R": R}, fired


def run_plain(
    network: Network, synapses: SynapseRecipe, noise_sigma, n_steps, dt_ms, seed
) -> set[tuple[int, int]]:
    """The reference scheme with a dense matrix: the set of (neuron, step) that spiked."""
    noise = np.random.RandomState(seed)
    weights = network.weights.toarray()
    lag = np.zeros(weights.shape, dtype=int)
    if network.delays_ms is not None:
        edges = network.weights.tocoo()
        lag[edges.row, edges.col] = np.rint(network.delays_ms / dt_ms)
    lags = np.unique(lag)
    by_lag = [np.where(lag == k, weights, 0) for k in lags]
    v, u = network.v.copy(), network.u.copy()
    P, R = network.release.copy(), network.resource.copy()
    # what each step released, as seen after each lag
    arrived = [P.copy() for _ in lags]
    released = []
    spikes = set()
    for step in range(n_steps):
        current = sum(W.T @ P for W, P in zip(by_lag, arrived)) + network.current
        eta = np.sqrt(2 * noise_sigma / dt_ms) * noise.standard_normal(len(v))
        du = network.a * (network.b * v - u)
        for _ in range(2):
            v = v + 0.5 * dt_ms * (0.04 * v**2 + 5 * v + 140 - u + current + eta)
        u = u + dt_ms * du
        arrived = [P - dt_ms * P / synapses.decay_ms for P in arrived]
        R = R + dt_ms * (1 - R) / (1000 * synapses.recovery_s)
        fired = v > 30
        released.append(np.where(fired, R, 0))
        v[fired] = network.c[fired]
        u[fired] += network.d[fired]
        R[fired] *= 1 - synapses.depression
        for k, P in zip(lags, arrived):
            if step >= k:
                P += released[step - k]
        spikes |= {(int(i), step) for i in np.flatnonzero(fired)}
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
