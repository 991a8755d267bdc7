import numpy as np
import pytest
from made import made_rows

from simbench import load_scenario
from simbench.board.leaderboard import leaderboard
from simbench.report.figures import draw_cost
from simbench.report.level_tables import cost_table, has_sizes
from simbench.report.result_tables import row_figures, table_texts
from simbench.report.style import save
from simbench.report.texts import cost_text

SIZES = ("400", "100", "1600")


@pytest.fixture(scope="module")
def rows():
    """Time grows with the size and with the seed; the avae is the dearest at one size only."""
    made = made_rows(scenario="scale", levels=SIZES, seeds=(1, 2))
    size = made["level"].astype(float)
    seconds = size * np.where(made["seed"] == 2, 3, 1)
    seconds = seconds.where((made["method"] != "avae") | (size < 1600), 1e5)
    return made.assign(seconds=seconds, peak_memory_mb=size * 10)


def test_costs_are_means_over_seeds_dearest_first(rows):
    cost = cost_table(rows)
    assert cost["method"].iloc[0] == "avae"
    assert cost["neurons"].tolist() == [100, 400, 1600] * rows["method"].nunique()
    pca = cost[cost["method"] == "pca"].set_index("neurons")
    assert pca["seconds"].tolist() == [200, 800, 3200]
    assert pca["memory_mb"].tolist() == [1000, 4000, 16000]


def test_failed_units_cost_nothing_that_is_known(rows):
    failed = rows.copy()
    failed.loc[(rows["method"] == "pca") & (rows["level"] == "400"), "status"] = "failed"
    cost = cost_table(failed)
    assert cost.loc[cost["method"] == "pca", "neurons"].tolist() == [100, 1600]
    assert "| pca | 3.3 min, 1.0 GB | – | 53.3 min, 16.0 GB |\n" in cost_text(cost)


def test_the_drawing_goes_through_the_costs(rows, tmp_path):
    cost = cost_table(rows)
    figure = draw_cost(cost)
    save(figure, tmp_path / "cost.png")
    for axis, column, scale in zip(figure.axes, ("seconds", "memory_mb"), ("log", "linear")):
        (line,) = (x for x in axis.lines if x.get_label() == "avae")
        np.testing.assert_allclose(line.get_xdata(), [100, 400, 1600])
        np.testing.assert_allclose(line.get_ydata(), cost[cost["method"] == "avae"][column])
        assert (axis.get_xscale(), axis.get_yscale()) == ("log", scale)


def test_only_a_scenario_of_sizes_has_costs(rows):
    assert has_sizes(load_scenario("scale"))
    board = leaderboard(rows)
    for scenario, has_costs in ((load_scenario("scale"), True), (load_scenario("duration"), False)):
        assert has_sizes(scenario) is has_costs
        texts = table_texts(board, rows, scenario)
        assert ("cost.csv" in texts) is ("cost.md" in texts) is has_costs
        assert ("cost" in row_figures(board, rows, scenario)) is has_costs
