import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simbench.core.errors import SimbenchError
from simbench.data.readers.electrode_files import culture_of, read_electrodes
from simbench.data.readers.spike_files import import_spikes
from simbench.imaging import ImagingRecipe

h5py = pytest.importorskip("h5py", reason="h5py reads HDF5 files")
from made_files import write_h5  # noqa: E402


def test_electrodes_are_imaged_as_neurons(tmp_path):
    path = write_h5(tmp_path / "C57_CTX_G2CEPHYS1_TC11_DIV14_A.h5")
    write_h5(tmp_path / "C57_CTX_G2CEPHYS1_TC11_DIV18_B.h5", **{"meta/age": [18]})
    recording, later = import_spikes(tmp_path, ImagingRecipe(preset="ideal", nu=1.0)).recordings
    spikes, labels = recording.truth.spikes, recording.truth.labels
    np.testing.assert_allclose(spikes.times, [0.5, 1.25, 3.0, 0.1, 4.5], atol=1e-6)
    np.testing.assert_array_equal(spikes.counts, [3, 0, 2])
    assert spikes.duration == 5.0
    np.testing.assert_allclose(labels["x_mm"], [0.2, 0.4, 0.6])
    np.testing.assert_allclose(labels["y_mm"], [1.4, 1.4, 0.2])
    assert set(labels["region"]) == {"ctx"}
    assert list(labels["days_in_vitro"]) == [14, 14, 14]
    assert {"isi_cv2", "network_spike_share"} <= set(labels)
    assert set(labels["culture"]) == {"TC11"}
    assert recording.group == later.group == culture_of(path)
    assert "network_burst_rate_hz" in recording.truth.summary


def test_times_count_from_the_begin_of_the_recording(tmp_path):
    times = np.array([10.5, 11.0, 14.9], dtype=np.float32)
    made = {"spikes": times, "sCount": [1, 1, 1], "recordingtime": [10.0, 15.0]}
    arrays = read_electrodes(write_h5(tmp_path / "a.h5", **made))
    np.testing.assert_allclose(arrays["times"], times - 10, atol=1e-6)
    assert arrays["duration"] == [5.0]


@pytest.mark.parametrize(
    ("stem", "culture"),
    [
        ("C57_CTX_G2CEPHYS1_DIV10_TC01_A", "TC01"), ("TC144-C57-DIV180001_A", "TC144"),
        ("TC142-C57-DIV14-preSham_A", "TC142"), ("mine-DIV14-b", "mine-b"), ("DIV14", "DIV14"),
    ],
)  # fmt: skip
def test_the_name_tells_the_culture(tmp_path, stem, culture):
    assert culture_of(tmp_path / f"{stem}.h5") == culture


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"without": ["epos", "sCount"]}, "holds no sCount, epos; needed: spikes, sCount"),
        ({"spikes": np.array([0.5, np.nan, 3.0, 0.1, 4.5])}, "a spike time is not finite"),
        ({"spikes": np.array([0.5, 1.0, 3.0, 0.1, 50.0])}, "0.1 to 50 s, outside .* of 5 s"),
        ({"spikes": np.array([-0.5, 1.0, 3.0, 0.1, 4.0])}, "-0.5 to 4 s, outside"),
        ({"sCount": [3, 0, 1]}, "adds up to 4, but there are 5"),
        ({"sCount": [3, -1, 3]}, "adds up to 5"),
        ({"sCount": np.zeros(0, int), "spikes": np.zeros(0)}, "no electrodes"),
        ({"epos": np.zeros((2, 4))}, r"epos has shape \(2, 4\); needed: \(2, 3\)"),
        ({"spikes": b"text"}, "not of the right form"),
        ({"recordingtime": [0.0, 0.0], "spikes": np.zeros(0), "sCount": [0, 0, 0]}, "duration 0"),
        ({"meta/age": [np.inf]}, "meta/age = inf; needed: days"),
    ],
)
def test_files_that_cannot_be_right_are_one_line(tmp_path, changes, message):
    path = write_h5(tmp_path / "a.h5", **changes)
    with pytest.raises(SimbenchError, match=message) as error:
        import_spikes(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.booleans())
def test_a_damaged_file_is_read_or_one_line(tmp_path_factory, place, byte, cut):
    path = write_h5(tmp_path_factory.mktemp("h5") / "a.h5")
    data = bytearray(path.read_bytes())
    index = int(place**2 * len(data))
    path.write_bytes(data[:index] if cut else data[:index] + bytes([byte]) + data[index + 1 :])
    try:
        read_electrodes(path)
    except SimbenchError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)


def test_without_h5py_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SimbenchError, match=r"a\.h5: needs `pip install '\.\[nwb\]'`"):
        read_electrodes(tmp_path / "a.h5")


def test_real_cultures_are_read(real):
    paths = sorted((real / "cultures").glob("*.h5"))
    for path in paths[::20]:
        arrays = read_electrodes(path)
        assert arrays["duration"] == [300.0]
        assert set(arrays["region"]) <= {"ctx", "hpc"}
        assert arrays["times"].min() >= 0
        assert arrays["x_mm"].max() <= 1.6
    assert len({culture_of(path) for path in paths}) < len(paths) / 4
    (recording,) = import_spikes(paths[0]).recordings
    assert recording.truth.summary["network_spike_share"] > 0.5
