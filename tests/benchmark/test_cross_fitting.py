"""Folds and trainings: each culture tests once, and what trainings differ by is kept."""

import numpy as np
import pytest

from simbench import SimbenchError, load_scenario
from simbench.benchmark.folds_and_trainings import joined
from simbench.benchmark.plan import Unit, plan
from simbench.benchmark.rows import ROWS_FILE, read_rows, write_rows
from simbench.benchmark.run import run
from simbench.data.splits import held_out_recordings


@pytest.fixture(scope="module")
def crossed(tiny):
    split = tiny.split.model_copy(update={"cross_fitted": True})
    return tiny.model_copy(update={"split": split})


def test_each_culture_tests_once(crossed):
    assert crossed.n_folds == 2
    tests = [held_out_recordings(crossed, 1, fold) for fold in range(2)]
    assert (np.sum(tests, axis=0) == 1).all()
    np.testing.assert_array_equal(tests[0], held_out_recordings(crossed, 1))


def test_only_networks_are_trained_again_and_only_on_the_first_seed(crossed):
    units = plan([crossed], ["pca", "avae"], [3, 4], trainings=5)
    count = {
        (name, seed): sum(u.method == name and u.seed == seed for u in units)
        for name in ("pca", "avae") for seed in (3, 4)
    }  # fmt: skip
    assert count == {("pca", 3): 2, ("pca", 4): 2, ("avae", 3): 10, ("avae", 4): 2}


def test_rows_hold_every_culture_once(crossed, tmp_path):
    units = [unit for unit in plan([crossed], ["pca"], [1]) if unit.method == "pca"]
    rows = run(units)
    assert (rows["status"] == "ok").all()
    assert not rows.duplicated(["method", "target", "metric", "probe", "split"]).any()
    mine = rows[(rows["split"] == "culture") & (rows["probe"] == "linear")]
    mine = mine[mine["per_culture"].map(len) > 0]
    assert (mine["per_culture"].map(len) == crossed.replicates * len(crossed.conditions)).all()
    for row in mine.itertuples():
        assert row.value == pytest.approx(np.nanmean(row.per_culture))
    once = run([unit for unit in units if unit.fold == 0])
    first, both = (table[table["metric"] == "balanced_accuracy"].iloc[0] for table in (once, rows))
    assert both["per_culture"][: len(first["per_culture"])] == first["per_culture"]
    write_rows(tmp_path / ROWS_FILE, rows)
    assert len(read_rows(tmp_path)) == len(rows)


def result(value, per_culture, split="culture", **others):
    row = {"target": "t", "metric": "m", "probe": "linear", "split": split, "value": value,
           "per_culture": per_culture, **others}  # fmt: skip
    return {"status": "ok", "seconds": 1.0, "peak_memory_mb": 5.0, "scores": [row]}


def test_trainings_are_averaged_and_kept(tiny):
    results = {
        Unit(tiny, 1, "avae", "", fold, training): result(
            0.5, [0.1 * fold + 0.01 * training], confusion={"a": {"a": 0.5 + 0.1 * fold}}
        )
        for training in range(3)
        for fold in range(2)
    }
    (row,) = joined(results)[Unit(tiny, 1, "avae")]["scores"]
    assert row["per_culture"] == pytest.approx([0.01, 0.11])
    expected = [[0.0, 0.1], [0.01, 0.11], [0.02, 0.12]]
    np.testing.assert_allclose(row["per_training"], expected)
    assert row["value"] == pytest.approx(0.06)
    assert row["confusion"] == {"a": {"a": pytest.approx(0.55)}}


def test_a_split_by_neuron_scores_all_cultures_in_each_fold(tiny):
    folds = {
        Unit(tiny, 1, "pca", "", fold): result(0.5 + fold, [0.2 + fold, 0.4 + fold], "neuron")
        for fold in range(2)
    }
    (row,) = joined(folds)[Unit(tiny, 1, "pca")]["scores"]
    assert row["per_culture"] == pytest.approx([0.7, 0.9])
    assert row["value"] == pytest.approx(1.0)


def test_a_failed_fold_is_a_failed_unit(tiny):
    failed = {"status": "failed", "error": "no luck", "scores": []}
    results = {Unit(tiny, 1, "pca"): result(0.5, [0.5]), Unit(tiny, 1, "pca", "", 1): failed}
    assert joined(results) == {Unit(tiny, 1, "pca"): failed}


def test_where_it_makes_no_sense_it_is_refused():
    scenario = load_scenario("quickstart")
    split = {"cross_fitted": True, "train_with": {"imaging.indicator": "GCaMP6f"}}
    with pytest.raises(SimbenchError, match="cross_fitted: allowed without train_with"):
        scenario.model_copy(update={"split": split})
    with pytest.raises(SimbenchError, match="without a rest"):
        scenario.model_copy(update={"split": {"cross_fitted": True, "test_fraction": 0.3}})


def test_a_class_that_one_fold_never_names_keeps_its_share(tiny):
    tables = [
        {"x": {"x": 1.0}, "y": {"x": 1.0}},
        {"x": {"x": 0.5, "y": 0.5}, "y": {"y": 1.0}, "z": {"x": 0.25, "y": 0.75}},
    ]
    results = {
        Unit(tiny, 1, "pca", "", fold): result(0.5, [0.5], confusion=table)
        for fold, table in enumerate(tables)
    }
    (row,) = joined(results)[Unit(tiny, 1, "pca")]["scores"]
    assert row["confusion"] == {
        "x": {"x": 0.75, "y": 0.25}, "y": {"x": 0.5, "y": 0.5}, "z": {"x": 0.25, "y": 0.75},
    }  # fmt: skip
