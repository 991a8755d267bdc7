"""A dataset: recordings, which of them test, and where they come from."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from simbench import __version__
from simbench.core.cache import versions
from simbench.core.errors import SimbenchError
from simbench.core.files import check_files, checksum, digest_of, new_folder, read_json
from simbench.data.dataset_card import dataset_card
from simbench.data.recording import Recording, read_recording, write_recording
from simbench.scenario.recipe import Recipe, read_recipe
from simbench.scenario.scenario import Scenario

FORMAT = 1
_IN_MEMORY_BYTES = 2**30


def _room(shape: tuple[int, int]) -> np.ndarray:
    """Float32 matrix, in memory or, if it is large, in a file that goes when it is let go."""
    if 4 * shape[0] * shape[1] <= _IN_MEMORY_BYTES:
        return np.empty(shape, dtype=np.float32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Recordings of cultures, with the truth beside them.

    Parameters
    ----------
    recordings : tuple of Recording
        At least one, with names of their own, and the same frame rate and number of frames.
    test : ndarray of bool, shape (n_recordings,)
        Which cultures are kept aside for testing.
    scenario : Scenario or None
        None in a blinded dataset, and where spikes came from elsewhere.
    seed : int or None
    origin : dict or None
        How a dataset without a scenario was made: plain names and values.
    """

    recordings: tuple[Recording, ...]
    test: np.ndarray
    scenario: Scenario | None = None
    seed: int | None = None
    origin: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.recordings:
            raise SimbenchError("dataset: no recordings; at least one is needed")
        if len(self.test) != len(self.recordings):
            raise SimbenchError(
                f"dataset: {len(self.test)} test flags for {len(self.recordings)} recordings"
            )
        if len({r.name for r in self.recordings}) < len(self.recordings):
            raise SimbenchError("dataset: two recordings have the same name")
        forms = {(r.frame_rate, r.fluorescence.shape[1]) for r in self.recordings}
        if len(forms) > 1:
            raise SimbenchError(
                "dataset: recordings differ in frame rate (Hz) or number of frames: "
                + ", ".join(f"{rate:g} Hz x {frames}" for rate, frames in sorted(forms))
            )

    @property
    def frame_rate(self) -> float:
        """Hz."""
        return self.recordings[0].frame_rate

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Labels of every neuron of every recording, in the order of the recordings."""
        return pd.concat([r.read_truth().labels for r in self.recordings], ignore_index=True)

    @cached_property
    def culture(self) -> np.ndarray:
        """Index of each neuron's recording, shape (n_neurons,)."""
        return np.repeat(np.arange(len(self.recordings)), [r.n_neurons for r in self.recordings])

    @property
    def test_neurons(self) -> np.ndarray:
        """Whether each neuron lives in a test culture, shape (n_neurons,)."""
        return self.test[self.culture]

    def traces(self, recordings: Iterable[int] | None = None) -> np.ndarray:
        """Estimated dF/F of all neurons, or of the given recordings' (n_neurons, n_frames).

        Made recording by recording; above 1 GiB memory-mapped from a file without a name.
        """
        indices = range(len(self.recordings)) if recordings is None else recordings
        chosen = [self.recordings[i] for i in indices]
        n_frames = chosen[0].fluorescence.shape[1]
        traces = _room((sum(r.n_neurons for r in chosen), n_frames))
        first = 0
        for recording in chosen:
            traces[first : first + recording.n_neurons] = recording.dff
            first += recording.n_neurons
        return traces

    def blind(self) -> "Dataset":
        """The same traces, frame rate and test cultures, and nothing else."""
        bare = tuple(
            Recording(f"recording-{i:03d}", r.fluorescence, r.frame_rate)
            for i, r in enumerate(self.recordings)
        )
        return Dataset(bare, self.test)

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write to a folder, whole or not at all, one recording after the other.

        Parameters
        ----------
        folder : str or Path
            New or empty.
        overwrite : bool
            Replace a dataset that is there already.

        Raises
        ------
        SimbenchError
            If the folder holds files and is not to be replaced, or can't be written.
        """
        folder = Path(folder)
        with new_folder(folder, replaces="manifest.json" if overwrite else None) as draft:
            files: dict[str, str] = {}
            columns: dict[str, None] = {}  # of all label tables, in order
            for r in self.recordings:
                truth = r.read_truth() if r.load_truth else None
                columns |= dict.fromkeys(truth.labels if truth else ())
                written = write_recording(draft / r.name, r.fluorescence, r.frame_rate, truth)
                files.update({f"{r.name}/{name}": digest for name, digest in written.items()})
            (draft / "README.md").write_text(dataset_card(self, columns), encoding="utf-8")
            files["README.md"] = checksum(draft / "README.md")
            (draft / "manifest.json").write_text(json.dumps(self._manifest(files), indent=1))
        return folder

    def _manifest(self, files: dict[str, str]) -> dict[str, Any]:
        manifest = {
            "format": FORMAT,
            "simbench": __version__,
            "versions": versions("recordings"),
            "scenario": self.scenario.model_dump(mode="json") if self.scenario else None,
            "scenario_digest": self.scenario.digest() if self.scenario else None,
            "seed": self.seed,
            "origin": self.origin,
            "recordings": [r.name for r in self.recordings],
            "test": [bool(t) for t in self.test],
            "files": files,
        }
        return {**manifest, "digest": digest_of(manifest)}

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
            If a file is missing, wrongly formed or (with ``verify``) altered.
        """
        folder = Path(folder)
        path = folder / "manifest.json"
        manifest = _read_manifest(path)
        check_files(folder, manifest.files, verify)
        return cls(
            tuple(read_recording(folder / n, verify=False) for n in manifest.recordings),
            np.array(manifest.test, dtype=bool),
            _read_scenario(path, manifest.scenario) if manifest.scenario else None,
            manifest.seed,
            manifest.origin,
        )


