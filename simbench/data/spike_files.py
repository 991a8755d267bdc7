"""Spikes from elsewhere, through the same optics, as a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError, needs_extra
from simbench.core.files import checksum, reading
from simbench.core.seeds import stream
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording, Truth
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.imaging_recipe import MOST_SAMPLES, ImagingRecipe
from simbench.scenario.labels import LABELS

_DERIVED = ("culture", "n_spikes", "rate_hz")
_NPZ_KEYS = ("times", "neurons", "offsets", "duration", "n_neurons")
# NumPy's codes of the types that a label may have, by its name or else by its kind; and in words.
_TYPES = {
    "class": ("U", "text"),
    "number": ("iuf", "numbers"),
    "inhibitory": ("b", "true or false"),
    "module": ("iu", "whole numbers"),
}


@dataclass(frozen=True)
class _Source:
    """What a file of spikes holds; times in seconds, in any order."""

    neurons: np.ndarray
    times: np.ndarray
    n_neurons: int
    duration_s: float | None
    labels: pd.DataFrame


def import_spikes(
    files: str | Path | Sequence[str | Path],
    imaging: ImagingRecipe | None = None,
    duration_s: float | None = None,
    seed: int = 0,
) -> Dataset:
    """Image spikes that were recorded or simulated elsewhere.

    An ``.npz`` file holds ``times`` in seconds and either ``neurons`` (index of the neuron of each
    spike) or ``offsets`` (spikes of neuron i are ``times[offsets[i]:offsets[i + 1]]``), and, if
    known, ``duration`` in seconds, ``n_neurons``, and one array of length n_neurons for each label
    (``simbench.scenario.labels.LABELS``), such as ``x_mm``, ``y_mm`` or ``firing_type``. An
    ``.nwb`` file holds a units table; its columns with the names of labels are taken, and its times
    are counted from the first observation interval. What the spikes or the new optics say is not
    taken over: culture, counts, rates and nuisances. Neurons without positions are placed at random
    on a dish of 250 per mm2.

    Parameters
    ----------
    files : str, Path, or sequence of them
        One a culture.
    imaging : ImagingRecipe, optional
        By default the recipe's default values.
    duration_s : float, optional
        Length of the recordings; by default what the file says, else the last spike's time,
        rounded up to whole seconds. Later spikes are left out.
    seed : int
        Of the camera's noise and of missing positions.

    Returns
    -------
    Dataset
        Without wiring, and without labels that only a simulated culture has. No culture is
        marked for testing.

    Raises
    ------
    SimbenchError
        In one line, if a file can't be read or its spikes make no sense.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(f) for f in files]
    imaging = imaging or ImagingRecipe()
    recordings = tuple(
        _image(path, imaging, duration_s, seed, index) for index, path in enumerate(paths)
    )
    origin: dict[str, Any] = {
        "files": {path.name: checksum(path) for path in paths},
        "duration_s": duration_s,
        "imaging": imaging.model_dump(mode="json"),
    }
    return Dataset(recordings, np.zeros(len(paths), dtype=bool), None, seed, origin)


def _image(
    path: Path, imaging: ImagingRecipe, duration_s: float | None, seed: int, index: int
) -> Recording:
    from simbench.imaging import image

    source = _read(path)
    try:
        duration = _duration(source, duration_s)
        _check_size(source.n_neurons, duration, imaging.frame_rate_hz)
        spikes = _spike_trains(source, duration)
        labels = _labels(source, spikes, seed, index)
        imaged = image(spikes, labels[["x_mm", "y_mm"]].to_numpy(float), imaging, seed, index)
    except SimbenchError as error:
        raise SimbenchError(f"{path}: {error}") from None
    except MemoryError:
        raise SimbenchError(
            f"{path}: the traces do not fit into the memory; allowed: a shorter duration"
        ) from None
    truth = Truth(
        labels.drop(columns=imaged.nuisances.columns, errors="ignore").join(imaged.nuisances),
        spikes,
        None,
        imaged.clean_dff,
        {"mean_rate_hz": float(labels["rate_hz"].mean())},
        imaged.neuropil,
    )
    return Recording(
        f"recording-{index:03d}", imaged.fluorescence, imaging.frame_rate_hz, lambda: truth
    )


