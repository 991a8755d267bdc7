import numpy as np
import pandas as pd
import pytest

from simbench.benchmark.rows import COLUMNS
from simbench.board.leaderboard import leaderboard
from simbench.report.figures import draw_curves
from simbench.report.level_tables import has_reconstruction, level_scores, reconstruction_table
from simbench.report.page_data import view_data
from simbench.report.result_tables import table_texts
from simbench.report.texts import reconstruction_text
from simbench.scoring.trace_metrics import reconstruction_r2, reconstruction_skill

LEVELS = {"60": 0.5, "6": 0.2}
METHODS = {"windowed-pca": 0.0, "avae": 0.2}


def made_rows(seeds=(1, 2)):
    """R2 of 0.5 and 0.2 at two budgets, 0.2 more for the avae; four test cultures around it."""
    rows = []
    for seed in seeds:
        for level, score in LEVELS.items():
            for method, more in METHODS.items():
                values = {
                    "reconstruction_r2": score + more, "reconstruction_skill": 0.1,
                    "values_per_minute": float(level),
                }  # fmt: skip
                if method == "avae":
                    values |= {"coverage": 0.91, "predictive_nll": -1.5}
                rows += [
                    {
                        "scenario": "made", "scenario_version": 1, "scenario_digest": f"d{level}",
                        "level": level, "seed": seed, "method": method, "family": "linear",
                        "target": "trace", "metric": metric, "probe": "none", "split": "culture",
                        "value": value, "cultures": None,
                        "per_culture": [value - 0.1, value, value, value + 0.1],
                        "seconds": 3.0, "status": "ok", "scoring_version": 1,
                    }
                    for metric, value in values.items()
                ]  # fmt: skip
    rows.append(rows[0] | {"method": "fails", "status": "failed", "error": "no", "metric": None})
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def test_table_holds_every_method_and_level():
    table = reconstruction_table(made_rows())
    assert list(table.index) == [(method, level) for level in LEVELS for method in METHODS]
    line = table.loc[("avae", "60")]
    assert line["r2"] == pytest.approx(0.7)
    assert 0.6 <= line["low"] < 0.7 < line["high"] <= 0.8
    assert line[["values_per_minute", "coverage", "nll", "seconds"]].tolist() == [60, 0.91, -1.5, 3]
    assert np.isnan(table.loc[("windowed-pca", "6"), "coverage"])


def test_noisy_trace_is_known_from_score_and_skill():
    rng = np.random.default_rng(0)
    clean, noise, given_back = rng.normal(size=(3, 5, 100))
    noisy = clean + 0.5 * noise
    rows = made_rows(seeds=(1,)).query("method == 'avae' and level == '6'")
    scores = {
        "reconstruction_r2": reconstruction_r2(given_back, clean),
        "reconstruction_skill": reconstruction_skill(given_back, clean, noisy),
    }
    rows = rows.assign(per_culture=[[scores.get(metric, 0.0)] for metric in rows["metric"]])
    found = reconstruction_table(rows)["noisy_r2"].item()
    assert found == pytest.approx(reconstruction_r2(noisy, clean))


def test_text_has_one_line_a_method():
    rows = made_rows()
    texts = table_texts(leaderboard(rows), rows, None)
    assert "| avae | 0.700 | 0.400 | 91.0% | -1.50 | 3 s |" in texts["reconstruction.md"]
    assert "| windowed-pca | 0.500 | 0.200 | – | – | 3 s |" in texts["reconstruction.md"]
    assert texts["reconstruction.md"].splitlines()[-1].startswith("| the noisy trace | 0.")
    assert texts["reconstruction.csv"].startswith("method,level,values_per_minute,r2,low,high")


def test_a_level_that_is_missing_is_a_dash():
    rows = made_rows()
    rows = rows[(rows["method"] != "avae") | (rows["level"] == "6")]
    text = reconstruction_text(reconstruction_table(rows), "latent values")
    assert "| avae | – | 0.400 |" in text


def test_rows_without_reconstruction_have_no_such_table():
    rows = made_rows()
    assert has_reconstruction(rows)
    assert not has_reconstruction(rows[rows["metric"] == "coverage"])


def test_the_board_ranks_nobody_and_the_curves_show_the_trace():
    rows = made_rows()
    board = leaderboard(rows)
    assert board.targets == []
    assert board.table["method", "rank"].isna().all()
    levels = level_scores(rows)
    assert set(levels) == {"trace"}
    assert sorted(levels["trace"]["x"].unique()) == [6, 60]
    axis = draw_curves(board, levels, "latent values").axes[0]
    assert axis.get_ylabel() == "R² of the clean trace"
    drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_allclose(drawn["avae"], [0.4, 0.7])
    view = view_data(rows, "linear", "latent values")
    assert list(view["figures"]) == ["curves"]
    assert view["finding"]["best"] is None
    assert not view["tests"]
