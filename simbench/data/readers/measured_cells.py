"""Cells with electrode and camera on them, as the optics are compared with: about 15 Hz, halves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.core.files import files_of
from simbench.culture.spikes import SpikeTrains
from simbench.data.readers.ground_truth_files import read_ground_truth
from simbench.data.recording import Recording, true_spikes
from simbench.imaging.dff import running_baseline

SOURCE = (
    "Chen et al. 2013, Dana et al. 2019, Huang et al. 2021, Rupprecht et al. 2021 and Zhang et al. "
    "2023, collected by CASCADE (Rupprecht et al. 2021, doi 10.1038/s41593-021-00895-5)"
)
COMPARED_HZ = 15.0
FEWEST_SPIKES = 10


@dataclass(frozen=True)
class CellRecording:
    """One recording of a cell.

    Parameters
    ----------
    dff : ndarray, shape (n_frames,)
        Measured, frames averaged, slow drift removed.
    frame_rate : float
        Hz, after averaging.
    spikes : SpikeTrains
        Of one neuron.
    fast_dff : ndarray
        Measured, as recorded.
    fast_rate : float
        Hz, as recorded.
    """

    dff: np.ndarray
    frame_rate: float
    spikes: SpikeTrains
    fast_dff: np.ndarray
    fast_rate: float


@dataclass(frozen=True)
class Cell:
    """A cell with its recordings; the animal is the cell where no name tells it."""

    name: str
    data_set: str
    indicator: str
    animal: str
    recordings: tuple[CellRecording, ...]


def read_cells(folder: str | Path) -> list[Cell]:
    """The cells of ground truth that fire 10 spikes or more, in order of files.

    Parameters
    ----------
    folder : str or Path
        ``ground_truth``, or a folder that holds it.

    Raises
    ------
    SimbenchError
        If the folder holds no such cell, or a file is damaged.
    """
    folder = Path(folder)
    below = folder / "ground_truth" if (folder / "ground_truth").is_dir() else folder
    cells = []
    for path in files_of(below, (".mat",)):
        found = read_ground_truth(path)
        recordings = tuple(map(_cell_recording, found))
        labels = found[0].truth.labels.iloc[0]
        if "indicator" in labels and sum(r.spikes.counts[0] for r in recordings) >= FEWEST_SPIKES:
            animal = str(labels.get("animal", path.stem))
            cells.append(Cell(path.stem, path.parent.name, labels["indicator"], animal, recordings))
    if not cells:
        raise SimbenchError(
            f"{below}: holds no cell of a named indicator with {FEWEST_SPIKES} spikes"
        )
    return cells


def halves(cells: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    """Cells to fit and cells to test: every other animal, in order of data set and name.

    Within indicator; the first animal is one to fit. No animal is on both sides.
    """
    sides: tuple[list[Cell], list[Cell]] = ([], [])
    for indicator in sorted({cell.indicator for cell in cells}):
        own = [cell for cell in cells if cell.indicator == indicator]
        own_order = sorted(own, key=lambda cell: (cell.data_set, cell.animal))
        animals = list(dict.fromkeys(cell.animal for cell in own_order))
        for cell in own:
            sides[animals.index(cell.animal) % 2].append(cell)
    return sides


def without_drift(dff: np.ndarray, frame_rate: float) -> np.ndarray:
    """A trace (n_frames,) less its slow baseline, the zero of dF/F with it."""
    return dff - running_baseline(np.asarray(dff, dtype=np.float64)[None], frame_rate)[0]


def averaged(trace: np.ndarray, n: int) -> np.ndarray:
    """Means of every ``n`` frames."""
    return trace[: len(trace) // n * n].reshape(-1, n).mean(axis=1, dtype=np.float64)


def _cell_recording(recording: Recording) -> CellRecording:
    rate, dff = recording.frame_rate, recording.fluorescence[0].astype(np.float64) - 1
    n = max(1, round(rate / COMPARED_HZ))
    slow = without_drift(averaged(dff, n), rate / n)
    return CellRecording(slow, rate / n, true_spikes(recording), dff, rate)
