"""Import of a method from its file or module, and a digest of the source that makes it."""

import ast
import hashlib
import importlib.util
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from simbench.core.errors import SimbenchError

_INSTALLED = {"site-packages", "dist-packages"}


def is_import_path(name: str) -> bool:
    """Whether a name says where a class lies: "path.py:Class" or "package.module:Class"."""
    place, _, attribute = name.rpartition(":")
    return bool(place) and attribute.isidentifier()


def load_class(import_path: str) -> Any:
    """Class (or function that returns an estimator) at "path.py:Class" or "package.module:Class".

    A file needs no installation; a module may also lie in the working directory.
    """
    place, _, attribute = import_path.rpartition(":")
    file = _file(place) if place.endswith(".py") else None
    try:
        if file:
            module = _load_file(file, _digest(file))
        else:
            _find_in_working_directory()
            module = import_module(place, "simbench.methods")
    except (Exception, SystemExit) as error:  # a method from outside can raise anything
        raise SimbenchError(
            f"method {import_path}: importing it failed: {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        own = [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]
        classes = ", ".join(v.__name__ for v in own if isinstance(v, type)) or "none"
        raise SimbenchError(f"method {import_path}: no class '{attribute}' there; found: {classes}")
    return found


def method_digest(import_path: str) -> str:
    """SHA-256 of the Python files that make a method.

    Those of the package that it lives in; or its one file, and the modules and packages beside
    the file that it imports, they in turn too. Nothing beside an installed module counts.
    """
    place = import_path.rpartition(":")[0]
    if place.endswith(".py"):
        return _digest(*_with_imports(_file(place)))
    _find_in_working_directory()
    spec = importlib.util.find_spec(place.partition(".")[0])
    origin = Path(spec.origin) if spec and spec.origin else None
    if origin is None or origin.suffix != ".py":
        return ""
    is_package = origin.name == "__init__.py"
    return _digest(*(origin.parent.rglob("*.py") if is_package else _with_imports(origin)))


def _file(place: str) -> Path:
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise SimbenchError(f"method: no file {place}; expected path.py:Class")
    return path


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _with_imports(path: Path) -> set[Path]:
    """The file, and all files beside it that importing it may run."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        found.add(file)
        if not _INSTALLED.intersection(file.parts):
            for module in _imported(file.read_bytes()):
                beside = [path.with_name(f"{module}.py"), *path.with_name(module).rglob("*.py")]
                waiting += [p for p in beside if p.is_file() and p not in found]
    return found


@cache
def _imported(source: bytes) -> frozenset[str]:
    """Top-level modules that a source names; without simbench, whose sources count anyway."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # it can't be imported either
        return frozenset()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module and not n.level]
    return frozenset(name.partition(".")[0] for name in names) - {"simbench"}


@cache
def _load_file(path: Path, digest: str) -> ModuleType:
    name = f"{path.stem}_{digest[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _find_in_working_directory() -> None:
    """A console script does not look there; installed packages still come first."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
