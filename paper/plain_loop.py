"""The published integration step as a plain NumPy loop, and random networks to run it on.

The paper compares simbench's spikes with this loop, and so do the tests of the culture.
"""

import numpy as np
from scipy import sparse

from simbench.culture.model import Network
from simbench.scenario.culture_recipe import FIRING_TYPES, SynapseRecipe


def random_network(seed, n=60, types=None, degree=12, delay_ms=0.0, inhibitory=0.3):
    """A random network of the given (a, b, c, d), both signs of weight, jittered parameters."""
    rng = np.random.default_rng(seed)
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
