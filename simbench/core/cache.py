"""Content-addressed cache of cultures, recordings, latents and scores; always safe to delete.

An entry's name is the digest of what it is made from: its own key, the code of the folders that
make its kind, and the versions of their libraries. Comments and docstrings have no say.
"""

import ast
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from simbench.core.errors import SimbenchError
from simbench.core.files import check_files, checksum, digest_of, new_folder, read_json

_RECORDINGS = ("core", "scenario", "culture", "imaging", "data")
_SIMULATORS = ("brian2", "numpy", "scipy", "numba", "networkx", "pandas", "pillow")
_LEARNERS = (*_SIMULATORS, "torch", "scikit-learn")
STATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cultures": (("core", "scenario", "culture", "data"), _SIMULATORS),
    "recordings": (_RECORDINGS, _SIMULATORS),
    "traces": (_RECORDINGS, _SIMULATORS),
    "latents": ((*_RECORDINGS, "methods"), _LEARNERS),
    "scores": ((*_RECORDINGS, "methods", "scoring"), _LEARNERS),
}
"""Kinds of entries: the folders of the package that make them, and the libraries these use."""
_OUTSIDE = "export"  # part of `data` that makes no entry
_FILES = "entry.json"
_OPENING = ("open", "os.listdir", "os.scandir", "os.link", "os.rename")  # events of sys.audit


def cache_folder() -> Path:
    """Folder of the cache: ``$SIMBENCH_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("SIMBENCH_CACHE") or user_cache_path("simbench"))


@cache
def source_digest(kind: str) -> str:
    """SHA-256 of the code that makes this kind of entry."""
    return hashlib.sha256("".join(map(_folder_digest, STATIONS[kind][0])).encode()).hexdigest()


@cache
def _folder_digest(folder: str) -> str:
    """SHA-256 of the code in a folder of the package."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted((package / folder).rglob("*.py")):
        inside = path.relative_to(package)  # above the package, any folder may be called so
        if _OUTSIDE not in inside.parts:
            digest.update(inside.as_posix().encode() + b"\0")
            digest.update(_code(path.read_bytes()))
    return digest.hexdigest()


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        value = node.value
        return None if isinstance(value, ast.Constant) and isinstance(value.value, str) else node


def _code(source: bytes) -> bytes:
    """What of a module is run: its syntax tree without docstrings."""
    return ast.dump(_WithoutDocstrings().visit(ast.parse(source))).encode()


@cache
def versions(kind: str = "scores") -> dict[str, str]:
    """Versions of the libraries that this kind of entry depends on; torch may be missing."""
    lacking = set() if find_spec("torch") else {"torch"}
    return {name: version(name) for name in STATIONS[kind][1] if name not in lacking}


def entry(kind: str, key: Any) -> Path:
    """Folder of an entry, whether it exists or not.

    Parameters
    ----------
    kind : {"cultures", "recordings", "traces", "latents", "scores"}
    key : JSON-serialisable
        What the entry is made from, besides code and libraries.
    """
    digest = digest_of([key, source_digest(kind), versions(kind)])
    return cache_folder() / kind / digest[:2] / digest


def holds(folder: Path) -> bool:
    """Whether an entry is there and whole; a damaged one is thrown away."""
    if not folder.is_dir():
        return False
    try:
        check_files(folder, read_json(folder / _FILES), verify=True)
    except SimbenchError:
        shutil.rmtree(folder, ignore_errors=True)
        return False
    with suppress(OSError):  # a cache that can only be read
        os.utime(folder / _FILES)  # when it was last wanted, see `prune`
    return True


def fetch(folder: Path, make: Callable[[Path], object]) -> Path:
    """Folder of an entry, which is made first if the cache does not hold it.

    Parameters
    ----------
    folder : Path
        Of `entry`.
    make : callable
        Writes the entry's files into the folder that it is given.
    """
    if not holds(folder):
        with new_folder(folder, keep_existing=True) as draft:
            make(draft)
            files = {path.name: checksum(path) for path in sorted(draft.iterdir())}
            (draft / _FILES).write_text(json.dumps(files), encoding="utf-8")
    return folder


def close_truth(folder: Path) -> None:
    """Let Python open nothing more of the cache that holds or tells a label, in this process.

    It can't be undone. Who goes out of their way is not held back: other programs that the process
    starts, or a path that is opened step by step from an open folder.

    Parameters
    ----------
    folder : Path
        The entry of the cache that this process makes; it stays open. Latents of others may be
        made of true spikes.
    """
    folder = folder.resolve()
    kinds = ("cultures", "recordings", "latents", "scores")
    caches = {folder.parents[2], cache_folder()}
    closed = [(root / kind).resolve() for root in caches for kind in kinds]
    own = (str(folder), str(folder.parent / f".{folder.name[:20]}-"))  # and drafts of it

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _OPENING and arguments and isinstance(arguments[0], str | bytes | os.PathLike):
            path = Path(os.path.realpath(os.fsdecode(arguments[0])))
            inside = any(path.is_relative_to(folder) for folder in closed)
            if inside and not str(path).startswith(own):
                raise PermissionError(f"{path}: closed to methods, it tells labels")

    sys.addaudithook(refuse)


def clear() -> int:
    """Delete all entries of the cache; return the bytes freed.

    Compiled code and fetched deposits stay.
    """
    size = usage()
    for kind in STATIONS:
        shutil.rmtree(cache_folder() / kind, ignore_errors=True)
    return size


def prune(days: float) -> int:
    """Delete entries that nobody has wanted for that many days; return the bytes freed."""
    size, oldest = usage(), time.time() - 86400 * days
    for kind in STATIONS:
        for file in (cache_folder() / kind).glob(f"*/*/{_FILES}"):
            if file.stat().st_mtime < oldest:
                shutil.rmtree(file.parent, ignore_errors=True)
    return size - usage()


def usage() -> int:
    """Bytes that the entries of the cache take."""
    folders = (cache_folder() / kind for kind in STATIONS)
    return sum(p.stat().st_size for f in folders for p in f.rglob("*") if p.is_file())
