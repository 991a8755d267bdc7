import gzip
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simbench import SimbenchError, evaluate
from simbench.benchmark import run as benchmark
from simbench.benchmark.rows import ROWS_FILE, read_rows, read_text, write_rows
from simbench.board.leaderboard import leaderboard
from simbench.methods import registry
from simbench.scoring import HEADLINE

METHODS = ["pca", "trace-stats"]
TIMING = ["seconds", "peak_memory_mb"]


@pytest.fixture(scope="module")
def rows(tiny):
    return benchmark.run(benchmark.plan([tiny], METHODS, seeds=[1]))


def test_plan_always_holds_the_controls(tiny):
    planned = [unit.method for unit in benchmark.plan([tiny], ["pca"])]
    assert planned == ["chance", "spike-oracle", "trace-stats", "untrained", "pca"]
    default = {name for name, entry in registry.METHODS.items() if entry.default}
    assert {u.method for u in benchmark.plan([tiny])} == default
    with pytest.raises(SimbenchError, match="unknown method 'psa'; known: .*pca"):
        benchmark.plan([tiny], ["psa"])


def test_a_scenario_may_name_the_methods_that_it_is_made_for(tiny):
    made_for = tiny.model_copy(update={"methods": ["nmf"]})
    assert made_for.digest() == tiny.digest()
    for asked in ([], ["all"]):
        methods = [unit.method for unit in benchmark.plan([made_for], asked)]
        assert methods == [*benchmark.CONTROLS, "nmf"]
    with_another = [unit.method for unit in benchmark.plan([made_for], ["all", "pca"])]
    assert with_another == [*benchmark.CONTROLS, "nmf", "pca"]
    assert benchmark.plan([made_for], ["pca"]) == benchmark.plan([tiny], ["pca"])
    with pytest.raises(SimbenchError, match="unknown method 'psa'"):
        benchmark.plan([tiny.model_copy(update={"methods": ["psa"]})])


def test_variants_of_a_scenario_run_beside_all_methods_only(tiny):
    widened = tiny.model_copy(update={"variants": ["pca[n_components=3]"]})
    assert widened.digest() == tiny.digest()
    assert benchmark.plan([widened]) == benchmark.plan([tiny])
    everything = [unit.method for unit in benchmark.plan([tiny], ["all"])]
    assert [u.method for u in benchmark.plan([widened], ["all"])] == [
        *everything,
        "pca[n_components=3]",
    ]
    more = [unit.method for unit in benchmark.plan([widened], ["all", "windowed-pca"])]
    assert more == [*everything, "pca[n_components=3]", "windowed-pca"]
    with pytest.raises(SimbenchError, match="unknown method 'psa'"):
        benchmark.plan([tiny.model_copy(update={"variants": ["psa"]})], ["all"])


def test_rows_are_complete(rows, tiny):
    assert (rows["status"] == "ok").all()
    headline = rows[rows["metric"].isin(HEADLINE)]
    assert len(headline) == 5 * len(tiny.targets) * 2 * 2
    assert headline[["value", "chance", "ceiling", "seconds", "n_components"]].notna().all().all()
    assert {"kmeans_ari", "culture_accuracy"} <= set(rows["metric"])
    assert rows.loc[rows["probe"] == "none", "recovery"].isna().all()
    oracle = rows[rows["method"] == "spike-oracle"]
    np.testing.assert_array_equal(oracle["value"], oracle["ceiling"])
    floor = rows[rows["method"] == "chance"]
    np.testing.assert_array_equal(floor["value"], floor["chance"])


