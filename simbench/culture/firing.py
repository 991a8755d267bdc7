"""Firing types: who is what in a culture, and each neuron's own a, b, c, d."""

from dataclasses import dataclass

import numpy as np

from simbench.scenario.culture_recipe import FIRING_TYPES, CultureRecipe


@dataclass(frozen=True)
class Firing:
    """Firing type and parameters of every neuron, arrays of shape (n_neurons,)."""

    firing_type: np.ndarray
    inhibitory: np.ndarray
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray


def draw_firing(
    recipe: CultureRecipe, rng: np.random.Generator, inhibitory: np.ndarray | None = None
) -> Firing:
    """Draw sign, firing type and jittered parameters of each neuron, independent of its place.

    ``inhibitory`` (bool, shape (n_neurons,)) fixes the signs where the wiring knows them.
    """
    n = recipe.n_neurons
    if inhibitory is None:
        inhibitory = rng.permutation(np.arange(n) < round(recipe.inhibitory_fraction * n))
    n_inhibitory = int(inhibitory.sum())
    types = np.empty(n, dtype=object)
    types[~inhibitory] = _draw_types(recipe.excitatory_types, n - n_inhibitory, rng)
    types[inhibitory] = _draw_types(recipe.inhibitory_types, n_inhibitory, rng)
    table = np.array([_parameters(kind, recipe, rng) for kind in types]).reshape(n, 4)
    table = table * (1 + recipe.parameter_jitter * rng.standard_normal((n, 4)))
    return Firing(types, inhibitory, *table.T)


def _draw_types(shares: dict[str, float], n: int, rng: np.random.Generator) -> np.ndarray:
    """Shares as exact as whole neurons allow (largest remainder), in random order."""
    wanted = np.array(list(shares.values())) * n
    counts = np.floor(wanted).astype(int)
    for index in np.argsort(counts - wanted, kind="stable")[: n - counts.sum()]:
        counts[index] += 1
    return rng.permutation(np.repeat(np.array(list(shares), dtype=object), counts))


def _parameters(
    kind: str, recipe: CultureRecipe, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    if kind in recipe.custom_types:
        custom = recipe.custom_types[kind]
        return custom.a, custom.b, custom.c_mV, custom.d
    if kind == "excitatory-family":
        r = rng.random()
        return 0.02, 0.2, -65 + 15 * r**2, 8 - 6 * r**2
    if kind == "inhibitory-family":
        r = rng.random()
        return 0.02 + 0.08 * r, 0.25 - 0.05 * r, -65.0, 2.0
    return FIRING_TYPES[kind]
