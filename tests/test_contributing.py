"""CONTRIBUTING.md is true: what it names exists, and its examples work as they are."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import simbench
from simbench.benchmark.rows import read_rows
from simbench.cli import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+\.\d+")
PLACE = re.compile(r"# (?:new file|in (?P<table>\w+) of|at the end of) (?P<path>\S+)\n")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
BY_NAME = {"pre-commit", "pytest", "ruff", "mypy", "mkdocs"}
"""Programs that must be among the dependencies of the project."""
EDITED = {"methods", "scenario", "scenarios", "scoring"}
BROUGHT = {".", "git", "pip", "python", "python3"}


def code(language, text):
    return [found for kind, found in BLOCK.findall(text) if kind == language]


def commands(text):
    """Commands of the shell blocks, word by word, without settings of the environment."""
    for line in "".join(code("sh", text)).replace("\\\n", " ").splitlines():
        for part in line.split("&&"):
            words = shlex.split(part, comments=True)
            yield [word for word in words if not re.match(r"[A-Z_]+=", word)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Copies of the folders that the examples edit, and links to all others."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "simbench").mkdir()
    for path in (*(ROOT / "simbench").iterdir(), ROOT / "tools", ROOT / "tests"):
        there = folder / path.relative_to(ROOT)
        if path.name in EDITED:
            shutil.copytree(path, there)
        else:
            there.symlink_to(path)  # what numba has compiled for it is used again
    return folder


def edit(clone, block):
    """Do what the first line of a block says."""
    place = PLACE.match(block)
    path, added = clone / place["path"], block[place.end() :]
    assert path.exists() == ("new file" not in place[0])
    if place["table"]:
        text, n = re.subn(
            rf"(^{place['table']}\b.*{{\n)", rf"\1{added}", path.read_text(), flags=re.M
        )
        assert n == 1
        path.write_text(text)
    else:
        before = path.read_text() + "\n\n" if path.exists() else ""
        path.write_text(before + added)


def shell(clone, words):
    """Output of `simbench ...` or `python ...` in the clone."""
    program = {"simbench": ["-m", "simbench"], "python": []}[words[0]]
    done = subprocess.run(
        [sys.executable, *program, *words[1:]], cwd=clone, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(clone), "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def follow(clone, section):
    """Edit what the section says, in turn with its commands; the output of each command."""
    shown = {}
    for kind, block in BLOCK.findall(SECTIONS[section]):
        if kind != "sh":
            edit(clone, block)
            continue
        for words in commands(f"```sh\n{block}```"):
            if words[1] != "tests/freeze/freeze.py":
                shown[" ".join(words)] = shell(clone, words)
    return shown


def scored(clone):
    return read_rows(clone / "runs" / "tiny").query("status == 'ok'")


@pytest.mark.slow
def test_the_method_runs(clone):
    shown = follow(clone, "Add a method")
    assert "top-values" in shown["simbench list methods"]
    assert "top-values" in set(scored(clone)["method"])


@pytest.mark.slow
def test_the_metric_is_listed_and_scored(clone):
    assert "silhouette" in follow(clone, "Add a metric")["simbench list metrics"]
    values = scored(clone).query("metric == 'silhouette'")["value"]
    assert values.between(-1, 1).all()
    assert len(values)


def test_the_scenario_is_listed_and_planned(clone):
    shown = follow(clone, "Add a scenario")
    assert "slow-indicator" in shown["simbench list scenarios"]
    assert "slow-indicator" in shown["simbench run slow-indicator --dry-run"]


def test_the_indicator_is_fitted_as_printed_and_listed(clone):
    shown = follow(clone, "Add an indicator")
    row = PLACE.sub("", code("python", SECTIONS["Add an indicator"])[1])
    fitted = shown["python tools/fit_culture_indicators.py made-up-8x"]
    assert NUMBER.sub("", fitted) == NUMBER.sub("", row)
    # where the fit stops depends on the processor's rounding
    numbers = [[float(n) for n in NUMBER.findall(text.partition(":")[2])] for text in (fitted, row)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.01)
    assert "made-up-8x" in shown["simbench list indicators"]


def test_every_path_exists():
    words = {w for quoted in re.findall(r"`([^`\n]+)`", TEXT) for w in quoted.split()}
    words |= {word for command in commands(TEXT) for word in command}
    made = {
        block.split("\n")[0].split()[-1] for _, block in BLOCK.findall(TEXT) if "new file" in block
    }
    ignored = re.compile(r"runs\b|\.venv|bits\.json|mymethod")
    paths = {w for w in words if re.fullmatch(r"[\w.-]+/[\w./-]*|[\w-]+\.(?:md|py|toml|yaml)", w)}
    assert len(paths) > 30
    missing = {p for p in paths - made if not ignored.match(p) and not (ROOT / p).exists()}
    assert not missing


def named_commands():
    inline = [shlex.split(quoted) for quoted in re.findall(r"`((?:simbench|pytest) [^`]+)`", TEXT)]
    return [*(command for command in commands(TEXT) if command), *inline]


def dependencies():
    """Names of all distributions that the project asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {re.match(r"[\w-]+", line)[0] for group in groups for line in group}


@pytest.mark.parametrize("command", named_commands(), ids=" ".join)
def test_every_command_exists(command):
    program, *words = command
    if program != "simbench":
        assert program in BROUGHT | (BY_NAME & dependencies())
        return
    known = typer.main.get_command(app).commands[words[0]]
    options = {option for parameter in known.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options


def test_every_hook_is_a_program_of_the_development_environment():
    yaml = pytest.importorskip("yaml")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
    programs = {hook["entry"].split()[0] for repo in hooks["repos"] for hook in repo["hooks"]}
    brought = {"end-of-file-fixer", "check-added-large-files"}  # by pre-commit-hooks
    assert programs - brought <= dependencies()
    assert {"pre-commit", "pre-commit-hooks"} <= dependencies()


def test_every_name_is_in_the_file_it_is_said_to_be_in():
    said = re.findall(r"`(\w+)`(?: there)?\s+(?:in|of)\s+`([\w./-]+\.py)`", TEXT)
    said += [(m["table"], m["path"]) for m in PLACE.finditer(TEXT) if m["table"]]
    assert len(said) > 10
    for name, path in said:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")), (name, path)


def test_the_order_of_the_folders_is_that_of_the_house():
    from test_house import STAGES

    named = re.findall(r"`(\w+)`", TEXT.partition("in the order")[2].partition(". A folder")[0])
    assert tuple(named) == STAGES


def test_the_newest_release_of_the_changelog_is_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(?!Unreleased)(.+?)\]", text, re.MULTILINE)[1]
    assert newest == re.sub(r"\.dev\d+$", "", simbench.__version__)
