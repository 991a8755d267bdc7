"""What pyproject.toml, the files of requirements and CITATION.cff say of the package agrees."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import simbench

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
sys.path.append(str(ROOT / "tools"))
import write_requirements  # noqa: E402


def allowed(name, python):
    """Whether a version of a library is allowed on a version of Python."""
    needs = [need for line in PROJECT["dependencies"] if (need := Requirement(line)).name == name]
    specifiers = [
        need.specifier
        for need in needs
        if not need.marker or need.marker.evaluate({"python_version": python})
    ]
    return lambda version: all(version in specifier for specifier in specifiers)


def test_numpy_and_torch_are_capped_on_python_3_11_alone():
    for name, newest in {"numpy": "2.4.0", "torch": "2.14.0"}.items():
        assert not allowed(name, "3.11")(newest)
        assert allowed(name, "3.13")(newest)
    assert allowed("brian2", "3.11")("2.9.0")
    assert not allowed("brian2", "3.12")("2.9.0")


@pytest.mark.parametrize("page", ["docs/how-to/install.md", ".github/workflows/tests.yml"])
def test_the_build_without_cuda_is_chosen_within_the_caps(page):
    """An index beside the first one: pip takes the newest allowed, and of one version +cpu."""
    text = (ROOT / page).read_text(encoding="utf-8").lower().replace("_", "-")
    assert re.search(r"extra-index-url:? https://download\.pytorch\.org/whl/cpu", text)
    assert "pip install torch" not in text


def test_the_distribution_has_a_name_of_its_own():
    assert PROJECT["name"] == "simbench-calcium"
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    assert not [line for lines in groups for line in lines if re.match(r"simbench\b(?!-)", line)]


def test_the_light_installation_is_made_from_the_project():
    assert write_requirements.LIGHT.read_text(encoding="utf-8") == write_requirements.light()
    assert "torch" not in write_requirements.light()


def test_the_lock_file_holds_what_the_rows_say():
    lines = write_requirements.LOCK.read_text(encoding="utf-8").splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert write_requirements.named_by_rows().items() <= locked.items()


def test_the_version_is_told():
    command = [sys.executable, "-m", "simbench", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == f"simbench {simbench.__version__}\n"


def test_the_citation_is_one():
    """The fields that version 1.2.0 of the Citation File Format asks for."""
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == PROJECT["license"]
    assert citation["type"] == "software"
    for work in (citation, *citation["references"]):
        assert work["title"]
        assert all("name" in who or "family-names" in who for who in work["authors"])
    released = re.findall(
        r"^## \[(.+?)\] - \d", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert citation["version"] == released[0]


def test_the_citation_file_obeys_its_schema():
    cffconvert = pytest.importorskip("cffconvert")
    cffconvert.Citation((ROOT / "CITATION.cff").read_text(encoding="utf-8")).validate()


def test_the_workflow_covers_three_systems_and_three_pythons():
    yaml = pytest.importorskip("yaml")
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    matrix = jobs["full"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    said = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if " :: 3." in line]
    assert matrix["python"] == said
    assert set(jobs["same-data"]["steps"][1]["with"]["python-version"].split()) == set(said)
