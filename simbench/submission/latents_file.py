"""Reading files of latents from other groups: zip files of one ``.npy`` matrix per recording.

Such a file may be damaged or hostile. It is read in memory and within limits, never extracted,
and nothing in it is unpickled.
"""

import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from simbench.core.errors import SimbenchError


@dataclass(frozen=True)
class Limits:
    """What a file from another group may hold at most."""

    file_bytes: int = 256 * 2**20
    """Of a file, and of all that it unpacks to: many times the latents of a large scenario."""
    directory_bytes: int = 2**20
    """Of the list of members in a zip file: about 10,000 recordings."""
    ratio: int = 200
    """Unpacked over packed size of a member: numbers hardly shrink, zip bombs a thousandfold."""
    header_bytes: int = 1024
    """Before the values of a ``.npy`` file: that of a matrix takes 128."""
    components: int = 1024
    """Latents per neuron: a hundred times as many as methods usually have."""
    text_bytes: int = 64 * 2**10
    """Of a method card or of checksums: both are a page at most."""


LIMITS = Limits()
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.npy")
_TYPES = [np.dtype(code) for code in ("<f4", "<f8", ">f4", ">f8")]
_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# PKWARE APPNOTE 6.3, sections 4.3.15 and 4.3.16
_END = struct.Struct("<4s4H2LH")
_END_MARK, _LOCATOR_MARK, _LOCATOR_SIZE = b"PK\x05\x06", b"PK\x06\x07", 20
_ENCRYPTED = 0x1


def read_latents(file: str | Path, n_neurons: Mapping[str, int]) -> np.ndarray:
    """Read latents that another group made, recording by recording.

    Parameters
    ----------
    file : str or Path
        Zip file with one member ``<recording>.npy`` per recording: a matrix (n_neurons,
        n_components) of float32 or float64 in any byte and memory order.
    n_neurons : mapping of str to int
        Neurons of each recording, by name.

    Returns
    -------
    ndarray of float64, shape (n_neurons of all recordings, n_components)
        In the order of ``n_neurons``.
    """
    return arrange(read_matrices(file), n_neurons, str(file))


def read_matrices(file: str | Path | BytesIO, name: str = "") -> dict[str, np.ndarray]:
    """Latents of each recording as float64, by and in order of the recordings' names.

    The size, name, type and shape of a matrix are checked before its values are read.
    ``name`` is what errors call the file; by default its path.
    """
    with open_archive(file, name) as archive:
        matrices = {}
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if not _MEMBER.fullmatch(info.filename):
                expected = "expected are names such as 'recording-0123abcd.npy', without folders"
                raise SimbenchError(f"member '{info.filename:.80}'; {expected}")
            with naming(f"'{info.filename}'"):
                matrices[info.filename.removesuffix(".npy")] = _matrix(archive, info)
        _check_widths(matrices)
    return matrices


def read_parts(files: str | Path | Sequence[str | Path]) -> dict[str, np.ndarray]:
    """Latents of one file, or of the files of several parts of a cross-fitted scenario."""
    matrices: dict[str, np.ndarray] = {}
    for file in [files] if isinstance(files, str | Path) else files:
        found = read_matrices(file)
        for name in sorted(matrices.keys() & found.keys()):
            raise SimbenchError(f"{file}: '{name}.npy' is in another file, too")
        matrices |= found
        with naming(str(file)):
            _check_widths(matrices)
    return matrices


def _check_widths(matrices: Mapping[str, np.ndarray]) -> None:
    widths = {matrix.shape[1] for matrix in matrices.values()}
    if len(widths) > 1:
        found = f"recordings have {min(widths)} to {max(widths)} latents per neuron"
        raise SimbenchError(f"{found}; expected is the same number in all")


def arrange(
    matrices: Mapping[str, np.ndarray], n_neurons: Mapping[str, int], where: str
) -> np.ndarray:
    """One matrix of all recordings, in the order of ``n_neurons``, if names and sizes agree."""
    for name in sorted(matrices.keys() ^ n_neurons.keys()):
        raise SimbenchError(
            f"{where}: {'has an unknown' if name in matrices else 'lacks'} '{name}.npy'; expected "
            f"is one matrix for each of the {len(n_neurons)} recordings, under its name"
        )
    for name, n in n_neurons.items():
        found = f"{where}: '{name}.npy' has {len(matrices[name])} rows"
        if len(matrices[name]) != n:
            raise SimbenchError(f"{found}; expected is one for each of {n} neurons")
    return np.concatenate([matrices[recording] for recording in n_neurons])


