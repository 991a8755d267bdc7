"""Latents side by side, and how alike they are."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made import METHODS, failed_row, made_rows
from scipy.stats import ortho_group

from simbench.board.leaderboard import leaderboard
from simbench.report.figures import draw_similarity
from simbench.report.gallery import N_ROWS, choose_methods, draw_gallery, lay_out, similarity
from simbench.report.style import PAGE, save

RNG = np.random.default_rng(0)
NO_SCORES = made_rows().iloc[:0]


def test_the_oracle_comes_first_and_the_yardsticks_are_never_left_out():
    methods = METHODS | {f"method{i}": ("outside", 0.9 - i / 100) for i in range(12)}
    methods |= {"untrained": ("control", 0.2)}
    board = leaderboard(made_rows(methods))
    chosen = choose_methods(board, set(methods))
    assert len(chosen) == N_ROWS
    assert chosen[0] == "spikes"
    assert {"pca", "trace-stats", "untrained"} < set(chosen)
    assert chosen[1:5] == board.ranked[:4]
    assert [m for m in board.table.index if m in chosen[1:]] == chosen[1:]
    assert choose_methods(board, {"fa", "chance"}) == ["fa"]


def test_a_method_is_shown_once():
    methods = METHODS | {"avae[beta=0]": ("learned", 0.85), "ica[n_components=3]": ("linear", 0.6)}
    chosen = choose_methods(leaderboard(made_rows(methods)), set(methods))
    assert {"avae", "ica[n_components=3]"} < set(chosen)
    assert "avae[beta=0]" not in chosen


def test_methods_that_failed_are_not_shown():
    rows = made_rows()
    rows = rows[rows["method"] != "avae"]
    board = leaderboard(pd.concat([rows, failed_row(rows, "avae", "out of memory")]))
    assert "avae" not in choose_methods(board, set(METHODS))


@pytest.fixture
def latents(tiny_dataset):
    n = len(tiny_dataset.labels)
    return {"pca": RNG.normal(size=(n, 3)), "$x_{": RNG.normal(size=(n, 8))}


def test_all_columns_show_the_same_held_out_neurons(latents, tiny_dataset):
    figure = draw_gallery(latents, tiny_dataset, NO_SCORES)
    panels = np.array(figure.axes[: 3 * len(latents)]).reshape(len(latents), 3)
    n_shown = min(600, tiny_dataset.test_neurons.sum())
    for row, name in zip(panels, latents):
        places = [axis.collections[0].get_offsets() for axis in row]
        assert all(np.array_equal(places[0], other) for other in places)
        assert len(places[0]) == n_shown
        assert row[0].get_ylabel().replace("\\", "") == name
    assert [axis.get_title() for axis in panels[0]] == [
        "firing type", f"culture ({tiny_dataset.test.sum()} held out)", "rate (Hz)",
    ]  # fmt: skip
    assert figure.get_figwidth() == PAGE


def test_a_name_of_60_letters_fits_beside_its_row(latents, tiny_dataset):
    name = "a-method-with-a-long-name" + "[" + "x" * 34 + "]"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_gallery(
            {"pca": latents["pca"], name[:60]: latents["pca"]}, tiny_dataset, NO_SCORES
        )
        figure.draw_without_rendering()
    panel, label = figure.axes[3].get_window_extent(), figure.axes[3].yaxis.label
    assert "a-method-with-a" in label.get_text()
    assert label.get_window_extent().height < 1.1 * panel.height
    assert panel.height > 0.7 * figure.dpi


def test_colours_are_those_of_the_neurons(latents, tiny_dataset):
    """Points are shuffled; a layout that is the label itself must come out sorted by colour."""
    kinds = tiny_dataset.labels["firing_type"].to_numpy(str)
    codes = np.unique(kinds, return_inverse=True)[1].astype(float)
    figure = draw_gallery(
        {"types": 100 * codes[:, None] + RNG.random((len(codes), 1))}, tiny_dataset,
        NO_SCORES,
    )  # fmt: skip
    points = figure.axes[0].collections[0]
    colors = [tuple(c) for c in points.get_facecolors()]
    assert len(set(colors)) == len(np.unique(kinds[tiny_dataset.test_neurons]))
    counts = sorted(colors.count(c) for c in set(colors))
    assert counts == sorted(np.unique(kinds[tiny_dataset.test_neurons], return_counts=True)[1])


def test_scores_are_written_into_the_panels(latents, tiny_dataset):
    rows = made_rows({"pca": ("linear", 0.5)})
    culture = rows.iloc[:1].assign(
        target="culture", metric="culture_accuracy", probe="none", split="culture", value=0.987
    )
    figure = draw_gallery(latents, tiny_dataset, pd.concat([rows, culture]))
    shown = rows.query("target == 'firing_type' and probe == 'linear' and split == 'culture'")
    texts = [axis.texts[0].get_text() for axis in figure.axes[:6]]
    assert texts == [f"accuracy {shown['value'].item():.2f}", "accuracy 0.99", "", "", "", ""]


def test_a_scenario_without_classes_colours_by_its_number(latents, tiny_dataset):
    numbers = tiny_dataset.scenario.model_copy(update={"targets": ["in_degree"]})
    figure = draw_gallery(latents, replace(tiny_dataset, scenario=numbers), NO_SCORES)
    assert figure.axes[0].get_title() == "in degree"


@pytest.mark.parametrize("n_components", [1, 2, 9])
def test_neighbours_stay_together(n_components):
    heaps = np.repeat(np.arange(3), 40)
    z = RNG.normal(size=(120, n_components)) + 30 * heaps[:, None]
    points = lay_out(z)
    assert points.shape == (120, 2)
    distance = np.linalg.norm(points[:, None] - points, axis=-1) + 1e9 * np.eye(120)
    assert (heaps[distance.argmin(axis=1)] == heaps).all()
    assert np.array_equal(points, lay_out(z))


@pytest.mark.parametrize("z", [np.ones((50, 3)), np.zeros((2, 2)), np.eye(5)])
def test_poor_latents_have_a_place_too(z):
    assert np.isfinite(lay_out(z)).all()


def test_files_are_small(latents, tiny_dataset, tmp_path):
    save(draw_gallery(latents, tiny_dataset, NO_SCORES), tmp_path / "latents.png")
    assert (tmp_path / "latents.png").stat().st_size < 500_000


def test_similarity_is_one_for_rotated_latents_and_nought_for_noise():
    z = RNG.normal(size=(400, 4))
    table = similarity(
        {
            "a": z,
            "rotated": 5 * z @ ortho_group.rvs(4, random_state=0),
            "noise": RNG.random((400, 9)),
        }
    )
    assert table.loc["a", "rotated"] == pytest.approx(1, abs=0.02)
    assert table.loc["a", "noise"] == pytest.approx(0, abs=0.02)
    assert np.array_equal(table, table.T)
    assert (np.diag(table) == 1).all()
    figure = draw_similarity(table)
    shown = [t.get_text() for t in figure.axes[0].texts]
    assert len(shown) == 3
    assert f"{table.loc['a', 'rotated']:.2f}" in shown
