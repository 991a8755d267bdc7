"""The plan of the house: folders are stages, imports run one way, modules stay small."""

import ast
import re
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest

import simbench

PACKAGE = Path(simbench.__file__).parent
STAGES = (
    "core", "scenario", "culture", "imaging", "data", "methods", "scoring", "benchmark", "board",
    "report", "submission", "cli",
)  # fmt: skip
"""A folder imports from itself and from those before it."""
STRANGERS = {
    "imaging": {"brian2", "simbench.culture.brian", "simbench.culture.integration"},
    "scoring": {"simbench.methods"},
}
"""What a folder may not know although it comes before."""
LABELS = "simbench.scenario.labels"
LATE = {"brian2", "torch", "numba"}
"""Heavy libraries: imported where they are used, or by a module that exists for them."""
LONGEST, FULLEST = 400, 17


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path, everywhere=True):
    """Dotted names that a file imports; only those at its top level, or wherever in the file."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


GRAPH = {
    # the package that a module lies in is there before it, and is no import of its own
    name: {m for m in imported(path) if m in MODULES and not name.startswith(f"{m}.")} - {name}
    for name, path in MODULES.items()
}


def stage_of(module):
    return module.split(".")[1] if module.count(".") else ""


@pytest.mark.parametrize("module", [name for name in MODULES if stage_of(name) in STAGES])
def test_no_import_runs_up(module):
    later = STAGES[STAGES.index(stage_of(module)) + 1 :]
    assert not {other for other in GRAPH[module] if stage_of(other) in later}


def test_no_imports_in_circles():
    graph = nx.DiGraph([(name, other) for name, others in GRAPH.items() for other in others])
    circles = [sorted(found) for found in nx.strongly_connected_components(graph) if len(found) > 1]
    assert not circles


@pytest.mark.parametrize("folder", STRANGERS)
def test_a_stage_does_not_know_its_strangers(folder):
    for name, path in MODULES.items():
        if stage_of(name) == folder:
            found = {other for other in imported(path) for s in STRANGERS[folder]
                     if other == s or other.startswith(f"{s}.")}  # fmt: skip
            assert not found, name


def test_methods_know_no_label():
    for name, path in MODULES.items():
        if stage_of(name) == "methods" and ".controls" not in name:
            assert LABELS not in imported(path), name


def test_the_top_level_holds_folders_only():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}
    assert {stage_of(name) for name in MODULES} - {"", "__main__"} == set(STAGES)


def test_no_two_modules_share_a_name():
    counts = Counter(path.stem for path in MODULES.values() if path.stem != "__init__")
    assert not [stem for stem, count in counts.items() if count > 1]


def test_modules_and_folders_stay_small():
    long = {n: lines for n, p in MODULES.items() if (lines := p.read_text().count("\n")) > LONGEST}
    full = {
        folder: count
        for folder, count in Counter(path.parent for path in MODULES.values()).items()
        if count > FULLEST
    }
    assert not long
    assert not full


def test_every_module_says_first_what_is_in_it():
    for name, path in MODULES.items():
        if path.stem != "__main__":
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), name


def test_heavy_libraries_come_late():
    """Nothing that `import simbench`, help or a leaderboard reads imports them on the way."""
    start = {
        name for name in MODULES if re.match(r"simbench(\.(cli|board|core|scenario)\b|$)", name)
    }
    reached, waiting = set(), set(start)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        top = set(imported(MODULES[name], everywhere=False))
        assert not {other.split(".")[0] for other in top} & LATE, name
        waiting |= {other for other in top if other in MODULES} - reached
