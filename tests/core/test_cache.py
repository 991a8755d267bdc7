"""The keys of the cache hold whatever decides what an entry contains."""

import ast
import sys
from pathlib import Path

import pytest

import simbench
from simbench.core import cache

PACKAGE = Path(simbench.__file__).parent
# Kind of entry -> the module that makes it, and what that imports without a say in the content.
MAKERS = {
    "cultures": (
        "data/cultures.py",
        {"scenario/presets.py", "imaging/dff.py", "imaging/trace_arrays.py"},
    ),
    "recordings": (
        "data/simulation.py",
        {"data/dataset.py", "scenario/scenario.py", "scenario/axes.py", "scenario/labels.py"},
    ),
    "scores": ("benchmark/run.py", set()),
}
SILENT = {
    "__init__.py",
    "core/cache.py",
    "core/errors.py",
    "core/parallel.py",
    "benchmark/rows.py",
    "data/dataset_card.py",
}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
EXTRAS = {"aeon", "oasis", "cebra"}  # their versions go with the method
SILENT_LIBRARIES = {
    "distributed",
    "filelock",
    "joblib",
    "platformdirs",
    "pydantic",
    "threadpoolctl",
    "typing_extensions",
}


def imported(path):
    """Dotted names of everything that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name):
    path = PACKAGE.parent / name.replace(".", "/")
    found = (p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file())
    return next(found, None)


def reached(maker):
    """Files of the package that a module brings along, and the libraries that these import."""
    files, libraries, waiting = set(), set(), {PACKAGE / maker}
    while waiting:
        file = waiting.pop()
        files.add(file)
        names = set(imported(file))
        libraries |= {name.split(".")[0] for name in names}
        waiting |= {file_of(name) for name in names} - files - {None}
    named = {path.relative_to(PACKAGE) for path in files if path.read_text().count("\n") > 1}
    return {path.as_posix() for path in named}, libraries


@pytest.mark.parametrize("kind", MAKERS)
def test_every_source_that_makes_an_entry_is_in_its_key(kind):
    maker, silent = MAKERS[kind]
    files = reached(maker)[0] - silent - SILENT
    named = cache._SOURCES[kind]
    assert not {file for file in files if not {file, file.split("/")[0]} & set(named)}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_library_that_makes_an_entry_is_in_its_key(kind):
    maker, _ = MAKERS[kind]
    libraries = reached(maker)[1] - {"simbench"} - set(sys.stdlib_module_names) - EXTRAS
    needed = {DISTRIBUTIONS.get(name, name) for name in libraries - SILENT_LIBRARIES}
    assert needed <= set(cache.versions(kind))
    assert "pillow" in needed
