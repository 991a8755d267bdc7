"""Folders and files: written whole or not at all, checked on reading, never pickled."""

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from simbench.core.errors import SimbenchError, first_problem

if TYPE_CHECKING:
    import pandas as pd

Model = TypeVar("Model", bound=BaseModel)


@contextmanager
def new_folder(
    folder: Path, replaces: str | None = None, keep_existing: bool = False
) -> Iterator[Path]:
    """Context of a draft folder that becomes ``folder`` only if nothing fails.

    Parameters
    ----------
    folder : Path
        New or empty.
    replaces : str, optional
        A folder is replaced if it holds a JSON file of this name with a list of ``files``, as
        simbench writes it, and no other files than it lists.
    keep_existing : bool
        If another worker has written the same folder, keep that one and drop the draft.
    """
    folder = Path(folder).resolve()
    if not keep_existing:
        _refuse_files(folder, replaces)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name[:20]}-", dir=folder.parent) as hold:
            draft = Path(hold) / "new"
            draft.mkdir()  # its permissions follow the umask; those of `hold` are private
            yield draft
            if not (keep_existing and folder.is_dir()):
                _swap(draft, folder, Path(hold) / "old", keep_existing)
    except OSError as error:
        raise SimbenchError(f"{folder}: cannot be written ({error.strerror or error})") from None


def _swap(draft: Path, folder: Path, old: Path, keep_existing: bool) -> None:
    """Put the draft in the folder's place; if that fails, the folder is as it was."""
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(draft, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        if not (keep_existing and folder.is_dir()):
            raise


def _refuse_files(folder: Path, replaces: str | None) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if replaces is None:
        raise SimbenchError(f"{folder}: exists and is not empty; name a new folder")
    marker = folder / replaces
    listed = read_json(marker).get("files") if marker.is_file() else None
    if not isinstance(listed, dict):
        raise SimbenchError(
            f"{folder}: not overwritten: it holds no {replaces} of simbench, which did not write it"
        )
    others = sorted(set(files_below(folder)) - listed.keys() - {replaces})
    if others:
        raise SimbenchError(
            f"{folder}: not overwritten: it holds {others[0]}, which simbench did not write"
        )


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(paths: str | Path | Sequence[str | Path], suffixes: Collection[str]) -> list[Path]:
    """Files as they are named; of a folder, all below that end so and aren't hidden, in order."""
    found: list[Path] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        below = sorted(
            p for p in Path(path).rglob("*") if p.suffix in suffixes and p.name[0] != "."
        )
        if Path(path).is_dir() and not below:
            raise SimbenchError(f"{path}: holds no file that ends in {', '.join(sorted(suffixes))}")
        found += below if Path(path).is_dir() else [Path(path)]
    return found


def files_below(folder: Path) -> list[str]:
    """Paths of all files below a folder, relative to it, in order."""
    return [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]


def digest_of(data: Any) -> str:
    """SHA-256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def check_files(folder: Path, files: dict[str, str], verify: bool) -> None:
    """Refuse a folder with missing files or, with ``verify``, files of another checksum."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise SimbenchError(f"{path}: missing")
        try:
            altered = verify and checksum(path) != expected
        except OSError as error:
            raise SimbenchError(f"{path}: cannot be read ({error.strerror})") from None
        if altered:
            raise SimbenchError(f"{path}: altered (its checksum is not the one in the manifest)")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a missing or broken file is a one-line error."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SimbenchError(f"{path}: missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SimbenchError(f"{path}: cannot be read ({error})") from None
    if not isinstance(data, dict):
        raise SimbenchError(f"{path}: not a JSON object")
    return data


def validated(model: type[Model], data: Any, where: str = "") -> Model:
    """Plain data (TOML, JSON) as a pydantic model; errors begin with where the data came from."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        place = f"{where}: " if where else ""
        raise SimbenchError(f"{place}{first_problem(error)}") from None


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a JSON file into a pydantic model; a missing or wrong file is a one-line error."""
    return validated(model, read_json(path), str(path))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Context in which any error of reading a file becomes one line that names the file."""
    try:
        yield
    except SimbenchError:
        raise
    except FileNotFoundError:
        raise SimbenchError(f"{path}: missing") from None
    except Exception as error:  # readers of damaged files raise nearly everything
        what = " ".join(str(error).split())[:300] or type(error).__name__
        raise SimbenchError(f"{path}: truncated or not of the right form ({what})") from None


def read_array(path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Memory-map a float32 matrix; anything else is refused."""
    with reading(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.ndim != 2 or array.dtype != np.float32:
            raise ValueError(f"{array.ndim}-d {array.dtype}, expected a matrix of float32")
        if shape is not None and array.shape != shape:
            raise ValueError(f"shape {array.shape}, expected {shape}")
    return array


def read_table(path: Path, **how: Any) -> "pd.DataFrame":
    """Read a CSV by `pandas.read_csv`, every number to its last bit."""
    import pandas as pd

    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        how["float_precision"] = "round_trip"  # later versions do so always, and warn of the word
    table = pd.read_csv(path, **how)
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for row names
        raise ValueError("a line has more fields than the header")
    return table


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a CSV from which `read_table` reads every number back bit for bit.

    Refused is text with a carriage return, which Python 3.11 doesn't quote.
    """
    for name, column in table.select_dtypes(exclude=["number", "bool"]).items():
        if column.astype(str).str.contains("\r").any():
            raise SimbenchError(f"{path.name}: {name}: holds text with a carriage return")
    table.to_csv(path, index=False, lineterminator="\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    if not path.name:
        raise SimbenchError(f"'{path}' is a folder; allowed is the name of a file")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise SimbenchError(f"{path}: cannot be written ({error.strerror})") from None


def check_new(folder: Path) -> None:
    """Refuse a folder that can't become a new one, before any work; nothing is written."""
    _refuse_files(folder, None)
    check_writable(folder)


def check_writable(folder: Path) -> None:
    """Refuse a folder that can't be written, before any work; nothing is written."""
    try:
        above = folder.absolute().parents
        nearest = next(place for place in (folder, *above) if place.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise SimbenchError(f"{folder}: cannot be written ({error.strerror})") from None