@contextmanager
def open_archive(file: str | Path | BytesIO, name: str = "") -> Iterator[zipfile.ZipFile]:
    """Context of a zip file within the limits; any error inside becomes one line with its name."""
    with naming(name or str(file)):
        if isinstance(file, str | Path) and Path(file).exists() and not Path(file).is_file():
            raise SimbenchError("not a file")  # reading a pipe would wait forever
        with nullcontext(file) if isinstance(file, BytesIO) else open(file, "rb") as stream:
            _check_directory(stream)
            archive = zipfile.ZipFile(stream)
            members = archive.infolist()
            if not 0 < len(members) == len({info.filename for info in members}):
                raise SimbenchError("empty, or two members have the same name")
            for info in members:
                with naming(f"'{info.filename:.80}'"):
                    _check_member(info)
            if sum(info.file_size for info in members) > LIMITS.file_bytes:
                raise SimbenchError(f"unpacks to more than {LIMITS.file_bytes >> 20} MiB")
            yield archive


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Context in which every error becomes one short line that begins with ``what``.

    What a library says of damaged content is left out: it may quote all of it.
    """
    try:
        yield
    except SimbenchError as error:
        raise SimbenchError(f"{what}: {error}") from None
    except FileNotFoundError:
        raise SimbenchError(f"{what}: missing") from None
    except Exception:
        raise SimbenchError(f"{what}: damaged, or not of the right form") from None


def check_size(n_bytes: int) -> None:
    """Refuse a file that is too large."""
    if n_bytes > LIMITS.file_bytes:
        raise SimbenchError(f"{n_bytes / 2**20:.1f} MiB; allowed are {LIMITS.file_bytes >> 20} MiB")


def _check_directory(stream: BinaryIO) -> None:
    """Refuse a file that is too large, or lists so many members that reading the list is slow."""
    size = stream.seek(0, SEEK_END)
    check_size(size)
    stream.seek(max(0, size - _END.size - _LOCATOR_SIZE))
    tail = stream.read()
    # With a comment or a zip64 locator, zipfile would take another record than this one.
    if tail[-_END.size :][:4] != _END_MARK or tail[-2:] != b"\0\0":
        raise SimbenchError("not a zip file (or truncated, or with a comment at its end)")
    if tail[:4] == _LOCATOR_MARK:
        raise SimbenchError("a zip64 archive; allowed are plain zip files")
    size = _END.unpack(tail[-_END.size :])[5]
    if size > LIMITS.directory_bytes:
        raise SimbenchError(f"a directory of {size} bytes; allowed are {LIMITS.directory_bytes}")


def _check_member(info: zipfile.ZipInfo) -> None:
    problem, method, ratio = "", info.compress_type, LIMITS.ratio
    if info.flag_bits & _ENCRYPTED:
        problem = "encrypted"
    elif method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        problem = f"packed by method {method}; allowed are 0 (stored) and 8 (deflated)"
    elif info.file_size > ratio * info.compress_size:
        problem = f"unpacks to more than {ratio} times its size; store it without compression"
    if problem:
        raise SimbenchError(problem)


def _matrix(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Values of a member, if its header promises exactly as many as it holds."""
    with archive.open(info) as member:
        start = BytesIO(member.read(LIMITS.header_bytes + npy.MAGIC_LEN + 4))
    shape, dtype = _header(start)
    if dtype not in _TYPES:
        raise SimbenchError(f"holds {dtype!s:.40}; allowed are float32 and float64")
    if len(shape) != 2 or not shape[0] > 0 < shape[1] <= LIMITS.components:
        expected = f"expected is one row per neuron and 1 to {LIMITS.components} columns"
        raise SimbenchError(f"has shape {shape!s:.40}; {expected}")
    size = info.file_size
    if size != start.tell() + shape[0] * shape[1] * dtype.itemsize:
        raise SimbenchError(f"has {size} bytes, which is not what its shape {shape!s:.40} needs")
    matrix = npy.read_array(BytesIO(archive.read(info)), allow_pickle=False)
    if not np.isfinite(matrix).all():
        raise SimbenchError("holds values that are not finite numbers")
    return matrix.astype(np.float64, order="C")


def _header(start: BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type in the header of a ``.npy`` file, which is read to its end."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy repairs headers of Python 2, with a warning
            shape, _, dtype = _HEADER_READERS[npy.read_magic(start)](start)
    except Exception:
        allowed = f"with a header of at most {LIMITS.header_bytes} bytes"
        raise SimbenchError(f"not a .npy file of format 1.0 or 2.0 {allowed}") from None
    return shape, dtype