def test_row_values_do_not_depend_on_workers(rows, tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    again = benchmark.run(benchmark.plan([tiny], METHODS, seeds=[1]), n_jobs=2)
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
    units = benchmark.plan([tiny], ["broken", "pca"], seeds=[1])
    rows = benchmark.run(units)
    failed = rows[rows["method"] == "broken"]
    assert len(failed) == 1
    assert failed["status"].item() == "failed"
    assert failed["error"].item() == "RuntimeError: no luck"
    assert not benchmark.Unit(tiny, 1, "broken").is_cached
    assert (rows.loc[rows["method"] == "pca", "status"] == "ok").all()
    table = leaderboard(rows)
    assert table.loc["broken", ("method", "status")] == "RuntimeError: no luck"
    assert np.isnan(table.loc["broken", ("method", "recovery")])


DEADLY = """
import os

class Dies:
    def transform(self, X):
        return X

    def fit(self, X):
        os._exit(9)

class Exits(Dies):
    def fit(self, X):
        raise SystemExit(3)
"""


def test_a_method_that_kills_its_process_fails_alone(rows, tiny, tmp_path):
    path = tmp_path / "deadly.py"
    path.write_text(DEADLY)
    units = benchmark.plan([tiny], [f"{path}:Dies", f"{path}:Exits", "pca"], seeds=[1])
    made = benchmark.run(units, n_jobs=2).set_index("method")
    assert made.loc[f"{path}:Dies", "error"] == "WorkerDied: worker process died: out of memory?"
    assert made.loc[f"{path}:Exits", "error"] == "SystemExit: 3"
    for name in ("pca", *benchmark.CONTROLS):
        assert (made.loc[name, "status"] == "ok").all()


def test_ctrl_c_in_a_method_stops_the_run(tiny, tmp_path):
    path = tmp_path / "stopped.py"
    path.write_text(DEADLY.replace("SystemExit(3)", "KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        benchmark.run(benchmark.plan([tiny], [f"{path}:Exits"], seeds=[1]))


def test_a_row_tells_the_version_of_an_extra(tiny, monkeypatch):
    entry = registry.MethodEntry(
        "linear", "sklearn.decomposition:PCA", "needy", "here", needs="pytest"
    )
    monkeypatch.setitem(registry.METHODS, "needy", entry)
    rows = benchmark.run(benchmark.plan([tiny], ["needy", "pca"], seeds=[1])).set_index("method")
    assert rows.loc["needy", "versions"].iloc[0]["pytest"] == pytest.__version__
    assert "pytest" not in rows.loc["pca", "versions"].iloc[0]
    assert "device" not in rows.loc["pca", "versions"].iloc[0]


def test_rows_survive_the_file_and_replace_only_their_own(rows, tmp_path):
    path = tmp_path / ROWS_FILE
    written = write_rows(path, rows)
    read = read_rows(tmp_path)
    pd.testing.assert_frame_equal(read, written, check_dtype=False)
    rest = rows.columns.drop("per_culture")
    pd.testing.assert_frame_equal(read[rest], rows[rest], check_dtype=False)
    for kept, exact in zip(read["per_culture"], rows["per_culture"]):
        np.testing.assert_allclose(kept, exact, atol=5.01e-6)
    pca = rows[rows["method"] == "pca"].assign(value=0.25)
    merged = write_rows(path, pca)
    assert len(merged) == len(read_rows(path)) == len(rows)
    assert (merged.loc[merged["method"] == "pca", "value"] == 0.25).all()
    assert len(write_rows(path, rows.assign(scenario_version=2))) == len(rows)


def test_rows_of_a_changed_scenario_need_a_new_version(rows, tmp_path):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows)
    before = path.read_bytes()
    changed = rows.assign(scenario_digest="another")
    with pytest.raises(SimbenchError, match="another scenario that is called tiny v1; raise"):
        write_rows(path, changed)
    assert path.read_bytes() == before
    assert len(write_rows(path, changed.assign(scenario_version=2))) == len(rows)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not a JSON row"), ("3", "not a JSON row"), ("", "not a JSON row"),
        ("[" * 100_000, "not a JSON row"), ('{"a":' * 100_000, "not a JSON row"),
        ("{}", "missing key 'scenario'"),
    ],
)  # fmt: skip
def test_broken_rows_are_refused(tmp_path, text, complaint):
    (tmp_path / ROWS_FILE).write_bytes(gzip.compress(f"{text}\n".encode()))
    with pytest.raises(SimbenchError, match=rf"rows.jsonl.gz, line 1: {complaint}$"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"value": "abc"}, "value = 'abc': "), ({"per_culture": "abc"}, "per_culture = 'abc': "),
        ({"per_culture": None}, "per_culture = null beside a metric"),
        ({"per_culture": [0.5, "x"]}, "per_culture.1 = 'x': "),
        ({"scenario_digest": None}, "scenario_digest = None: "), ({"seed": "x"}, "seed = 'x': "),
        ({"seed": None}, "seed = None: "), ({"seed": -1}, "seed = -1: "),
        ({"status": None}, "status = None: "), ({"status": "maybe"}, "status = 'maybe': "),
        ({"family": ...}, "missing key 'family'"), ({"mood": 1}, "unknown key 'mood'"),
        ({"scenario_digest": ...}, "missing key 'scenario_digest'"),
        ({"value": "x" * 10_000}, "value = 'xxx"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_one_is_told_by_file_line_and_key(rows, tmp_path, change, complaint):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows.head(2))
    first, second = read_text(path).splitlines()
    changed = {key: value for key, value in (json.loads(second) | change).items() if value != ...}
    path.write_bytes(gzip.compress(f"{first}\n{json.dumps(changed)}\n".encode()))
    with pytest.raises(SimbenchError, match=rf"rows.jsonl.gz, line 2: {complaint}") as caught:
        read_rows(path)
    assert len(str(caught.value)) < 600


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(SimbenchError, match=r"no rows.jsonl.gz there"):
        read_rows(tmp_path)


