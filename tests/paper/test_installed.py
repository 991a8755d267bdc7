"""The paper needs an installed simbench, its own folder and rows: nothing else of the clone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import simbench

pytest.importorskip("typst")
ROOT = Path(__file__).parents[2]
LOADED = """
import sys
sys.path[:0] = sys.argv[1:]
import build, proofs
proofs._spikes()
print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)), sep="\\n")
"""


@pytest.fixture
def apart(tmp_path):
    """Copies of the package, as a wheel holds it, and of the paper's folder."""
    here = shutil.ignore_patterns("generated", "__pycache__", "*.pdf")
    shutil.copytree(Path(simbench.__file__).parent, tmp_path / "site" / "simbench", ignore=here)
    shutil.copytree(ROOT / "paper", tmp_path / "paper", ignore=here)
    return tmp_path


@pytest.mark.slow
def test_the_paper_imports_nothing_of_the_clone(apart):
    command = [sys.executable, "-c", LOADED, apart / "site", apart / "paper"]
    done = subprocess.run(command, cwd=apart, capture_output=True, text=True, check=True)
    files = {Path(line) for line in done.stdout.splitlines()}
    assert {apart / "paper" / "plain_loop.py", apart / "site/simbench/__init__.py"} <= files
    installed = Path(sys.prefix)
    assert not [f for f in files if f.is_relative_to(ROOT) and not f.is_relative_to(installed)]
