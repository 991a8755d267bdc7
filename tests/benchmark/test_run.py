import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from simbench import SimbenchError, evaluate
from simbench.benchmark.plan import CONTROLS, Unit, plan
from simbench.benchmark.reproduce import reproduce
from simbench.benchmark.rows import ROWS_FILE, read_rows, write_rows
from simbench.benchmark.run import latents_of, run
from simbench.board.leaderboard import leaderboard
from simbench.core.parallel import parallel_backend
from simbench.methods import registry
from simbench.report.results_folder import write_results
from simbench.scoring import HEADLINE

METHODS = ["pca", "trace-stats"]
TIMING = ["seconds", "peak_memory_mb"]


def test_nothing_to_run_and_no_training_are_refused(tiny):
    with pytest.raises(SimbenchError, match="run: no units"):
        run([])
    with pytest.raises(SimbenchError, match="trainings = 0; allowed: 1 or more"):
        plan([tiny], ["pca"], trainings=0)


def test_plan_always_holds_the_controls(tiny):
    pytest.importorskip("torch")
    planned = [unit.method for unit in plan([tiny], ["pca"])]
    assert planned == ["chance", "spikes", "trace-stats", "untrained", "pca"]
    default = {name for name, entry in registry.METHODS.items() if entry.default}
    assert {u.method for u in plan([tiny])} == default
    with pytest.raises(SimbenchError, match="unknown method 'psa'; known: .*pca"):
        plan([tiny], ["psa"])


def test_only_statistics_of_spikes_are_left_out_where_spikes_are_unknown(
    tiny, monkeypatch, tmp_path
):
    module = sys.modules["simbench.benchmark.plan"]
    monkeypatch.setattr(module, "knows_spikes", lambda scenario, seed: False)
    monkeypatch.chdir(tmp_path)
    Path("spikesnet.py").write_text("from sklearn.decomposition import PCA as Net\n")
    names = [unit.method for unit in plan([tiny], ["spikesnet.py:Net", "spikes-own"], [1])]
    assert names[-1] == "spikesnet.py:Net"
    assert not {"spikes", "spikes-own"} & set(names)


def test_a_scenario_may_name_the_methods_that_it_is_made_for(tiny):
    pytest.importorskip("torch")
    made_for = tiny.model_copy(update={"methods": ["nmf"]})
    assert made_for.digest() == tiny.digest()
    for asked in ([], ["all"]):
        methods = [unit.method for unit in plan([made_for], asked)]
        assert methods == [*CONTROLS, "nmf"]
    with_another = [unit.method for unit in plan([made_for], ["all", "pca"])]
    assert with_another == [*CONTROLS, "nmf", "pca"]
    assert plan([made_for], ["pca"]) == plan([tiny], ["pca"])
    with pytest.raises(SimbenchError, match="unknown method 'psa'"):
        plan([tiny.model_copy(update={"methods": ["psa"]})])


def test_variants_of_a_scenario_run_beside_all_methods_only(tiny):
    widened = tiny.model_copy(update={"variants": ["pca[n_components=3]"]})
    assert widened.digest() == tiny.digest()
    assert plan([widened]) == plan([tiny])
    everything = [unit.method for unit in plan([tiny], ["all"])]
    assert [u.method for u in plan([widened], ["all"])] == [
        *everything,
        "pca[n_components=3]",
    ]
    more = [unit.method for unit in plan([widened], ["all", "windowed-pca"])]
    assert more == [*everything, "pca[n_components=3]", "windowed-pca"]
    with pytest.raises(SimbenchError, match="unknown method 'psa'"):
        plan([tiny.model_copy(update={"variants": ["psa"]})], ["all"])


def test_rows_are_complete(rows, tiny):
    pytest.importorskip("torch")
    assert (rows["status"] == "ok").all()
    headline = rows[rows["metric"].isin(HEADLINE)]
    assert len(headline) == 5 * len(tiny.targets) * 2 * 2
    assert headline[["value", "chance", "ceiling", "seconds", "n_components"]].notna().all().all()
    assert {"kmeans_ari", "culture_accuracy"} <= set(rows["metric"])
    assert rows.loc[rows["probe"] == "none", "recovery"].isna().all()
    oracle = rows[rows["method"] == "spikes"]
    np.testing.assert_array_equal(oracle["value"], oracle["ceiling"])
    floor = rows[rows["method"] == "chance"]
    np.testing.assert_array_equal(floor["value"], floor["chance"])


