"""What a camera over the dish would show: a synthetic mean image."""

import numpy as np
from scipy.ndimage import gaussian_filter

from simbench.data.export.rois import Rois

_NEURITES = 4
_NEURITE_UM = 120.0
_NUCLEUS = 0.35
"""Of the soma's diameter; most indicators stay out of the nucleus."""


def mean_image(rois: Rois, brightness: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somata with dim nuclei, thin neurites, haze, vignetting and grain.

    Parameters
    ----------
    rois : Rois
    brightness : ndarray, shape (n_neurons,)
        Of each soma, relative to the mean.
    rng : numpy Generator
        Draws neurites and grain.

    Returns
    -------
    ndarray of float32, in arbitrary units
    """
    somata = rois.paint(brightness) - 0.5 * _nuclei(rois, brightness)
    cells = gaussian_filter(somata, 0.7) + 0.25 * gaussian_filter(_neurites(rois, rng), 0.7)
    haze = gaussian_filter(cells, 30 / rois.pixel_um)
    light = (cells + haze + 0.15) * _vignette(rois.shape)
    grain = rng.normal(size=rois.shape) * np.sqrt(light)
    return (1000 * (light + 0.03 * grain)).clip(0).astype(np.float32)


def _nuclei(rois: Rois, brightness: np.ndarray) -> np.ndarray:
    """A spot in the middle of each soma."""
    image = np.zeros(rois.shape, dtype=np.float32)
    for (rows, columns, _), centre, value in zip(rois.pixels, rois.centres, brightness):
        distance = np.hypot(rows + 0.5 - centre[0], columns + 0.5 - centre[1])
        inner = distance <= 2 * _NUCLEUS * rois.radius
        image[rows[inner], columns[inner]] += value
    return image


def _neurites(rois: Rois, rng: np.random.Generator) -> np.ndarray:
    """Persistent random walks out of every soma."""
    n = _NEURITES * len(rois.centres)
    steps = max(2, round(_NEURITE_UM / rois.pixel_um))
    start = rng.uniform(0, 2 * np.pi, (n, 1))
    angles = start + np.cumsum(rng.normal(0, 0.12, (n, steps)), axis=1)
    walk = np.cumsum(np.stack([np.sin(angles), np.cos(angles)], axis=-1), axis=1)
    path = np.repeat(rois.centres, _NEURITES, axis=0)[:, None] + walk
    pixels = path.reshape(-1, 2).astype(int)
    fading = np.tile(np.linspace(1, 0.2, steps), n)
    inside = ((pixels >= 0) & (pixels < rois.shape)).all(axis=1)
    image = np.zeros(rois.shape, dtype=np.float32)
    np.add.at(image, tuple(pixels[inside].T), fading[inside])
    return np.minimum(image, 2)


def _vignette(shape: tuple[int, int]) -> np.ndarray:
    """Falls off to two thirds in the corners."""
    rows, columns = (np.linspace(-1, 1, n) for n in shape)
    return 1 - (rows[:, None] ** 2 + columns**2) / 6
