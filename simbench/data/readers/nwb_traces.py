"""Measured traces in NWB files, with the spikes of the same neurons if they are there."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simbench.core.errors import SimbenchError, needing
from simbench.core.files import reading
from simbench.data.readers.measured_recording import group_of, measured_recording
from simbench.data.readers.spike_files import is_told, label_columns
from simbench.data.recording import Recording

if TYPE_CHECKING:
    from pynwb import NWBFile
    from pynwb.ophys import RoiResponseSeries

_OTHERS = ("neuropil", "deconv", "denois", "baseline", "background", "true")


def read_nwb_traces(path: str | Path, name: str | None = None) -> list[Recording]:
    """Read an NWB file: one recording for each series of traces, such as one for each plane.

    The series are the ``RoiResponseSeries`` in containers ``Fluorescence``; if there are none,
    those in ``DfOverF`` as 1 + dF/F. Those of neuropil, background, baseline, denoised, deconvolved
    or true dF/F are left out, by the name of the series or of its container.
    Values are those of the series times its ``conversion``, plus its ``offset``. A time stamp is
    taken for the middle of its frame, the time at which a series of a given rate starts for the
    beginning of its first. Units are the neurons that a column of theirs names as
    ROIs; without such a column, those of the only series if there are as many. Else spikes are
    unknown.

    Columns of the ROIs with the names of labels are taken. Indicator and region are those of the
    imaging plane, the animal is the subject. The group is the animal, or else the culture, or else
    the file.

    Parameters
    ----------
    name : str, optional
        Of the recordings, by default that of the file; a number follows if there are more.

    Raises
    ------
    SimbenchError
        If the file is damaged or holds no traces, or pynwb is not installed.
    """
    with needing("nwb", f"{path}:"):
        from pynwb import NWBHDF5IO
        from pynwb.ophys import DfOverF, Fluorescence

    path = Path(path)
    with reading(path), NWBHDF5IO(path, "r") as io:
        file = io.read()
        found = list(_series(file, Fluorescence, 0.0)) or list(_series(file, DfOverF, 1.0))
        if not found:
            raise SimbenchError(f"{path}: holds no RoiResponseSeries of fluorescence or dF/F")
        name = name or path.stem
        names = [name if len(found) == 1 else f"{name}-{i}" for i in range(len(found))]
        try:
            return [_recording(own, *one, file, len(found)) for own, one in zip(names, found)]
        except SimbenchError as error:
            raise SimbenchError(f"{path}: {error}") from None


def _series(file: "NWBFile", kind: Any, add: float) -> Iterator[tuple["RoiResponseSeries", float]]:
    """Series in containers of a kind, and what is added to their values."""
    for item in file.objects.values():
        if isinstance(item, kind):
            for name, series in item.roi_response_series.items():
                called = f"{item.name} {name}".lower()  # suite2p names the containers alone
                if not any(word in called for word in _OTHERS):
                    yield series, add


def _recording(
    name: str, series: "RoiResponseSeries", add: float, file: "NWBFile", n_series: int
) -> Recording:
    data = np.asarray(series.data[:], dtype=np.float64) * series.conversion + series.offset
    light = (data.T if data.ndim == 2 else data[None]) + add
    if series.timestamps is not None:
        times = np.asarray(series.timestamps[:], dtype=np.float64)
    else:
        times = (series.starting_time or 0.0) + (np.arange(light.shape[1]) + 0.5) / series.rate
    rows = np.asarray(series.rois.data[:])
    if len(rows) != len(light):
        raise SimbenchError(f"'{series.name}' has {len(light)} traces of {len(rows)} ROIs")
    labels = _labels(series, rows, file)
    spikes = _spikes(file, series, rows, n_series == 1)
    return measured_recording(name, light, times, spikes, labels, group_of(labels))


def _labels(series: "RoiResponseSeries", rows: np.ndarray, file: "NWBFile") -> dict[str, Any]:
    table = series.rois.table
    labels: dict[str, Any] = {n: values[rows] for n, values in label_columns(table).items()}
    subject = file.subject.subject_id if file.subject and "culture" not in labels else None
    plane = table.imaging_plane
    told = {"animal": subject, "region": plane.location, "indicator": plane.indicator}
    for label, value in told.items():
        if is_told(value):
            labels.setdefault(label, str(value))
    return labels


def _spikes(
    file: "NWBFile", series: "RoiResponseSeries", rows: np.ndarray, alone: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Neuron and time of the spikes of the units that are ROIs of the series."""
    from hdmf.common import DynamicTableRegion

    units = file.units
    if units is None or "spike_times" not in units.colnames:
        return None
    links = [c for c in units.columns if isinstance(c, DynamicTableRegion)]
    here = [np.asarray(c.data[:]) for c in links if c.table is series.rois.table]
    if here and here[0].shape == (len(units),):
        rois = here[0]
    elif not links and alone and len(units) == len(rows):
        rois = rows
    else:
        return None
    place = {int(row): neuron for neuron, row in enumerate(rows)}
    neurons = np.array([place.get(int(roi), -1) for roi in rois])
    counts = np.diff(np.append(0, np.asarray(units.spike_times_index.data[:], dtype=np.int64)))
    times, who = np.asarray(units.spike_times.data[:], dtype=np.float64), np.repeat(neurons, counts)
    return who[who >= 0], times[who >= 0]
