"""Where a method lives: import it from there, and tell whether its source has changed."""

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


def is_home(name: str) -> bool:
    """Whether a name says where a method lives, "path.py:Class" or "package.module:Class"."""
    place, _, attribute = name.rpartition(":")
    return bool(place) and attribute.isidentifier()


def load_home(home: str) -> Any:
    """Class (or function that returns an estimator) at "path.py:Class" or "package.module:Class".

    A file needs no installation; a module may also lie in the working directory.

    Raises
    ------
    SimbenchError
        If there is no such file, module or class, or if importing it fails.
    """
    place, _, attribute = home.rpartition(":")
    try:
        module = _load_file(place, _digest(_file(place))) if _is_file(place) else _load(place)
    except SimbenchError:
        raise
    except (Exception, SystemExit) as error:  # the code of others can fail in every way
        raise SimbenchError(
            f"method {home}: importing it failed: {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        classes = [n for n, v in vars(module).items() if _is_own_class(v, module)]
        raise SimbenchError(
            f"method {home}: no class '{attribute}' there; found: {', '.join(classes) or 'none'}"
        )
    return found


def source_digest(home: str) -> str:
    """SHA-256 of the Python files that make a method.

    Those of the package that it lives in; or its one file, and the modules and packages beside
    the file that it imports, they in turn too. Nothing beside an installed module counts.
    """
    place = home.rpartition(":")[0]
    if _is_file(place):
        return _digest(*_with_imports(_file(place)))
    _find_in_working_directory()
    spec = importlib.util.find_spec(place.partition(".")[0])
    origin = Path(spec.origin) if spec and spec.origin else None
    if origin is None or origin.suffix != ".py":
        return ""
    is_package = origin.name == "__init__.py"
    return _digest(*(origin.parent.rglob("*.py") if is_package else _with_imports(origin)))


def _is_file(place: str) -> bool:
    return place.endswith(".py")


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
            waiting += {
                p for name in _imported(file.read_bytes()) for p in _beside(path, name)
            } - found
    return found


def _beside(path: Path, module: str) -> list[Path]:
    """Python files of a module or package in the folder of a file; none if it is not there."""
    files = [path.with_name(f"{module}.py"), *path.with_name(module).rglob("*.py")]
    return [file for file in files if file.is_file()]


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


def _load(name: str) -> ModuleType:
    _find_in_working_directory()
    return import_module(name)


@cache
def _load_file(place: str, digest: str) -> ModuleType:
    path = _file(place)
    name = f"{path.stem}_{digest[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SimbenchError(f"method: {place} is not a Python file")
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


def _is_own_class(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__
