import gzip
import json

import numpy as np
import pytest

from simbench import SimbenchError
from simbench.benchmark import reproduce as module
from simbench.benchmark.plan import Unit, plan
from simbench.benchmark.reproduce import reproduce
from simbench.benchmark.rows import ROWS_FILE, read_rows, read_text, write_rows
from simbench.benchmark.run import run
from simbench.scenario.scenario_file import write_scenario


@pytest.fixture
def results(tiny, tmp_path):
    rows = run([Unit(tiny, 1, "trace-stats")])
    write_rows(tmp_path / ROWS_FILE, rows)
    write_scenario(tiny, tmp_path)
    return tmp_path / ROWS_FILE


DRAWN = """
import numpy as np

class Drawn:
    random_state = 0

    def get_params(self, deep=True):
        return {"random_state": self.random_state}

    def set_params(self, random_state):
        self.random_state = random_state
        return self

    def fit(self, X):
        return self

    def transform(self, X):
        return np.random.default_rng(self.random_state).normal(size=(len(X), 3))
"""


@pytest.mark.slow
def test_a_row_of_several_trainings_comes_out_the_same(tiny, tmp_path):
    (tmp_path / "drawn.py").write_text(DRAWN)
    method = f"{tmp_path}/drawn.py:Drawn"
    units = plan([tiny], [method], [1], trainings=3)
    rows = run([unit for unit in units if unit.method == method])
    write_rows(tmp_path / ROWS_FILE, rows)
    write_scenario(tiny, tmp_path)
    number = 1 + int(np.flatnonzero(rows["per_training"].notna())[0])
    assert len(rows["per_training"][number - 1]) == 3
    assert reproduce(tmp_path / ROWS_FILE, number).verdict == "same"


def edit(path, number, **changes):
    lines = read_text(path).splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | changes)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def test_an_honest_row_comes_out_the_same_and_a_forged_one_does_not(results):
    made = reproduce(results, 6)
    assert made.verdict == "same"
    assert made.value == made.row["value"]
    assert made.other_versions == {}
    edit(results, 6, value=0.99, versions={"numpy": "1.0"})
    forged = reproduce(results, 6)
    assert forged.verdict == "DIFFERENT"
    assert "numpy" in forged.other_versions


def test_a_row_of_another_processor_is_the_same_up_to_rounding(results, monkeypatch):
    rows = read_rows(results)
    monkeypatch.setattr(module, "run", lambda units, n_jobs: rows)
    value = float(rows["value"].iloc[5])
    for change, verdict in ((1e-12, "same up to rounding"), (1e-4, "DIFFERENT")):
        edit(results, 6, value=value + change)
        assert reproduce(results, 6).verdict == verdict


@pytest.mark.parametrize(
    ("then", "now", "named"),
    [
        ({"numpy": "1"}, {"numpy": "1", "pandas": "3"}, {}),  # older rows name less
        ({"numpy": "1"}, {"numpy": "1", "device": "cuda"}, {"device": ("cpu", "cuda")}),
        ({"device": "cuda", "cebra": "0.5"}, {"cebra": "0.6"},
         {"device": ("cuda", "cpu"), "cebra": ("0.5", "0.6")}),
        ({"source": "abc"}, {}, {"source": ("abc", "none")}),
        (None, {"numpy": "1"}, {}),
    ],
)  # fmt: skip
def test_what_a_row_stood_on_and_no_longer_does_is_named(results, monkeypatch, then, now, named):
    rows = read_rows(results)
    again = rows.assign(versions=[now] * len(rows))
    monkeypatch.setattr(module, "run", lambda units, n_jobs: again)
    edit(results, 6, versions=then)
    assert reproduce(results, 6).other_versions == named


def test_rows_that_cannot_be_made_again_are_refused(results):
    with pytest.raises(SimbenchError, match=r"no row 999; allowed: 1 to \d+$"):
        reproduce(results, 999)
    edit(results, 1, scoring_version=0)
    with pytest.raises(SimbenchError, match="scoring version 0"):
        reproduce(results, 1)
    edit(results, 2, status="failed")
    with pytest.raises(SimbenchError, match="row 2: holds no score"):
        reproduce(results, 2)
    edit(results, 2, status="ok", value=np.nan)
    with pytest.raises(SimbenchError, match="row 2: holds no score"):
        reproduce(results, 2)
    edit(results, 2, value=0.5, metric="gone")
    with pytest.raises(SimbenchError, match="row 2: this simbench has no metric 'gone'"):
        reproduce(results, 2)
    edit(results, 3, scenario_digest="another")
    with pytest.raises(SimbenchError, match="not the one it came from"):
        reproduce(results, 3)
    kept = results.parent / "scenario.json"
    for text in ("{", '{"name": "tiny"}'):
        kept.write_text(text)
        with pytest.raises(SimbenchError, match=f"{kept}: (cannot be read|missing key)"):
            reproduce(results, 4)
    kept.unlink()
    with pytest.raises(SimbenchError, match="scenario.json: missing"):
        reproduce(results, 4)
