"""The optics: spikes in, fluorescence out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simbench.imaging.camera import integrate_frames, record
from simbench.imaging.indicators import clean_dff, get_indicator
from simbench.recipes import ImagingRecipe
from simbench.seeds import stream
from simbench.spikes import SpikeTrains


@dataclass(frozen=True)
class Imaged:
    """What the camera saw.

    Parameters
    ----------
    fluorescence : ndarray of float32, shape (n_neurons, n_frames)
        Detected photons per frame; F/F0 if the recipe has no noise.
    clean_dff : ndarray of float32, shape (n_neurons, n_frames)
        True dF/F of each cell, averaged over each exposure, before everything the camera adds.
    nuisances : DataFrame, one row a neuron
        Every nuisance drawn, as label columns.
    """

    fluorescence: np.ndarray
    clean_dff: np.ndarray
    nuisances: pd.DataFrame


def image(
    spikes: SpikeTrains, positions_mm: np.ndarray, recipe: ImagingRecipe, seed: int, index: int = 0
) -> Imaged:
    """Image a culture.

    Parameters
    ----------
    spikes : SpikeTrains
    positions_mm : ndarray, shape (n_neurons, 2)
    recipe : ImagingRecipe
    seed, index : int
        Seed of the run and number of the recording: together they name all random streams.
    """
    per_frame = max(1, round(1000 / recipe.frame_rate_hz))
    rate_hz = per_frame * recipe.frame_rate_hz
    dff = clean_dff(spikes, get_indicator(recipe.indicator), rate_hz)
    frames = integrate_frames(dff, per_frame, recipe.exposure).astype(np.float32)
    fluorescence = record(frames, recipe, stream(seed, "recording", index, "shot noise"))
    return Imaged(fluorescence, frames, pd.DataFrame(index=range(spikes.n_neurons)))
