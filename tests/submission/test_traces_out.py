"""Blinded traces for other groups, and the examples that come with them."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from latents_files import content
from principal import exported_components

from simbench import SimbenchError
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording
from simbench.scenario.scenario import Scenario
from simbench.submission import (
    export_traces,
    read_latents,
)
from simbench.submission.blind_traces import blind_orders


def test_exported_traces_are_those_that_methods_get(exported, tiny_dataset):
    index = pd.read_csv(exported / "index.csv")
    by_name = {order.name: i for i, order in enumerate(blind_orders(tiny_dataset))}
    assert set(index["recording"]) == set(by_name)
    for row in index.itertuples():
        i = by_name[row.recording]
        recording = tiny_dataset.recordings[i]
        assert row.split == ("test" if tiny_dataset.test[i] else "train")
        assert row.frame_rate_hz == recording.frame_rate
        for kind, expected in {
            "dff": recording.dff,
            "fluorescence": recording.fluorescence,
        }.items():
            traces = np.load(exported / kind / f"{row.recording}.npy")
            assert traces.dtype == np.dtype("<f4")
            assert traces.shape == (row.n_neurons, row.n_frames)
            order = blind_orders(tiny_dataset)[i].neurons
            np.testing.assert_array_equal(traces, expected[order])


def test_the_export_depends_on_the_traces_alone(exported, tiny_dataset, tmp_path):
    """Whatever the order of simulation was, and whatever the labels are: the same bytes."""
    rng = np.random.default_rng(3)
    order = rng.permutation(len(tiny_dataset.recordings))
    shuffled = tuple(
        Recording(f"x{i}", r.fluorescence[rng.permutation(r.n_neurons)], r.frame_rate)
        for i, r in enumerate(tiny_dataset.recordings[j] for j in order)
    )
    again = Dataset(shuffled, tiny_dataset.test[order], tiny_dataset.scenario, seed=99)
    assert content(export_traces(again, tmp_path / "again")) == content(exported)


def test_the_order_of_writing_is_that_of_the_names(exported):
    for kind in ("dff", "fluorescence"):
        files = sorted((exported / kind).iterdir())
        times = [path.stat().st_mtime_ns for path in files]
        assert times == sorted(times)


def test_the_seed_stays_secret(tiny_dataset, tmp_path):
    secret = 918273645546372819
    dataset = Dataset(tiny_dataset.recordings, tiny_dataset.test, tiny_dataset.scenario, secret)
    for name, data in content(export_traces(dataset, tmp_path / "out")).items():
        assert str(secret).encode() not in data, name
        assert b"culture-0" not in data, name


def test_recordings_that_cannot_be_told_apart_are_refused(tiny_dataset, tmp_path):
    first = tiny_dataset.recordings[0]
    twin = Recording("twin", first.fluorescence, first.frame_rate)
    with pytest.raises(SimbenchError, match="same traces"):
        export_traces(Dataset((first, twin), np.array([False, True])), tmp_path / "out")


def test_an_export_replaces_nothing(exported, tiny_dataset, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (exported, tmp_path):
        before = content(folder)
        with pytest.raises(SimbenchError, match="not empty"):
            export_traces(tiny_dataset, folder)
        assert content(folder) == before


def test_all_parts_of_a_cross_fitted_scenario_are_written_or_none(tiny, tiny_dataset, tmp_path):
    data = tiny.model_dump(mode="json")
    data["split"]["cross_fitted"] = True
    crossed = replace(tiny_dataset, scenario=Scenario(**data))
    (tmp_path / "out" / "part-2").mkdir(parents=True)
    (tmp_path / "out" / "part-2" / "x").touch()
    with pytest.raises(SimbenchError, match="not empty"):
        export_traces(crossed, tmp_path / "out")
    assert set(content(tmp_path / "out")) == {"part-2/x"}
    assert {p.name for p in export_traces(crossed, tmp_path / "new").iterdir()} == {
        "part-1", "part-2"
    }  # fmt: skip


def test_a_scenario_that_asks_for_no_label_sends_no_traces_out(tiny, tiny_dataset, tmp_path):
    asks = tiny.model_copy(update={"protocols": ["reconstruction"]})
    with pytest.raises(SimbenchError, match="scenario tiny: asks for no label"):
        export_traces(replace(tiny_dataset, scenario=asks), tmp_path / "out")


def test_whole_counts_are_promised_where_light_is_counted(exported, tiny_dataset, tmp_path):
    assert "made from, in whole counts, for" in (exported / "README.md").read_text()
    unknown = replace(tiny_dataset, scenario=None)
    assert "made from, for" in (export_traces(unknown, tmp_path / "out") / "README.md").read_text()


COMMANDS = {
    "python": ([sys.executable, "make_latents.py"], "latents.npz"),
    "Rscript": (["Rscript", "make_latents.R"], "latents.zip"),
    "octave": (["octave", "--no-gui", "make_latents.m"], "latents.zip"),
}


@pytest.mark.parametrize("program", COMMANDS)
def test_the_examples_send_principal_components(program, exported, tiny_dataset, tmp_path):
    command, name = COMMANDS[program]
    needed = [command[0]] if program == "python" else [program, "zip"]
    if not all(map(shutil.which, needed)):
        pytest.skip(f"needs {' and '.join(needed)}")
    shutil.copytree(exported, tmp_path / "work")
    result = subprocess.run(
        command, cwd=tmp_path / "work", capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    expected = exported_components(tiny_dataset)
    counts = {recording: len(latents) for recording, latents in expected.items()}
    sent = read_latents(tmp_path / "work" / name, counts)
    latents = np.concatenate(list(expected.values()))
    signs = np.sign((sent * latents).sum(axis=0))
    np.testing.assert_allclose(sent * signs, latents, atol=1e-3 * np.abs(latents).max())


def test_the_guide_calls_simulated_what_is(exported, tiny_dataset, tmp_path):
    assert "Simulated calcium imaging" in (exported / "README.md").read_text()
    measured = replace(tiny_dataset, scenario=None, origin={"given": ["fluorescence"]})
    guide = export_traces(measured, tmp_path / "measured") / "README.md"
    assert "Simulated" not in guide.read_text()


def test_recordings_of_different_length_are_refused(small_dataset, tmp_path):
    first, *others = small_dataset.recordings
    short = replace(first, fluorescence=first.fluorescence[:, :100])
    with pytest.raises(SimbenchError, match="recordings differ"):
        export_traces(replace(small_dataset, recordings=(short, *others)), tmp_path / "out")
