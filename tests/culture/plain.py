"""Plain loops over the published rules, written from the equations: what simbench is tested on.

The loop over the integration step is the paper's: ``paper/plain_loop.py``.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "paper"))
from plain_loop import random_network, run_plain

__all__ = ["grow_plain", "plain_step", "random_network", "run_plain"]


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
