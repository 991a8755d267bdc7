from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.export import export
from simbench.data.export.nwb import _nwb_columns, content_digest
from simbench.data.readers.spike_files import import_spikes
from simbench.data.simulation import simulate
from simbench.scenario.labels import LABELS
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import load_scenario

pynwb = pytest.importorskip("pynwb", reason="pynwb writes NWB files")


@pytest.fixture(scope="module")
def folder(small_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nwb") / "out"
    export(small_dataset, folder, "nwb")
    return folder


@pytest.fixture(scope="module")
def nwb(folder):
    with pynwb.NWBHDF5IO(folder / "recording-001.nwb", "r") as io:
        yield io.read()


def issues(folder):
    inspector = pytest.importorskip("nwbinspector", reason="the judge of NWB files")
    config = inspector.load_config("dandi")
    return [
        (m.check_function_name, m.object_name, m.message)
        for path in sorted(folder.glob("*.nwb"))
        for m in inspector.inspect_nwbfile(nwbfile_path=path, config=config)
    ]


def test_the_inspector_has_nothing_to_say(folder):
    assert issues(folder) == []


def test_nor_about_odd_cultures(small_dataset, tmp_path):
    recording = small_dataset.recordings[0]
    truth = recording.truth
    n = recording.n_neurons
    labels = truth.labels.assign(
        cv_isi=np.nan,
        in_degree=np.arange(n) % 2,
        rate_hz=(np.arange(n) % 2).astype(float),
        module=np.arange(n) % 2,
        firing_type=np.where(np.arange(n) % 2, "yes!", "no!"),
    )
    silent = SpikeTrains(np.zeros(0), np.zeros(n + 1, dtype=int), 10.0)
    odd = replace(truth, labels=labels, spikes=silent, weights=sparse.csr_array((n, n)))
    once = SpikeTrains(np.full(1, 0.5), np.repeat([0, 1], [4, n - 3]), 10.0)
    bare = labels[["culture", "x_mm", "y_mm"]]
    unknown = replace(truth, labels=bare, spikes=once, weights=None)
    dataset = Dataset(
        (
            replace(recording, load_truth=lambda: odd),
            replace(recording, name="other", load_truth=lambda: unknown),
        ),
        np.array([False, False]),
        origin={"files": {"x.npz": "0"}},
    )
    export(dataset, tmp_path / "odd", "nwb")
    missed = {name for name, _, _ in issues(tmp_path / "odd")}
    # who, where and of whom: nobody has told, and nothing is made up
    assert missed == {
        "check_experimenter_exists", "check_institution", "check_subject_exists"
    }  # fmt: skip


def test_flags_and_whole_numbers_of_pandas_may_be_missing():
    labels = pd.DataFrame(
        {
            "alive": pd.array([True, None, False], dtype="boolean"),
            "passage": pd.array([3, None, 300], dtype="Int64"),
            "kept": pd.array([True, False, True], dtype="boolean"),
        }
    )
    alive, passage, kept = dict(_nwb_columns(labels)).values()
    np.testing.assert_array_equal(alive, [1, np.nan, 0])
    np.testing.assert_array_equal(passage, [3, np.nan, 300])
    assert kept.dtype == bool
    np.testing.assert_array_equal(kept, [True, False, True])


def test_traces_survive(small_dataset, nwb):
    recording = small_dataset.recordings[1]
    ophys = nwb.processing["ophys"]
    expected = {
        ("Fluorescence", "RoiResponseSeries"): recording.fluorescence,
        ("Fluorescence", "Neuropil"): recording.truth.neuropil,
        ("DfOverF", "RoiResponseSeries"): recording.dff,
        ("DfOverF", "TrueRoiResponseSeries"): recording.truth.clean_dff,
    }
    for (container, name), trace in expected.items():
        series = ophys[container][name]
        np.testing.assert_array_equal(series.data[:].T, trace)
        assert series.rate == 20
        assert len(series.rois) == recording.n_neurons


def test_truth_survives(small_dataset, nwb):
    truth = small_dataset.recordings[1].truth
    table = nwb.processing["ophys"]["ImageSegmentation"]["PlaneSegmentation"]
    rows = table.to_dataframe().reset_index()
    pd.testing.assert_frame_equal(
        rows[truth.labels.columns], truth.labels, check_dtype=False, check_exact=True
    )
    for name in set(truth.labels) & set(LABELS):
        assert LABELS[name].meaning in table[name].description
        assert LABELS[name].unit in table[name].description
    for neuron in range(12):
        np.testing.assert_array_equal(nwb.units["spike_times"][neuron], truth.spikes[neuron])
    links = nwb.processing["misc"]["wiring"].to_dataframe()
    rebuilt = sparse.coo_array((links["weight"], (links["pre"], links["post"])), (12, 12))
    np.testing.assert_array_equal(rebuilt.todense(), truth.weights.todense())


def test_it_says_that_it_is_simulated(small_dataset, nwb):
    assert "SIMULATED" in nwb.session_description
    assert "SIMULATED" in nwb.subject.description
    assert '"test_culture": true' in nwb.notes
    assert small_dataset.scenario.digest() in nwb.notes


def test_of_imported_spikes_it_says_what_was_told_and_no_more(tmp_path):
    times, neurons = np.array([0.5, 1.25, 3.0]), np.array([0, 0, 1])
    np.savez(tmp_path / "a.npz", times=times, neurons=neurons)
    told = {"source": "a public archive", "license": "CC0", "citation": "Doe 2020"}
    export(import_spikes(tmp_path / "a.npz", **told), tmp_path / "out", "nwb")
    with pynwb.NWBHDF5IO(tmp_path / "out" / "recording-000.nwb", "r") as io:
        file = io.read()
        assert file.subject is file.experimenter is file.institution is None
        assert file.data_collection == "a public archive"
        assert list(file.related_publications) == ["Doe 2020"]
        assert "from elsewhere: spikes; made by simbench: fluorescence" in (
            file.experiment_description
        )
        assert "licence: CC0" in file.experiment_description
        assert "SIMULATED" not in file.units.description + file.session_description
        assert file.imaging_planes["ImagingPlane"].location == "not told"
        assert "SIMULATED" in file.imaging_planes["ImagingPlane"].description  # the optics are ours


def test_the_identifier_follows_from_the_content(small_dataset, nwb):
    first, second = small_dataset.recordings
    assert nwb.identifier == content_digest(second) != content_digest(first)
    assert content_digest(replace(second, frame_rate=21.0)) != content_digest(second)


def test_pynapple_opens_it(small_dataset, folder):
    nap = pytest.importorskip("pynapple", reason="an outside reader of NWB")
    recording = small_dataset.recordings[0]
    data = nap.load_file(folder / "recording-000.nwb")
    units = data["units"]
    assert len(units) == recording.n_neurons
    for neuron in range(1, recording.n_neurons):
        np.testing.assert_allclose(units[neuron].t, recording.truth.spikes[neuron], atol=1e-9)
    np.testing.assert_array_equal(
        units["firing_type"].to_numpy(), recording.truth.labels["firing_type"]
    )
    frame = data["Fluorescence/RoiResponseSeries"]
    assert isinstance(frame, nap.TsdFrame)
    np.testing.assert_array_equal(np.asarray(frame.d).T, recording.fluorescence)
    np.testing.assert_allclose(frame.t, np.arange(200) / 20)


def test_every_label_of_a_simulated_culture_passes(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    quickstart = load_scenario("quickstart").model_dump()
    quickstart["culture"] |= {"n_neurons": 20, "duration_s": 10.0}
    quickstart["imaging"] = {"preset": "harsh"}
    scenario = Scenario.model_validate(quickstart | {"replicates": 2})
    dataset = simulate(scenario)
    export(dataset, tmp_path / "out", "nwb")
    assert issues(tmp_path / "out") == []
    card = (tmp_path / "out" / "README.md").read_text()
    assert "own label" not in card  # every column that simbench makes is described
