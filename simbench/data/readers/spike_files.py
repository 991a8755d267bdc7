"""Import of spikes: files of spike times from elsewhere, imaged by simbench, as a dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError, needing
from simbench.core.files import checksum, files_of, reading, validated
from simbench.core.seeds import stream, whole
from simbench.culture.neuron_labels import describe
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.provenance import provenance
from simbench.data.readers.electrode_files import culture_of, read_electrodes
from simbench.data.readers.measured_recording import group_of
from simbench.data.recording import Recording, Truth
from simbench.data.recording_windows import with_labels
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.imaging_recipe import MOST_SAMPLES, ImagingRecipe
from simbench.scenario.labels import LABELS

# NumPy's codes of the types that an array may have, and the same in words: by the name of the
# array or, for most labels, by their kind.
_TYPES = {
    "times": ("f", "floats, in seconds"),
    "neurons": ("iu", "whole numbers"),
    "offsets": ("iu", "whole numbers"),
    "duration": ("iuf", "a number of seconds"),
    "n_neurons": ("iu", "a whole number"),
    "inhibitory": ("b", "true or false"),
    "module": ("iu", "whole numbers"),
    "class": ("U", "text"),
    "number": ("iuf", "numbers"),
}
_ARRAYS = ("times", "neurons", "offsets", "duration", "n_neurons")
_FINITE = ("times", "x_mm", "y_mm")


def import_spikes(
    files: str | Path | Sequence[str | Path],
    imaging: ImagingRecipe | None = None,
    duration_s: float | None = None,
    seed: int = 0,
    source: str | None = None,
    license: str | None = None,
    citation: str | None = None,
) -> Dataset:
    """Image spikes that were recorded or simulated elsewhere.

    An ``.npz`` file holds ``times`` in seconds and either ``neurons`` (index of the neuron of each
    spike) or ``offsets`` (spikes of neuron i are ``times[offsets[i]:offsets[i + 1]]``), and, if
    known, ``duration`` in seconds, ``n_neurons``, and one array of length n_neurons for each label
    (``simbench.scenario.labels.LABELS``), such as ``x_mm``, ``y_mm`` or ``firing_type``. An
    ``.nwb`` file holds a units table; its columns with the names of labels are taken, its subject
    is the animal where no culture is named, and its times are counted from the start of the first
    observation interval. An ``.h5`` file is read by `read_electrodes`. Labels of activity and
    nuisances are made again. Neurons without positions are placed at random on a dish with 250
    neurons per mm2. The group of a recording is the ``animal``, if there is that label, or else the
    ``culture``; without either it is a culture of its own.

    Parameters
    ----------
    files : str, Path, or sequence of them
        One per culture, or folders of them.
    imaging : ImagingRecipe, optional
        By default the recipe's default values.
    duration_s : float, optional
        Length of the recordings; later spikes are left out. By default the duration in the file,
        or else the time of the last spike, rounded up to whole seconds.
    seed : int
        Of the camera's noise and of missing positions.
    source, license, citation : str, optional
        Where the spikes are from, what one may do with them, and whom to cite, for the card.

    Returns
    -------
    Dataset
        Without wiring, and without labels that only a simulated culture has. No culture is
        for testing.
    """
    paths, seed = files_of(files, _READERS), whole(seed)
    imaging = imaging or ImagingRecipe()
    recordings = tuple(
        _image(path, imaging, duration_s, seed, index) for index, path in enumerate(paths)
    )
    origin = provenance(
        ["spikes"],
        ["fluorescence", "labels of activity and optics", "positions where the file has none"],
        source,
        license,
        citation,
        files={f"{path.parent.name}/{path.name}": checksum(path) for path in paths},
        duration_s=duration_s,
        imaging=imaging.model_dump(mode="json"),
    )
    return Dataset(recordings, np.zeros(len(paths), dtype=bool), None, seed, origin)


def _image(
    path: Path, imaging: ImagingRecipe, duration_s: float | None, seed: int, index: int
) -> Recording:
    from simbench.imaging import image

    data = _read(path)
    culture = culture_of(path) if path.suffix == ".h5" else ""
    try:
        spikes = _spike_trains(data, duration_s, imaging.frame_rate_hz)
        culture = culture or group_of({"culture": data.get("culture", "")})
        labels = _labels(data, spikes, seed, index, culture)
        group = group_of({"animal": data.get("animal", "")}) or culture
        imaged = image(spikes, labels[["x_mm", "y_mm"]].to_numpy(float), imaging, seed, index)
    except SimbenchError as error:
        raise SimbenchError(f"{path}: {error}") from None
    except MemoryError:
        raise SimbenchError(
            f"{path}: the traces do not fit into the memory; allowed: a shorter duration"
        ) from None
    activity, summary = describe(spikes)
    labels = with_labels(labels, activity).drop(columns=imaged.nuisances.columns, errors="ignore")
    labels = labels.join(imaged.nuisances)
    truth = Truth(labels, spikes, None, imaged.clean_dff, summary, imaged.neuropil)
    name, rate = f"recording-{index:03d}", imaging.frame_rate_hz
    return Recording(name, imaged.fluorescence, rate, lambda: truth, group)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a file, under the names that they have in an ``.npz`` file."""
    if path.suffix not in _READERS:
        raise SimbenchError(f"{path}: unknown kind of file; allowed: {', '.join(_READERS)}")
    with reading(path):
        return _READERS[path.suffix](path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: np.atleast_1d(file[name]) for name in file.files}


