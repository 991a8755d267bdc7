"""Recordings of others as scenarios and datasets: read, split, run, refused."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from command_line import simbench
from made_files import CELLS, cell, write_cells, write_mat

from simbench import SimbenchError, load_scenario, simulate
from simbench.benchmark.plan import plan
from simbench.benchmark.rows import read_rows
from simbench.benchmark.run import run
from simbench.core.files import validated
from simbench.data.dataset import Dataset
from simbench.data.export import export
from simbench.data.readers.trace_files import import_traces
from simbench.data.recorded import pinned, recorded_index, scenario_of, twin
from simbench.data.simulation import recording_folders
from simbench.scenario.scenario import Scenario


def refused(result, complaint):
    assert result.returncode == 2, result.stdout
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("simbench: ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cells(tmp_path_factory.mktemp("real"))


@pytest.fixture
def cells(folder, monkeypatch):
    monkeypatch.setenv("SIMBENCH_REAL", str(folder))
    return validated(Scenario, CELLS)


def with_recordings(**changes):
    return validated(Scenario, CELLS | {"recordings": CELLS["recordings"] | changes})


def test_windows_of_recordings_are_the_dataset_of_a_scenario(cells):
    dataset = simulate(cells, seed=3)
    assert dataset.traces().shape == (16, 80)
    assert not dataset.is_simulated
    assert set(dataset.labels["indicator"]) == {"jGCaMP8f", "GCaMP6s"}
    assert (dataset.labels["nu"] > 0).all()
    assert recorded_index(cells, 3).has_spikes
    # animals are never split, and each indicator is on both sides
    for test in (True, False):
        mine = dataset.labels[dataset.test_neurons == test]
        assert set(mine["indicator"]) == {"jGCaMP8f", "GCaMP6s"}
        assert mine["animal"].nunique() == 4
    card = dataset.card(dataset.labels)
    assert "Networks of Izhikevich" not in card
    assert "`recordings.seconds`" in card


def test_the_seed_draws_the_split_and_changes_no_trace(cells):
    splits = {tuple(simulate(cells, seed).test) for seed in range(5)}
    assert len(splits) > 1
    assert recording_folders(cells, 0) == recording_folders(cells, 1)


def test_twins_have_the_spikes_and_split_of_the_cells(cells):
    twins = with_recordings(imaged=True)
    real, made = simulate(cells, seed=1), simulate(twins, seed=1)
    np.testing.assert_array_equal(real.test, made.test)
    for label in ("log_rate", "burst_fraction", "animal"):
        np.testing.assert_array_equal(real.labels[label], made.labels[label])
    np.testing.assert_allclose(real.labels["nu"], made.labels["nu"], rtol=1e-6)
    assert made.recordings[0].truth.clean_dff is not None
    assert real.recordings[0].truth.clean_dff is None
    assert not np.array_equal(real.traces(), made.traces())
    assert made.origin["made"][0] == "fluorescence"


@pytest.mark.parametrize("imaged", [False, True])
def test_nwb_calls_simulated_only_the_light_that_simbench_made(cells, tmp_path, imaged):
    pynwb = pytest.importorskip("pynwb", reason="pynwb writes NWB files")
    dataset = simulate(with_recordings(imaged=imaged), seed=3)
    first = replace(dataset, recordings=dataset.recordings[:1], test=dataset.test[:1])
    export(first, tmp_path / "out", "nwb")
    with pynwb.NWBHDF5IO(next((tmp_path / "out").glob("*.nwb")), "r") as io:
        file = io.read()
        series = file.processing["ophys"]["Fluorescence"]["RoiResponseSeries"]
        texts = (file.imaging_planes["ImagingPlane"].description, series.description)
        assert [text.startswith("SIMULATED") for text in texts] == [imaged, imaged]
        assert ("SimulatedMicroscope" in file.devices) == imaged


def test_a_scenario_that_is_run_states_which_recordings(cells, folder, tmp_path, monkeypatch):
    stated = pinned(cells)
    assert stated.digest() != cells.digest()
    monkeypatch.setenv("SIMBENCH_REAL", str(write_cells(tmp_path, n_animals=4)))
    with pytest.raises(SimbenchError, match="other recordings .* than those of scenario cells"):
        pinned(stated)
    assert pinned(cells) != stated


def test_whoever_moves_the_folder_changes_no_digest(cells):
    elsewhere = with_recordings(folder="/elsewhere/ground_truth")
    assert elsewhere.digest() == cells.digest()


def test_damaged_recordings_of_the_cache_are_made_again(cells):
    before = simulate(cells, 0).traces()
    (recording_folders(cells, 0)[2] / "fluorescence.npy").write_bytes(b"damaged")
    np.testing.assert_array_equal(simulate(cells, 0).traces(), before)


@pytest.mark.slow
def test_the_whole_way_of_a_scenario(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_REAL", str(write_cells(tmp_path, n_animals=60)))
    cells = validated(Scenario, CELLS)
    rows = run(plan([pinned(cells)], ["spectrum"]))
    assert set(rows["status"]) == {"ok"}, rows["error"].dropna().tolist()
    mine = rows[(rows["metric"] == "within_type_r2") & (rows["split"] == "culture")]
    assert set(mine["target"]) == {"log_rate", "burst_fraction"}
    assert (mine["per_culture"].map(len) == 30).all()  # one for each test animal
    assert (mine["cultures"].map(lambda names: len(set(names))) == 30).all()
    assert rows.loc[rows["split"] == "neuron", "cultures"].isna().all()
    for value, values in zip(mine["value"], mine["per_culture"]):
        assert np.nanmean(values) == pytest.approx(value)
    best = mine.set_index(["method", "target", "probe"])["value"]
    assert best["spikes", "log_rate", "linear"] > 0.4
    assert best["spectrum", "log_rate", "linear"] > best["chance", "log_rate", "linear"]
    assert not rows["metric"].isin(["culture_accuracy"]).any()  # nothing to know in so few


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": ["a"], "given": {}}, "targets: no recording has the label 'a'; allowed: ind"),
        ({"targets": ["region"], "given": {}}, "'region' is 'm-V1' in all training cultures"),
        ({"within": "depth"}, "within: no recording has the label 'depth'"),
        ({"nuisances": ["haze"]}, "nuisances: no recording has the label 'haze'"),
        ({"recordings": CELLS["recordings"] | {"seconds": 11.0}}, "the longest recording: 10"),
    ],
)  # fmt: skip
def test_labels_that_nobody_has_are_one_line(cells, changes, message):
    with pytest.raises(SimbenchError, match=message):
        run(plan([validated(Scenario, CELLS | changes)], ["pca"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"culture": {}}, "recordings are given; leave it out"),
        ({"replicates": 4}, "replicates: recordings are given"),
        ({"imaging": {}}, "imaging: needed for electrodes"),
        ({"recordings": {"kind": "electrodes", "folder": "x"}}, "electrodes have no traces"),
        ({"recordings": {"kind": "ground-truth", "folder": "x", "seconds": 1.0}}, "give both"),
        ({"recordings": {"kind": "mood", "folder": "x"}}, "recordings.kind = 'mood'"),
        ({"given": {"c": "d"}}, "given: 'c' is no target"),
        ({"recordings": None}, "missing key 'replicates'; it is needed unless 'recordings'"),
    ],
)
def test_recipes_that_make_no_sense_are_one_line(changes, message):
    with pytest.raises(SimbenchError, match=message):
        validated(Scenario, CELLS | changes)


def test_one_animal_cannot_be_split(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_REAL", str(write_cells(tmp_path, n_animals=1)))
    with pytest.raises(SimbenchError, match="all recordings are of '471990'; at least two"):
        simulate(validated(Scenario, CELLS))


def test_an_indicator_without_a_preset_has_no_twin(tmp_path, monkeypatch):
    write_mat(tmp_path / "ground_truth/DS18-R-CaMP-m-CA3/a.mat", cell())
    monkeypatch.setenv("SIMBENCH_REAL", str(tmp_path))
    with pytest.raises(SimbenchError, match="indicator 'R-CaMP' has no culture preset"):
        simulate(with_recordings(imaged=True))


@pytest.mark.parametrize("rate", [20.0, 0.2])
def test_a_trace_without_noise_has_a_twin_all_the_same(tmp_path, rate):
    still = np.zeros(200, dtype=np.float32)
    path = write_mat(
        tmp_path / "DS14-GCaMP6s-m-V1/a.mat", cell(rate=rate, start_s=1.0, fluo_mean=still)
    )
    (recording,) = import_traces(path).recordings
    made = twin(recording, 0, 0)
    assert float(made.truth.labels["nu"].iloc[0]) == pytest.approx(0.01)
    assert made.fluorescence.max() < 1e10
    with pytest.raises(SimbenchError, match="recording a: nu: .* photons per frame; allowed"):
        twin(replace(recording, frame_rate=1e-5), 0, 0)


def test_electrodes_are_imaged_and_cultures_held_out(tmp_path, monkeypatch):
    pytest.importorskip("h5py", reason="h5py reads HDF5 files")
    from made_files import write_h5

    (tmp_path / "cultures").mkdir()
    rng = np.random.default_rng(0)
    for culture in range(6):
        counts = rng.integers(5, 40, 12)
        made = {
            "spikes": np.concatenate([np.sort(rng.uniform(0, 20, n)) for n in counts]),
            "sCount": counts, "epos": rng.uniform(0, 1600, (2, 12)),
            "recordingtime": [0.0, 20.0], "meta/age": [14 + culture],
            "meta/region": np.array([(b"ctx", b"hpc")[culture % 2]]),
        }  # fmt: skip
        for dish in "AB":
            write_h5(tmp_path / "cultures" / f"TC{culture}_DIV{14 + culture}_{dish}.h5", **made)
    monkeypatch.setenv("SIMBENCH_REAL", str(tmp_path))
    data = json.loads(load_scenario("recorded-cultures").model_dump_json())
    data["recordings"] |= {"seconds": 10.0}
    data |= {"n_components": 2, "targets": ["region", "days_in_vitro", "log_rate"], "given": {}}
    scenario = validated(Scenario, data)
    dataset = simulate(scenario, seed=2)
    assert dataset.traces().shape == (144, 200)
    assert len(set(dataset.groups)) == 6
    rows = run(plan([pinned(scenario)], ["pca"], [2]))
    mine = rows[(rows["method"] == "pca") & (rows["split"] == "culture")]
    assert set(mine["target"]) >= {"region", "days_in_vitro", "log_rate"}
    assert set(rows["status"]) == {"ok"}
    days = mine[(mine["target"] == "days_in_vitro") & (mine["metric"] == "within_type_r2")]
    assert np.isfinite(days["value"]).all()


def test_run_of_a_dataset_of_anyone(folder, tmp_path):
    data, out = tmp_path / "My cells", tmp_path / "out"
    dataset = import_traces(folder / "ground_truth")
    names = [f"{r.name}/0" for r in dataset.recordings]
    depths = 100 + 10.0 * dataset.labels["log_rate"]
    (tmp_path / "own.csv").write_text(
        "neuron,depth\n" + "".join(f"{n},{d}\n" for n, d in zip(names, depths))
    )
    done = simbench(
        "import", folder / "ground_truth", "--traces", "--labels", tmp_path / "own.csv", "-o", data
    )
    assert done.returncode == 0, done.stderr
    windows = ("--seconds", "5", "--frame-rate", "10")
    done = simbench(
        "run", "--dataset", data, "--target", "depth", "--target", "indicator", *windows,
        "-m", "pca", "-j", "1", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = read_rows(out / "my-cells")
    assert set(rows["target"]) >= {"depth", "indicator"}
    assert set(rows["status"]) == {"ok"}
    assert (out / "my-cells" / "traces.png").is_file()
    assert "R² within indicator" in (out / "index.html").read_text(encoding="utf-8")
    number = 1 + int(np.flatnonzero((rows["method"] == "pca") & (rows["split"] == "culture"))[0])
    same = simbench("reproduce", out / "my-cells" / "rows.jsonl.gz", "--row", number, "-j", "1")
    assert same.returncode == 0, same.stderr + same.stdout


def test_a_dataset_without_spikes_has_no_oracle_and_a_perfect_ceiling(folder, tmp_path):
    dataset = import_traces(folder / "ground_truth")
    truths = [replace(r.truth, spikes=None) for r in dataset.recordings]
    bare = tuple(
        replace(r, load_truth=partial(replace, t)) for r, t in zip(dataset.recordings, truths)
    )
    path = replace(dataset, recordings=bare).save(tmp_path / "bare")
    units = plan([scenario_of(path, ["indicator"])], ["pca"])
    assert "spikes" not in {unit.method for unit in units}
    rows = run([unit for unit in units if unit.method in ("chance", "pca")])
    read = rows[(rows["metric"] == "balanced_accuracy") & (rows["method"] == "pca")]
    assert (read["ceiling"] == 1).all()
    assert read["recovery"].notna().all()


def test_some_units_alone_have_a_perfect_ceiling_only_where_spikes_are_unknown(folder, tmp_path):
    path = import_traces(folder / "ground_truth").save(tmp_path / "known")
    units = plan([scenario_of(path, ["indicator"])], ["pca"])
    rows = run([unit for unit in units if unit.method in ("chance", "pca")])
    assert rows["value"].notna().all()
    assert rows[["ceiling", "recovery"]].isna().all(axis=None)


def test_a_simulated_dataset_keeps_its_split(tiny_dataset, tmp_path):
    scenario = scenario_of(tiny_dataset.save(tmp_path / "tiny-data"))
    assert scenario.targets == tiny_dataset.scenario.targets
    assert scenario.within == "firing_type"
    again = simulate(scenario, seed=8)
    np.testing.assert_array_equal(again.test, tiny_dataset.test)
    np.testing.assert_array_equal(again.traces(), tiny_dataset.traces())


def test_bad_datasets_and_targets_are_one_line(folder, tmp_path):
    data = import_traces(folder / "ground_truth").save(tmp_path / "data")
    refused(simbench("run", "--dataset", data, "--target", "mood"), "no recording has the label")
    refused(simbench("run", "--dataset", data), "--target: none is named")
    refused(simbench("run", "quickstart", "--dataset", data, "--target", "region"), "no scenario")
    refused(simbench("run", "--target", "region"), "--target: only with --dataset")
    refused(simbench("run", "--dataset", tmp_path, "--target", "region"), "manifest.json: missing")
    refused(simbench("run", "--dataset", data, "--target", "region", "--seconds", "5"), "give both")
    victim = next(data.rglob("labels.csv"))
    victim.write_text(victim.read_text() + "\n")
    refused(simbench("run", "--dataset", data, "--target", "region"), "labels.csv: altered")
    victim.unlink()
    refused(simbench("run", "--dataset", data, "--target", "region"), "labels.csv: missing")


def test_recordings_that_differ_need_windows(tmp_path):
    write_mat(tmp_path / "DS30-GCaMP8f-m-V1/a.mat", cell(), cell(rate=30.0, spikes_s=[1.0]))
    write_mat(tmp_path / "DS30-GCaMP8f-m-V1/b.mat", cell())
    data = import_traces(tmp_path / "DS30-GCaMP8f-m-V1").save(tmp_path / "data")
    refused(
        simbench("run", "--dataset", data, "--target", "log_rate"),
        "recordings differ, 20 to 30 Hz and 6.66667 to 10 s; give --seconds and --frame-rate",
    )


def test_without_their_folder_shipped_scenarios_say_where_recordings_are(folder, tmp_path):
    refused(simbench("run", "recorded-cells"), "needs recordings of others; name their folder by")
    refused(simbench("simulate", "recorded-cells", "-o", tmp_path / "x"), "g2chvcdata")
    refused(simbench("run", "recorded-cells", "--recordings", tmp_path / "no"), "no such folder")
    lost = simbench("run", "recorded-cultures", "--recordings", folder)
    refused(lost, "cultures: missing; scenario recorded-cultures takes recordings from there")
    everything = simbench("run", "all", "--dry-run")
    assert everything.returncode == 0, everything.stderr
    assert "left out without --recordings DIR: recorded-cells" in everything.stderr
    assert "quickstart" in everything.stdout
    assert "recorded" not in everything.stdout
    refused(simbench("show", "culture", "recorded-cells"), "it has no culture")


def test_a_manifest_of_no_test_recording_gets_a_split(folder, tmp_path):
    data = import_traces(folder / "ground_truth").save(tmp_path / "data")
    assert not Dataset.load(data).test.any()
    assert 0 < simulate(scenario_of(data, ["indicator"]), 0).test.sum() < 16


def test_real_cells_and_their_twins(real, monkeypatch):
    monkeypatch.setenv("SIMBENCH_REAL", str(real))
    cells, twins = (simulate(load_scenario(f"recorded-cells{end}"), 1) for end in ("", "-twins"))
    assert len(cells.recordings) == len(twins.recordings) > 250
    np.testing.assert_array_equal(cells.test, twins.test)
    np.testing.assert_array_equal(cells.labels["log_rate"], twins.labels["log_rate"])
    sides = [set(cells.labels["indicator"][cells.test_neurons == side]) for side in (0, 1)]
    assert sides[0] == sides[1]


def test_validate_ranks_refuses_in_one_line(folder, tmp_path):
    refused(simbench("validate", "ranks", tmp_path / "none"), "no such folder")
    refused(simbench("validate", "ranks", tmp_path), "ground_truth: missing")
    refused(simbench("validate", "ranks", folder, "-m", "psa"), "unknown method 'psa'")
    refused(simbench("validate", "ranks", folder, "-m", "pca"), "1 methods; at least 3")
    shown = simbench("validate", "--help")
    assert shown.returncode == 0
    assert "Example: simbench validate" in shown.stdout
