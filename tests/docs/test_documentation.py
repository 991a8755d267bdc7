"""README and docs are true: every block runs, every command and every link is there."""

import re
import subprocess
from itertools import chain
from urllib.parse import unquote

import pytest
import typer
from blocks import PAGES, PROGRAMS, ROOT, blocks_of
from desk import Desk, install

from simbench.cli import app

BLOCKS = list(chain.from_iterable(map(blocks_of, PAGES)))
SHOWN = {"bibtex", "toml"}
"""Languages that are shown and not run."""
QUICK = {"read-a-board.md"}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")


def with_blocks():
    for page in PAGES:
        if any(block.is_possible for block in blocks_of(page)):
            marks = [] if page.name in QUICK else [pytest.mark.slow]
            yield pytest.param(page, marks=marks, id=str(page.relative_to(ROOT)))


@pytest.mark.parametrize("page", with_blocks())
def test_every_block_runs(page, tmp_path, monkeypatch):
    desk = Desk(tmp_path, monkeypatch)
    for block in blocks_of(page):
        if block.is_possible:
            desk.run(block)


def test_one_block_is_not_run():
    assert [block.not_run for block in BLOCKS if block.not_run] == ["these tests"]
    assert {block.language for block in BLOCKS if not block.title} <= SHOWN | {"python", *PROGRAMS}


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in BLOCKS if b.is_fresh], ids=str)
def test_every_installation_works(block, tmp_path, monkeypatch):
    """In a clone and an environment of its own, from the package index."""
    install(block, tmp_path, monkeypatch)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=str)
def test_every_block_of_python_is_python(block):
    compile(block.code, str(block), "exec")


def command_of(words):
    """The command that words name, and its arguments."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.commands], ids=str)
def test_every_command_is_one_of_simbench(block):
    for words in block.commands:
        command, rest = command_of(words)
        known = {option for parameter in command.params for option in parameter.opts}
        assert words[0].startswith("-") or command.name in words, words
        assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    made = {ROOT / "docs" / "reference" / "scenario.md",
            ROOT / "docs" / "reference" / "scenario.schema.json"}  # fmt: skip
    for path, _ in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists() or target in made, path


def test_links_of_the_committed_page_lead_to_committed_files():
    listed = subprocess.run(
        ["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a clone")
    page = (ROOT / "results" / "index.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="(?!data:|#|https?:)([^"]*)"', page))
    assert links
    assert {f"results/{unquote(link)}" for link in links} <= set(listed.stdout.splitlines())


def test_every_page_is_in_the_navigation():
    yaml = pytest.importorskip("yaml")
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"])))
    written = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]}
    assert written == {name for name in named if not name.startswith("reference/")}


def test_the_site_is_built_strictly_and_published():
    yaml = pytest.importorskip("yaml")
    text = (ROOT / ".github" / "workflows" / "docs.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    commands = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert {"mkdocs build --strict", "simbench report results --parquet"} <= set(commands)
    assert any("--nbmake examples" in command for command in commands)
    assert "deploy-pages" in str(jobs["publish"]["steps"])


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130
