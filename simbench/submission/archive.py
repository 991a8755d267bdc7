"""Zip files from strangers: judged by their directory, read in memory, never extracted."""

import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from simbench.core.errors import SimbenchError
from simbench.core.files import reading

MAX_BYTES = 256 * 2**20
"""Of a file, and of all that it unpacks to."""
MAX_MEMBERS = 10_000
MAX_RATIO = 200
"""Unpacked over packed size of a member. Numbers hardly shrink; bombs shrink a thousandfold."""
MAX_ENTRY_BYTES = 512
"""Mean size of a member's entry in the directory at the end of the file."""

# PKWARE APPNOTE 6.3, sections 4.3.15 and 4.3.16
_END = struct.Struct("<4s4H2LH")
_END_MARK, _LOCATOR_MARK, _LOCATOR_SIZE = b"PK\x05\x06", b"PK\x06\x07", 20
_ENCRYPTED = 0x1


@contextmanager
def open_archive(file: str | Path | BinaryIO, name: str | None = None) -> Iterator[zipfile.ZipFile]:
    """Context of a zip file whose directory was found harmless.

    Before a byte of content is read: the size of the file and of its directory, the number of
    members, and each member's size, packing and ratio are within the limits above, no name
    comes twice, nothing is encrypted. Whatever goes wrong inside the context is one line.

    Parameters
    ----------
    file : str, Path or binary file
    name : str, optional
        What errors call the file; by default its path.

    Raises
    ------
    SimbenchError
        If the file is not such a zip file, or anything in the context fails.
    """
    with naming(name or (str(file) if isinstance(file, str | Path) else "file")):
        if not isinstance(file, str | Path):
            yield _opened(file)
            return
        if Path(file).exists() and not Path(file).is_file():
            raise ValueError("not a file")  # a pipe would be waited for
        with open(file, "rb") as stream:
            yield _opened(stream)


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Whatever is found wrong becomes one line that begins with where it was."""
    with reading(Path(where)):
        try:
            yield
        except SimbenchError:
            raise
        except ValueError as error:
            raise SimbenchError(f"{where}: {error}") from None


def _opened(stream: BinaryIO) -> zipfile.ZipFile:
    _check_end(stream)
    with intact("its directory"):
        archive = zipfile.ZipFile(stream)
    members = archive.infolist()
    if not members:
        raise ValueError("empty")
    if len({info.filename for info in members}) < len(members):
        raise ValueError("two members have the same name")
    for info in members:
        _check_member(info)
    if sum(info.file_size for info in members) > MAX_BYTES:
        raise ValueError(f"unpacks to more than {MAX_BYTES >> 20} MiB")
    return archive


def _check_end(stream: BinaryIO) -> None:
    """Size of file and directory, so that a directory of millions of members is never read."""
    size = stream.seek(0, os.SEEK_END)
    if size > MAX_BYTES:
        raise ValueError(f"{size >> 20} MiB; allowed are {MAX_BYTES >> 20} MiB")
    stream.seek(max(0, size - _END.size - _LOCATOR_SIZE))
    tail = stream.read()
    # The same record that zipfile takes: with a comment or a zip64 locator it would look elsewhere.
    if tail[-_END.size :][:4] != _END_MARK or tail[-2:] != b"\0\0":
        raise ValueError("not a zip file (or truncated, or with a comment at its end)")
    if tail[:4] == _LOCATOR_MARK:
        raise ValueError("a zip64 archive; allowed are plain zip files")
    *_, n_members, directory_bytes, _, _ = _END.unpack(tail[-_END.size :])
    if n_members > MAX_MEMBERS or directory_bytes > max(n_members, 1) * MAX_ENTRY_BYTES:
        raise ValueError(
            f"{n_members} members in a directory of {directory_bytes} bytes; allowed "
            f"are {MAX_MEMBERS} members of {MAX_ENTRY_BYTES} bytes"
        )


def _check_member(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise ValueError(f"'{info.filename:.80}' is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"'{info.filename:.80}' is packed by method {info.compress_type}; allowed "
            "are 0 (stored) and 8 (deflated)"
        )
    if info.file_size > MAX_RATIO * info.compress_size:
        raise ValueError(
            f"'{info.filename:.80}' unpacks to more than {MAX_RATIO} times its size; "
            "store it without compression"
        )


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, n_bytes: int) -> bytes:
    """The first bytes of a member, or fewer if it ends before; checked if it is the whole."""
    with intact(f"'{info.filename:.80}'"), archive.open(info) as stream:
        return stream.read(n_bytes)


@contextmanager
def intact(what: str) -> Iterator[None]:
    """Whatever a library says of damaged content (some quote all of it) becomes a short line."""
    try:
        yield
    except Exception:
        raise ValueError(f"{what} is damaged, or not what it should be") from None
