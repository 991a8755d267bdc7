"""Somata on a camera: round ROIs at the true positions, and a synthetic mean image."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from simbench.core.errors import SimbenchError
from simbench.data.recording import Recording, Truth

PIXEL_UM = 3.0
SOMA_DIAMETER_UM = 15.0
_MARGIN_UM = 30.0
_MAX_PIXELS = 2048
"""Side of the sensor; a larger dish gets larger pixels."""
_NEURITES = 4
_NEURITE_UM = 120.0
_NUCLEUS = 0.35
"""Of the soma's diameter; most indicators stay out of the nucleus."""


@dataclass(frozen=True, eq=False)
class Rois:
    """Pixels of every ROI, in one field of view.

    Parameters
    ----------
    shape : tuple of int
        Rows (y) and columns (x) of the field of view.
    radius : float
        Of an ROI, in pixels.
    pixels : list of (rows, columns, weights)
        For each neuron; weights of a neuron add up to 1.
    centres : ndarray, shape (n_neurons, 2)
        Row and column of each soma, in pixels.
    """

    shape: tuple[int, int]
    pixel_um: float
    radius: float
    pixels: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    centres: np.ndarray

    def paint(self, brightness: np.ndarray) -> np.ndarray:
        """Float32 image of all ROIs of the given brightness; overlapping ROIs add up."""
        image = np.zeros(self.shape, dtype=np.float32)
        for (rows, columns, weights), value in zip(self.pixels, brightness):
            image[rows, columns] += value * weights / weights.max()
        return image


def draw_rois(recording: Recording, truth: Truth) -> Rois:
    """Round ROIs of a recording, at the soma positions of its labels."""
    if not {"x_mm", "y_mm"} <= set(truth.labels):
        raise SimbenchError(f"{recording.name}: no labels x_mm, y_mm, so there are no ROIs to draw")
    xy_um = 1000 * truth.labels[["x_mm", "y_mm"]].to_numpy(dtype=float)
    corner = xy_um.min(axis=0) - _MARGIN_UM
    extent = xy_um.max(axis=0) + _MARGIN_UM - corner
    pixel_um = max(PIXEL_UM, extent.max() / _MAX_PIXELS)
    columns, rows = (int(n) for n in np.ceil(extent / pixel_um))
    centres = ((xy_um - corner) / pixel_um)[:, ::-1]
    radius = max(1.0, SOMA_DIAMETER_UM / 2 / pixel_um)
    pixels = [_disc(centre, radius) for centre in centres]
    return Rois((rows, columns), pixel_um, radius, pixels, centres)


def _disc(centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels whose centres lie within the radius; the weight falls off towards the edge."""
    top, left = np.floor(centre - radius).astype(int)
    side = np.arange(int(2 * radius) + 3)
    rows, columns = (grid.ravel() for grid in np.meshgrid(top + side, left + side, indexing="ij"))
    distance = np.hypot(rows + 0.5 - centre[0], columns + 0.5 - centre[1])
    inside = distance <= radius
    weights = 1 - 0.5 * (distance[inside] / radius) ** 2
    return rows[inside], columns[inside], (weights / weights.sum()).astype(np.float32)


def mean_image(rois: Rois, brightness: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somata with dim nuclei, thin neurites, haze, vignetting and grain.

    Parameters
    ----------
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
