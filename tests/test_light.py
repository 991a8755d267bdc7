"""Without PyTorch, and without what only Unix has, simbench does all that needs neither."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_files import write_cells

from simbench.benchmark.rows import read_rows
from simbench.methods.registry import METHODS

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "tiny.toml"
LACKING_TORCH = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def without_torch(name, path=None, target=None):
    return None if name.partition(".")[0] == "torch" else find(name, path, target)
PathFinder.find_spec = without_torch
"""
LACKING_UNIX = """
import signal, sys
sys.modules["resource"] = None
del signal.pthread_kill
import simbench.benchmark.run, simbench.benchmark.reproduce, simbench.cli
from simbench.methods.embedding import _peak_memory_mb
print(_peak_memory_mb())
"""


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """Runs a command in a folder, its worker processes included, as if torch weren't installed."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "sitecustomize.py").write_text(LACKING_TORCH)
    path = os.pathsep.join([str(folder), str(ROOT)])

    def run(*words, program=("-m", "simbench")):
        return subprocess.run(
            [sys.executable, *program, *map(str, words)], capture_output=True, text=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200", "SIMBENCH_REAL": ""},
        )  # fmt: skip

    assert run("import torch", program=["-c"]).returncode == 1
    return run


@pytest.fixture(scope="module")
def folder(light):
    done = light("simulate", TINY, "-o", "data", "--seed", 1, "-j", 1)
    assert done.returncode == 0, done.stderr
    folder = Path(light("import os; print(os.getcwd())", program=["-c"]).stdout.strip())
    np.savez(folder / "mine.npz", times=[1.0, 2.5], neurons=[0, 1], duration=10.0)
    write_cells(folder / "recordings")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "data"),
        ("export", "data", "exported", "--to", "csv"),
        ("export", "data", "suite2p", "--to", "suite2p"),
        ("import", "mine.npz", "--spikes", "-o", "mine"),
        ("validate", "optics", "recordings", "-o", "validation"),
        ("list", "methods"),
        ("leaderboard", ROOT / "results" / "quickstart"),
        ("run", "all", "--dry-run", "-m", "all"),
        ("check", "method", "spectrum"),
        ("cache", "info"),
    ],
    ids=lambda command: " ".join(map(str, command[::3])),
)
def test_what_trains_no_network_works(light, folder, command):
    done = light(*command)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_run_leaves_networks_out_and_says_so_in_one_line(light, folder):
    done = light("run", TINY, "--seed", 1, "--out", "runs", "-j", 1)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("left out without PyTorch (`pip install .`): untrained, ")
    rows = read_rows(folder / "runs")
    assert (rows["status"] == "ok").all()
    networks = {name for name, entry in METHODS.items() if entry.device != "cpu"}
    assert not networks & set(rows["method"])
    assert {"chance", "spikes", "pca", "ica"} <= set(rows["method"])
    assert not [made for made in rows["versions"] if "torch" in made]
    again = light("reproduce", folder / "runs" / "tiny" / "rows.jsonl.gz", "--row", 1, "-j", 1)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("name", ["avae", "avae[beta=0]", "traces-taught"])
def test_a_network_that_is_asked_for_is_one_line(light, name):
    done = light("run", TINY, "-m", name, "--out", "none")
    assert done.returncode == 2
    plain = name.partition("[")[0]
    needed = "needs PyTorch: `pip install .` in a clone of simbench"
    assert done.stderr == f"simbench: method {plain} {needed}\n"


def test_the_benchmark_needs_nothing_that_only_unix_has():
    done = subprocess.run([sys.executable, "-c", LACKING_UNIX], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "nan\n"