def _read(path: Path) -> _Source:
    readers = {".npz": _read_npz, ".nwb": _read_nwb}
    if path.suffix not in readers:
        raise SimbenchError(f"{path}: unknown kind of file; allowed: {', '.join(readers)}")
    with reading(path):
        source = readers[path.suffix](path)
    for name in source.labels:
        _check_type(path, name, source.labels[name].to_numpy())
    return source


def _read_npz(path: Path) -> _Source:
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    if "times" not in data or ("neurons" in data) == ("offsets" in data):
        raise SimbenchError(
            f"{path}: holds {', '.join(sorted(data)) or 'nothing'}; needed are 'times' "
            "and either 'neurons' or 'offsets'"
        )
    unknown = sorted(set(data) - {*_NPZ_KEYS, *LABELS})
    if unknown:
        raise SimbenchError(
            f"{path}: unknown array '{unknown[0]}'; allowed: {', '.join(_NPZ_KEYS)}, "
            f"and the labels {', '.join(LABELS)}"
        )
    times = data["times"]
    if times.ndim != 1 or times.dtype.kind != "f":
        raise SimbenchError(
            f"{path}: 'times' is a {times.ndim}-d array of {times.dtype}; "
            "needed is a list of floats, in seconds"
        )
    neurons = data["neurons"] if "neurons" in data else _unravel(path, data["offsets"], len(times))
    if neurons.shape != times.shape:
        raise SimbenchError(f"{path}: {neurons.shape} 'neurons' do not match {times.shape} 'times'")
    if neurons.dtype.kind not in "iu":
        raise SimbenchError(f"{path}: 'neurons' are {neurons.dtype}; needed are whole numbers")
    labels = {name: data[name] for name in LABELS if name in data}
    return _Source(
        neurons,
        times,
        _count(path, data, neurons),
        float(data["duration"]) if "duration" in data else None,
        pd.DataFrame(_of_one_length(path, labels, _count(path, data, neurons))),
    )


def _count(path: Path, data: dict[str, np.ndarray], neurons: np.ndarray) -> int:
    """Neurons: as stated, else as many as there are offsets, values of a label, or indices."""
    if "n_neurons" in data:
        return int(data["n_neurons"])
    if "offsets" in data:
        return len(data["offsets"]) - 1
    lengths = [len(data[name]) for name in LABELS if name in data]
    return lengths[0] if lengths else int(neurons.max(initial=-1)) + 1


def _unravel(path: Path, offsets: np.ndarray, n_spikes: int) -> np.ndarray:
    counts = np.diff(offsets)
    if offsets.ndim != 1 or len(offsets) < 2 or (counts < 0).any() or offsets[0] != 0:
        raise SimbenchError(f"{path}: 'offsets' must start at 0 and ascend, one more than neurons")
    if offsets[-1] != n_spikes:
        raise SimbenchError(
            f"{path}: 'offsets' end at {offsets[-1]}, but there are {n_spikes} times"
        )
    return np.repeat(np.arange(len(counts)), counts)


def _of_one_length(
    path: Path, labels: dict[str, np.ndarray], n_neurons: int
) -> dict[str, np.ndarray]:
    for name, values in labels.items():
        if values.shape != (n_neurons,):
            raise SimbenchError(
                f"{path}: label '{name}' has shape {values.shape}; there are {n_neurons} neurons"
            )
    return labels


def _check_type(path: Path, name: str, values: np.ndarray) -> None:
    codes, needed = _TYPES.get(name, _TYPES[LABELS[name].kind])
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values):
        values = values.astype(str)
    if values.dtype.kind not in codes:
        raise SimbenchError(f"{path}: label '{name}' is {values.dtype}; needed: {needed}")


