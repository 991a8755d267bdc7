"""Files and folders that are written whole or not at all, and checked when read."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simbench.errors import SimbenchError


@contextmanager
def new_folder(folder: Path, keep_existing: bool = False) -> Iterator[Path]:
    """Draft folder that takes the place of ``folder`` once the block ends without an error.

    Parameters
    ----------
    folder : Path
    keep_existing : bool
        If ``folder`` turns out to be there already (another worker was first), keep that one and
        drop the draft. Otherwise a folder with files in it is an error before any work.

    Raises
    ------
    SimbenchError
        If the folder holds files already or can't be written.
    """
    if not keep_existing and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SimbenchError(f"{folder}: already there and not empty; name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name[:20]}-", dir=folder.parent))
    except OSError as error:
        raise SimbenchError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        yield draft
        draft.chmod(0o755)
        try:
            os.replace(draft, folder)
        except OSError:
            if not (keep_existing and folder.is_dir()):
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        raise SimbenchError(f"{path}: cannot be written ({error.strerror})") from None


def check_writable(folder: Path) -> None:
    """A folder that can't be written is an error now, not after an hour of work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SimbenchError(f"{folder}: cannot be written ({error.strerror})") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a missing or broken file is a one-line error."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SimbenchError(f"{path}: missing") from None
    except (OSError, ValueError) as error:
        raise SimbenchError(f"{path}: cannot be read ({error})") from None
    if not isinstance(data, dict):
        raise SimbenchError(f"{path}: not a JSON object")
    return data


def check_files(folder: Path, files: dict[str, str], verify: bool) -> None:
    """Every named file is there and, with ``verify``, has the checksum it was written with."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise SimbenchError(f"{path}: missing")
        if verify and checksum(path) != expected:
            raise SimbenchError(f"{path}: altered (its checksum is not the one in the manifest)")


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
