"""Content-addressed store of cultures, recordings and scores: checked on read, safe to delete."""

import hashlib
import json
import os
import shutil
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

# What the bytes of an entry depend on, by kind of entry: package sources and libraries.
_CULTURE = (
    "core/seeds.py", "core/files.py", "scenario/recipe.py", "scenario/culture_recipe.py",
    "data/recording.py", "data/cultures.py", "culture",
)  # fmt: skip
_RECORDING = (
    *_CULTURE, "scenario/presets.py", "scenario/imaging_recipe.py", "imaging",
    "data/simulation.py",
)  # fmt: skip
_SCORES = (
    "scenario/scenario.py", "scenario/axes.py", "scenario/labels.py", "data/dataset.py",
    "data/reference_latents.py",
    "methods", "scoring",
)  # fmt: skip
_SOURCES = {
    "cultures": _CULTURE,
    "recordings": _RECORDING,
    "scores": (*_RECORDING, *_SCORES, "benchmark/run.py"),
}
_SIMULATORS = ("brian2", "numpy", "scipy", "numba", "networkx", "pandas", "pillow")
_LIBRARIES = {
    "cultures": _SIMULATORS,
    "recordings": _SIMULATORS,
    "scores": (*_SIMULATORS, "torch", "scikit-learn"),
}


def cache_folder() -> Path:
    """Folder of the cache: ``$SIMBENCH_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("SIMBENCH_CACHE") or user_cache_path("simbench"))


@cache
def source_digest(kind: str) -> str:
    """SHA-256 of the package sources that make this kind of entry."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(p for name in _SOURCES[kind] for p in _python_files(package / name)):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _python_files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@cache
def versions(kind: str = "scores") -> dict[str, str]:
    """Versions of the libraries that this kind of entry depends on."""
    return {name: version(name) for name in _LIBRARIES[kind]}


def entry(kind: str, part: Any) -> Path:
    """Folder of an entry, whether it exists or not.

    Parameters
    ----------
    kind : {"cultures", "recordings", "scores"}
    part : JSON-serialisable
        What the entry is made from, besides package sources and library versions.
    """
    text = json.dumps([part, source_digest(kind), versions(kind)], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()
    return cache_folder() / kind / key[:2] / key


def clear() -> int:
    """Delete everything in the cache but compiled code; return the bytes freed."""
    size = usage()
    for kind in _SOURCES:
        shutil.rmtree(cache_folder() / kind, ignore_errors=True)
    return size


def usage() -> int:
    """Bytes that the entries of the cache take."""
    folders = (cache_folder() / kind for kind in _SOURCES)
    return sum(p.stat().st_size for f in folders for p in f.rglob("*") if p.is_file())