def _read_nwb(path: Path) -> dict[str, np.ndarray]:
    with needing("nwb", f"{path}:"):
        from hdmf.common import DynamicTableRegion
        from pynwb import NWBHDF5IO

    with NWBHDF5IO(path, "r") as io:
        file = io.read()
        units = file.units
        if units is None or "spike_times" not in units.colnames:
            raise SimbenchError(f"{path}: holds no units table with spike times")
        data = {
            "times": np.asarray(units.spike_times.data[:], dtype=float),
            "offsets": np.append(0, np.asarray(units.spike_times_index.data[:], dtype=np.int64)),
            **label_columns(units),
        }
        if "obs_intervals" in units.colnames:
            intervals = np.asarray(units.obs_intervals_index.target.data[:], dtype=float)
            data["times"] -= intervals.min()
            data["duration"] = np.atleast_1d(np.ptp(intervals))
        for column in units.columns:
            if isinstance(column, DynamicTableRegion):  # such as the ROI of a unit
                rows = np.asarray(column.data[:])
                data |= {n: v[rows] for n, v in label_columns(column.table).items()}
        subject = file.subject.subject_id if file.subject else None
        if is_told(subject) and "culture" not in data:
            data.setdefault("animal", np.full(len(units), subject))
        return data


def label_columns(table: Any) -> dict[str, np.ndarray]:
    """Columns with the name of a label and one value per row."""
    columns = {}
    for name in LABELS:
        if name in table.colnames and np.shape(table[name].data) == (len(table),):
            values = np.asarray(table[name].data[:])
            is_text = values.dtype.kind == "O" and all(isinstance(v, str) for v in values)
            columns[name] = values.astype(str) if is_text else values
    return columns


def is_told(value: Any) -> bool:
    """Whether a field says more than that nothing is known."""
    return str(value or "").lower() not in ("", "unknown", "not told", "see notes")


_READERS = {".npz": _read_npz, ".nwb": _read_nwb, ".h5": read_electrodes}


def _spike_trains(
    data: dict[str, np.ndarray], duration_s: float | None, frame_rate_hz: float
) -> SpikeTrains:
    """The spikes before the end of the recording, if the arrays of the file make sense."""
    _check_types(data)
    neurons, n_neurons = _neurons(data)
    if duration_s is None:
        last = np.floor(data["times"].max(initial=0.0)) + 1
        duration_s = float(data.get("duration", [last])[0])
    if not (np.isfinite(duration_s) and duration_s > 0):
        raise SimbenchError(f"duration {duration_s:g} s; allowed is a positive number of seconds")
    if n_neurons < 1:
        raise SimbenchError("no neurons; state 'n_neurons' if all of them are silent")
    frames, length = duration_s * frame_rate_hz, f"{duration_s:g} s"
    if frames < 2:
        raise SimbenchError(f"{length} at {frame_rate_hz:g} Hz: at least 2 frames needed")
    if n_neurons * frames > MOST_SAMPLES:
        size = f"{n_neurons} neurons x {length} x {frame_rate_hz:g} Hz"
        raise SimbenchError(f"{size}; allowed: up to {MOST_SAMPLES:g} samples")
    kept = data["times"] < duration_s
    return SpikeTrains.from_events(neurons[kept], data["times"][kept], n_neurons, duration_s)