def test_damaged_files_of_rows_are_refused_by_name(rows, tmp_path):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows)
    whole = path.read_bytes()
    for damaged in (b"", b"{}", whole[: len(whole) // 2], whole[:-4] + b"\0\0\0\0"):
        path.write_bytes(damaged)
        with pytest.raises(SimbenchError, match=r"rows.jsonl.gz: (truncated|not a JSON)"):
            read_rows(tmp_path)


def test_the_same_rows_give_the_same_bytes(rows, tmp_path, monkeypatch):
    write_rows(tmp_path / "one" / ROWS_FILE, rows)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    write_rows(tmp_path / "two" / ROWS_FILE, rows)
    one, two = ((tmp_path / name / ROWS_FILE).read_bytes() for name in ("one", "two"))
    assert one == two


def test_rows_are_plain_json(rows, tmp_path):
    write_rows(tmp_path / ROWS_FILE, rows)
    for line in read_text(tmp_path / ROWS_FILE).splitlines():
        assert json.loads(line)["scenario"] == "tiny"


@pytest.mark.parametrize("name", ["latents.npy", "scores.json"])
def test_damaged_scores_are_made_again(rows, tiny, name):
    unit = benchmark.Unit(tiny, 1, "pca")
    before = benchmark.latents_of(unit)
    path = unit.folder / name
    path.write_bytes(path.read_bytes()[:-7])
    again = benchmark.run(benchmark.plan([tiny], METHODS, seeds=[1]))
    np.testing.assert_array_equal(benchmark.latents_of(unit), before)
    pd.testing.assert_frame_equal(rows.drop(columns=TIMING), again.drop(columns=TIMING))


def test_a_scenario_that_cannot_be_simulated_does_not_stop_the_others(rows, tiny):
    wiring = tiny.culture.wiring.model_copy(update={"mean_in_degree": 500.0})
    culture = tiny.culture.model_copy(update={"wiring": wiring})
    broken = tiny.model_copy(update={"name": "broken", "culture": culture})
    with pytest.raises(SimbenchError, match="in_degree"):
        benchmark.run(benchmark.plan([broken], METHODS, seeds=[1]))
    both = benchmark.run(benchmark.plan([broken, tiny], METHODS, seeds=[1]))
    assert (both.loc[both["scenario"] == "broken", "status"] == "failed").all()
    assert (both.loc[both["scenario"] == "tiny", "status"] == "ok").all()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_the_peak_of_memory_is_that_of_one_method_and_not_of_those_before():
    def peak_of(megabytes):
        benchmark._forget_peak_memory()
        np.ones(int(megabytes * 1e6 / 8)).sum()
        return benchmark._peak_memory_mb()

    small, large, after = peak_of(1), peak_of(300), peak_of(1)
    assert large > small + 250
    assert after < small + 50


def test_a_target_that_turns_out_to_be_one_class_ends_the_run_before_any_method(tiny):
    """Two in a thousand of 24 neurons are none: the scenario promises two classes."""
    culture = tiny.culture.model_copy(update={"inhibitory_fraction": 0.002, "duration_s": 1.0})
    update = {"culture": culture, "targets": ["inhibitory"], "replicates": 2}
    units = benchmark.plan([tiny.model_copy(update=update)], ["pca"])
    with pytest.raises(SimbenchError, match="'inhibitory' is 'False' in all training cultures"):
        benchmark.run(units)


def test_a_class_that_test_cultures_do_not_share_ends_the_run_before_any_method(tiny):
    units = benchmark.plan([tiny.model_copy(update={"targets": ["culture"]})], ["pca"], seeds=[1])
    with pytest.raises(SimbenchError, match="no class of 'culture' is in training and in test"):
        benchmark.run(units)
