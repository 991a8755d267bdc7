import json

import numpy as np
import pandas as pd
import pytest

from simbench import SimbenchError, benchmark, evaluate
from simbench.leaderboard import bootstrap_interval, leaderboard, markdown
from simbench.methods import registry
from simbench.rows import read_rows, write_rows

METHODS = ["pca", "trace-stats"]
TIMING = ["seconds", "peak_memory_mb"]


@pytest.fixture(scope="module")
def rows(tiny):
    return benchmark.run(benchmark.plan([tiny], METHODS, seed=1))


def test_plan_always_holds_floor_and_ceiling(tiny):
    assert [u.method for u in benchmark.plan([tiny], ["pca"])] == ["chance", "spike-oracle", "pca"]
    default = {name for name, entry in registry.METHODS.items() if entry.default}
    assert {u.method for u in benchmark.plan([tiny])} == default
    with pytest.raises(SimbenchError, match="unknown method 'psa'; known: .*pca"):
        benchmark.plan([tiny], ["psa"])


def test_rows_are_complete(rows, tiny):
    assert (rows["status"] == "ok").all()
    assert len(rows) == 4 * len(tiny.targets) * 2 * 2
    assert rows[["value", "chance", "ceiling", "seconds", "n_components"]].notna().all().all()
    oracle = rows[rows["method"] == "spike-oracle"]
    np.testing.assert_array_equal(oracle["value"], oracle["ceiling"])
    floor = rows[rows["method"] == "chance"]
    np.testing.assert_array_equal(floor["value"], floor["chance"])


def test_row_values_do_not_depend_on_workers(rows, tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    again = benchmark.run(benchmark.plan([tiny], METHODS, seed=1), n_jobs=2)
    pd.testing.assert_frame_equal(rows.drop(columns=TIMING), again.drop(columns=TIMING))


def test_both_doors_lead_to_the_same_scores(rows, tiny, tiny_dataset):
    unit = benchmark.Unit(tiny, 1, "pca")
    by_hand = evaluate(benchmark.latents_of(unit), tiny_dataset)
    stored = rows[rows["method"] == "pca"].reset_index(drop=True)
    columns = ["target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"]
    pd.testing.assert_frame_equal(by_hand[columns], stored[columns])


class Broken:
    def fit(self, X):
        raise RuntimeError("no\nluck")

    def transform(self, X):
        return X


def test_a_failure_is_a_row_and_is_not_kept(tiny, monkeypatch):
    entry = registry.MethodEntry("learned", f"{__name__}:Broken", "fails", "here")
    monkeypatch.setitem(registry.METHODS, "broken", entry)
    units = benchmark.plan([tiny], ["broken", "pca"], seed=1)
    rows = benchmark.run(units)
    failed = rows[rows["method"] == "broken"]
    assert len(failed) == 1
    assert failed["status"].item() == "failed"
    assert failed["error"].item() == "RuntimeError: no luck"
    assert not benchmark.Unit(tiny, 1, "broken").is_cached
    assert (rows.loc[rows["method"] == "pca", "status"] == "ok").all()
    table = leaderboard(rows)
    assert "failed: RuntimeError: no luck" in markdown(table)
    assert np.isnan(table.loc["broken", ("method", "recovery")])


def test_rows_survive_the_file_and_replace_only_their_own(rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    write_rows(path, rows)
    read = read_rows(tmp_path)
    pd.testing.assert_frame_equal(read, rows, check_dtype=False)
    pca = rows[rows["method"] == "pca"].assign(value=0.25)
    merged = write_rows(path, pca)
    assert len(merged) == len(read_rows(path)) == len(rows)
    assert (merged.loc[merged["method"] == "pca", "value"] == 0.25).all()
    other_version = rows.assign(scenario_digest="another")
    assert len(write_rows(path, other_version)) == len(rows)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "line 1: not a JSON row"), ("3", "not a JSON row"), ("{}", "lacks 'ceiling'")],
)
def test_broken_rows_are_refused(tmp_path, text, complaint):
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(SimbenchError, match=complaint):
        read_rows(tmp_path)


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(SimbenchError, match="no rows.jsonl there"):
        read_rows(tmp_path)


def made_rows(per_culture, method="m", target="firing_type", family="linear", chance=0.5):
    return pd.DataFrame(
        [
            {
                "scenario": "s", "seed": 0, "method": method, "family": family, "target": target,
                "probe": "linear", "split": split, "value": np.mean(per_culture) + shift,
                "per_culture": per_culture, "chance": chance, "ceiling": 0.9, "status": "ok",
                "error": None, "n_components": 2, "seconds": 1.0,
            }
            for split, shift in (("culture", 0.0), ("neuron", 0.125))
        ]
    )  # fmt: skip


def test_leaderboard_numbers_are_those_of_the_rows():
    table = leaderboard(pd.concat([made_rows([0.6, 0.8]), made_rows([0.7, 0.9], "better")]))
    assert list(table.index) == ["better", "m"]
    line = table.loc["m", "firing_type"]
    assert line["score"] == pytest.approx(0.7)
    assert line["recovery"] == pytest.approx(0.5)
    assert line["leakage_gap"] == pytest.approx(0.125)
    assert line["low"] == pytest.approx(0.6)
    assert line["high"] == pytest.approx(0.8)


def test_a_missing_target_is_missing_and_not_averaged_away():
    rows = pd.concat([
        made_rows([0.6, 0.8]), made_rows([0.6, 0.8], target="in_degree"),
        made_rows([0.9, 0.9], "half"),
    ])  # fmt: skip
    table = leaderboard(rows)
    assert np.isnan(table.loc["half", ("method", "recovery")])
    assert list(table.index) == ["m", "half"]


def test_controls_stand_below_the_ranking():
    rows = pd.concat([made_rows([0.9], "oracle", family="control"), made_rows([0.6, 0.8])])
    assert list(leaderboard(rows).index) == ["m", "oracle"]
    assert "| 1 | m |" in markdown(leaderboard(rows))


def test_bootstrap_interval_agrees_with_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(0).normal(0.7, 0.1, 20)
    low, high = bootstrap_interval(values)
    expected = bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", rng=1
    ).confidence_interval
    assert low == pytest.approx(expected.low, abs=0.004)
    assert high == pytest.approx(expected.high, abs=0.004)
    assert np.isnan(bootstrap_interval(np.array([1.0]))).all()


def test_rows_are_plain_json(rows, tmp_path):
    write_rows(tmp_path / "rows.jsonl", rows)
    for line in (tmp_path / "rows.jsonl").read_text().splitlines():
        assert json.loads(line)["scenario"] == "tiny"
