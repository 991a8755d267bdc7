"""A replication: both protocols in one table, and nobody ranked anywhere."""

import numpy as np
import pandas as pd
import pytest
from made import made_rows, write_folder

from simbench.benchmark.run import Unit, run
from simbench.board.leaderboard import flat_table, leaderboard, pairwise
from simbench.report.level_tables import over_levels, replication_table
from simbench.report.page import write_page
from simbench.report.result_tables import table_texts
from simbench.report.texts import leaderboard_text, readable, replication_text
from simbench.scenario.scenario_file import load_scenario

LEVELS = ("0.0508, 2", "0.254, 16")


def published(rows, method, level, seed, target, metric, probe, value):
    """A row of the published protocol, otherwise like those of the run."""
    same = (rows["method"] == method) & (rows["level"] == level) & (rows["seed"] == seed)
    row = rows[same].iloc[0].to_dict()
    return row | {
        "target": target, "metric": metric, "probe": probe, "split": "neuron", "value": value,
        "per_culture": [], "cultures": None, "chance": np.nan, "ceiling": np.nan,
        "recovery": np.nan,
    }  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    """Two seeds and levels; the published ARI of pca is .2 and .4, that of the avae .5 and .5."""
    plain = made_rows(seeds=(0, 1), levels=LEVELS)
    more = [
        published(plain, method, level, seed, target, metric, probe, value)
        for level in LEVELS
        for seed in (0, 1)
        for method, target, metric, probe, value in (
            ("pca", "firing_type", "published_ari", "none", (0.2, 0.4)[seed]),
            ("avae", "firing_type", "published_ari", "none", 0.5),
            ("pca", "trace", "published_mse", "none", 4e-4),
        )
    ]
    return pd.concat([plain, pd.DataFrame(more)], ignore_index=True)


def test_scores_stand_side_by_side_mean_over_seeds(rows):
    table = replication_table(rows, load_scenario("abante2025"))
    assert list(table.index.names) == ["method", "level"]
    line = table.loc["pca", LEVELS[0]]
    assert line["type, clusters (ARI): as published"] == pytest.approx(0.3)
    assert np.isnan(line["type, clusters (ARI): held out"])
    mine = rows[(rows["method"] == "pca") & (rows["level"] == LEVELS[0])]
    mine = mine[(mine["metric"] == "balanced_accuracy") & (mine["probe"] == "linear")]
    for split, column in (("culture", "held out"), ("neuron", "neuron split")):
        expected = mine.loc[mine["split"] == split, "value"].mean()
        assert line[f"type, probe (accuracy): {column}"] == pytest.approx(expected)
    assert table["sigma"].groupby("level").first().to_numpy() == pytest.approx([0.5, 2.5], rel=1e-3)
    assert list(over_levels(table).index)[-2:] == ["chance", "spikes"]
    assert replication_table(rows)["sigma"].isna().all()


def test_the_text_names_the_replication_and_its_confounding(rows):
    text = replication_text(replication_table(rows, load_scenario("abante2025")))
    assert text.startswith("A replication")
    assert "not a ranking" in text
    assert "confounded" in text
    assert text.count("| avae |") == 1 + len(LEVELS)
    assert "0.0004" in text
    assert {"replication.md", "replication.csv"} < set(table_texts(leaderboard(rows), rows, None))


def test_nobody_is_ranked_compared_or_placed(rows):
    board = leaderboard(rows)
    assert board.is_replication
    table = board.table
    assert table["method", "rank"].isna().all()
    assert table["method", "recovery"].isna().all()
    assert table["method", "letters"].eq("").all()
    assert not table["method", "is_best"].any()
    assert list(table.index) == ["avae", "trace-stats", "pca", "fa", "chance", "spikes"]
    assert pairwise(board).empty
    assert "Adjusted p" not in leaderboard_text(board)
    assert all(cells[0] == "" for cells in readable(table)[1])
    assert flat_table(table)["rank"].isna().all()


def test_the_same_scores_without_a_published_protocol_are_ranked(rows):
    others = rows[~rows["metric"].isin(("published_ari", "published_mse"))]
    board = leaderboard(others)
    assert not board.is_replication
    assert board.table["method", "rank"].dropna().tolist() == [1, 2, 3, 4]
    assert leaderboard_text(board).splitlines()[2].startswith("| 1 | avae |")


def test_the_page_names_it_and_shows_no_rank(rows, tmp_path):
    page = write_page(write_folder(tmp_path, rows)).read_text(encoding="utf-8")
    assert "What the published protocol is worth" in page
    assert "type and culture are confounded" in page
    assert "methods are not ranked" in page
    assert "Who differs from whom" not in page
    assert 'data-rank="1"' not in page
    ranked = made_rows(scenario="ranked")
    page = write_page(write_folder(tmp_path / "other", ranked)).read_text(encoding="utf-8")
    assert "What the published protocol is worth" not in page
    assert 'data-rank="1"' in page


def test_seeds_of_a_replication_may_lie_in_folders_of_their_own(rows, tmp_path):
    for seed, mine in rows.groupby("seed"):
        write_folder(tmp_path / str(seed), mine)
    assert "What the published protocol is worth" in write_page(tmp_path).read_text("utf-8")


def test_a_run_scores_both_protocols(tiny, tiny_dataset):
    protocols = ["latents", "reconstruction", "published"]
    scenario = tiny.model_copy(update={"protocols": protocols, "targets": ["firing_type", "c"]})
    rows = run([Unit(scenario, 1, name) for name in ("chance", "spikes", "pca")])
    assert (rows["status"] == "ok").all()
    table = replication_table(rows, scenario)
    assert table.loc[("pca", "")].drop("d: as published (pooled r)").notna().sum() >= 10
    for control in ("chance", "spikes"):
        assert table.loc[(control, ""), "type, clusters (ARI): held out"] <= 1
        assert np.isnan(table.loc[(control, ""), "type, clusters (ARI): as published"])
    assert leaderboard(rows).is_replication
