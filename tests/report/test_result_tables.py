"""The tables and figures that are made from rows alone."""

import io

import numpy as np
import pandas as pd
import pytest
from made import made_rows, write_folder
from PIL import Image

from simbench import SimbenchError
from simbench.benchmark.rows import read_rows
from simbench.board.leaderboard import leaderboard
from simbench.report.result_tables import rebuild, row_figures, table_texts
from simbench.report.style import save

LEVELS = ("0.1", "1", "10")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_folder(folder, made_rows(), made_rows(scenario="ladder", levels=LEVELS, seeds=(1, 2)))
    rebuild(folder)
    return folder


def test_tables_and_figures_are_made_from_the_rows_alone(results):
    plain = {
        "rows.jsonl.gz", "leaderboard.csv", "leaderboard.md", "leaderboard.png", "leaderboard.svg",
        "pairwise.csv", "pairwise.png",
    }  # fmt: skip
    assert {p.name for p in (results / "made-0").iterdir()} == plain
    curves = {f"curves.{kind}" for kind in ("csv", "png", "svg")}
    assert {p.name for p in (results / "ladder-1").iterdir()} == plain | curves


def test_making_them_again_changes_no_byte(results):
    before = {p: p.read_bytes() for p in results.rglob("*.*")}
    rebuild(results)
    assert {p: p.read_bytes() for p in results.rglob("*.*")} == before


def test_curves_hold_the_mean_score_of_every_level(results):
    rows = read_rows(results / "ladder-1")
    table = pd.read_csv(results / "ladder-1" / "curves.csv")
    chosen = rows[(rows["probe"] == "linear") & (rows["split"] == "culture")]
    expected = chosen.groupby(["target", "method", "level"])["value"].mean()
    found = table.assign(level=table["level"].map("{:g}".format))
    found = found.set_index(["target", "method", "level"])["score"]
    assert len(found) == len(expected) == 2 * 6 * 3
    np.testing.assert_allclose(found.loc[expected.index], expected, rtol=1e-5)


def test_leaderboard_and_pairs_hold_the_means_of_the_cultures(results):
    rows = read_rows(results / "made-0")
    table = pd.read_csv(results / "made-0" / "leaderboard.csv").set_index("method")
    pairs = pd.read_csv(results / "made-0" / "pairwise.csv")
    chosen = rows[(rows["probe"] == "linear") & (rows["split"] == "culture")]
    means = (
        chosen[chosen["target"] == "firing_type"].set_index("method")["per_culture"].map(np.mean)
    )
    np.testing.assert_allclose(table["firing_type_score"], means[table.index], rtol=1e-4)
    pair = pairs[(pairs["target"] == "firing_type") & (pairs["method"] == "avae")]
    np.testing.assert_allclose(
        pair["difference"], means["avae"] - means[pair["other"]].to_numpy(), rtol=1e-4
    )


def test_a_scenario_without_headline_metrics_has_a_table_of_costs(tmp_path):
    rows = made_rows(targets=("trace",)).assign(metric="reconstruction_r2")
    write_folder(tmp_path, rows)
    rebuild(tmp_path)
    table = (tmp_path / "made-0" / "leaderboard.md").read_text()
    assert all(f"| {name} |" in table for name in rows.loc[rows["family"] != "control", "method"])
    assert "| 1 | " not in table
    assert not (tmp_path / "made-0" / "leaderboard.svg").exists()


def test_rows_of_two_versions_are_refused(tmp_path):
    write_folder(tmp_path, pd.concat([made_rows(), made_rows(version=2)]))
    with pytest.raises(SimbenchError, match="can't share a table"):
        rebuild(tmp_path)


def test_pngs_look_the_same_with_fewer_colours(results, tmp_path):
    rows = read_rows(results / "made-0")
    figure = row_figures(leaderboard(rows), rows, None)["leaderboard"]()
    buffer = io.BytesIO()
    figure.savefig(buffer, bbox_inches="tight", format="png")
    save(figure, tmp_path / "small.png")
    exact = np.asarray(Image.open(buffer).convert("RGB"), dtype=float)
    kept = np.asarray(Image.open(tmp_path / "small.png").convert("RGB"), dtype=float)
    assert kept.shape == exact.shape
    assert np.abs(kept - exact).max() < 40
    assert np.abs(kept - exact).mean() < 0.5
    assert (tmp_path / "small.png").stat().st_size < 0.6 * len(buffer.getvalue())


def test_texts_are_those_that_were_written(results):
    rows = read_rows(results / "ladder-1")
    texts = table_texts(leaderboard(rows), rows, None)
    assert set(texts) == {"leaderboard.csv", "leaderboard.md", "pairwise.csv", "curves.csv"}
    for name, text in texts.items():
        assert (results / "ladder-1" / name).read_text() == text
