from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simbench.core.errors import SimbenchError
from simbench.culture.neuron_labels import describe
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording, Truth


def measured(name, light, rate, times=(), group=""):
    """A recording of one cell."""
    light = np.atleast_2d(np.asarray(light, dtype=np.float32))
    duration = light.shape[1] / rate
    spikes = SpikeTrains.from_events(np.zeros(len(times), int), np.array(times), 1, duration)
    labels = pd.DataFrame({"indicator": ["GCaMP6f"]}).join(describe(spikes)[0])
    truth = Truth(labels, spikes, None, None, {})
    return Recording(name, light, rate, lambda: truth, group)


def dataset_of(*recordings):
    return Dataset(recordings, np.zeros(len(recordings), dtype=bool))


def test_a_frame_goes_into_the_bin_of_its_middle():
    # middles at 1/3, 1, 5/3, 7/3, 3, 11/3: one on an edge goes into the bin that begins there
    dataset = dataset_of(measured("a", [1, 2, 3, 4, 5, 6], 1.5))
    (window,) = dataset.windows(4.0, 1.0).recordings
    np.testing.assert_allclose(window.fluorescence, [[1, 2.5, 4, 5.5]])


def test_the_same_rate_and_length_change_nothing(small_dataset):
    windows = small_dataset.windows(10.0, 20.0)
    for new, old in zip(windows.recordings, small_dataset.recordings):
        np.testing.assert_array_equal(new.fluorescence, old.fluorescence)
        np.testing.assert_array_equal(new.truth.clean_dff, old.truth.clean_dff)
        np.testing.assert_array_equal(new.truth.spikes.times, old.truth.spikes.times)
        assert (new.group, new.name) == (old.group, f"{old.name}-000")
    np.testing.assert_array_equal(windows.test, small_dataset.test)
    assert windows.scenario is small_dataset.scenario
    assert "`windows.seconds` | 10.0" in windows.card()


def test_windows_are_cut_with_their_spikes_and_labelled_anew(tmp_path):
    cell = measured("a", np.arange(100), 10.0, [0.5, 3.9, 4.0, 4.5, 7.9], group="animal")
    dataset = dataset_of(
        cell, measured("b", np.ones(330), 30.0), measured("short", [1, 1, 1], 10.0)
    )
    windows = dataset.windows(4.0, 5.0)
    assert [r.name for r in windows.recordings] == ["a-000", "a-001", "b-000", "b-001"]
    assert windows.traces().shape == (4, 20)
    assert windows.frame_rate == 5.0
    np.testing.assert_array_equal(windows.culture, [0, 0, 1, 1])
    np.testing.assert_allclose(windows.recordings[1].truth.spikes.times, [0, 0.5, 3.9])
    assert list(windows.labels["n_spikes"]) == [2, 3, 0, 0]
    assert set(windows.labels["indicator"]) == {"GCaMP6f"}
    assert windows.origin["windows"]["left_out"] == ["short"]
    np.testing.assert_allclose(windows.recordings[1].fluorescence[0, :2], [40.5, 42.5])
    assert len(dataset.windows(4.0, 5.0, per_recording=1).recordings) == 2
    pd.testing.assert_frame_equal(
        Dataset.load(windows.save(tmp_path / "out")).labels, windows.labels, check_exact=True
    )


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1.0, 200.0), st.floats(0.01, 1.0), st.integers(2, 40), st.integers(1, 4),
    st.floats(0, 0.99),
)  # fmt: skip
def test_every_window_is_full_and_keeps_the_mean(rate, share, n_frames, n_windows, rest):
    slow = rate * share
    seconds = n_frames / slow
    n = int(np.ceil((n_windows + rest) * seconds * rate)) + 1
    dataset = dataset_of(measured("a", np.arange(n), rate, [n / rate / 2]))
    windows = dataset.windows(seconds, slow).recordings
    assert len(windows) in (n_windows, n_windows + 1)
    joined = np.concatenate([w.fluorescence[0] for w in windows])
    assert np.isfinite(joined).all()
    middle = (np.arange(len(joined)) + 0.5) / slow * rate - 0.5
    assert np.abs(joined - middle).max() <= 0.51  # frames are numbered: a bin's mean is its place
    assert sum(w.truth.spikes.counts.sum() for w in windows) <= 1


@pytest.mark.parametrize(
    ("seconds", "rate", "most", "message"),
    [
        (4.0, 11.0, None, "recording a has 10 Hz, and frames can only be averaged"),
        (0.25, 10.0, None, "2.5 frames; allowed: a whole number"),
        (0.1, 10.0, None, "allowed: a whole number, 2 or more"),
        (-4.0, 5.0, None, "allowed: a whole number, 2 or more"),
        (np.nan, 5.0, None, "allowed: a whole number, 2 or more"),
        (40.0, 5.0, None, "40 s asked for; the longest recording: 10"),
        (4.0, 5.0, 0, "per_recording = 0; allowed: 1 or more"),
    ],
)
def test_impossible_windows_are_one_line(seconds, rate, most, message):
    with pytest.raises(SimbenchError, match=message):
        dataset_of(measured("a", np.ones(100), 10.0)).windows(seconds, rate, most)


def test_no_spike_falls_between_two_windows():
    edges = np.arange(1, 20) * 10 / 3.0
    times = np.unique([np.nextafter(edges, 0), edges, np.nextafter(edges, np.inf)])
    windows = dataset_of(measured("a", np.ones(200), 3.0, times)).windows(10 / 3.0, 3.0)
    assert windows.labels["n_spikes"].tolist() == [1, *[3] * 18, 2]


def test_unknown_spikes_stay_unknown_and_blinded_stays_blind():
    cell = measured("a", np.ones(100), 10.0)
    bare = replace(cell.truth, spikes=None)
    unknown = dataset_of(replace(cell, load_truth=lambda: bare))
    assert unknown.windows(4.0, 5.0).recordings[1].truth.spikes is None
    with pytest.raises(SimbenchError, match="blinded"):
        _ = unknown.blind().windows(4.0, 5.0).labels