def test_row_values_do_not_depend_on_workers(rows, tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    again = run(plan([tiny], METHODS, seeds=[1]), n_jobs=2)
    pd.testing.assert_frame_equal(rows.drop(columns=TIMING), again.drop(columns=TIMING))


def test_both_doors_lead_to_the_same_scores(rows, tiny, tiny_dataset):
    unit = Unit(tiny, 1, "pca")
    with threadpool_limits(1):  # as there: of several threads a neuron more or less
        by_hand = evaluate(latents_of(unit), tiny_dataset)
    stored = rows[rows["method"] == "pca"].reset_index(drop=True)
    columns = ["target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"]
    pd.testing.assert_frame_equal(by_hand[columns], stored[columns], rtol=1e-9)


BROKEN = """
class Broken:
    def fit(self, X):
        raise RuntimeError("no\\nluck")

    def transform(self, X):
        return X

class Complex(Broken):
    def fit(self, X):
        pass

    def transform(self, X):
        return X[:, :3] * 1j
"""


def test_a_failure_is_a_row_and_is_not_kept(tiny, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    name, told = f"{path}:Broken", []
    units = plan([tiny], [name, f"{path}:Complex", "pca"], seeds=[1])
    rows = run(units, log=lambda unit, traceback: told.append((unit.method, traceback)))
    failed = rows[rows["method"] == name]
    assert len(failed) == 1
    assert failed["status"].item() == "failed"
    assert failed["error"].item() == "RuntimeError: no luck"
    assert not Unit(tiny, 1, name).is_cached
    assert (rows.loc[rows["method"] == "pca", "status"] == "ok").all()
    assert "Cannot cast" in rows.loc[rows["method"] == f"{path}:Complex", "error"].item()
    traceback = dict(told)[name]
    assert 'raise RuntimeError("no' in traceback
    table = leaderboard(rows).table
    assert table.loc[name, ("method", "status")] == "RuntimeError: no luck"
    assert np.isnan(table.loc[name, ("method", "recovery")])


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
    pytest.importorskip("torch")
    path = tmp_path / "deadly.py"
    path.write_text(DEADLY)
    units = plan([tiny], [f"{path}:Dies", f"{path}:Exits", "pca"], seeds=[1])
    made = run(units, n_jobs=2).set_index("method")
    assert made.loc[f"{path}:Dies", "error"] == "UnitFailed: its process died: out of memory?"
    assert made.loc[f"{path}:Exits", "error"] == "SystemExit: 3"
    for name in ("pca", *CONTROLS):
        assert (made.loc[name, "status"] == "ok").all()


DEADLY_TO_WORKERS = """
import psutil

class Kills:
    def transform(self, X):
        return X

    def fit(self, X):
        for parent in psutil.Process().parents()[:2]:
            parent.kill()
"""


def test_a_method_that_kills_its_dask_worker_is_a_failed_row(rows, tiny, tmp_path):
    pytest.importorskip("distributed")
    path = tmp_path / "deadly.py"
    path.write_text(DEADLY_TO_WORKERS)
    with parallel_backend("dask"):
        made = run([Unit(tiny, 1, f"{path}:Kills"), Unit(tiny, 1, "pca")]).set_index("method")
    assert made.loc[f"{path}:Kills", "status"] == "failed"
    assert made.loc[f"{path}:Kills", "error"] == "UnitFailed: its process died: out of memory?"
    assert (made.loc["pca", "status"] == "ok").all()


SLOW = """
import time

class Sleeps:
    def transform(self, X):
        return X

    def fit(self, X):
        time.sleep(60)
"""


def test_a_method_that_takes_too_long_is_stopped_and_fails_alone(rows, tiny, tmp_path):
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    units = [Unit(tiny, 1, name) for name in (f"{path}:Sleeps", "pca")]
    made = run(units, n_jobs=2, timeout_s=5).set_index("method")
    assert made.loc[f"{path}:Sleeps", "error"] == "UnitFailed: took longer than 5 s"
    assert (made.loc["pca", "status"] == "ok").all()


def test_a_row_tells_the_version_of_an_extra(tiny, monkeypatch):
    entry = replace(registry.METHODS["pca"], needs="pytest")
    unit = Unit(tiny, 1, "pca")
    without = unit.latents_folder
    monkeypatch.setitem(registry.METHODS, "pca", entry)
    assert registry.identity("pca") == {"pytest": pytest.__version__}
    assert Unit(tiny, 1, "pca").latents_folder != without


def test_latents_of_earlier_runs_are_drawn_beside_those_of_a_later_one(tiny, tmp_path):
    for name in METHODS:
        write_results(tmp_path, run(plan([tiny], [name], seeds=[1])), tiny, 1)
    alike = pd.read_csv(tmp_path / "similarity.csv", index_col=0)
    assert {*METHODS, *CONTROLS} >= set(alike.index) > set(METHODS)


def test_results_that_hold_what_can_not_be_loaded_any_more_take_later_runs(tiny, tmp_path):
    """A submission, say, or a method whose file was moved."""
    rows = run(plan([tiny], ["pca"], seeds=[1]))
    gone = rows[rows["method"] == "pca"].assign(method="Spike2Vec", family="submission")
    write_rows(tmp_path / ROWS_FILE, gone)
    board = write_results(tmp_path, rows, tiny, 1)
    assert {"pca", "Spike2Vec"} <= set(board.table.index)
    assert "Spike2Vec" not in set(pd.read_csv(tmp_path / "similarity.csv")["method"])
    number = read_rows(tmp_path)["method"].tolist().index("Spike2Vec") + 1
    with pytest.raises(SimbenchError, match="not of a method that is here .*simbench score"):
        reproduce(tmp_path / ROWS_FILE, number)


def test_the_error_of_a_method_is_its_own(tiny, tmp_path):
    (tmp_path / "reads.py").write_text(
        "class Reads:\n"
        "    def fit(self, X):\n        open('/no/such/weights.pt')\n"
        "    def transform(self, X):\n        return X\n"
    )
    seen = []
    units = [Unit(tiny, 1, f"{tmp_path}/reads.py:Reads")]
    rows = run(units, log=lambda unit, text: seen.append(text))
    (error,) = rows["error"]
    assert error.startswith("FileNotFoundError: ")
    assert "/no/such/weights.pt" in error
    assert "reads.py" in seen[0]


def test_without_the_true_spikes_no_recovery_is_made_up(tiny):
    units = [u for u in plan([tiny], ["pca"], seeds=[1]) if u.method in ("chance", "pca")]
    rows = run(units)
    assert rows["value"].notna().all()
    assert rows[["ceiling", "recovery"]].isna().all(axis=None)


@pytest.mark.parametrize("name", ["latents.npy", "about.json", "scores.json"])
def test_damaged_entries_are_made_again(rows, tiny, name):
    unit = Unit(tiny, 1, "pca")
    before = np.array(latents_of(unit))
    folder = unit.scores_folder if name == "scores.json" else unit.latents_folder
    path = folder / name
    path.write_bytes(path.read_bytes()[:-7])
    again = run(plan([tiny], METHODS, seeds=[1]))
    np.testing.assert_array_equal(latents_of(unit), before)
    pd.testing.assert_frame_equal(rows.drop(columns=TIMING), again.drop(columns=TIMING))


def test_a_scenario_that_cannot_be_simulated_does_not_stop_the_others(rows, tiny):
    wiring = tiny.culture.wiring.model_copy(update={"mean_in_degree": 500.0})
    culture = tiny.culture.model_copy(update={"wiring": wiring})
    broken = tiny.model_copy(update={"name": "broken", "culture": culture})
    with pytest.raises(SimbenchError, match="in_degree"):
        run(plan([broken], METHODS, seeds=[1]))
    both = run(plan([broken, tiny], METHODS, seeds=[1]))
    assert (both.loc[both["scenario"] == "broken", "status"] == "failed").all()
    assert (both.loc[both["scenario"] == "tiny", "status"] == "ok").all()


HUNGRY = """
import numpy as np

class Hungry:
    def __init__(self, megabytes=1):
        self.megabytes = megabytes

    def get_params(self, deep=True):
        return {"megabytes": self.megabytes}

    def set_params(self, megabytes):
        self.megabytes = megabytes
        return self

    def fit(self, X):
        np.ones(int(self.megabytes * 1e6 / 8)).sum()

    def transform(self, X):
        return X[:, :2]
"""


def test_the_peak_of_memory_is_that_of_one_method_and_of_no_other(tiny, tmp_path):
    path = tmp_path / "hungry.py"
    path.write_text(HUNGRY)
    names = [f"{path}:Hungry[megabytes={size}]" for size in (1, 300, 2)]
    made = run(plan([tiny], names, seeds=[1]))
    small, large, after = (
        made.loc[made["method"] == name, "peak_memory_mb"].iloc[0] for name in names
    )
    assert large > small + 250
    assert after < small + 50


def test_a_target_that_turns_out_to_be_one_class_ends_the_run_before_any_method(tiny):
    """Two in a thousand of 24 neurons are none: the scenario promises two classes."""
    culture = tiny.culture.model_copy(update={"inhibitory_fraction": 0.002, "duration_s": 1.0})
    update = {"culture": culture, "targets": ["inhibitory"], "replicates": 2}
    units = plan([tiny.model_copy(update=update)], ["pca"])
    with pytest.raises(SimbenchError, match="'inhibitory' is 'False' in all training cultures"):
        run(units)


def test_a_class_that_test_cultures_do_not_share_ends_the_run_before_any_method(tiny):
    units = plan([tiny.model_copy(update={"targets": ["culture"]})], ["pca"], seeds=[1])
    with pytest.raises(SimbenchError, match="no class of 'culture' is in training and in test"):
        run(units)
