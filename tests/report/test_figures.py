import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import METHODS, made_rows
from made_files import CELLS, write_cells
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection

from simbench.benchmark.rows import read_rows
from simbench.board.leaderboard import leaderboard
from simbench.core.files import validated
from simbench.core.text import MISSING
from simbench.data.simulation import simulate
from simbench.report.figures import (
    draw_curves,
    draw_leaderboard,
    draw_pairwise,
    draw_traces,
    metric_name,
)
from simbench.report.level_tables import (
    axis_name,
    find_scenario,
    is_log,
    level_scores,
    taught_curve,
)
from simbench.report.result_tables import row_figures
from simbench.report.style import COLUMN, METHOD_COLORS, PAGE, save
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import load_scenario

LEVELS = ("0.3", "1.2", "5.0")


@pytest.fixture(scope="module")
def ladder():
    return made_rows(METHODS | {"$x_{": ("outside", 0.6)}, "ladder", levels=LEVELS)


def drawn(figure):
    figure.canvas.draw()
    return figure


def boxes(texts, figure):
    renderer = figure.canvas.get_renderer()
    return {t.get_text(): t.get_window_extent(renderer) for t in texts if t.get_text()}


@pytest.mark.parametrize("ceiling", [0.9, 0.31, 0.3, 0.29])
def test_labels_of_floor_and_ceiling_stay_clear_of_axes_and_names(ceiling):
    # all scores just above the floor: it lies at the left edge, where the axis is
    rows = made_rows({name: (family, place / 20) for name, (family, place) in METHODS.items()})
    figure = drawn(draw_leaderboard(leaderboard(rows.assign(ceiling=ceiling))))
    for axis in figure.axes:
        found = boxes([*axis.texts, axis.title], figure)
        assert {"floor", "ceiling"} <= set(found)
        area = axis.get_window_extent()
        assert all(box.y0 >= area.y1 for box in found.values())
        texts = list(found.values())
        assert not any(a.overlaps(b) for i, a in enumerate(texts) for b in texts[:i])


def test_points_stand_at_the_scores_and_controls_are_lines():
    board = leaderboard(made_rows())
    figure = draw_leaderboard(board)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == board.ranked
    (points,) = (x for x in figure.axes[0].collections if isinstance(x, PathCollection))
    np.testing.assert_allclose(
        points.get_offsets()[:, 0], board.table.loc[names, ("firing_type", "score")].astype(float)
    )


@pytest.mark.parametrize("draw", [draw_leaderboard, draw_pairwise])
def test_widths_are_those_of_a_journal_and_text_is_readable(draw, ladder):
    figure = drawn(draw(leaderboard(ladder)))
    assert any(figure.get_figwidth() == pytest.approx(width) for width in (COLUMN, PAGE))
    sizes = [t.get_fontsize() for t in figure.findobj(plt.Text) if t.get_text()]
    assert min(sizes) >= 5
    assert max(sizes) <= 10


def test_pairwise_shows_the_p_values_of_the_board():
    board = leaderboard(made_rows())
    figure = draw_pairwise(board)
    shown = {t.get_text() for t in figure.axes[0].texts}
    p = board.p_values["all targets"].to_numpy()
    p = p[np.tril_indices(len(p), -1)]
    assert len(figure.axes[0].texts) == len(p)
    assert shown == {"<.001" if v < 0.001 else f"{v:.2g}".removeprefix("0") for v in p}


def test_a_pair_that_was_not_compared_has_no_p():
    board = leaderboard(made_rows())
    p = board.p_values["all targets"]
    p.loc["pca", "avae"] = p.loc["avae", "pca"] = np.nan
    shown = [t.get_text() for t in draw_pairwise(board).axes[0].texts]
    assert shown.count(MISSING) == 1


def test_votes_are_called_shares_of_cultures():
    board = leaderboard(made_rows(targets=("firing_type",)).assign(metric="vote_accuracy"))
    assert metric_name("firing_type", board) == "share of cultures named rightly"


def test_curves_go_through_the_scores_of_their_levels(ladder):
    levels = level_scores(ladder)
    expected = ladder.query(
        "method == 'avae' and target == 'firing_type' and probe == 'linear' and split == 'culture'"
    )["value"]
    table = levels["firing_type"].query("method == 'avae'")
    np.testing.assert_allclose(table["score"], expected)
    assert table["x"].tolist() == [0.3, 1.2, 5.0]
    assert (table["low"] < table["score"]).all()
    assert (table["score"] < table["high"]).all()
    figure = drawn(draw_curves(leaderboard(ladder), levels, "noise"))
    (line,) = (x for x in figure.axes[0].lines if x.get_label() == "avae")
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert line.get_color() == METHOD_COLORS["avae"]
    assert figure.axes[0].get_xscale() == "log"
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0.3", "1.2", "5"]


