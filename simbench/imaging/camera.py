"""The camera: frames that integrate over the exposure, and photon shot noise."""

import numpy as np

from simbench.recipes import ImagingRecipe

NU_PER_SD = 0.954  # median |difference| of white noise of unit s.d. (Cascade's nu)


def photons_of_nu(nu: float) -> float:
    """Detected photons per second and cell at which pure shot noise has this nu (%/sqrt(Hz))."""
    return (100 * NU_PER_SD / nu) ** 2


def integrate_frames(signal: np.ndarray, per_frame: int, exposure: float) -> np.ndarray:
    """Mean of the signal over each frame's exposure, shape (n_neurons, n_frames)."""
    n_frames = signal.shape[1] // per_frame
    frames = signal[:, : n_frames * per_frame].reshape(len(signal), n_frames, per_frame)
    return frames[..., : max(1, round(exposure * per_frame))].mean(axis=-1)


def record(dff: np.ndarray, recipe: ImagingRecipe, rng: np.random.Generator) -> np.ndarray:
    """Fluorescence in detected photons per frame (or F/F0 without noise), float32."""
    photons = recipe.photons_per_s or (photons_of_nu(recipe.nu) if recipe.nu else None)
    if photons is None:
        return (1 + dff).astype(np.float32)
    per_frame = photons * recipe.exposure / recipe.frame_rate_hz
    return rng.poisson(per_frame * (1 + dff.astype(np.float64))).astype(np.float32)
