"""The code blocks of a page, and a desk at which they run as a reader would type them.

A block of Python is run, in one namespace a page; one of `sh` is a list of simbench's commands; one
of R or MATLAB is run where R or Octave is installed. One with a title is written to a file of that
name. A comment in front of a block may say

    <!-- not run: why -->        it is checked, and not run
    <!-- needs: name, name -->   it is left out where these packages are not installed
    <!-- in: folder -->          it is run in this folder
"""

import re
import runpy
import shlex
import shutil
import subprocess
from contextlib import chdir
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import numpy as np
from markdown_it import MarkdownIt
from scipy.io import savemat
from typer.testing import CliRunner

from simbench.cli import app
from simbench.scenario import scenario_file

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMENT = re.compile(r"<!-- (not run|needs|in): (.*?) -->\s*$")
TITLE = re.compile(r'title="(.+?)"')
PROGRAMS = {"r": ("Rscript", "-e"), "matlab": ("octave", "--no-gui", "--eval")}
METHOD = '''
from sklearn.decomposition import PCA

class Mine(PCA):
    """A method that a reader of the README has."""
'''


def filled_in(card: str) -> str:
    """A method card as its reader leaves it."""
    lines = {"name": '"mine"', "authors": '["A. Author"]', "link": '"https://example.org/mine"',
             "latent_size": "8", "hardware": '"2 cores"', "training_time_s": "1.0"}  # fmt: skip
    for key, value in lines.items():
        card = re.sub(rf"^{key} = .*$", f"{key} = {value}", card, flags=re.MULTILINE)
    return card


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``line`` counts from 1."""

    page: Path
    line: int
    language: str
    title: str
    code: str
    not_run: str
    needs: tuple[str, ...]
    folder: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_possible(self) -> bool:
        programs = PROGRAMS.get(self.language, ())[:1]
        return not self.not_run and all(map(find_spec, self.needs)) and all(map(which, programs))

    @property
    def lines(self) -> list[list[str]]:
        """Words of each line of a shell."""
        if self.language not in ("sh", "bash"):
            return []
        lines = self.code.replace("\\\n", " ").replace("&&", "\n").splitlines()
        return list(filter(None, (shlex.split(line, comments=True) for line in lines)))

    @property
    def commands(self) -> list[list[str]]:
        """Words of each command of simbench, without the first one."""
        return [rest for first, *rest in self.lines if Path(first).name == "simbench"]


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found, comment = [], ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            said = dict([COMMENT.match(comment).groups()]) if comment else {}
            language, _, rest = token.info.partition(" ")
            title = TITLE.search(rest)
            needs = tuple(filter(None, said.get("needs", "").split(", ")))
            options = title[1] if title else "", token.content, said.get("not run", ""), needs
            folder = said.get("in", ".")
            found.append(Block(page, token.map[0] + 1, language, *options, folder))
        is_comment = token.type == "html_block" and COMMENT.match(token.content)
        comment = token.content if is_comment else ""
    return found


class Desk:
    """A folder with what a reader has, in which each shipped scenario is a tiny one."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        tiny = (ROOT / "tests" / "tiny.toml").read_text(encoding="utf-8")
        shipped = folder / "scenarios"
        shipped.mkdir()
        for name in scenario_file.available_scenarios():
            (shipped / f"{name}.toml").write_text(tiny.replace('"tiny"', f'"{name}"'))
        monkeypatch.setattr(scenario_file, "_SHIPPED", shipped)
        self.folder, self.names, self.seed = folder / "desk", {"__name__": "page"}, ""
        self.folder.mkdir()
        monkeypatch.chdir(self.folder)
        shutil.copytree(ROOT / "results" / "quickstart", self.folder / "results" / "quickstart")
        (self.folder / "mymethod.py").write_text(METHOD)
        self._write_recordings()

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

    def run(self, block: Block) -> None:
        """Do what a block says."""
        if block.title:
            Path(block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "python":
            padded = "\n" * block.line + block.code  # a traceback names the line of the page
            exec(compile(padded, str(block.page), "exec"), self.names)
        elif block.language == "sh":
            with chdir(self.folder / block.folder):
                for program, *words in block.lines:
                    if program == "python":
                        runpy.run_path(words[0], run_name="__main__")
                    else:
                        self.command(words, block)
        elif block.language in PROGRAMS:
            done = subprocess.run(
                [*PROGRAMS[block.language], block.code], capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, f"{block}\n{done.stderr}"

    def command(self, words: list[str], block: Block) -> None:
        """Run a command of simbench in this process, with one method in place of all."""
        meant = {"all": "trace-stats", "$SEED": self.seed}
        done = CliRunner().invoke(app, [meant.get(word, word) for word in words])
        said = f"{block}: simbench {shlex.join(words)}\n{done.output}"
        assert done.exit_code == 0, said + repr(done.exception)
        if drawn := re.search(r"seed, to be kept .*: (\d+)", done.output):
            self.seed = drawn[1]
            for card in Path("traces").rglob("card.toml"):
                card.write_text(filled_in(card.read_text(encoding="utf-8")), encoding="utf-8")
