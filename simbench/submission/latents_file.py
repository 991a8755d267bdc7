"""Files of latents, made in any language: a zip file of one ``.npy`` matrix a recording."""

import io
import re
import struct
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.lib import format as npy

from simbench.submission.archive import intact, naming, open_archive, read_member

MAX_COMPONENTS = 1024
MAX_HEADER_BYTES = 1024
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.npy")
_TYPES = [np.dtype(code) for code in ("<f4", "<f8", ">f4", ">f8")]
# By version: how the length of the header is written, and numpy's reader of the rest.
_READERS = {
    npy.magic(1, 0): ("<H", npy.read_array_header_1_0),
    npy.magic(2, 0): ("<I", npy.read_array_header_2_0),
}


def read_latents(
    file: str | Path | BinaryIO, n_neurons: Mapping[str, int], name: str | None = None
) -> np.ndarray:
    """Read latents that a stranger made, recording by recording.

    Parameters
    ----------
    file : str, Path or binary file
        Zip file with one member ``<recording>.npy`` a recording: a matrix (n_neurons,
        n_components) of float32 or float64 in any byte and memory order.
    n_neurons : mapping of str to int
        Neurons of each recording, by name.
    name : str, optional
        What errors call the file; by default its path.

    Returns
    -------
    ndarray of float64, shape (n_neurons of all recordings, n_components)
        In the order of ``n_neurons``.

    Raises
    ------
    SimbenchError
        In one line, if anything is not as described. Sizes, names, types and shapes are checked
        before the values are read; nothing is unpickled, nothing is written.
    """
    return arrange(read_matrices(file, n_neurons, name), n_neurons, str(name or file))


def read_matrices(
    file: str | Path | BinaryIO, n_neurons: Mapping[str, int] | None = None, name: str | None = None
) -> dict[str, np.ndarray]:
    """Latents of each recording, as ``read_latents`` reads them, by name and in order of names.

    Without ``n_neurons`` any recordings of any size within the limits will do.
    """
    with open_archive(file, name) as archive:
        members = {_recording(info): info for info in archive.infolist()}
        if n_neurons is not None:
            _check_names(members, n_neurons)
        headers = {key: _read_header(archive, info) for key, info in members.items()}
        _check_widths({header.shape[1] for header in headers.values()})
        if n_neurons is not None:
            _check_rows({key: header.shape[0] for key, header in headers.items()}, n_neurons)
        return {
            recording: _matrix(archive, info, headers[recording])
            for recording, info in sorted(members.items())
        }


def arrange(
    matrices: Mapping[str, np.ndarray], n_neurons: Mapping[str, int], where: str
) -> np.ndarray:
    """One matrix of all recordings, in the order of ``n_neurons``, if all fit.

    Raises
    ------
    SimbenchError
        If recordings are missing or unknown, or have another number of neurons.
    """
    with naming(where):
        _check_names(matrices, n_neurons)
        _check_rows({name: len(matrix) for name, matrix in matrices.items()}, n_neurons)
    return np.concatenate([matrices[recording] for recording in n_neurons])


def write_matrices(matrices: Mapping[str, np.ndarray]) -> bytes:
    """The one file of latents that these matrices make, whatever wrote them before."""
    files = {}
    for recording in sorted(matrices):
        stream = io.BytesIO()
        npy.write_array(stream, np.ascontiguousarray(matrices[recording], dtype="<f8"), (1, 0))
        files[f"{recording}.npy"] = stream.getvalue()
    return zip_bytes(files)


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip file, uncompressed: the same bytes for the same content on every machine."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # dated 1980
            info.create_system = 3
            archive.writestr(info, content)
    return stream.getvalue()


def _recording(info: zipfile.ZipInfo) -> str:
    if not _MEMBER.fullmatch(info.filename):
        raise ValueError(
            f"member '{info.filename:.80}'; expected are names such as 'recording-0123abcd.npy', "
            "without folders"
        )
    return info.filename.removesuffix(".npy")


def _check_names(found: Iterable[str], expected: Iterable[str]) -> None:
    missing, foreign = set(expected) - set(found), set(found) - set(expected)
    for what, names in {"lacks": missing, "has an unknown": foreign}.items():
        if names:
            raise ValueError(
                f"{what} '{min(names)}.npy'; expected is one matrix for each of the "
                f"{len(set(expected))} recordings, under its name"
            )


@dataclass(frozen=True)
class _Header:
    """What a ``.npy`` file says before its values."""

    size: int
    """Bytes before the values."""
    shape: tuple[int, int]
    order: Literal["C", "F"]
    dtype: np.dtype


def _read_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Header:
    """The header of a member, if it promises exactly the values that the member holds."""
    start = read_member(archive, info, npy.MAGIC_LEN + 4 + MAX_HEADER_BYTES)
    magic, rest = start[: npy.MAGIC_LEN], start[npy.MAGIC_LEN :]
    if magic not in _READERS:
        raise ValueError(f"'{info.filename}' is not a .npy file of format 1.0 or 2.0")
    length_code, read = _READERS[magic]
    with intact(f"the header of '{info.filename}'"):
        (length,) = struct.unpack_from(length_code, rest)
    if length > MAX_HEADER_BYTES:
        raise ValueError(
            f"'{info.filename}': header of {length} bytes; allowed are {MAX_HEADER_BYTES}"
        )
    with intact(f"the header of '{info.filename}'"), warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy repairs headers of Python 2, with a warning
        shape, fortran_order, dtype = read(io.BytesIO(rest))
    _check_form(info.filename, shape, dtype)
    size = len(magic) + struct.calcsize(length_code) + length
    if info.file_size != size + shape[0] * shape[1] * dtype.itemsize:
        raise ValueError(
            f"'{info.filename}' has {info.file_size} bytes, which is not what its shape "
            f"{shape} needs"
        )
    return _Header(size, shape, "F" if fortran_order else "C", dtype)


def _check_form(name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if dtype not in _TYPES:
        raise ValueError(f"'{name}' holds {dtype!s:.40}; allowed are float32 and float64")
    if len(shape) != 2 or not shape[0] > 0 < shape[1] <= MAX_COMPONENTS:
        raise ValueError(
            f"'{name}' has shape {shape!s:.40}; expected is one row a neuron and 1 to "
            f"{MAX_COMPONENTS} columns"
        )


def _check_widths(widths: set[int]) -> None:
    if len(widths) > 1:
        raise ValueError(
            f"recordings have {min(widths)} to {max(widths)} latents a neuron; expected is the "
            "same number in all"
        )


def _check_rows(found: Mapping[str, int], expected: Mapping[str, int]) -> None:
    for recording, n_neurons in expected.items():
        if found[recording] != n_neurons:
            raise ValueError(
                f"'{recording}.npy' has {found[recording]} rows; expected one for each of "
                f"{n_neurons} neurons"
            )


def _matrix(archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: _Header) -> np.ndarray:
    content = read_member(archive, info, info.file_size)
    with intact(f"'{info.filename}'"):
        values = np.frombuffer(content, header.dtype, offset=header.size)
        matrix = values.reshape(header.shape, order=header.order).astype(np.float64, order="C")
    if not np.isfinite(matrix).all():
        raise ValueError(f"'{info.filename}' holds values that are not finite numbers")
    return matrix
