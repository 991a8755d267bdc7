"""A dataset: recordings, which of them are for testing, and how they were made."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from simbench import __version__
from simbench.core.cache import versions
from simbench.core.errors import SimbenchError
from simbench.core.files import (
    check_files,
    checksum,
    digest_of,
    files_below,
    new_folder,
    read_model,
    validated,
)
from simbench.core.text import span
from simbench.data.dataset_card import dataset_card
from simbench.data.provenance import withheld
from simbench.data.recording import Recording, read_recording, write_recording
from simbench.data.recording_windows import cut_windows
from simbench.data.traces import stack
from simbench.scenario.recipe import Recipe
from simbench.scenario.scenario import Scenario

_RECORDING_NAME = r"[^./\\][^/\\]*"
_OWN_FILES = ("README.md", "manifest.json")

if TYPE_CHECKING:
    from xarray import Dataset as XarrayDataset


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Recordings of cultures and their truth.

    Parameters
    ----------
    recordings : tuple of Recording
        At least one; names differ. Frame rate and length may too, see `windows`.
    test : ndarray of bool, shape (n_recordings,)
        Which recordings are for testing; those of a group all are or none is.
    scenario : Scenario or None
        None in a blinded dataset, and for data from elsewhere.
    origin : dict or None
        Of a dataset without a scenario: where it is from and how it was made, see `provenance`.
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
        names = pd.Series([r.name for r in self.recordings])
        groups = pd.Series([r.group for r in self.recordings])
        if names.duplicated().any():
            raise SimbenchError(
                f"dataset: two recordings are called '{names[names.duplicated()].iloc[0]}'"
            )
        divided = groups[groups.isin(groups[self.test]) & groups.isin(groups[~self.test])]
        if len(divided):
            raise SimbenchError(
                f"dataset: recordings of '{divided.iloc[0]}' are both for training and for testing"
            )

    def __repr__(self) -> str:
        made = f" {self.scenario.name} v{self.scenario.version}" if self.scenario else ""
        seed = "" if self.seed is None else f", seed {self.seed}"
        facts = ", ".join(f"{value} {name}" for name, value in self._facts.items())
        return f"<Dataset{made}{seed}: {facts}>"

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th>{name}</th><td>{v}</td></tr>" for name, v in self._facts.items())
        return f"<p>{escape(repr(self.scenario or 'Dataset'))}</p><table>{cells}</table>"

    @property
    def _facts(self) -> dict[str, str]:
        """What the dataset holds, in words, by what it is."""
        rates, lengths = zip(*((r.frame_rate, r.duration_s) for r in self.recordings))
        return {
            "recordings": str(len(self.recordings)),
            "for testing": str(int(self.test.sum())),
            "neurons": str(sum(r.n_neurons for r in self.recordings)),
            "s": span(lengths),
            "Hz": span(rates),
        }

    @property
    def is_simulated(self) -> bool:
        """Whether nothing of it came from elsewhere."""
        is_recipe = self.scenario is not None and self.scenario.recordings is None
        return is_recipe or (self.origin or {}).get("given") == []

    @property
    def frame_rate(self) -> float:
        """Hz, if all recordings have one."""
        self._check_one({r.frame_rate for r in self.recordings})
        return self.recordings[0].frame_rate

    def check_training(self) -> None:
        """Refuse a dataset whose training recordings no method can be fitted to at once."""
        chosen = [r for r, tests in zip(self.recordings, self.test) if not tests]
        if not chosen:
            raise SimbenchError("dataset: no recording is for training")
        self._check_one({(r.frame_rate, r.fluorescence.shape[1]) for r in chosen})

    def check_alike(self) -> None:
        """Refuse a dataset whose recordings differ in length or frame rate."""
        self._check_one({(r.frame_rate, r.fluorescence.shape[1]) for r in self.recordings})

    def _check_one(self, forms: Collection[Any]) -> None:
        if len(forms) > 1:
            rates, lengths = zip(*((r.frame_rate, r.duration_s) for r in self.recordings))
            raise SimbenchError(
                f"dataset: recordings differ, {min(rates):g} to {max(rates):g} Hz and "
                f"{min(lengths):g} to {max(lengths):g} s; make them alike with "
                "Dataset.windows(seconds, frame_rate_hz)"
            )

    def windows(
        self, seconds: float, frame_rate_hz: float, per_recording: int | None = None
    ) -> "Dataset":
        """Windows of one length and frame rate, cut from all recordings.

        A frame goes into the bin of 1 / frame_rate_hz seconds that holds its middle, and bins are
        averaged. As many whole windows as fit are cut from the start of each recording; one that
        is shorter than a window is left out. Spikes are cut with the frames, labels of activity are
        computed anew in each window, all other labels and the group are kept.

        Parameters
        ----------
        seconds : float
            Length of a window, a whole number of frames.
        frame_rate_hz : float
            Not above that of any recording.
        per_recording : int, optional
            Most windows of a recording.
        """
        cut = cut_windows(self.recordings, seconds, frame_rate_hz, per_recording)
        left_out = [r.name for r, windows in zip(self.recordings, cut) if not windows]
        how = {"seconds": seconds, "frame_rate_hz": frame_rate_hz, "left_out": left_out}
        return replace(
            self,
            recordings=tuple(window for windows in cut for window in windows),
            test=np.repeat(self.test, [len(windows) for windows in cut]),
            origin={**(self.origin or {}), "windows": how},
        )

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Labels of all neurons, recording after recording."""
        return pd.concat([r.read_truth().labels for r in self.recordings], ignore_index=True)

    @cached_property
    def recording(self) -> np.ndarray:
        """Index of each neuron's recording, shape (n_neurons,)."""
        return np.repeat(np.arange(len(self.recordings)), [r.n_neurons for r in self.recordings])

    @cached_property
    def groups(self) -> np.ndarray:
        """Number of each recording's group, in order of appearance, shape (n_recordings,)."""
        return pd.factorize(np.array([r.group for r in self.recordings]))[0]

    @property
    def group_names(self) -> list[str]:
        """Names of the groups by their number."""
        return list(dict.fromkeys(r.group for r in self.recordings))

    @cached_property
    def culture(self) -> np.ndarray:
        """Number of each neuron's group, culture or animal, shape (n_neurons,)."""
        return self.groups[self.recording]

    @property
    def test_neurons(self) -> np.ndarray:
        """Whether each neuron belongs to a test culture, shape (n_neurons,)."""
        return self.test[self.recording]

    def traces(self, recordings: Iterable[int] | None = None) -> np.ndarray:
        """dF/F of all neurons, or of those of some recordings, shape (n_neurons, n_frames).

        Above 1 GiB it is memory-mapped from a temporary file.
        """
        indices = range(len(self.recordings)) if recordings is None else recordings
        chosen = [self.recordings[i] for i in indices]
        self._check_one({(r.frame_rate, r.fluorescence.shape[1]) for r in chosen})
        shape = sum(r.n_neurons for r in chosen), chosen[0].fluorescence.shape[1]
        return stack((recording.dff for recording in chosen), shape)

    def to_xarray(self) -> "XarrayDataset":
        """Traces and labels of all recordings, which must be alike, as one `xarray.Dataset`."""
        from simbench.data.export.in_memory import to_xarray

        self.check_alike()
        return to_xarray(self.recordings)

    def to_pynapple(self) -> dict[str, dict[str, Any]]:
        """For each recording ``dff`` (TsdFrame) and ``spikes`` (TsGroup), with its labels."""
        from simbench.data.export.in_memory import to_pynapple

        return {recording.name: to_pynapple(recording) for recording in self.recordings}

    def blind(self) -> "Dataset":
        """A dataset of the same traces, frame rate and test cultures, without anything else.

        But for what is simulated, and under which licence. Recordings are put in the order of the
        checksums of their traces: that of the dataset tells their conditions, which take turns.
        """
        digests = [
            sha256(np.ascontiguousarray(r.fluorescence).data).digest() for r in self.recordings
        ]
        order = sorted(range(len(digests)), key=digests.__getitem__)
        groups = pd.factorize(self.groups[order])[0]  # numbered anew, in the new order
        alone = len(set(groups)) == len(order)
        bare = tuple(
            Recording(
                f"recording-{new:03d}",
                self.recordings[old].fluorescence,
                self.recordings[old].frame_rate,
                group="" if alone else f"group-{group:03d}",
            )
            for new, (old, group) in enumerate(zip(order, groups))
        )
        return Dataset(bare, self.test[order], origin=withheld(self.origin, self.is_simulated))

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write to a new or empty folder, whole or not at all.

        With ``overwrite``, a dataset in the folder is replaced.
        """
        folder = Path(folder)
        self.check_names()
        with new_folder(folder, replaces="manifest.json" if overwrite else None) as draft:
            files: dict[str, str] = {}
            columns: dict[str, None] = {}  # of all label tables, in order
            for r in self.recordings:
                truth = r.read_truth() if r.load_truth else None
                columns |= dict.fromkeys(truth.labels if truth else ())
                group = r.group if r.group != r.name else None
                written = write_recording(draft / r.name, r, truth, group)
                files.update({f"{r.name}/{name}": digest for name, digest in written.items()})
            (draft / "README.md").write_text(self.card(columns), encoding="utf-8")
            files["README.md"] = checksum(draft / "README.md")
            manifest = {
                "format": 1,
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
            manifest["digest"] = digest_of(manifest)
            (draft / "manifest.json").write_text(json.dumps(manifest, indent=1))
        return folder

    def check_names(self) -> None:
        """Refuse names of recordings that can't be those of files."""
        for r in self.recordings:
            is_name = re.fullmatch(_RECORDING_NAME, r.name) and r.name.isprintable()
            if not is_name or r.name in _OWN_FILES:
                raise SimbenchError(
                    f"recording {r.name!a}: allowed are names that a folder can have, without a "
                    "point at the begin"
                )

    def card(self, columns: Iterable[str] = (), contents: str | None = None) -> str:
        """The README of a folder that holds this dataset, in Markdown; see `dataset_card`."""
        return dataset_card(
            self.recordings, int(self.test.sum()), self.is_simulated, self.scenario, self.seed,
            self.origin, columns, contents,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: str | Path, verify: bool = True) -> "Dataset":
        """Read a dataset folder. Traces are memory-mapped, truth is loaded when asked for.

        With ``verify``, every file must have the checksum it was written with.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        check_files(folder, manifest.files, verify)
        recordings = tuple(read_recording(folder / name) for name in manifest.recordings)
        test = np.array(manifest.test, dtype=bool)
        where = f"{folder / 'manifest.json'}: scenario"
        scenario = validated(Scenario, manifest.scenario, where) if manifest.scenario else None
        return cls(recordings, test, scenario, manifest.seed, manifest.origin)


def verify(folder: str | Path) -> Dataset:
    """Read all of a dataset folder, and accept nothing but what was written.

    ``Dataset.load`` compares checksums. Here every file is read too, and its shape compared with
    that of the traces; files that the manifest does not name are refused.
    """
    folder = Path(folder)
    dataset = Dataset.load(folder, verify=True)
    known = {"manifest.json", *_read_manifest(folder).files}
    for name in files_below(folder):
        if name not in known:
            raise SimbenchError(f"{folder / name}: not part of the dataset (not in its manifest)")
    for recording in dataset.recordings:
        if recording.load_truth:
            recording.read_truth()
    return dataset


class _Manifest(Recipe):
    """Contents of ``manifest.json``."""

    format: Literal[1]
    """Of the folder: this version of simbench reads 1."""
    simbench: str
    versions: dict[str, str]
    scenario: dict[str, Any] | None
    scenario_digest: str | None
    seed: int | None
    origin: dict[str, Any] | None
    recordings: list[Annotated[str, Field(pattern=f"^{_RECORDING_NAME}$")]]
    """Names of their folders."""
    test: list[bool]
    files: dict[str, str]
    """SHA-256 of every other file."""
    digest: str
    """SHA-256 of all of the above."""


def manifest_digest(folder: str | Path) -> str:
    """The digest that a dataset folder states of all its files."""
    return _read_manifest(Path(folder)).digest


def _read_manifest(folder: Path) -> _Manifest:
    path = folder / "manifest.json"
    manifest = read_model(path, _Manifest)
    if digest_of(manifest.model_dump(exclude={"digest"})) != manifest.digest:
        raise SimbenchError(f"{path}: altered (its digest is not that of its contents)")
    return manifest
