"""Somata on a camera: round ROIs at the true positions, and a synthetic mean image."""

from dataclasses import dataclass

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.data.recording import Recording

PIXEL_UM = 3.0
SOMA_DIAMETER_UM = 15.0
_MARGIN_UM = 30.0
_MAX_PIXELS = 2048
"""Side of the sensor; a larger dish gets larger pixels."""


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
    """

    shape: tuple[int, int]
    pixel_um: float
    radius: float
    pixels: list[tuple[np.ndarray, np.ndarray, np.ndarray]]

    def paint(self, brightness: np.ndarray) -> np.ndarray:
        """Float32 image of all ROIs of the given brightness; overlapping ROIs add up."""
        image = np.zeros(self.shape, dtype=np.float32)
        for (rows, columns, weights), value in zip(self.pixels, brightness):
            image[rows, columns] += value * weights / weights.max()
        return image


def draw_rois(recording: Recording) -> Rois:
    """Round ROIs of a recording, at the soma positions of its labels."""
    labels = recording.truth.labels
    if not {"x_mm", "y_mm"} <= set(labels):
        raise SimbenchError(f"{recording.name}: no labels x_mm, y_mm, so there are no ROIs to draw")
    xy_um = 1000 * labels[["x_mm", "y_mm"]].to_numpy(dtype=float)
    if not np.isfinite(xy_um).all():
        lacks = int(np.flatnonzero(~np.isfinite(xy_um).all(axis=1))[0])
        raise SimbenchError(f"{recording.name}: neuron {lacks} has no position x_mm, y_mm")
    pixel_um = max(PIXEL_UM, (np.ptp(xy_um, axis=0).max() + 2 * _MARGIN_UM) / _MAX_PIXELS)
    margin_um = max(_MARGIN_UM, 3 * pixel_um)  # a disc of one pixel lies inside
    corner = xy_um.min(axis=0) - margin_um
    extent = xy_um.max(axis=0) + margin_um - corner
    columns, rows = (int(n) for n in np.ceil(extent / pixel_um))
    centres = ((xy_um - corner) / pixel_um)[:, ::-1]
    radius = max(1.0, SOMA_DIAMETER_UM / 2 / pixel_um)
    pixels = [_disc(centre, radius) for centre in centres]
    return Rois((rows, columns), pixel_um, radius, pixels)


def _disc(centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels whose centres lie within the radius; the weight falls off towards the edge."""
    top, left = np.floor(centre - radius).astype(int)
    side = np.arange(int(2 * radius) + 3)
    rows, columns = (grid.ravel() for grid in np.meshgrid(top + side, left + side, indexing="ij"))
    distance = np.hypot(rows + 0.5 - centre[0], columns + 0.5 - centre[1])
    inside = distance <= radius
    weights = 1 - 0.5 * (distance[inside] / radius) ** 2
    return rows[inside], columns[inside], (weights / weights.sum()).astype(np.float32)
