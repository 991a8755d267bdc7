"""The code blocks of the pages, and what a comment in front of one says.

<!-- not run: why -->        it is checked, and not run
<!-- needs: name, name -->   it is left out where these packages are not installed
<!-- in: folder -->          it is run in this folder
<!-- environment: fresh -->  it is run in a clone, in an empty environment
"""

import os
import re
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMENT = re.compile(r"<!-- (not run|needs|in|environment): (.*?) -->\s*$")
TITLE = re.compile(r'title="(.+?)"')
PROGRAMS = {
    "sh": ("bash", "-e", "-c"), "r": ("Rscript", "-e"), "matlab": ("octave", "--no-gui", "--eval"),
}  # fmt: skip


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
    is_fresh: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_possible(self) -> bool:
        """Whether it can run at a desk."""
        programs = PROGRAMS.get(self.language, ())[:1]
        is_shell_elsewhere = self.language == "sh" and os.name != "posix"
        is_run = not (self.not_run or self.is_fresh or is_shell_elsewhere)
        return is_run and all(map(find_spec, self.needs)) and all(map(which, programs))

    @property
    def commands(self) -> list[list[str]]:
        """Words of each command of simbench, without the first one."""
        if self.language != "sh" and not self.title.endswith(".sbatch"):
            return []
        lines = self.code.replace("\\\n", " ").replace("&&", "\n").splitlines()
        words = filter(None, (shlex.split(line, comments=True) for line in lines))
        return [rest for first, *rest in words if Path(first).name == "simbench"]


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
            where = said.get("in", "."), "environment" in said
            found.append(Block(page, token.map[0] + 1, language, *options, *where))
        is_comment = token.type == "html_block" and COMMENT.match(token.content)
        comment = token.content if is_comment else ""
    return found