def _read_nwb(path: Path) -> _Source:
    try:
        from hdmf.common import DynamicTableRegion
        from pynwb import NWBHDF5IO
    except ImportError:
        raise SimbenchError(f"{path}: {needs_extra('nwb')}") from None

    with NWBHDF5IO(path, "r") as io:
        units = io.read().units
        if units is None or "spike_times" not in units.colnames:
            raise SimbenchError(f"{path}: holds no units table with spike times")
        ends = np.asarray(units.spike_times_index.data[:], dtype=np.int64)
        start, stop = _watched(units)
        labels = _label_columns(units)
        for column in units.columns:
            if isinstance(column, DynamicTableRegion):  # such as the ROI of a unit
                rows = np.asarray(column.data[:])
                labels |= {n: v[rows] for n, v in _label_columns(column.table).items()}
        return _Source(
            _unravel(path, np.concatenate(([0], ends)), ends[-1] if len(ends) else 0),
            np.asarray(units.spike_times.data[:], dtype=float) - start,
            len(ends),
            None if stop is None else stop - start,
            pd.DataFrame(labels),
        )


def _watched(units: Any) -> tuple[float, float | None]:
    """Start and end of the observation in seconds; 0 and None if the file does not say."""
    if "obs_intervals" not in units.colnames:
        return 0.0, None
    intervals = np.asarray(units.obs_intervals_index.target.data[:], dtype=float)
    return float(intervals.min()), float(intervals.max())


def _label_columns(table: Any) -> dict[str, np.ndarray]:
    """Columns with the name of a label and one value a row."""
    columns = {name: table[name] for name in table.colnames if name in LABELS}
    return {
        name: np.asarray(column.data[:])
        for name, column in columns.items()
        if len(np.shape(column.data)) == 1 and len(column.data) == len(table)
    }


def _duration(source: _Source, duration_s: float | None) -> float:
    """Seconds, as asked for, as the file says, or up to the last spike."""
    if not np.isfinite(source.times).all():
        raise SimbenchError("a spike time is not finite; times are seconds")
    duration = duration_s if duration_s is not None else source.duration_s
    if duration is None:
        duration = float(np.floor(source.times.max(initial=0.0)) + 1)
    if not (np.isfinite(duration) and duration > 0):
        raise SimbenchError(f"duration {duration:g} s; allowed is a positive number of seconds")
    return duration


def _check_size(n_neurons: int, duration_s: float, frame_rate_hz: float) -> None:
    if n_neurons < 1:
        raise SimbenchError("no neurons; state 'n_neurons' if all of them are silent")
    frames = duration_s * frame_rate_hz
    if frames < 2:
        raise SimbenchError(f"{duration_s:g} s at {frame_rate_hz:g} Hz: at least 2 frames needed")
    if n_neurons * frames > MOST_SAMPLES:
        raise SimbenchError(
            f"{n_neurons} neurons x {duration_s:g} s x {frame_rate_hz:g} Hz; "
            f"allowed: up to {MOST_SAMPLES:g} samples"
        )


def _spike_trains(source: _Source, duration_s: float) -> SpikeTrains:
    kept = source.times < duration_s
    return SpikeTrains.from_events(
        source.neurons[kept], source.times[kept], source.n_neurons, duration_s
    )


def _labels(source: _Source, spikes: SpikeTrains, seed: int, index: int) -> pd.DataFrame:
    from simbench.culture.wiring import place_somata

    labels = source.labels.drop(columns=[n for n in _DERIVED if n in source.labels])
    if not {"x_mm", "y_mm"} <= set(labels):
        dish = CultureRecipe(n_neurons=max(2, spikes.n_neurons))
        positions = place_somata(dish, stream(seed, "import", index, "somata"))
        labels = labels.assign(
            x_mm=positions[: spikes.n_neurons, 0], y_mm=positions[: spikes.n_neurons, 1]
        )
    positions = labels[["x_mm", "y_mm"]]
    if not np.isfinite(positions.to_numpy(float)).all():
        raise SimbenchError("labels x_mm, y_mm: a position is not finite; positions are mm")
    labels.insert(0, "culture", f"culture-{index:03d}")
    return labels.assign(n_spikes=spikes.counts, rate_hz=spikes.counts / spikes.duration)
