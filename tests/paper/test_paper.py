"""The paper says what the rows say, and nothing where there are none."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simbench.benchmark.rows import read_rows
from simbench.core.errors import SimbenchError
from simbench.scenario.scenario_file import available_scenarios, load_scenario

pytest.importorskip("typst")
ROOT = Path(__file__).parents[2]
PAPER = ROOT / "paper"
sys.path += [str(PAPER), str(ROOT / "tests" / "report")]
import build  # noqa: E402
import proofs  # noqa: E402
from facts import relations  # noqa: E402
from full import write_full_results  # noqa: E402


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = write_full_results(tmp_path_factory.mktemp("results"))
    shutil.copytree(ROOT / "results" / "validation", folder / "validation")
    return folder


@pytest.fixture(scope="module")
def made(results, tmp_path_factory):
    """A copy of the text with all that is made for it."""
    home = tmp_path_factory.mktemp("made") / "paper"
    shutil.copytree(PAPER, home, ignore=shutil.ignore_patterns("generated", "*.pdf"))
    short = proofs._STEP_CULTURE.model_copy(update={"duration_s": 1.0, "settle_s": 0.5})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proofs, "_STEP_CULTURE", short)
        build.collect(results, home)
    return home


@pytest.fixture(scope="module")
def known(made):
    return json.loads((made / "generated" / "facts.json").read_text())


@pytest.fixture
def home(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "paper"))


@pytest.mark.slow
def test_full_results_make_a_paper_of_six_to_ten_pages(made, tmp_path):
    build.typeset(tmp_path / "paper.pdf", is_draft=False, home=made)
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    build.typeset(tmp_path / "{p}.png", is_draft=False, home=made, ppi=20)
    assert 6 <= len(list(tmp_path.glob("*.png"))) <= 10


@pytest.mark.slow
def test_the_same_rows_give_the_same_paper(made, tmp_path):
    for name in ("one.pdf", "two.pdf"):
        build.typeset(tmp_path / name, is_draft=False, home=made)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["firing-types", "abante2025", "recorded-cells", "tracks"])
def test_a_scenario_without_rows_stops_the_build_by_name(known, home, tmp_path, scenario):
    less = known | {"boards": {k: v for k, v in known["boards"].items() if k != scenario}}
    (home / "generated" / "facts.json").write_text(json.dumps(less))
    out = tmp_path / "paper.pdf"
    with pytest.raises(SimbenchError, match=rf"no row gives .*{scenario}.*--draft") as refused:
        build.typeset(out, is_draft=False, home=home)
    assert "\n" not in str(refused.value)
    assert not out.exists()
    build.typeset(out, is_draft=True, home=home)
    assert out.exists()


@pytest.mark.slow
def test_a_method_without_rows_stops_the_build_by_name(home, tmp_path):
    text = home / "simbench.typ"
    text.write_text(text.read_text() + '\n#score("quickstart", "firing_type", "nobody")\n')
    with pytest.raises(
        SimbenchError, match="quickstart / targets / firing_type / methods / nobody"
    ):
        build.typeset(tmp_path / "paper.pdf", is_draft=False, home=home)


@pytest.mark.slow
def test_a_broken_text_is_one_line(home, tmp_path):
    (home / "simbench.typ").write_text("#nonsense()")
    with pytest.raises(SimbenchError, match="unknown variable: nonsense") as refused:
        build.typeset(tmp_path / "paper.pdf", is_draft=False, home=home)
    assert "\n" not in str(refused.value)


def test_the_cross_fitted_scenarios_are_those_that_are_named():
    text = (PAPER / "simbench.typ").read_text(encoding="utf-8")
    named = re.search(r"In six scenarios \((.+?)\) training and test", text)[1]
    crossed = {n for n in available_scenarios() if load_scenario(n).split.cross_fitted}
    assert set(re.findall(r"`([\w-]+)`", named)) == crossed
    assert len(crossed) == 6


def test_no_number_is_typed_in_the_text():
    text = (PAPER / "simbench.typ").read_text(encoding="utf-8")
    prose = re.sub(r'"[^"]*"|`[^`]*`|\$[^$]*\$|@\w+|Brian2', "", text)
    assert re.findall(r".{0,30}\d.{0,30}", prose) == []


def test_no_semicolon_is_swallowed():
    """Typst takes one after a call for the end of a statement; behind a backslash it stays."""
    assert re.findall(r".*[)\]];.*", (PAPER / "simbench.typ").read_text(encoding="utf-8")) == []


def test_every_reference_is_cited_and_there():
    text = (PAPER / "simbench.typ").read_text(encoding="utf-8")
    known = set(re.findall(r"^@\w+\{(\w+),", (PAPER / "references.bib").read_text(), re.MULTILINE))
    assert {name for name in re.findall(r"@(\w+)", text) if name[-1].isdigit()} == known


@pytest.mark.slow
def test_facts_are_those_of_the_rows(results, known):
    rows = read_rows(results / "quickstart")
    mine = rows[
        (rows["method"] == "avae") & (rows["target"] == "firing_type") & (rows["probe"] == "linear")
    ]
    line = known["boards"]["quickstart"]["targets"]["firing_type"]["methods"]["avae"]
    by_split = mine.groupby("split")["value"].mean()
    assert line["score"] == f"{by_split['culture']:.2f}"
    chance = rows[
        (rows["method"] == "chance")
        & (rows["target"] == "firing_type")
        & (rows["probe"] == "linear")
    ]
    by_luck = chance.groupby("split")["value"].mean()
    gap = by_split["neuron"] - by_split["culture"] - (by_luck["neuron"] - by_luck["culture"])
    assert line["gap"] == f"{gap:+.2f}"


@pytest.mark.slow
def test_bad_results_leave_what_was_made(home, tmp_path):
    before = {path.name for path in (home / "generated").iterdir()}
    with pytest.raises(SimbenchError):
        build.collect(tmp_path / "none", home)
    assert {path.name for path in (home / "generated").iterdir()} == before


def test_words_follow_the_interval_of_the_difference():
    rng = np.random.default_rng(0)
    low = rng.normal(0.5, 0.2, 40)  # cultures differ more than methods do
    scores = pd.DataFrame(
        {"low": low, "high": low + 0.05 + rng.normal(0, 0.01, 40),
         "same": low + rng.normal(0, 0.01, 40) * np.tile([1, -1], 20)}
    )  # fmt: skip
    words = relations(scores)
    assert words["high"]["low"] == "above"
    assert words["low"]["high"] == "below"
    assert words["same"]["low"] == words["low"]["same"] == "level with"


@pytest.mark.slow
def test_proofs_hold(known):
    measured = known["proofs"]
    assert measured["spikes"]["differing"] == "0"
    assert int(measured["spikes"]["spikes"].replace(",", "")) > 1000
    assert float(measured["indicators"]["largest_error"]) <= 10
    assert float(measured["noise"]["largest_error"]) <= 3


def test_the_command_refuses_in_one_line_and_drafts(tmp_path):
    command = [sys.executable, PAPER / "build.py", "--results", tmp_path / "none"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "no rows.jsonl.gz there" in result.stderr
