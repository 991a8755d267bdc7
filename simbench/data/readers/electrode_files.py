"""Spikes of cultures on electrodes: HDF5 files in the form of Eglen et al. (2014)."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from simbench.core.errors import SimbenchError, needing
from simbench.core.files import reading

_NEEDED = ("spikes", "sCount", "epos", "recordingtime")


def read_electrodes(path: Path) -> dict[str, np.ndarray]:
    """Read a file of one recording, as arrays named like those of an ``.npz`` file of spikes.

    ``spikes`` (s) lie electrode after electrode, ``sCount`` of each; ``epos`` (um) become
    ``x_mm`` and ``y_mm``, ``recordingtime`` (begin and end, or length, in s) the duration,
    ``meta/region`` and ``meta/age`` the labels ``region`` and ``days_in_vitro``. An electrode hears
    one or few neurons, and is taken for a neuron.

    Raises
    ------
    SimbenchError
        If the file is damaged or of another form, or h5py is not installed.
    """
    with reading(path):
        times, counts, place, span, meta = _contents(path)
        # one number is the length, and none is no length
        begin, end = (span.min(), span.max()) if span.size > 1 else (0.0, span.sum())
        duration = float(end - begin)
        if not (np.isfinite(duration) and duration > 0):
            raise SimbenchError(
                f"{path}: recordingtime: duration {duration:g} s; allowed: a positive number"
            )
        times = times - float(begin)
        _check(path, times, counts, duration)
        if place.shape == (len(counts), 2) and len(counts) != 2:
            place = place.T
        if place.shape != (2, len(counts)):
            raise SimbenchError(f"{path}: epos has shape {place.shape}; needed: (2, {len(counts)})")
        return {
            "times": times,
            "offsets": np.append(0, np.cumsum(counts, dtype=np.int64)),
            "duration": np.array([duration]),
            "x_mm": place[0] / 1000.0,
            "y_mm": place[1] / 1000.0,
            **{label: np.full(len(counts), value) for label, value in meta.items()},
        }


def _contents(path: Path) -> tuple[Any, ...]:
    """Times, counts, places and recording time as they are in the file; labels by name."""
    with needing("nwb", f"{path}:"):
        import h5py

    with h5py.File(path, "r") as file:
        missing = [name for name in _NEEDED if name not in file]
        if missing:
            raise SimbenchError(
                f"{path}: holds no {', '.join(missing)}; needed: {', '.join(_NEEDED)}"
            )
        times, counts, place, span = (np.asarray(file[name][()]) for name in _NEEDED)
        meta = {
            name: np.ravel(file[f"meta/{name}"][()])[0]
            for name in ("region", "age")
            if f"meta/{name}" in file
        }
    labels: dict[str, int | str] = {}
    if "age" in meta:
        try:
            labels["days_in_vitro"] = int(meta["age"])
        except (ValueError, OverflowError):  # text, NaN, infinity
            raise SimbenchError(f"{path}: meta/age = {meta['age']}; needed: days") from None
    if "region" in meta:
        region = meta["region"]
        labels["region"] = region.decode() if isinstance(region, bytes) else str(region)
    return np.ravel(times).astype(np.float64), np.ravel(counts), place, np.ravel(span), labels


def _check(path: Path, times: np.ndarray, counts: np.ndarray, duration: float) -> None:
    if not len(counts):
        raise SimbenchError(f"{path}: no electrodes")
    if counts.min() < 0 or counts.sum() != len(times):
        raise SimbenchError(f"{path}: sCount adds up to {counts.sum()}, but there are {len(times)}")
    if not np.isfinite(times).all():
        raise SimbenchError(f"{path}: a spike time is not finite")
    if len(times) and (times.min() < 0 or times.max() > duration):
        raise SimbenchError(
            f"{path}: spikes at {times.min():g} to {times.max():g} s, outside of the recording of "
            f"{duration:g} s"
        )


def culture_of(path: Path) -> str:
    """Culture of a file, by its name: its number (``TC191``), or else all but the day in vitro.

    Dishes of one number were plated together and count as one culture.
    """
    number = re.search(r"TC\d+", path.stem)
    return number.group() if number else re.sub(r"[_-]?DIV\d+", "", path.stem) or path.stem