def verify(folder: str | Path) -> Dataset:
    """Read all of a dataset folder, and accept nothing but what was written.

    Beyond ``Dataset.load``, which compares checksums, every file is read and its shape compared
    with the traces, and files that the manifest does not name are refused.

    Returns
    -------
    Dataset

    Raises
    ------
    SimbenchError
        If a file is missing, altered, truncated, wrongly formed or foreign.
    """
    folder = Path(folder)
    dataset = Dataset.load(folder, verify=True)
    known = {"manifest.json", *_read_manifest(folder / "manifest.json").files}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in known:
            raise SimbenchError(f"{path}: not part of the dataset (the manifest does not name it)")
    for recording in dataset.recordings:
        if recording.load_truth:
            recording.read_truth()
    return dataset


class _Manifest(Recipe):
    """Contents of ``manifest.json``."""

    format: int
    simbench: str
    versions: dict[str, str]
    scenario: dict[str, Any] | None
    scenario_digest: str | None
    seed: int | None
    origin: dict[str, Any] | None
    recordings: list[Annotated[str, Field(pattern=r"^[^./\\][^/\\]*$")]]
    """Folders beside the manifest."""
    test: list[bool]
    files: dict[str, str]
    """SHA-256 of every other file."""
    digest: str
    """SHA-256 of all of the above."""


def _read_manifest(path: Path) -> _Manifest:
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise SimbenchError(
            f"{path}: dataset format {data.get('format')!r}; this simbench reads {FORMAT}"
        )
    try:
        manifest = read_recipe(_Manifest, data)
    except SimbenchError as error:
        raise SimbenchError(f"{path}: not the form of a manifest: {error}") from None
    if digest_of({k: v for k, v in data.items() if k != "digest"}) != manifest.digest:
        raise SimbenchError(f"{path}: altered (its digest is not that of its contents)")
    return manifest


def _read_scenario(path: Path, data: dict[str, Any]) -> Scenario:
    try:
        return read_recipe(Scenario, data)
    except SimbenchError as error:
        raise SimbenchError(f"{path}: scenario: {error}") from None
