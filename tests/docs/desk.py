"""A desk at which the blocks of a page run as a reader would type them.

Each shipped scenario is a tiny one there, recordings of others are made up, and SLURM is a script
that runs a job where it is. What takes hours is written smaller by `SMALLER`; nothing else is.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from blocks import PROGRAMS, ROOT, Block
from made_files import CELLS, write_cells, write_h5
from scipy.io import savemat

from simbench.scenario import scenario_file

METHOD = '''
from sklearn.decomposition import PCA

class Mine(PCA):
    """A method that a reader of the README has."""
'''
SMALLER = {
    r"-m all": "-m trace-stats",
    r'METHODS=".*"': 'METHODS="-m pca -m trace-stats"',
    r'("\$\{names\[@\]\}" .*)': r"\1 --dry-run",
    r"--cultures 20 80 320 1280": "--cultures 2 4",
    r"n_cultures=80": "n_cultures=4",
    r"(validate ranks .*)": r"\1 -m pca -m fa -m trace-stats",
    r"--seed 1 --seed 2 --seed 3( --seed 4)?": "--seed 1",
    r"(1-|/|scale\(|--n-jobs )64": r"\g<1>2",
    r"/shared/": "shared/",
}
"""Words of a page, and those that run in their place."""
SITE = """from pathlib import Path
from simbench.scenario import scenario_file
scenario_file._SHIPPED = Path({!r})
"""
SBATCH = """#!/bin/bash
# All tasks of a job where it is submitted; with --wait in front, otherwise behind.
[ "$1" = --wait ] && wait=yes && shift
job=$(mktemp) && cp "$1" "$job" && export SLURM_SUBMIT_DIR=$PWD
last=$(sed -n 's/^#SBATCH --array=1-//p' "$job")
tasks() { for task in $(seq "${last:-1}"); do SLURM_ARRAY_TASK_ID=$task bash "$job" || exit; done; }
echo "Submitted batch job $$"
if [ "$wait" ]; then tasks; else tasks >"$job.log" 2>&1 & fi
"""


def filled_in(card: str) -> str:
    """A method card as its reader leaves it."""
    lines = {"name": '"mine"', "authors": '["A. Author"]', "link": '"https://example.org/mine"',
             "latent_size": "8", "hardware": '"2 cores"', "training_time_s": "1.0"}  # fmt: skip
    for key, value in lines.items():
        card = re.sub(rf"^{key} = .*$", f"{key} = {value}", card, flags=re.MULTILINE)
    return card


def toml(values: dict) -> str:
    """A scenario as TOML: its values, then its tables."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if key not in tables]
    for key, table in tables.items():
        lines += [f"[{key}]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def type_in(words: list[str], block: Block) -> str:
    """What a program says; nothing that it starts is left running."""
    with tempfile.TemporaryFile("w+") as told:
        program = subprocess.Popen(
            words, cwd=block.folder, text=True, start_new_session=True, stdout=told, stderr=told
        )
        try:
            program.wait(timeout=3600)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
        told.seek(0)
        said = told.read()
    assert program.returncode == 0, f"{block}\n{said}"
    return said


class Desk:
    """A folder with what a reader has."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        self.folder, self.names = folder / "desk", {"__name__": "page"}
        self.set = monkeypatch.setenv
        self.folder.mkdir()
        monkeypatch.chdir(self.folder)
        self._write_scenarios(folder / "scenarios", monkeypatch)
        self._write_programs(folder / "programs", monkeypatch)
        self._write_recordings()
        shutil.copytree(ROOT / "results" / "quickstart", "results/quickstart")
        shutil.copytree(ROOT / "tools", "tools")
        Path("mymethod.py").write_text(METHOD)

    def _write_scenarios(self, folder: Path, monkeypatch) -> None:
        tiny = (ROOT / "tests" / "tiny.toml").read_text(encoding="utf-8")
        texts = dict.fromkeys(scenario_file.available_scenarios(), tiny)
        texts["recorded-cells"] = toml(CELLS)
        imaged = CELLS["recordings"] | {"imaged": True}
        texts["recorded-cells-twins"] = toml(CELLS | {"recordings": imaged})
        texts["abante2025"] = tiny.replace(
            "[culture]", 'protocols = ["latents", "published"]\n[culture]', 1
        )
        folder.mkdir()
        for name, text in texts.items():
            named = re.sub("^name = .*$", f'name = "{name}"', text, count=1, flags=re.MULTILINE)
            (folder / f"{name}.toml").write_text(named)
        monkeypatch.setattr(scenario_file, "_SHIPPED", folder)
        monkeypatch.setenv("SIMBENCH_REAL", str(self.folder / "recordings"))

    def _write_programs(self, folder: Path, monkeypatch) -> None:
        """What a shell finds: simbench with tiny scenarios, and SLURM."""
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SITE.format(str(scenario_file._SHIPPED)))
        for name, text in {"sbatch": SBATCH, "scancel": "#!/bin/sh\n"}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        path = [str(folder), str(Path(sys.executable).parent), os.environ["PATH"]]
        monkeypatch.setenv("PATH", os.pathsep.join(path))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(ROOT)]))

    def _write_recordings(self) -> None:
        """Spikes, and traces of four cells in two files, with a label of one's own."""
        rng = np.random.default_rng(0)
        times = np.sort(rng.uniform(0, 30, 400))
        np.savez("mine.npz", times=times, neurons=rng.integers(0, 20, 400), duration=30.0)
        seconds, labels = np.arange(1200) / 20, ["neuron,depth"]
        for name in "abcd":
            cells = np.empty((1, 2), dtype=object)
            for k in range(2):
                spikes = np.sort(rng.uniform(0, 6e5, 60))
                trace = rng.normal(size=1200) + 2 * (seconds % 7 < 1)
                cells[0, k] = {"fluo_time": seconds, "fluo_mean": trace, "events_AP": spikes}
                labels.append(f"{name}-{k}/0,{rng.normal()}")
            folder = Path("cells") / "DS30-GCaMP8m-m-V1"
            folder.mkdir(parents=True, exist_ok=True)
            savemat(folder / f"{name}.mat", {"CAttached": cells})
        Path("depth.csv").write_text("\n".join(labels) + "\n")
        write_cells(Path("recordings"), n_animals=20)
        Path("recordings/cultures").mkdir()
        for number in range(4):
            spikes = np.sort(rng.uniform(0, 60, (3, 100 + 50 * number)), axis=1)
            write_h5(
                f"recordings/cultures/TC0{number}.h5", spikes=spikes.ravel(),
                sCount=np.full(3, spikes.shape[1]), recordingtime=np.array([0.0, 60.0]),
            )  # fmt: skip

    def run(self, block: Block) -> None:
        """Do what a block says."""
        code = block.code
        for words, fewer in SMALLER.items():
            code = re.sub(words, fewer, code)
        if block.title:
            Path(block.title).write_text(code, encoding="utf-8")
        elif block.language == "python":
            padded = "\n" * block.line + code  # a traceback names the line of the page
            exec(compile(padded, str(block.page), "exec"), self.names)
        elif block.language in PROGRAMS:
            said = type_in([*PROGRAMS[block.language], code], block)
            if drawn := re.search(r"seed, to be kept .*: (\d+)", said):
                self.set("SEED", drawn[1])
                for card in Path("traces").rglob("card.toml"):
                    card.write_text(filled_in(card.read_text(encoding="utf-8")), encoding="utf-8")


def install(block: Block, folder: Path, monkeypatch) -> None:
    """Do what a block says in a clone, in an environment that holds nothing."""
    clone, programs = folder / "clone", folder / "environment" / "bin"
    cloned = subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=False)
    if cloned.returncode:
        pytest.skip("not a clone")
    venv.create(folder / "environment", with_pip=True)
    if subprocess.run([programs / "pip", "install", "-q", "packaging"], check=False).returncode:
        pytest.skip("no package index")
    monkeypatch.chdir(clone)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([".venv/bin", str(programs), os.environ["PATH"]]))
    monkeypatch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
    monkeypatch.setenv("PIP_RETRIES", "0")  # PyTorch's index may be out of reach
    type_in(["bash", "-e", "-c", f"{block.code}\nwhich simbench\nsimbench --version"], block)
