"""The keys of the cache hold whatever decides what an entry contains, and nothing else."""

import ast
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import simbench
from simbench.benchmark.plan import Unit
from simbench.benchmark.run import run
from simbench.core import cache
from simbench.core.errors import SimbenchError

PACKAGE = Path(simbench.__file__).parent
# The module that makes each kind of entry.
MAKERS = {
    "cultures": "data/cultures.py",
    "recordings": "data/simulation.py",
    "traces": "data/traces.py",
    "latents": "methods/embedding.py",
    "scores": "scoring/protocols.py",
}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
EXTRAS = {"aeon", "oasis", "cebra"}  # their versions go with the method
SILENT_LIBRARIES = {
    "dask", "distributed", "filelock", "joblib", "pebble", "platformdirs", "pydantic", "rich",
    "safetensors",
    "threadpoolctl", "typing_extensions",
    "h5py", "hdmf", "pynwb",  # read what lies in a file, whose checksum is in the key
    "pynapple", "xarray",  # what a dataset is turned into
    "jinja2",  # fills in the card of a dataset, which is in no entry
    "pooch",  # fetches files, whose checksum is known
}  # fmt: skip


def imported(path):
    """Dotted names of everything that a file imports when it runs, wherever in the file."""
    tree = ast.parse(path.read_text("utf-8"))
    for_types = [
        n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)
    ]
    skipped = {part for block in for_types for line in block.body for part in ast.walk(line)}
    for node in set(ast.walk(tree)) - skipped:
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
    """Folders of the package that a module brings along, and the libraries that these import."""
    files, libraries, waiting = set(), set(), {PACKAGE / maker}
    while waiting:
        file = waiting.pop()
        files.add(file)
        names = set(imported(file))
        libraries |= {name.split(".")[0] for name in names}
        waiting |= {file_of(name) for name in names} - files - {None}
    return {path.relative_to(PACKAGE).parts[0] for path in files} - {"__init__.py"}, libraries


@pytest.mark.parametrize("kind", cache.STATIONS)
def test_every_folder_that_makes_an_entry_is_in_its_key(kind):
    folders = reached(MAKERS[kind])[0]
    if kind == "cultures":  # a recording reads dF/F, a culture has none
        folders -= {"imaging"}
    if kind == "scores":  # through the key of the latents
        folders |= {"methods"}
    assert folders == set(cache.STATIONS[kind][0])


@pytest.mark.parametrize("kind", cache.STATIONS)
def test_every_library_that_makes_an_entry_is_in_its_key(kind):
    pytest.importorskip("torch")
    libraries = reached(MAKERS[kind])[1] - {"simbench"} - set(sys.stdlib_module_names) - EXTRAS
    needed = {DISTRIBUTIONS.get(name, name) for name in libraries - SILENT_LIBRARIES}
    if kind in ("cultures", "recordings", "traces"):
        needed -= {"scikit-learn"}  # splits the neurons of the published protocol
    assert needed <= set(cache.versions(kind))
    assert "numpy" in needed


def test_a_text_changes_no_key_and_code_does():
    code = b'def f(x):\n    """Doc."""\n    return x + 1  # why\n'
    assert cache._code(code) == cache._code(b"def f(x):\n    return x + 1\n")
    assert cache._code(code) != cache._code(b"def f(x):\n    return x + 2\n")
    assert cache._code(b'x = "a"\n') != cache._code(b'x = "b"\n')


def test_keys_do_not_depend_on_the_folders_above_the_package(monkeypatch, tmp_path):
    here = cache._folder_digest.__wrapped__("core")
    copy = tmp_path / "export" / "simbench"
    shutil.copytree(PACKAGE / "core", copy / "core")
    monkeypatch.setattr(cache, "__file__", str(copy / "core" / "cache.py"))
    assert cache._folder_digest.__wrapped__("core") == here


def write(number):
    return lambda draft: np.save(draft / "number.npy", number)


def read(folder):
    return float(np.load(folder / "number.npy"))


def test_an_entry_is_made_once_and_again_when_damaged(tmp_path):
    folder = tmp_path / "entry"
    assert read(cache.fetch(folder, write(1.0))) == 1
    assert read(cache.fetch(folder, write(2.0))) == 1
    (folder / "number.npy").write_bytes(b"x")
    assert not cache.holds(folder)
    assert read(cache.fetch(folder, write(3.0))) == 3


def test_an_entry_that_cannot_be_made_leaves_nothing(tmp_path):
    def fail(draft):
        write(1.0)(draft)
        raise SimbenchError("no luck")

    with pytest.raises(SimbenchError, match="no luck"):
        cache.fetch(tmp_path / "entry", fail)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stations(tiny, monkeypatch, tmp_path):
    """Runs the tiny scenario after a change of a folder; says which stations worked again."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    digest = cache.source_digest
    culture = tiny.culture.model_copy(update={"duration_s": 4.0})
    short = tiny.model_copy(update={"culture": culture, "replicates": 2})

    def entries(kind):
        return set((tmp_path / kind).glob("*/*"))

    def run_after_change_of(folder):
        def changed(kind):
            return digest(kind) + (folder if folder in cache.STATIONS[kind][0] else "")

        before = {kind: entries(kind) for kind in cache.STATIONS}
        monkeypatch.setattr(cache, "source_digest", changed)
        rows = run([Unit(short, 1, "pca")])
        assert (rows["status"] == "ok").all()
        return [kind for kind in cache.STATIONS if entries(kind) - before[kind]]

    return run_after_change_of


def test_a_change_reaches_only_the_stations_behind_it(stations):
    assert stations("nothing") == list(cache.STATIONS)
    for folder in ("report", "benchmark"):
        assert stations(folder) == []
    assert stations("scoring") == ["scores"], "a changed metric trains no method"
    assert stations("methods") == ["latents", "scores"], "a changed method simulates nothing"
    assert stations("imaging") == ["recordings", "traces", "latents", "scores"]


def test_the_worker_that_fits_a_method_is_given_no_label(tiny, monkeypatch, tmp_path):
    """The recordings are gone when the method is fitted: it lives on its traces."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    from simbench.benchmark import run as module

    unit = Unit(tiny, 1, "pca")
    recordings, _ = module._record([unit], 1, lambda *_: None, None)
    job = module._job(unit, recordings[unit.scenario, unit.seed], 1)
    for kind in ("recordings", "cultures"):
        shutil.rmtree(tmp_path / kind)
    assert job.truth is None
    assert job.seed != unit.seed
    module.make_latents(unit.latents_folder, job)
    assert module.read_outputs(unit.latents_folder)["latents"].shape == (6 * 24, 3)
    told = {name for path in job.traces for name in (p.name for p in path.iterdir())}
    assert told == {"dff.npy", "entry.json"}


def test_what_nobody_wanted_lately_is_pruned(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    old, wanted, new = (cache.entry("scores", name) for name in ("old", "wanted", "new"))
    for folder in (old, wanted, new):
        cache.fetch(folder, lambda draft: (draft / "x").write_bytes(b"12345"))
    for folder in (old, wanted):
        os.utime(folder / "entry.json", (0, 0))
    assert cache.holds(wanted)
    before = cache.usage()
    assert cache.prune(days=30) == before - cache.usage() > 5
    assert [folder.is_dir() for folder in (old, wanted, new)] == [False, True, True]