def test_one_size_makes_no_curve():
    rows = made_rows(METHODS | {"traces-taught": ("control", 0.9)})
    assert taught_curve(rows) == {}
    more = made_rows({"traces-taught[n_cultures=20]": ("control", 0.6)})
    both = taught_curve(pd.concat([rows, more], ignore_index=True))["firing_type"]
    assert both[both["method"] == "pca"]["level"].tolist() == ["20", "320"]
    assert both[both["method"] == "traces-taught"]["score"].is_monotonic_increasing


def test_levels_that_are_no_numbers_keep_their_order():
    rows = made_rows(levels=("GCaMP6s", "jGCaMP8f"))
    assert level_scores(rows)["firing_type"]["x"].unique().tolist() == [0, 1]
    assert level_scores(made_rows()) == {}
    assert not is_log(pd.Series([0, 1, 20]))
    assert not is_log(pd.Series([1, 2, 4]))
    assert is_log(pd.Series([0.3, 5]))


def test_a_scenario_is_the_rows_own_or_none(tmp_path):
    scenario = load_scenario("quickstart")
    rows = made_rows(scenario="quickstart").assign(scenario_digest=scenario.digest())
    assert find_scenario(rows, tmp_path) == scenario
    assert find_scenario(rows.assign(scenario_digest="other"), tmp_path) is None
    assert find_scenario(rows.assign(scenario="unknown"), tmp_path) is None
    noisy = scenario.model_copy(update={"levels": {"imaging.nu": [0.3, 1.2]}})
    assert axis_name(noisy) == "noise ν (%/√Hz)"
    assert axis_name(None) == axis_name(scenario) == "level"


def test_figures_are_the_same_bytes_every_time(tmp_path):
    for name in ("one", "two"):
        figure = draw_leaderboard(leaderboard(made_rows()))
        save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    for kind in ("png", "svg"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    assert (tmp_path / "one.svg").read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize("kept", ["", "chance|spikes|a-method"])
def test_a_name_of_60_letters_leaves_the_axes_their_room(kept):
    """On the quickstart board, and on one that it has for itself."""
    folder = Path(__file__).parents[2] / "results" / "quickstart"
    name = "a-method-with-a-long-name[and=settings, that=are, longer=yet]"[:60]
    rows = read_rows(folder)
    rows = pd.concat([rows, rows[rows["method"] == "pca"].assign(method=name)], ignore_index=True)
    rows = rows[rows["method"].str.contains(kept)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind, draw in row_figures(leaderboard(rows), rows, None).items():
            drawn(figure := draw())
            areas = [axis.get_window_extent() for axis in figure.axes]
            assert sum(area.width for area in areas) > 0.5 * figure.bbox.width
            assert min(area.height for area in areas) > 0.2 * figure.bbox.height
            labels = boxes(figure.axes[0].get_yticklabels(), figure)
            places = sorted(labels.values(), key=lambda box: box.y0)
            assert not any(a.overlaps(b) for a, b in itertools.pairwise(places))
            if kind == "leaderboard":
                assert any("a-method-with-a-long-name" in label for label in labels)


def kinds(figure):
    return [axis.get_ylabel() for axis in figure.axes]


def test_traces_are_two_of_each_type_of_one_culture(tiny):
    dataset = simulate(tiny, 3)
    types = set(dataset.recordings[-1].truth.labels["firing_type"])
    figure = draw_traces(dataset)
    assert kinds(figure) == sorted([*types, *types])
    assert "one held-out culture" in figure.get_suptitle()


def test_traces_of_single_cells_are_of_several(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_REAL", str(write_cells(tmp_path)))
    dataset = simulate(validated(Scenario, CELLS), 3)
    figure = draw_traces(dataset)
    assert len(figure.axes) == min(8, dataset.test.sum()) > 2
    assert set(kinds(figure)) == {"GCaMP6s", "jGCaMP8f"}
    drawn = [axis.lines[0].get_ydata() for axis in figure.axes]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(drawn, 2))
