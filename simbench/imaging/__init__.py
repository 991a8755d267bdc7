"""The optics: spikes in, fluorescence out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.culture.spikes import SpikeTrains
from simbench.imaging.camera import detect
from simbench.imaging.indicators import frame_dff, get_indicator, n_frames
from simbench.imaging.nuisances import (
    Nuisances,
    draw_nuisances,
    drift_factor,
    neuropil_light,
    nuisance_labels,
)
from simbench.imaging.trace_blocks import Traces, blocks, by_tile, rows_per_block
from simbench.scenario.imaging_recipe import ImagingRecipe


@dataclass(frozen=True)
class Imaged:
    """What the camera saw.

    Parameters
    ----------
    fluorescence : ndarray of float32, shape (n_neurons, n_frames)
        Counts above the camera's offset per frame, which are detected photons if the gain is 1;
        F/F0 of the median cell if the recipe has no shot noise.
    clean_dff : ndarray of float32, shape (n_neurons, n_frames)
        True dF/F of each cell, averaged over each exposure: with the cell's own gain and decay,
        before everything that light and camera add.
    nuisances : DataFrame, one row a neuron
        Every nuisance drawn, as label columns.
    neuropil : ndarray of float32, shape (n_neurons, n_frames), or None
        Light of the neuropil around each cell, without noise, in the unit of the fluorescence:
        ``recipe.neuropil`` times it is part of the cell's. None if there is no neuropil.
    """

    fluorescence: np.ndarray
    clean_dff: np.ndarray
    nuisances: pd.DataFrame
    neuropil: np.ndarray | None = None


def image(
    spikes: SpikeTrains,
    positions_mm: np.ndarray,
    recipe: ImagingRecipe,
    seed: int,
    index: int = 0,
    folder: Path | None = None,
) -> Imaged:
    """Image a culture.

    A cell's light is ``brightness drift (1 + dF/F)``; to it come the haze of its neighbours and
    the neuropil; bleaching and flicker multiply the sum; the detector adds its noise.

    Parameters
    ----------
    spikes : SpikeTrains
    positions_mm : ndarray, shape (n_neurons, 2)
    recipe : ImagingRecipe
    seed, index : int
        Seed of the run and number of the recording: together they name all random streams.
    folder : Path, optional
        Existing folder for ``fluorescence.npy``, ``clean_dff.npy`` and, if there is neuropil,
        ``neuropil.npy``. With it the arrays returned are memory-mapped, and only blocks of them
        are ever in memory.

    Raises
    ------
    SimbenchError
        If a spike time is not finite, or spikes and positions are of different numbers.
    """
    if not np.isfinite(spikes.times).all():
        raise SimbenchError("spikes: a spike time is not finite; times are seconds")
    if np.shape(positions_mm) != (spikes.n_neurons, 2):
        raise SimbenchError(
            f"positions: shape {np.shape(positions_mm)} does not fit {spikes.n_neurons} neurons; "
            f"allowed: ({spikes.n_neurons}, 2)"
        )
    count = n_frames(spikes, recipe.frame_rate_hz)
    nuisances = draw_nuisances(positions_mm, count, recipe, seed, index)
    clean, fluorescence, neuropil = (
        Traces((spikes.n_neurons, count), folder / f"{name}.npy" if folder else None)
        for name in ("clean_dff", "fluorescence", "neuropil")
    )
    order = np.arange(spikes.n_neurons)
    for cells in blocks(order, count):
        clean.write(cells, _clean_dff(spikes, cells, nuisances, recipe))
    if nuisances.haze is not None:
        order = by_tile(positions_mm, rows_per_block(count))
    for cells in blocks(order, count):
        light = _light(cells, clean, nuisances, recipe)
        if nuisances.neuropil is not None:
            around = neuropil_light(nuisances, recipe, count, cells)
            light += np.float32(recipe.neuropil) * around
            neuropil.write(cells, nuisances.illuminate(around) * np.float32(recipe.counts_at_rest))
        fluorescence.write(cells, detect(nuisances.illuminate(light), cells, recipe, seed, index))
    return Imaged(
        fluorescence.array(),
        clean.array(),
        nuisance_labels(nuisances, recipe, count),
        None if nuisances.neuropil is None else neuropil.array(),
    )


def _clean_dff(
    spikes: SpikeTrains, cells: np.ndarray, nuisances: Nuisances, recipe: ImagingRecipe
) -> np.ndarray:
    """True dF/F of consecutive cells, with their own gains."""
    dff = frame_dff(
        spikes,
        get_indicator(recipe.indicator),
        recipe.frame_rate_hz,
        recipe.exposure,
        nuisances.decay_scale,
        slice(cells[0], cells[-1] + 1),
    )
    gain = nuisances.gain[cells, None] * nuisances.culture_gain
    dff *= gain.astype(np.float32)
    return dff


def _light(
    cells: np.ndarray, clean: Traces, nuisances: Nuisances, recipe: ImagingRecipe
) -> np.ndarray:
    """Light of the cells and the haze of their neighbours, in baselines of the median cell."""
    if nuisances.haze is None:
        light = _own_light(cells, clean, nuisances, recipe)
    else:
        weights = nuisances.haze[cells]
        near = np.union1d(cells, weights.indices)
        lights = _own_light(near, clean, nuisances, recipe)
        light = lights[np.searchsorted(near, cells)]
        light += weights[:, near].astype(np.float32) @ lights
    return light


def _own_light(
    cells: np.ndarray, clean: Traces, nuisances: Nuisances, recipe: ImagingRecipe
) -> np.ndarray:
    light = 1 + clean.read(cells)
    if recipe.brightness_sd:
        light *= nuisances.brightness[cells, None].astype(np.float32)
    if nuisances.drift is not None:
        light *= drift_factor(nuisances, recipe, light.shape[1], cells)
    return light
