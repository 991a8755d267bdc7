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
    assert set(summary) == {"mean_rate_hz", "silent_share"}
    pair = SpikeTrains.from_events(np.array([0, 1]), np.array([1.0, 2.0]), 2, 10.0)
    unwired, _ = describe(pair)
    assert "network_spike_share" in unwired
    wired, _ = describe(pair, sparse.csr_array((2, 2)))
    assert {*unwired, "in_degree", "neighbour_correlation"} <= set(wired)
    assert set(wired) <= set(LABELS)
