"""Import of measured traces: recordings of cells, with their spikes if they are known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.core.files import checksum, files_of, read_table, reading
from simbench.data.dataset import Dataset
from simbench.data.provenance import provenance
from simbench.data.readers.ground_truth_files import UNIT, read_ground_truth
from simbench.data.readers.measured_recording import group_of
from simbench.data.readers.nwb_traces import read_nwb_traces
from simbench.data.recording_windows import with_labels
from simbench.scenario.labels import LABELS

_READERS = {".mat": read_ground_truth, ".nwb": read_nwb_traces}
# What tables and objects of `data.export` call something else than a label.
_TAKEN = (
    "split", "recording", "neuron", "time", "frame_rate_hz", "rate", "fluorescence", "dff",
    "clean_dff", "spike_times_s", "inputs", "input_weights", "pixel_mask", "voxel_mask", "colnames",
    "description", "imaging_plane", "reference_images", "object_id", "namespace", "id", "name",
    "image_mask", "pixel_mask_index", "voxel_mask_index",
)  # fmt: skip
_MINI = "_mini.mat"
_NAMED = [n for n, label in LABELS.items() if label.kind == "class" and n != "inhibitory"]
_MISSING = ("NA", "N/A", "NaN", "nan")


def import_traces(
    files: str | Path | Sequence[str | Path],
    source: str | None = None,
    license: str | None = None,
    citation: str | None = None,
) -> Dataset:
    """Read measured traces into a dataset; recordings may differ in length and frame rate.

    Parameters
    ----------
    files : str, Path, or sequence of them
        ``.mat`` files of CASCADE (`read_ground_truth`), ``.nwb`` files with traces
        (`read_nwb_traces`), or folders of them.
    source, license, citation : str, optional
        Where the traces are from, what one may do with them, and whom to cite, for the card.

    Returns
    -------
    Dataset
        No recording is for testing. Recordings are named like their files, with the folder before
        the name where two files have the same.
    """
    paths = files_of(files, _READERS)
    again = {p.with_name(p.name.replace(_MINI, "_dF_traces.mat")) for p in paths if _MINI in p.name}
    paths = [path for path in paths if path not in again]  # as `data.export.cascade` writes them
    for path in paths:
        if path.suffix not in _READERS:
            raise SimbenchError(f"{path}: unknown kind of file; allowed: {', '.join(_READERS)}")
    same = Counter(path.stem for path in paths)
    names = [p.stem if same[p.stem] == 1 else f"{p.parent.name}-{p.stem}" for p in paths]
    recordings = tuple(r for p, name in zip(paths, names) for r in _READERS[p.suffix](p, name))
    truths = [recording.truth for recording in recordings]
    left_out = sum(truth.summary.get("spikes_left_out", 0) for truth in truths)
    spikes = any(truth.spikes is not None for truth in truths)
    all_mat = {path.suffix for path in paths} == {".mat"}
    origin = provenance(
        ["fluorescence", *["spikes"] * spikes],
        ["labels of activity"] * spikes,
        source,
        license,
        citation,
        fluorescence_unit=UNIT if all_mat else "light in the unit of its source",
        spikes_outside_of_the_traces=left_out,
        files={f"{path.parent.name}/{path.name}": checksum(path) for path in paths},
    )
    return Dataset(recordings, np.zeros(len(recordings), dtype=bool), origin=origin)


def add_labels(dataset: Dataset, path: str | Path) -> Dataset:
    """Add the columns of a CSV file to the labels, one row per neuron.

    A column ``neuron`` names the neurons, in any order: ``NAME/INDEX``, with the name of the
    recording and the number of the neuron in it from 0. Without it the rows are in the order of the
    dataset. Columns with the name of a label take its place. A split never divides the neurons of
    an ``animal``, or else a ``culture``, that is given.

    Raises
    ------
    SimbenchError
        If a neuron is missing, unknown or a duplicate, a recording has several animals, or a column
        is called like something that exports write, such as ``split`` or ``dff``.
    """
    neurons = [f"{r.name}/{i}" for r in dataset.recordings for i in range(r.n_neurons)]
    table = _read_table(Path(path), neurons)
    taken = [name for name in table if name in _TAKEN]
    if taken:
        raise SimbenchError(
            f"{path}: column '{taken[0]}': exports call something else so; allowed: any name but "
            f"{', '.join(_TAKEN)}"
        )
    for name in table.columns.intersection(list(LABELS)):
        if LABELS[name].kind == "number" and not pd.api.types.is_numeric_dtype(table[name]):
            raise SimbenchError(f"{path}: column '{name}' is text; needed: numbers")
        if LABELS[name].kind == "class" and table[name].dtype != bool:
            table[name] = table[name].fillna("").astype(str)
    recordings = []
    for number, recording in enumerate(dataset.recordings):
        truth, rows = recording.read_truth(), table[dataset.recording == number]
        labels = with_labels(truth.labels, rows.reset_index(drop=True))
        try:
            group = group_of(labels) if {"animal", "culture"} & set(rows) else ""
        except SimbenchError as error:
            raise SimbenchError(f"{path}: recording {recording.name}: {error}") from None
        load = partial(replace, truth, labels=labels)
        recordings.append(replace(recording, load_truth=load, group=group or recording.group))
    origin = provenance([], []) | (dataset.origin or {})
    origin["given"] = [*origin["given"], f"labels ({', '.join(table)})"]
    return replace(dataset, recordings=tuple(recordings), origin=origin)


def _as_numbers(column: pd.Series) -> pd.Series:
    """Numbers, where all that is no number is what R or Python write for a missing one.

    Names of classes, and true and false with gaps, stay text.
    """
    if column.name in _NAMED:
        return column
    known = column.mask(column.isin(_MISSING))
    words = known.dropna().astype(str).str.capitalize()
    if not pd.api.types.is_numeric_dtype(column) and words.isin(["True", "False"]).all():
        return words.reindex(column.index)
    try:
        return pd.to_numeric(known)
    except ValueError:
        return column


def _read_table(path: Path, neurons: list[str]) -> pd.DataFrame:
    """The rows in the order of the neurons, without their names."""
    with reading(path):
        names = dict.fromkeys(_NAMED, str)
        table = read_table(path, dtype=names, keep_default_na=False, na_values=[""])
        table = table.apply(_as_numbers)
    if "neuron" not in table:
        if len(table) != len(neurons):
            raise SimbenchError(
                f"{path}: {len(table)} rows for {len(neurons)} neurons, and no column 'neuron'"
            )
        return table
    named = table["neuron"].astype(str)
    for wrong, what in (
        (named[named.duplicated()], "is a duplicate"),
        (named[~named.isin(neurons)], f"is no neuron of the dataset, such as '{neurons[0]}'"),
        (pd.Series(neurons, dtype=str).loc[lambda known: ~known.isin(named)], "is missing"),
    ):
        if len(wrong):
            raise SimbenchError(f"{path}: neuron '{wrong.iloc[0]}' {what}")
    return table.set_index(named).loc[neurons].drop(columns="neuron")
