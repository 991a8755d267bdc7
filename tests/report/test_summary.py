"""All scenarios at one glance."""

import pandas as pd
import pytest
from made import METHODS, made_rows, write_folder

from simbench.board.leaderboard import leaderboard
from simbench.report.style import METHOD_COLORS
from simbench.report.summary import BEST_LINEAR, draw_summary, summarise_boards, summary_text
from simbench.report.summary import write_summary as write
from simbench.scenario.scenario_file import load_scenario

LOW = {name: (family, place if family == "control" else place / 4)
       for name, (family, place) in METHODS.items()}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    hard = made_rows(LOW, "a-hard-one", seeds=(1, 2), targets=("in_degree", "firing_type"))
    return pd.concat([hard, made_rows(scenario="easy")], ignore_index=True)


def test_numbers_are_those_of_the_leaderboards(rows):
    summary = summarise_boards(rows)
    assert set(summary["shown_as"]) == {BEST_LINEAR, "trace-stats", "avae"}
    for line in summary.to_dict(orient="records"):
        table = leaderboard(rows[rows["scenario"] == line["scenario"]]).table
        cells = table.loc[line["method"], line["target"]]
        for key in ("score", "low", "high", "recovery", "is_best", "chance", "ceiling"):
            assert line[key] == cells[key]


def test_it_shows_the_first_target_and_the_best_linear_method(rows):
    summary = summarise_boards(rows).set_index(["scenario", "shown_as"])
    assert summary.loc["a-hard-one", "target"].eq("in_degree").all()
    assert summary.loc["easy", "target"].eq("firing_type").all()
    table = leaderboard(rows[rows["scenario"] == "easy"]).table
    best = table.loc[["pca", "fa"], ("firing_type", "score")].idxmax()
    assert summary.loc[("easy", BEST_LINEAR), "method"] == best


def test_scenarios_come_by_what_is_recovered(rows):
    assert list(dict.fromkeys(summarise_boards(rows)["scenario"])) == ["easy", "a-hard-one"]


def test_only_the_newest_version_counts(rows):
    newer = made_rows(scenario="easy", version=2, seeds=(5,))
    both = summarise_boards(pd.concat([rows, newer], ignore_index=True))
    pd.testing.assert_frame_equal(
        both[both["scenario"] == "easy"].reset_index(drop=True), summarise_boards(newer)
    )


def test_the_table_names_ties_and_what_is_missing(rows):
    table = summary_text(summarise_boards(rows)).splitlines()
    header = [cell.strip() for cell in table[0].split("|")[1:-1]]
    assert header == ["scenario", "target", "cultures", "chance", *METHOD_COLORS, "spikes"]
    easy = dict(zip(header, (cell.strip() for cell in table[2].split("|")[1:-1])))
    assert easy["scenario"] == "easy"
    assert easy["cultures"] == "12"
    assert easy["spikes-frames"] == "–"
    assert easy["avae"].startswith("**")
    assert not easy[BEST_LINEAR].startswith("**")
    assert easy["spikes"] == "0.90"


def test_methods_that_tie_are_all_bold():
    tied = made_rows(METHODS | {"avae": ("learned", 0.5)})
    line = summary_text(summarise_boards(tied)).splitlines()[2]
    assert line.count("**") == 2 * 2


def test_scenarios_with_the_same_cultures_count_as_one(rows):
    ladder = load_scenario("noise-ladder").model_copy(update={"name": "a-hard-one"})
    easy = load_scenario("haze").model_copy(update={"name": "easy", "replicates": 20})
    said = summary_text(summarise_boards(rows, [ladder, easy])).splitlines()[-1]
    assert said == "easy, a-hard-one share cells or wirings; independent sets of cultures: 1."
    last = summary_text(summarise_boards(rows)).splitlines()[-1]
    assert last == "independent sets of cultures: 2."


def test_figure_has_a_dot_for_every_number(rows):
    summary = summarise_boards(rows)
    (axis,) = draw_summary(summary).axes
    dots = [x for line in axis.lines if line.get_marker() in "oD" for x in line.get_xdata()]
    assert sorted(dots) == sorted(summary["recovery"])


def test_it_is_written_beside_the_scenarios(rows, tmp_path):
    write_folder(tmp_path, rows[rows["scenario"] == "easy"])
    written = write(tmp_path)
    assert (tmp_path / "summary.md").read_text() == summary_text(written)
    assert {p.suffix for p in tmp_path.glob("summary.*")} == {".csv", ".md", ".png", ".svg"}


def test_replications_and_a_handful_of_cultures_are_left_out(rows):
    first = rows[rows["scenario"] == "easy"].drop_duplicates("method")
    published = first.assign(metric="published_ari", probe="none")
    both = pd.concat([rows, published], ignore_index=True)
    assert set(summarise_boards(both)["scenario"]) == {"a-hard-one"}
    assert summarise_boards(made_rows(n_cultures=5)).empty


def test_nothing_to_show_writes_nothing(tmp_path):
    write_folder(tmp_path, made_rows(targets=("trace",)).assign(metric="reconstruction_r2"))
    assert write(tmp_path).empty
    assert not list(tmp_path.glob("summary.*"))
