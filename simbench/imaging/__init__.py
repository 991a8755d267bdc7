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
    frame_middles,
    nuisance_labels,
    slow_factor,
)
from simbench.imaging.trace_arrays import TraceArray, blocks, by_tile, rows_per_block
from simbench.scenario.imaging_recipe import ImagingRecipe


@dataclass(frozen=True)
class Imaged:
    """Fluorescence of a culture, and what it is made of.

    Parameters
    ----------
    fluorescence : ndarray of float32, shape (n_neurons, n_frames)
        Counts per frame above the camera's offset: detected photons if the gain is 1. Without
        shot noise: light in baselines of the median cell.
    clean_dff : ndarray of float32, shape (n_neurons, n_frames)
        True dF/F of each cell, averaged over each exposure, with the cell's own gain and decay,
        before light and camera change it.
    nuisances : DataFrame, one row per neuron
        Every nuisance drawn, as label columns.
    neuropil : ndarray of float32, shape (n_neurons, n_frames), or None
        Light of the neuropil around each cell, without noise, in the unit of the fluorescence.
        ``recipe.neuropil`` times it is part of the cell's fluorescence.
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

    A cell's light is ``brightness drift (1 + dF/F)``. The haze of its neighbours and the neuropil
    are added; bleaching and flicker multiply the sum; the detector adds its noise.

    Parameters
    ----------
    spikes : SpikeTrains
        Times in seconds.
    positions_mm : ndarray, shape (n_neurons, 2)
    recipe : ImagingRecipe
    seed, index : int
        Seed of the run and number of the recording: together they name all random streams.
    folder : Path, optional
        Existing folder for ``fluorescence.npy``, ``clean_dff.npy`` and, if there is neuropil,
        ``neuropil.npy``. The arrays returned are then memory-mapped, and only blocks of them are
        in memory at a time.
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
        TraceArray((spikes.n_neurons, count), folder / f"{name}.npy" if folder else None)
        for name in ("clean_dff", "fluorescence", "neuropil")
    )
    order = np.arange(spikes.n_neurons)
    indicator = get_indicator(recipe.indicator)
    for cells in blocks(order, count):
        consecutive = slice(cells[0], cells[-1] + 1)
        dff = frame_dff(
            spikes, indicator, recipe.frame_rate_hz, recipe.exposure, nuisances.decay_scale,
            consecutive,
        )  # fmt: skip
        dff *= (nuisances.gain[cells, None] * nuisances.culture_gain).astype(np.float32)
        clean.write(cells, dff)
    if nuisances.haze is not None:
        order = by_tile(positions_mm, rows_per_block(count))
    for cells in blocks(order, count):
        light = _light(cells, clean, nuisances, recipe)
        if nuisances.neuropil is not None:
            around = slow_factor(
                nuisances.neuropil[cells], frame_middles(count, recipe), recipe.neuropil_time_s,
                recipe.neuropil_sd, log_mean=-recipe.neuropil_sd**2 / 2,
            )  # fmt: skip
            light += np.float32(recipe.neuropil) * around
            neuropil.write(cells, nuisances.illuminate(around) * np.float32(recipe.counts_at_rest))
        fluorescence.write(cells, detect(nuisances.illuminate(light), cells, recipe, seed, index))
    return Imaged(
        fluorescence.array(),
        clean.array(),
        nuisance_labels(nuisances, recipe, count),
        None if nuisances.neuropil is None else neuropil.array(),
    )


def _light(
    cells: np.ndarray, clean: TraceArray, nuisances: Nuisances, recipe: ImagingRecipe
) -> np.ndarray:
    """Light of the cells and the haze of their neighbours, in baselines of the median cell."""
    weights = None if nuisances.haze is None else nuisances.haze[cells]
    near = cells if weights is None else np.union1d(cells, weights.indices)
    light = 1 + clean.read(near)
    if recipe.brightness_sd:
        light *= nuisances.brightness[near, None].astype(np.float32)
    if nuisances.drift is not None:
        seconds = frame_middles(light.shape[1], recipe)
        light *= slow_factor(nuisances.drift[near], seconds, recipe.drift_time_s, recipe.drift_sd)
    if weights is not None:
        own = light[np.searchsorted(near, cells)]
        light = own + weights[:, near].astype(np.float32) @ light
    return light
