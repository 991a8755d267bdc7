"""Traces without labels, for other groups: the export, its names and its order."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from simbench import __version__
from simbench.core.errors import SimbenchError
from simbench.core.files import new_folder, write_table
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording
from simbench.data.splits import held_out_recordings
from simbench.scenario.scenario import Scenario

_HERE = Path(__file__).parent
_PART = """
This is part {number} of {n_parts}: here some cultures test, and in the other parts the others. Fit
anew in each part, and send the latents of all parts together:
`simbench submit part-1/latents.npz part-2/latents.npz ... --card part-1/card.toml`.
"""


@dataclass(frozen=True)
class BlindOrder:
    """Name of a recording and order of its neurons, both made from the traces alone.

    Recordings are simulated condition by condition, and neurons may be placed in some order: either
    could give labels away. Names and order by the checksums of traces can't, and whoever holds the
    traces can find them again.

    Parameters
    ----------
    digest : str
        SHA-256 of the sorted SHA-256 of all traces.
    neurons : ndarray of int, shape (n_neurons,)
        Index in the dataset of each neuron of the export.
    """

    digest: str
    neurons: np.ndarray

    @property
    def name(self) -> str:
        return f"recording-{self.digest[:12]}"

    def name_in(self, part: int) -> str:
        """Name in a part of a cross-fitted scenario, of which 1 is the first."""
        return f"{self.name}-part{part}" if part > 1 else self.name


def blind_orders(dataset: Dataset) -> list[BlindOrder]:
    """Names and orders under which recordings are exported, in the order of the dataset."""
    orders = []
    for recording in as_counted(dataset):
        traces = np.asarray(recording.fluorescence, dtype="<f4")
        digests = [hashlib.sha256(trace.tobytes()).digest() for trace in traces]
        neurons = np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=int)
        digest = hashlib.sha256(b"".join(sorted(digests))).hexdigest()
        orders.append(BlindOrder(digest, neurons))
    if len({order.name for order in orders}) < len(orders):
        raise SimbenchError("traces: two recordings hold the same traces and can't be told apart")
    return orders


def as_counted(dataset: Dataset) -> Iterator[Recording]:
    """Recordings with the whole numbers that a camera counts, where light was counted.

    Digits behind the point are those of a random stream, by which its seed can be recognised.
    """
    is_counted = _is_counted(dataset.scenario)
    for recording in dataset.recordings:
        counts = np.rint(recording.fluorescence) if is_counted else recording.fluorescence
        yield replace(recording, fluorescence=counts)


def _is_counted(scenario: Scenario | None) -> bool:
    recipes = [c.imaging for c in scenario.conditions] if scenario else []
    if scenario and scenario.imaging and not recipes:  # spikes of others through its optics
        recipes = [scenario.imaging]
    return bool(recipes) and all(recipe.photons_per_frame for recipe in recipes)


def group_names(dataset: Dataset, orders: Sequence[BlindOrder]) -> list[str]:
    """For each recording the name of its culture or animal: the first of its recordings' names."""
    names = np.array([order.name for order in orders])
    firsts = pd.Series(names).groupby(dataset.groups).transform("min")
    return [f"group-{name.removeprefix('recording-')}" for name in firsts]


def traces_digest(orders: Sequence[BlindOrder]) -> str:
    """SHA-256 of the traces of a dataset, whatever their order."""
    return hashlib.sha256("".join(sorted(order.digest for order in orders)).encode()).hexdigest()


def cross_fitted_parts(dataset: Dataset) -> list[Dataset]:
    """The dataset; of a cross-fitted scenario, once for each part of the cultures that tests."""
    scenario = dataset.scenario
    if scenario is None or scenario.n_folds == 1:
        return [dataset]
    tests = (held_out_recordings(scenario, 0, fold) for fold in range(scenario.n_folds))
    return [replace(dataset, test=test) for test in tests]


