"""Nuisances of a recording: cell factors, bleaching, haze, neuropil and flicker.

Each is drawn from a random stream of its own. One that is off draws nothing and changes no bit.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from simbench.core.seeds import stream
from simbench.imaging.trace_arrays import interpolate
from simbench.scenario.imaging_recipe import ImagingRecipe
from simbench.scenario.presets import NU_PER_SD

_HAZE_REACH = 2.63  # in sigmas; beyond it a neighbour adds less than 0.1 % of the amplitude
_NEUROPIL_REACH = 2.0  # in radii
_KNOTS_PER_TIME_CONSTANT = 4


@dataclass(frozen=True)
class Nuisances:
    """The drawn nuisances of one recording.

    Parameters
    ----------
    gain, decay_scale, brightness : ndarray, shape (n_neurons,)
        Factors on dF/F, decay times and baseline light. Median 1.
    culture_gain : float
        Factor on dF/F, the same for all cells.
    drift, neuropil : ndarray of float32, shape (n_neurons, n_knots), or None
        Slow unit-variance noise at knots.
    haze : csr_array, shape (n_neurons, n_neurons), or None
        Share of each other cell's light that reaches a cell.
    illumination : ndarray, shape (n_frames,), or None
        Bleaching times flicker: factor on all light.
    flicker : ndarray, shape (n_frames,), or None
        Relative change of the lamp.
    """

    gain: np.ndarray
    decay_scale: np.ndarray
    brightness: np.ndarray
    culture_gain: float
    drift: np.ndarray | None
    neuropil: np.ndarray | None
    haze: sparse.csr_array | None
    illumination: np.ndarray | None
    flicker: np.ndarray | None

    def illuminate(self, light: np.ndarray) -> np.ndarray:
        """Bleach and flicker light (n_cells, n_frames), in place."""
        if self.illumination is not None:
            light *= self.illumination.astype(np.float32)
        return light


def draw_nuisances(
    positions_mm: np.ndarray, n_frames: int, recipe: ImagingRecipe, seed: int, index: int
) -> Nuisances:
    """Draw all nuisances of a recording; seed and index name its random streams."""
    n = len(positions_mm)
    duration_s = n_frames / recipe.frame_rate_hz

    def rng(name: str) -> np.random.Generator:
        return stream(seed, "recording", index, name)

    def factors(name: str, sd: float, count: int = n) -> np.ndarray:
        return np.exp(sd * rng(name).standard_normal(count)) if sd else np.ones(count)

    drift = None
    if recipe.drift_sd:
        drift = slow_noise(rng("drift"), n, duration_s, recipe.drift_time_s)
    flicker = None
    if recipe.flicker_sd:
        flicker = recipe.flicker_sd * rng("flicker").standard_normal(n_frames)
    return Nuisances(
        gain=factors("gain", recipe.gain_sd),
        decay_scale=factors("decay", recipe.decay_sd),
        brightness=factors("brightness", recipe.brightness_sd),
        culture_gain=float(factors("culture gain", recipe.culture_gain_sd, 1)[0]),
        drift=drift,
        neuropil=_neuropil_knots(positions_mm, duration_s, recipe, rng("neuropil")),
        haze=haze_weights(positions_mm, recipe) if recipe.haze else None,
        illumination=_illumination(frame_middles(n_frames, recipe), recipe, flicker),
        flicker=flicker,
    )


def slow_noise(
    rng: np.random.Generator, n: int, duration_s: float, time_constant_s: float
) -> np.ndarray:
    """Ornstein-Uhlenbeck noise of unit variance at knots, float32, shape (n, n_knots)."""
    from scipy.signal import lfilter  # slow to load

    n_knots = math.ceil(duration_s / time_constant_s * _KNOTS_PER_TIME_CONSTANT) + 1
    keep = math.exp(-1 / _KNOTS_PER_TIME_CONSTANT)
    noise = rng.standard_normal((n, n_knots), dtype=np.float32)
    noise[:, 1:] *= math.sqrt(1 - keep**2)
    return lfilter([1], [1, -keep], noise, axis=1).astype(np.float32, copy=False)


def slow_factor(
    knots: np.ndarray, seconds: np.ndarray, time_constant_s: float, sd: float, log_mean: float = 0.0
) -> np.ndarray:
    """Factor whose logarithm follows `slow_noise`.

    Parameters
    ----------
    knots : ndarray of float32, shape (n_cells, n_knots)
    seconds : ndarray, shape (n_frames,)
        Middle of each frame.
    time_constant_s : float
        That with which the noise was drawn.
    sd, log_mean : float
        Of the factor's natural logarithm.

    Returns
    -------
    ndarray of float32, shape (n_cells, n_frames)
    """
    log_factor = interpolate(knots, seconds / time_constant_s * _KNOTS_PER_TIME_CONSTANT)
    log_factor *= np.float32(sd)
    log_factor += np.float32(log_mean)
    return np.exp(log_factor, out=log_factor)


def bleaching(seconds: np.ndarray, recipe: ImagingRecipe) -> np.ndarray:
    """Share of the light that is left after this time (s), same shape."""
    fast = recipe.bleach_fraction * -np.expm1(-seconds / recipe.bleach_time_s)
    slow = recipe.slow_bleach_fraction * -np.expm1(-seconds / recipe.slow_bleach_time_s)
    return 1 - fast - slow


def haze_weights(positions_mm: np.ndarray, recipe: ImagingRecipe) -> sparse.csr_array:
    """Share ``haze exp(-(distance / sigma)^2)`` of each other cell's light that reaches a cell.

    The form and the presets' values are those of the connectomics challenge's simulations
    (github.com/orlandi/connectomicsPCV), in which noise is scattered too; here only light is.
    """
    weights = _gaussian_weights(positions_mm, positions_mm, recipe.haze_sigma_mm, _HAZE_REACH)
    weights.setdiag(0)
    weights.eliminate_zeros()
    return recipe.haze * weights


def nuisance_labels(nuisances: Nuisances, recipe: ImagingRecipe, n_frames: int) -> pd.DataFrame:
    """One row per neuron; columns and units: ``simbench.scenario.labels.LABELS``."""
    n = len(nuisances.gain)
    brightness = nuisances.brightness
    haze, neuropil = np.zeros(n), np.full(n, recipe.neuropil) / brightness
    if nuisances.haze is not None:
        haze = nuisances.haze @ brightness / brightness
    drift = np.zeros(n)
    if nuisances.drift is not None:
        drift = recipe.drift_sd * nuisances.drift.std(axis=1, dtype=float)
    return pd.DataFrame(
        {
            "gain": nuisances.gain,
            "culture_gain": nuisances.culture_gain,
            "decay_scale": nuisances.decay_scale,
            "brightness": brightness,
            "drift": drift,
            "bleached": 1 - bleaching(np.full(n, n_frames / recipe.frame_rate_hz), recipe),
            "haze": haze,
            "neuropil": neuropil,
            "flicker": 0.0 if nuisances.flicker is None else nuisances.flicker.std(),
            "nu": _nu_at_rest(brightness * (1 + haze + neuropil), recipe),
        }
    )


def _nu_at_rest(light: np.ndarray, recipe: ImagingRecipe) -> np.ndarray:
    """Standardised shot and read noise (%/sqrt(Hz)) of cells with this light at rest."""
    if recipe.photons_per_frame is None:
        return np.zeros(len(light))
    photons = recipe.photons_per_frame * light
    sd = np.sqrt(photons + recipe.read_noise**2) / photons
    return 100 * NU_PER_SD * sd / math.sqrt(recipe.frame_rate_hz)


def frame_middles(n_frames: int, recipe: ImagingRecipe) -> np.ndarray:
    """Time of the middle of each frame (s)."""
    return (np.arange(n_frames) + 0.5) / recipe.frame_rate_hz


def _illumination(
    seconds: np.ndarray, recipe: ImagingRecipe, flicker: np.ndarray | None
) -> np.ndarray | None:
    if flicker is None and not (recipe.bleach_fraction or recipe.slow_bleach_fraction):
        return None
    left = bleaching(seconds, recipe)
    return left if flicker is None else left * np.maximum(1 + flicker, 0)


def _neuropil_knots(
    positions_mm: np.ndarray, duration_s: float, recipe: ImagingRecipe, rng: np.random.Generator
) -> np.ndarray | None:
    """Slow noise of patches on a grid, weighted by distance, which neighbours share."""
    if not recipe.neuropil:
        return None
    radius = recipe.neuropil_radius_mm
    low, high = positions_mm.min(axis=0) - radius, positions_mm.max(axis=0) + radius
    axes = [np.arange(a, b + radius, radius) for a, b in zip(low, high)]
    patches = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = _gaussian_weights(positions_mm, patches, radius, _NEUROPIL_REACH)
    norm = np.sqrt(weights.power(2).sum(axis=1))
    courses = slow_noise(rng, len(patches), duration_s, recipe.neuropil_time_s)
    return ((weights @ courses) / norm[:, None]).astype(np.float32)


def _gaussian_weights(
    here: np.ndarray, there: np.ndarray, sigma: float, reach: float
) -> sparse.csr_array:
    from scipy.spatial import cKDTree

    pairs = cKDTree(here).sparse_distance_matrix(
        cKDTree(there), reach * sigma, output_type="coo_matrix"
    )
    weights = np.exp(-((pairs.data / sigma) ** 2))
    return sparse.csr_array((weights, (pairs.row, pairs.col)), shape=(len(here), len(there)))
