"""Ground truth of CASCADE: ``.mat`` files of cells with electrode and camera on them."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.core.files import reading
from simbench.data.readers.measured_recording import measured_recording
from simbench.data.recording import Recording

UNIT = "1 + dF/F: light in units of the zero of the source's dF/F"
_FIELDS = ("fluo_time", "fluo_mean", "events_AP")
_TICKS_PER_S = 1e4
_DATA_SET = re.compile(r"^DS\d+-(?P<indicator>.+?)-(?P<region>[a-z]{1,3}-[^-]+)")
_INDICATOR = re.compile(r"j?GCaMP\d[a-z]*|GC\d[a-z]")
_ANIMAL = re.compile(r"\d{6}_[A-Z][a-z]+\d+|(?<=_)\d{6}(?=_\d+(_|$))")


def read_ground_truth(path: str | Path, name: str | None = None) -> list[Recording]:
    """Read a file of CASCADE: one recording of one neuron for each struct of ``CAttached``.

    ``fluo_mean`` (dF/F) becomes the fluorescence 1 + dF/F, ``fluo_time`` (s) is the middle of each
    frame, ``events_AP`` (0.1 ms) are the spikes; times then count from the start of the first
    frame. The frame rate is the number of frames over their time: the median step of some files
    is rounded, and at its rate their last frames would be .1 s off. Spikes outside of the frames
    are left out, see `measured_recording`.

    Indicator and region are those in the name of the folder (``DS30-GCaMP8f-m-V1``), the animal
    that in the name of the file (``190501_Fish1``; ``479572`` before the number of a cell). The
    group is the animal, or else the file. Recordings of one file share it.

    Parameters
    ----------
    name : str, optional
        Of the recordings, by default that of the file; a number follows if there are more.

    Raises
    ------
    SimbenchError
        If a file is damaged or of another form, or its times can't be right.
    """
    path = Path(path)
    name = name or path.stem
    labels = labels_of_path(path)
    structs = _structs(path)
    recordings = []
    for number, struct in enumerate(structs):
        own = name if len(structs) == 1 else f"{name}-{number}"
        try:
            times, dff, events = _values(struct)
            spikes = np.zeros(len(events), dtype=np.int64), events / _TICKS_PER_S
            recordings.append(
                measured_recording(own, 1 + dff, times, spikes, labels, labels.get("animal", name))
            )
        except SimbenchError as error:
            raise SimbenchError(f"{path}: struct {number + 1} of CAttached: {error}") from None
    return recordings


def labels_of_path(path: Path) -> dict[str, str]:
    """What the names of a file and its folder tell: indicator, region, animal."""
    data_set = _DATA_SET.match(path.parent.name)
    labels = data_set.groupdict() if data_set else {}
    if named := _INDICATOR.search(f"{path.parent.name}/{path.stem}"):
        labels.setdefault("indicator", named.group())
    if "indicator" in labels:  # CASCADE writes GC6f, and GCaMP8f for jGCaMP8f
        full = re.sub(r"^GC(?=\d)", "GCaMP", labels["indicator"])
        labels["indicator"] = re.sub(r"^(?=GCaMP[78])", "j", full)
    if animal := _ANIMAL.search(path.stem):
        labels["animal"] = animal.group()
    return labels


def _structs(path: Path) -> list[Any]:
    from scipy.io import loadmat

    with reading(path), path.open("rb") as file:
        try:
            found = loadmat(file, variable_names=["CAttached"], simplify_cells=True)
        except NotImplementedError:
            raise SimbenchError(
                f"{path}: a MATLAB file of version 7.3; allowed: save(..., '-v7') and older"
            ) from None
        if "CAttached" not in found:
            raise SimbenchError(f"{path}: holds no variable 'CAttached'")
        cells = found["CAttached"]
        structs = [cells] if isinstance(cells, dict) else list(np.ravel(cells))
    if not structs:
        raise SimbenchError(f"{path}: 'CAttached' holds no cells")
    return structs


def _values(struct: Any) -> list[np.ndarray]:
    missing = [f for f in _FIELDS if not isinstance(struct, dict) or f not in struct]
    if missing:
        raise SimbenchError(f"holds no {', '.join(missing)}; needed: {', '.join(_FIELDS)}")
    values = []
    for field in _FIELDS:
        value = np.atleast_1d(struct[field])
        if value.ndim > 1 or (value.size and value.dtype.kind not in "iuf"):
            raise SimbenchError(
                f"'{field}' is {value.ndim}-d {value.dtype}; needed: a row of numbers"
            )
        values.append(value.astype(np.float64))
    return values
