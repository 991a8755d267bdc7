"""The detector: light in, counts out; and the noise of traces."""

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream
from simbench.scenario.imaging_recipe import ImagingRecipe


def measure_nu(dff: np.ndarray, frame_rate: float) -> np.ndarray:
    """Standardised noise nu of traces, as Cascade measures it.

    Activity raises it. Below some hundred photons per frame it takes steps of one photon.

    Parameters
    ----------
    dff : ndarray, shape (n_neurons, n_frames)
        dF/F as a fraction.
    frame_rate : float
        Hz.

    Returns
    -------
    ndarray, shape (n_neurons,)
        %/sqrt(Hz).
    """
    return 100 * np.median(np.abs(np.diff(dff, axis=1)), axis=1) / np.sqrt(frame_rate)


def detect(
    light: np.ndarray, cells: np.ndarray, recipe: ImagingRecipe, seed: int, index: int
) -> np.ndarray:
    """Counts for light: shot noise, saturation, read noise, gain and digitisation, in this order.

    The noise of a cell depends on no other cell: each has random streams of its own.

    Parameters
    ----------
    light : ndarray, shape (n_cells, n_frames)
        In baselines of the median cell. Overwritten.
    cells : ndarray of int, shape (n_cells,)
        Numbers of the cells.
    recipe : ImagingRecipe
    seed, index : int
        Seed of the run and number of the recording.

    Returns
    -------
    ndarray of float32, shape (n_cells, n_frames)
        Counts above the offset; in baselines of the median cell if there is no shot noise.
    """
    photons = recipe.photons_per_frame
    if photons is not None:
        for row, cell in zip(light, cells):
            rng = stream(seed, "recording", index, "shot noise", int(cell))
            expected = row.astype(np.float64) * photons
            try:
                row[:] = rng.poisson(expected)
            except ValueError:  # Poisson numbers end at 9e18
                raise SimbenchError(
                    f"imaging: {expected.max():.3g} photons in a frame of cell {cell} are too "
                    "many; lower the light or its spreads"
                ) from None
    if recipe.saturation is not None:
        np.minimum(light, recipe.saturation * (photons or 1), out=light)
    if recipe.read_noise:
        for row, cell in zip(light, cells):
            rng = stream(seed, "recording", index, "read noise", int(cell))
            row += recipe.read_noise * rng.standard_normal(len(row), dtype=np.float32)
    if recipe.camera_gain != 1:
        light *= np.float32(recipe.camera_gain)
    if recipe.bit_depth is not None:
        top = 2**recipe.bit_depth - 1
        light = np.clip(np.rint(light + recipe.offset), 0, top) - recipe.offset
    return light.astype(np.float32, copy=False)
