"""What a person types in Python: public names, what they show of themselves, and their types."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simbench
from simbench import SimbenchError
from simbench.methods.catalogue import CEILING, FLOOR
from simbench.methods.registry import METHODS

ROOT = Path(__file__).parents[1]
USER = """
from pathlib import Path

import simbench

scenario: simbench.Scenario = simbench.load_scenario("quickstart")
dataset: simbench.Dataset = simbench.simulate(scenario, seed=1)
rows = simbench.run(simbench.plan([scenario], ["pca"], seeds=[1]))
print(simbench.leaderboard(rows).table, simbench.leaderboard(simbench.read_rows("results")))
simbench.validate("optics", Path("recordings"), Path("out"))
held: simbench.Dataset = simbench.load_dataset("firing-types-seed1")
print(simbench.evaluate(simbench.embed(simbench.get_method("pca"), held), held).columns)
print(held.to_xarray(), held.to_pynapple())
written: list[Path] = simbench.export(dataset, "exported", "csv")
mine: simbench.Dataset = simbench.import_spikes("mine.npz")
print(simbench.list_scenarios().index, simbench.list_methods().index)
names: list[str] = [recording.name for recording in mine.recordings]
"""
# No type of these is in a public signature, and to read them takes half a minute.
UNREAD = """
[mypy]
[mypy-torch.*,matplotlib.*,typer.*,click.*,distributed.*,joblib.*,PIL.*,jinja2.*,networkx.*]
follow_imports = skip
"""


@pytest.mark.parametrize("name", simbench.__all__)
def test_every_name_is_there(name):
    assert getattr(simbench, name)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'mood'"):
        _ = simbench.mood


@pytest.mark.parametrize(
    ("added", "complaint"),
    [("", ""), ("simbench.simulate(3)\n", "arg-type"), ("simbench.mood\n", "attr-defined")],
)
def test_a_file_of_a_user_passes_strict_types(added, complaint, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "mine.py").write_text(USER + added)
    options = ["--strict", "--follow-imports=silent", f"--cache-dir={ROOT / '.mypy_cache/strict'}"]
    (tmp_path / "mypy.ini").write_text(UNREAD)
    options += ["--ignore-missing-imports", "--config-file=mypy.ini"]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "mine.py"], capture_output=True, text=True,
        cwd=tmp_path, env={"MYPYPATH": str(ROOT)},
    )  # fmt: skip
    assert complaint in found.stdout
    assert found.returncode == bool(complaint), found.stdout


def test_lists_hold_what_is_known():
    assert {"quickstart", "firing-types"} <= set(simbench.list_scenarios().index)
    assert set(METHODS) <= set(simbench.list_methods().index)


def test_objects_show_themselves_in_one_line(small_dataset):
    scenario = simbench.load_scenario("firing-types")
    shown = repr(scenario)
    assert str(scenario) == shown
    assert scenario.name in shown
    assert str(scenario.replicates * len(scenario.conditions)) in shown
    line = repr(small_dataset)
    assert "2 recordings, 1 for testing, 24 neurons, 10 s, 20 Hz" in line
    recording = small_dataset.recordings[0]
    assert "12 neurons, 10 s, 20 Hz, with truth" in repr(recording)
    assert "of 12 neurons" in repr(recording.truth)
    assert f"{len(recording.truth.spikes.times)} spikes, 10 s" in repr(recording.truth.spikes)
    parts = [recording, recording.truth, recording.truth.spikes, small_dataset.blind()]
    for text in (shown, line, *map(repr, parts)):
        assert "\n" not in text
        assert len(text) < 200
    assert scenario.question.split()[0] in scenario._repr_html_()
    assert "<td>24</td>" in small_dataset._repr_html_()


def test_a_dataset_goes_to_xarray(small_dataset):
    pytest.importorskip("xarray")
    found = small_dataset.to_xarray()
    assert dict(found.sizes) == {"neuron": 24, "time": 200}
    np.testing.assert_array_equal(found["dff"], small_dataset.traces())
    np.testing.assert_array_equal(found["firing_type"], small_dataset.labels["firing_type"])
    second = found.sel(neuron=found["recording"] == "recording-001")
    np.testing.assert_array_equal(second["fluorescence"], small_dataset.recordings[1].fluorescence)
    assert float(found["time"][1]) == pytest.approx(0.05)
    assert "clean_dff" not in small_dataset.blind().to_xarray()


def test_a_dataset_goes_to_pynapple(small_dataset):
    pytest.importorskip("pynapple")
    found = small_dataset.to_pynapple()
    assert list(found) == [recording.name for recording in small_dataset.recordings]
    recording = small_dataset.recordings[0]
    mine = found[recording.name]
    np.testing.assert_array_equal(mine["dff"].d, recording.dff.T)
    np.testing.assert_allclose(mine["spikes"][3].t, recording.truth.spikes[3])
    np.testing.assert_array_equal(
        mine["spikes"].get_info("firing_type"), recording.truth.labels["firing_type"]
    )
    assert set(small_dataset.blind().to_pynapple()["recording-000"]) == {"dff"}


@pytest.mark.parametrize("library", ["xarray", "pynapple"])
def test_a_missing_library_is_one_line(library, small_dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SimbenchError, match=rf"^to_{library} needs `pip install '\.\[analysis\]'`"):
        getattr(small_dataset, f"to_{library}")()


def test_a_run_in_three_lines(tiny):
    rows = simbench.run(simbench.plan([tiny], ["pca"], seeds=[1]))
    board = simbench.leaderboard(rows)
    assert {FLOOR, CEILING, "pca"} <= set(board.table.index)
    assert "\n" not in repr(board)
    assert "first pca" in repr(board)
    assert "<td>" in board._repr_html_()


def test_validate_knows_three_questions(tmp_path):
    with pytest.raises(SimbenchError, match="'moods'; allowed: optics, cultures, ranks"):
        simbench.validate("moods", tmp_path, tmp_path)
    with pytest.raises(SimbenchError, match="no such folder"):
        simbench.validate("optics", tmp_path / "none", tmp_path)
