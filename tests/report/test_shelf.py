"""What is committed under ``results/`` and shown in the README is what the committed rows give."""

import re
import sys
from decimal import Decimal
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from simbench.benchmark.rows import PARQUET_FILE, read_rows
from simbench.board.leaderboard import leaderboard
from simbench.board.reality_boards import CELLS, scores_by_animal, suite_boards
from simbench.report.level_tables import find_scenario, rows_and_scenarios, stratum_name
from simbench.report.result_tables import row_figures, table_texts
from simbench.report.style import save
from simbench.report.summary import draw_summary, summarise_boards, summary_text
from simbench.scenario.scenario_file import load_scenario, read_scenario

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
import write_readme_table  # noqa: E402

SHELF = ROOT / "results"
MADE_FROM_LATENTS = {"similarity.csv"}
HOMES = sorted(file.parent for file in SHELF.rglob("rows.jsonl.gz"))
_ID = re.compile(r"\b[a-z][0-9a-f]{10}\b")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]\d+)?")


@pytest.fixture(scope="module", params=HOMES, ids=lambda home: home.name)
def shelf(request):
    """Folder, rows and board of a scenario."""
    rows = read_rows(request.param / "rows.jsonl.gz")
    within = stratum_name(find_scenario(rows, request.param))
    return request.param, rows, leaderboard(rows, within=within)


@pytest.fixture(scope="module")
def summary():
    return summarise_boards(*rows_and_scenarios(SHELF))


def same_text(path, text):
    """Whether a file holds a text, see `same_table`."""
    return same_table(path.read_text(encoding="utf-8"), text)


def same_table(old, text):
    """Whether words and whole numbers are the same, and decimals up to rounding.

    A sum ends in other bits on another processor: decimals may differ by one in the last digit.
    """
    numbers = [map(Decimal, _NUMBER.findall(each)) for each in (old, text)]
    return _NUMBER.sub("0", old) == _NUMBER.sub("0", text) and all(map(_is_close, *numbers))


def _is_close(one, other):
    last_digit = min(number.as_tuple().exponent for number in (one, other))
    step = max(Decimal(1).scaleb(last_digit), Decimal("1e-12"))  # a sum that should be 0 is 1e-17
    return one == other or (last_digit < 0 and abs(one - other) <= step)


def same_drawing(path, figure, scratch):
    """Whether an SVG shows what a figure shows: the same marks at the same places, to 0.1 points.

    Another version of matplotlib may lay the same numbers out in another way.
    """
    old = path.read_text(encoding="utf-8")
    if f"Matplotlib v{mpl.__version__}," not in old:
        pytest.skip(f"{path.name} was drawn by another version of matplotlib")
    save(figure, scratch / path.name)
    old, new = (_ID.sub("id", text) for text in (old, (scratch / path.name).read_text("utf-8")))
    numbers = [np.array(_NUMBER.findall(text), dtype=float) for text in (old, new)]
    return _NUMBER.sub("0", old) == _NUMBER.sub("0", new) and np.allclose(*numbers, atol=0.1)


def test_all_of_it_is_small():
    ignored = {PARQUET_FILE, "leaderboard.png"}  # the SVG is there
    committed = [p for p in SHELF.rglob("*") if p.is_file() and p.name not in ignored]
    sizes = {p: p.stat().st_size for p in committed}
    assert sum(sizes.values()) < 20e6, sorted(sizes.items(), key=lambda item: -item[1])[:5]


def test_no_error_was_left_behind(shelf):
    folder, rows, _ = shelf
    assert not (folder / "failures.log").exists()
    known = find_scenario(rows, folder)
    assert known is not None, f"{folder.name}: scenario.json is not the one that made the rows"
    assert folder.name == known.name
    assert known.question == load_scenario(known.name).question


def test_the_tables_are_what_the_rows_give(shelf):
    folder, rows, board = shelf
    texts = table_texts(board, rows, find_scenario(rows, folder))
    for name, text in texts.items():
        assert same_text(folder / name, text), name
    others = {p.name for kind in ("csv", "md") for p in folder.glob(f"*.{kind}")} - set(texts)
    assert others <= MADE_FROM_LATENTS, "tables that the rows do not give"


