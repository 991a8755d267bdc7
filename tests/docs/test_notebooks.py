"""The notebooks in examples/ are small, hold no outputs, and run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_small_and_holds_no_outputs(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 20_000
    for cell in json.loads(text)["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == [
        "dataset_to_nwb", "own_recordings", "score_a_model",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path):
    pytest.importorskip("nbmake", reason="nbmake, of the extra docs")
    pytest.importorskip("pynwb")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", str(path), "--override-ini=addopts="],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
