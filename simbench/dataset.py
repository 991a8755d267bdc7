"""A dataset: recordings, which of them test, and where they come from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from simbench import __version__
from simbench.cache import versions
from simbench.errors import SimbenchError
from simbench.files import check_files, checksum, new_folder, read_json
from simbench.recipes import read_recipe
from simbench.recording import Recording, read_recording, write_recording
from simbench.scenario import Scenario

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Dataset:
    """Recordings of cultures, with the truth beside them.

    Parameters
    ----------
    recordings : tuple of Recording
        All with the same frame rate and number of frames.
    test : ndarray of bool, shape (n_recordings,)
        Which cultures are kept aside for testing.
    scenario : Scenario or None
        None in a blinded dataset.
    seed : int or None
    """

    recordings: tuple[Recording, ...]
    test: np.ndarray
    scenario: Scenario | None = None
    seed: int | None = None

    @property
    def frame_rate(self) -> float:
        """Hz."""
        return self.recordings[0].frame_rate

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Labels of every neuron of every recording, in the order of the recordings."""
        return pd.concat([r.truth.labels for r in self.recordings], ignore_index=True)

    @cached_property
    def culture(self) -> np.ndarray:
        """Index of each neuron's recording, shape (n_neurons,)."""
        return np.repeat(np.arange(len(self.recordings)), [r.n_neurons for r in self.recordings])

    @property
    def test_neurons(self) -> np.ndarray:
        """Whether each neuron lives in a test culture, shape (n_neurons,)."""
        return self.test[self.culture]

    def traces(self, recordings: Iterable[int] | None = None) -> np.ndarray:
        """Estimated dF/F of all neurons, or of the given recordings' (n_neurons, n_frames)."""
        chosen = range(len(self.recordings)) if recordings is None else recordings
        return np.concatenate([self.recordings[i].dff for i in chosen])

    def blind(self) -> "Dataset":
        """The same traces and frame rate, and nothing else."""
        bare = tuple(
            Recording(f"recording-{i:03d}", r.fluorescence, r.frame_rate)
            for i, r in enumerate(self.recordings)
        )
        return Dataset(bare, self.test)

    def save(self, folder: str | Path) -> Path:
        """Write to a new or empty folder, whole or not at all.

        Raises
        ------
        SimbenchError
            If the folder holds files already or can't be written.
        """
        folder = Path(folder)
        with new_folder(folder) as draft:
            for recording in self.recordings:
                truth = recording.truth if recording.load_truth else None
                write_recording(
                    draft / recording.name, recording.fluorescence, recording.frame_rate, truth
                )
            manifest = {
                "format": FORMAT,
                "simbench": __version__,
                "versions": versions(),
                "scenario": self.scenario.model_dump(mode="json") if self.scenario else None,
                "scenario_digest": self.scenario.digest() if self.scenario else None,
                "seed": self.seed,
                "recordings": [r.name for r in self.recordings],
                "test": [bool(t) for t in self.test],
                "files": {
                    path.relative_to(draft).as_posix(): checksum(path)
                    for path in sorted(draft.rglob("*"))
                    if path.is_file()
                },
            }
            (draft / "manifest.json").write_text(json.dumps(manifest, indent=1))
        return folder

    @classmethod
    def load(cls, folder: str | Path, verify: bool = True) -> "Dataset":
        """Read a dataset folder. Traces are memory-mapped, truth is loaded when asked for.

        Parameters
        ----------
        folder : str or Path
        verify : bool
            Compare every file with its checksum.

        Raises
        ------
        SimbenchError
            If a file is missing or altered.
        """
        folder = Path(folder)
        manifest = read_json(folder / "manifest.json")
        if manifest.get("format") != FORMAT:
            raise SimbenchError(
                f"{folder}: dataset format {manifest.get('format')}; this simbench reads {FORMAT}"
            )
        check_files(folder, manifest["files"], verify)
        scenario = manifest["scenario"]
        return cls(
            tuple(read_recording(folder / n, verify=False) for n in manifest["recordings"]),
            np.array(manifest["test"], dtype=bool),
            read_recipe(Scenario, scenario) if scenario else None,
            manifest["seed"],
        )