@pytest.mark.parametrize("name", ["what-helped", "rivals"])
def test_what_settings_did_is_what_its_rows_give(name):
    rows = read_rows(SHELF / "validation" / f"{name}-rows.jsonl.gz")
    assert min(rows["seed"]) >= 1000, "settings are chosen on seeds that no result has"
    table = table_texts(leaderboard(rows), rows, None)["leaderboard.md"]
    assert same_text(SHELF / "validation" / f"{name}.md", table)


def test_the_figures_show_what_the_rows_give(shelf, tmp_path):
    folder, rows, board = shelf
    figures = row_figures(board, rows, find_scenario(rows, folder))
    for name in figures:
        assert any((folder / f"{name}.{kind}").is_file() for kind in ("png", "svg"))
    for path in folder.glob("*.svg"):
        if path.stem in figures:
            assert same_drawing(path, figures[path.stem](), tmp_path), path.name


def test_the_summary_is_what_the_rows_give(summary, tmp_path):
    assert same_text(SHELF / "summary.md", summary_text(summary))
    assert same_text(SHELF / "summary.csv", summary.to_csv(index=False, float_format="%.6g"))
    assert same_drawing(SHELF / "summary.svg", draw_summary(summary), tmp_path)


def test_where_methods_are_ranked_there_are_cultures_and_room_above_the_amplitude(summary):
    shown = {name: read_scenario(SHELF / name) for name in summary["scenario"].unique()}
    without_levels = [name for name, one in shown.items() if one.culture and not one.levels]
    assert (summary.loc[summary["scenario"].isin(without_levels), "n_cultures"] >= 20).all()
    amplitude = summary[summary["shown_as"] == "trace-stats"].set_index("scenario")
    for name in amplitude.index[amplitude["ceiling"] - amplitude["score"] < 0.15]:
        scenario = shown[name]
        if scenario.culture:  # the rate of recorded cells is what it is
            said = ("trace-stats", "three amplitudes")
            assert any(what in scenario.question for what in said), f"{name} does not say why"


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ("| 2 | avae | 0.35 | +0.00 |", True),
        ("| 2 | avae | 0.36 | -0.01 |", False),
        ("| 3 | avae | 0.35 | -0.01 |", False),
        ("| 2 | pca | 0.35 | -0.01 |", False),
        ("| 2 | avae | 0.35 | -0.01 | 1 |", False),
    ],
)
def test_a_table_with_another_number_is_another_table(text, is_same, tmp_path):
    (tmp_path / "table.md").write_text("| 2 | avae | 0.34 | -0.01 |")
    assert same_text(tmp_path / "table.md", text) is is_same


def test_a_drawing_with_another_number_is_another_drawing(summary, tmp_path):
    forged = summary.assign(recovery=summary["recovery"] + 0.01)
    assert not same_drawing(SHELF / "summary.svg", draw_summary(forged), tmp_path)


def test_the_table_of_the_readme_is_a_part_of_the_summary(summary):
    """Of four scenarios and five methods, made by `tools/write_readme_table.py`."""
    assert len(write_readme_table.SCENARIOS) <= 4
    assert len(write_readme_table.METHODS) <= 5
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = write_readme_table.TABLE.findall(readme)
    made = write_readme_table.short_table(summary_text(summary))
    assert same_table(table, made)
    forged = re.sub(r"0\.\d\d(?= ±)", "0.99", made)
    assert not same_table(table, forged)
    numbers = re.findall(r"^\|.*\b\d\.\d\d\b.*\n", readme, re.MULTILINE)
    assert "".join(numbers) in table, "a table of numbers that no script has made"


def test_pages_type_no_table_of_scores():
    """They take tables of scores up from the files of the shelf."""
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"^\|.*\b\d\.\d\d ± ", text, re.MULTILINE), page
        for path in re.findall(r'^--8<-- "(.+)"$', text, re.MULTILINE):
            assert (ROOT / path).is_file(), (page, path)


def test_ranks_of_the_suite_are_those_of_its_rows():
    table = pd.read_csv(SHELF / "validation" / "ranks.csv")
    suite = dict(suite_boards(rows_and_scenarios(SHELF)[0]))
    cells = scores_by_animal(read_rows(SHELF / CELLS))
    found = table[table["kind"] == "suite"]
    assert set(found["board"]) <= set(suite)
    for line in found.itertuples():
        real, board = cells[line.target].mean(), suite[line.board].mean()
        methods = real.index.intersection(board.index)
        assert len(methods) == line.n_methods
        tau = kendalltau(board[methods], real[methods]).statistic
        assert line.tau == pytest.approx(tau, abs=1e-4), (line.board, line.target)
