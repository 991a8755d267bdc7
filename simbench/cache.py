"""Content-addressed store of simulated recordings: checked on read, safe to delete."""

import hashlib
import json
import os
import shutil
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

# The sources that a recording's bytes depend on.
_SOURCES = ("seeds.py", "spikes.py", "recipes.py", "recording.py", "culture", "imaging")
_LIBRARIES = ("brian2", "numpy", "scipy", "numba", "networkx")


def cache_folder() -> Path:
    """Folder of the cache: ``$SIMBENCH_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("SIMBENCH_CACHE") or user_cache_path("simbench"))


@cache
def source_digest() -> str:
    """SHA-256 of the package sources that simulate and image."""
    package = Path(__file__).parent
    files = sorted(p for name in _SOURCES for p in _python_files(package / name))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _python_files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that a recording's bytes depend on."""
    return {name: version(name) for name in _LIBRARIES}


def key_of(part: Any) -> str:
    """Key of a cache entry: scenario part, package sources and library versions."""
    text = json.dumps([part, source_digest(), versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def entry(key: str) -> Path:
    """Folder of a cache entry, whether it exists or not."""
    return cache_folder() / "recordings" / key[:2] / key


def clear() -> int:
    """Delete every recording in the cache; return the bytes freed."""
    size = usage()
    shutil.rmtree(cache_folder() / "recordings", ignore_errors=True)
    return size


def usage() -> int:
    """Bytes that the recordings in the cache take."""
    folder = cache_folder() / "recordings"
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