def export_traces(dataset: Dataset, folder: str | Path) -> Path:
    """Write the traces of a dataset, without any label, for another group.

    The folder holds ``index.csv`` (recording, split, n_neurons, n_frames, frame_rate_hz, group),
    two folders ``dff`` and ``fluorescence`` with one float32 ``.npy`` matrix (n_neurons, n_frames)
    per recording, a method card to fill in, examples in Python, R and MATLAB, and a README. Names
    and order of recordings, groups and neurons follow from the traces alone (`BlindOrder`); the
    seed is left out. Fluorescence is rounded to what a camera counts (`as_counted`). A cross-fitted
    scenario has such a folder for each part of its cultures that tests: ``part-1``, ``part-2``,
    with the same traces under other names.

    Parameters
    ----------
    dataset : Dataset
        Blinded or not.
    folder : str or Path
        New or empty.
    """
    folder, scenario = Path(folder), dataset.scenario
    if scenario and "latents" not in scenario.protocols:
        raise SimbenchError(
            f"scenario {scenario.name}: asks for no label, so nobody could send latents back"
        )
    dataset.check_alike()
    parts = cross_fitted_parts(dataset)
    orders = blind_orders(dataset)
    with new_folder(folder) as draft:
        for number, part in enumerate(parts, 1):
            place = draft / f"part-{number}" if len(parts) > 1 else draft
            _export_part(part, orders, number, len(parts), place)
    return folder


def _export_part(
    dataset: Dataset, orders: Sequence[BlindOrder], number: int, n_parts: int, folder: Path
) -> None:
    for kind in ("fluorescence", "dff"):
        (folder / kind).mkdir(parents=True)
    lines = []
    splits = np.where(dataset.test, "test", "train")
    parts = zip(orders, as_counted(dataset), group_names(dataset, orders), splits)
    # Sorted, because the times of the files would tell the order of writing.
    for order, recording, group, split in sorted(parts, key=lambda part: part[0].digest):
        for kind in ("fluorescence", "dff"):
            trace = getattr(recording, kind)[order.neurons]
            matrix = np.ascontiguousarray(trace, dtype="<f4")
            np.save(folder / kind / f"{order.name_in(number)}.npy", matrix)
        name = order.name_in(number)
        lines.append((name, split, *matrix.shape, recording.frame_rate, group))
    columns = ["recording", "split", "n_neurons", "n_frames", "frame_rate_hz", "group"]
    write_table(folder / "index.csv", pd.DataFrame(lines, columns=columns))
    _write_guide(folder, dataset, traces_digest(orders), number, n_parts)


def _write_guide(draft: Path, dataset: Dataset, digest: str, number: int, n_parts: int) -> None:
    """README, card to fill in, and examples."""
    scenario = dataset.scenario
    facts = {
        "scenario": "", "version": "", "scenario_digest": "", "n_components": 8,
        "traces_digest": digest, "simbench": __version__,
        "n_recordings": len(dataset.recordings), "n_training": int((~dataset.test).sum()),
    }  # fmt: skip
    facts["part"] = _PART.format(number=number, n_parts=n_parts) if n_parts > 1 else ""
    facts["in_counts"] = ", in whole counts" if _is_counted(scenario) else ""
    facts["kind"] = "Simulated calcium imaging" if dataset.is_simulated else "Calcium imaging"
    if scenario:
        facts |= {"scenario": scenario.name, "version": scenario.version}
        facts |= {"scenario_digest": scenario.digest(), "n_components": scenario.n_components}
    for name in ("README.md", "card.toml"):
        text = (_HERE / "templates" / name).read_text(encoding="utf-8")
        for key, value in facts.items():
            text = text.replace(f"@{key}@", str(value))
        (draft / name).write_text(text, encoding="utf-8")
    for path in sorted((_HERE / "examples").glob("make_latents.*")):
        shutil.copyfile(path, draft / path.name)
