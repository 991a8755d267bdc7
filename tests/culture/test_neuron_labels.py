import numpy as np
import pytest
from scipy import sparse

from simbench.culture.neuron_labels import activity_labels, describe
from simbench.culture.spikes import SpikeTrains
from simbench.scenario.labels import LABELS


def one_cell(times):
    return SpikeTrains.from_events(np.zeros(len(times), int), np.array(times), 1, 10.0)


def test_cv2_compares_neighbouring_intervals():
    # intervals 1, 2, 2: 2 |2 - 1| / 3 and 0
    assert activity_labels(one_cell([0.0, 1, 3, 5]))["isi_cv2"][0] == pytest.approx(1 / 3)
    assert np.isnan(activity_labels(one_cell([0.0, 1]))["isi_cv2"][0])


def test_spikes_at_one_time_are_no_warning():
    labels = activity_labels(one_cell([1.0, 1.0, 1.0]))
    assert labels["isi_cv2"][0] == labels["isi_lv"][0] == 0
    assert np.isnan(labels["isi_cv"][0])


def test_labels_need_no_wiring_and_a_cell_alone_no_culture():
    alone, summary = describe(one_cell([0.0, 1, 3, 5]))
    assert not {"network_spike_share", "neighbour_correlation", "in_degree"} & set(alone)
    assert not [name for name in summary if name.startswith("network")]
    pair = SpikeTrains.from_events(np.array([0, 1]), np.array([1.0, 2.0]), 2, 10.0)
    unwired, _ = describe(pair)
    assert "network_spike_share" in unwired
    wired, _ = describe(pair, sparse.csr_array((2, 2)))
    assert {*unwired, "in_degree", "neighbour_correlation"} <= set(wired)
    assert set(wired) <= set(LABELS)


def test_a_culture_is_summarised_over_the_neurons_that_fire():
    trains = [[0.5, 0.51, 3.0, 7.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], []]
    spikes = SpikeTrains.from_events(
        np.repeat([0, 1, 2], [len(train) for train in trains]), np.concatenate(trains), 3, 10.0
    )
    _, summary = describe(spikes)
    assert summary["mean_rate_hz"] == pytest.approx(0.4)
    assert summary["silent_share"] == pytest.approx(1 / 3)
    assert summary["log_rate_sd"] == pytest.approx(np.log10(2) / 2)
    assert summary["burst_fraction"] == pytest.approx(0.25)
    isi = np.array([0.01, 2.49, 4.0])
    assert summary["isi_cv"] == pytest.approx(isi.std() / isi.mean() / 2)  # the other has none


def test_a_silent_culture_has_a_summary_without_nan():
    silent = SpikeTrains(np.zeros(0), np.zeros(4, dtype=int), 10.0)
    assert np.isfinite(list(describe(silent)[1].values())).all()