def _check_types(data: dict[str, np.ndarray]) -> None:
    """Refuse arrays with unknown names, or with values of another type."""
    if "times" not in data or ("neurons" in data) == ("offsets" in data):
        found = ", ".join(sorted(data)) or "nothing"
        raise SimbenchError(f"holds {found}; needed are 'times' and either 'neurons' or 'offsets'")
    for name, array in data.items():
        if name not in (*_ARRAYS, *LABELS):
            known = f"{', '.join(_ARRAYS)}, and the labels {', '.join(LABELS)}"
            raise SimbenchError(f"unknown array '{name}'; allowed: {known}")
        codes, needed = _TYPES[name] if name in _TYPES else _TYPES[LABELS[name].kind]
        if array.dtype.kind not in codes:
            raise SimbenchError(f"'{name}' is {array.dtype}; needed: {needed}")
        if name in _FINITE and not np.isfinite(array).all():
            raise SimbenchError(f"'{name}' holds a value that is not finite")


def _neurons(data: dict[str, np.ndarray]) -> tuple[np.ndarray, int]:
    """Neuron of each spike and number of neurons, if all shapes agree."""
    times, per_neuron = data["times"], [data[name] for name in LABELS if name in data]
    neurons = data["neurons"] if "neurons" in data else _unravel(data["offsets"], len(times))
    n_neurons = int(neurons.max()) + 1 if neurons.size else 0
    if data.get("n_neurons", times[:0]).size:
        n_neurons = int(data["n_neurons"].flat[0])
    elif "offsets" in data:
        n_neurons = len(data["offsets"]) - 1
    elif per_neuron:
        n_neurons = len(per_neuron[0])
    shapes = {
        "times": (len(times),), "neurons": (len(times),), "duration": (1,), "n_neurons": (1,),
        "offsets": data.get("offsets", times).shape,
    }  # fmt: skip
    for name, array in data.items():
        shape = shapes.get(name, (n_neurons,))
        if array.shape != shape:
            needed = f"{shape}, for {len(times)} spikes of {n_neurons} neurons"
            raise SimbenchError(f"'{name}' has shape {array.shape}; needed: {needed}")
    return neurons, n_neurons


def _unravel(offsets: np.ndarray, n_spikes: int) -> np.ndarray:
    """Neuron of each spike."""
    counts = np.diff(offsets.astype(np.int64))
    if offsets.ndim != 1 or len(offsets) < 2 or (counts < 0).any():
        raise SimbenchError("'offsets' must ascend, one more than neurons")
    if offsets[0] != 0 or offsets[-1] != n_spikes:
        raise SimbenchError(f"'offsets' must start at 0 and end at the number of times, {n_spikes}")
    return np.repeat(np.arange(len(counts)), counts)


def _labels(
    data: dict[str, np.ndarray], spikes: SpikeTrains, seed: int, index: int, culture: str
) -> pd.DataFrame:
    from simbench.culture.wiring import place_somata

    labels = pd.DataFrame({n: data[n] for n in LABELS if n in data and n != "culture"})
    if not {"x_mm", "y_mm"} <= set(labels):
        dish = validated(CultureRecipe, {"n_neurons": max(2, spikes.n_neurons)})
        positions = place_somata(dish, stream(seed, "import", index, "somata"))
        x_mm, y_mm = positions[: spikes.n_neurons].T
        labels = labels.assign(x_mm=x_mm, y_mm=y_mm)
    labels.insert(0, "culture", culture or f"culture-{index:03d}")
    return labels
