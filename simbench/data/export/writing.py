"""What all exports share: a draft that replaces the folder when it is whole, card and marker."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from simbench import __version__
from simbench.core.files import checksum, new_folder
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording

MARKER = "export.json"


def write_export(
    dataset: Dataset,
    folder: str | Path,
    to: str,
    contents: str,
    write: Callable[[Recording, Path], None],
    overwrite: bool,
) -> list[Path]:
    """Write an export recording by recording, with a card and the checksum of every file.

    Parameters
    ----------
    dataset : Dataset
    folder : str or Path
    to : str
        Name of the format.
    contents : str
        What the folder holds, for the card.
    write : callable
        Writes one recording into the folder given.
    overwrite : bool
        Replace a folder that holds an export.

    Returns
    -------
    list of Path
        Every file written.
    """
    folder = Path(folder)
    with new_folder(folder, replaces=MARKER if overwrite else None) as draft:
        columns: dict[str, None] = {}  # of all label tables, in order
        for recording in map(replace, dataset.recordings):  # copies: what they cache does not stay
            write(recording, draft)
            columns |= dict.fromkeys(recording.truth.labels)
        card = dataset.card(columns, contents)
        (draft / "README.md").write_text(card, encoding="utf-8")
        names = [p.relative_to(draft).as_posix() for p in sorted(draft.rglob("*")) if p.is_file()]
        about = {
            "format": to,
            "simbench": __version__,
            "scenario_digest": dataset.scenario.digest() if dataset.scenario else None,
            "seed": dataset.seed,
            "files": {name: checksum(draft / name) for name in names},
        }
        (draft / MARKER).write_text(json.dumps(about, indent=1))
    return [folder / name for name in (*names, MARKER)]


def spike_counts(spikes: SpikeTrains, frame_rate: float, n_frames: int) -> np.ndarray:
    """Spikes of each neuron in each frame, float32, shape (n_neurons, n_frames)."""
    # Spike times sit on the simulation's grid: a rounding error must not move one a frame back.
    frames = np.floor(spikes.times * frame_rate + 1e-6).astype(np.int64)
    inside = frames < n_frames
    counts = np.zeros((spikes.n_neurons, n_frames), dtype=np.float32)
    np.add.at(counts, (spikes.neurons[inside], frames[inside]), 1)
    return counts
