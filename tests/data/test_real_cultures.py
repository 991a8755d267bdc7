import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import write_h5

pytest.importorskip("h5py", reason="h5py reads HDF5 files")

from simbench.core.errors import SimbenchError
from simbench.culture.growth import grow_cultures
from simbench.culture.planning import prepare_target
from simbench.data.real_cultures import (
    STATISTICS,
    beside_real,
    is_held_out,
    mean_summary,
    measure_cultures,
    nearest_region,
    ranges_of,
    real_ranges,
    share_inside,
    told_inside,
)
from simbench.scenario.culture_recipe import CultureRecipe


def test_shipped_ranges_are_those_of_the_recordings(real):
    measured = ranges_of(measure_cultures(real / "cultures"))
    shipped = real_ranges()
    pd.testing.assert_frame_equal(measured, shipped, rtol=1e-3, check_dtype=False)


def test_published_medians_of_real_cultures_are_found():
    """reality.md: medians of untreated cultures, days 14 to 28."""
    ranges = real_ranges().set_index(["region", "statistic"])["p50"]
    assert 0.97 < ranges["cortical", "network_spike_share"] < 1
    assert 0.17 < ranges["cortical", "network_burst_duration_s"] < 0.37
    assert 0.10 < ranges["hippocampal", "network_burst_duration_s"] < 0.22


@pytest.mark.parametrize("region", ["cortical", "hippocampal"])
@pytest.mark.parametrize(("share", "distance"), [("p5", -1), ("p50", 0), ("p95", 1)])
def test_distance_counts_in_percentiles(region, share, distance):
    ranges = real_ranges()
    some = ranges[ranges["region"] == region].set_index("statistic")
    table = beside_real(dict(some[share]), region)
    has_span = (some[share] != some["p50"]).to_numpy() | (distance == 0)
    assert table["distance"][has_span].to_numpy() == pytest.approx(distance)


@given(st.dictionaries(st.sampled_from(sorted(STATISTICS)), st.floats(0, 1e3), min_size=1))
def test_distance_grows_with_the_value(summary):
    table = beside_real(summary, "cortical")
    more = beside_real({name: value + 0.5 for name, value in summary.items()}, "cortical")
    assert set(table["statistic"]) == set(summary)
    assert (more["distance"] > table["distance"]).all()


def test_the_median_of_a_region_is_nearest_to_it():
    ranges = real_ranges()
    for region, some in ranges.groupby("region"):
        assert nearest_region(dict(zip(some["statistic"], some["p50"]))) == region


def test_an_inside_culture_is_told_from_one_that_leaves_the_range():
    ranges = real_ranges()
    some = ranges[ranges["region"] == "cortical"].set_index("statistic")["p50"]
    fast = dict(some) | {"mean_rate_hz": 99.0}
    assert told_inside(beside_real(dict(some), "cortical")) == "9 of 9 statistics"
    told = "8 of 9 statistics; outside: mean rate"
    assert told_inside(beside_real(fast, "cortical")) == told
    assert share_inside([dict(some), fast], "cortical", ranges) == 0.5


def test_every_third_culture_is_held_out_with_all_its_recordings():
    recordings = pd.DataFrame({"culture": ["a", "c", "b", "c", "d", "a"]})
    assert is_held_out(recordings).tolist() == [False, True, False, True, False, False]


def test_mean_summary_leaves_out_what_is_unknown():
    mean = mean_summary([{"mean_rate_hz": 1.0, "other": 3}, {"mean_rate_hz": 3.0}])
    assert mean == {"mean_rate_hz": 2.0}


def test_made_recordings_are_measured(tmp_path):
    rng = np.random.default_rng(0)
    spikes = np.sort(rng.uniform(0, 100, (3, 400)), axis=1)
    write_h5(
        tmp_path / "TC01.h5", spikes=spikes.ravel(), sCount=np.array([400, 400, 400]),
        recordingtime=np.array([0.0, 100.0]),
    )  # fmt: skip
    (row,) = measure_cultures(tmp_path).to_dict("records")
    assert row["culture"] == "TC01"
    assert (row["region"], row["days_in_vitro"], row["n_electrodes"]) == ("cortical", 14, 3)
    assert row["mean_rate_hz"] == pytest.approx(4.0)
    assert row["silent_share"] == row["log_rate_sd"] == 0
    assert row["isi_cv"] == pytest.approx(1, abs=0.15)  # Poisson


def test_a_recording_without_region_is_refused(tmp_path):
    write_h5(tmp_path / "TC01.h5", without=["meta/region"])
    with pytest.raises(SimbenchError, match="TC01.h5: holds no region"):
        measure_cultures(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meta/age": [np.nan]}, "meta/age = nan; needed: days"),
        ({"meta/age": np.array([b"P14"])}, "meta/age = .*P14.*; needed: days"),
        ({"meta/age": np.zeros(0)}, "not of the right form"),
        ({"recordingtime": np.zeros(0)}, "duration 0 s; allowed: a positive number"),
        ({"recordingtime": [3.0, 3.0]}, "duration 0 s; allowed: a positive number"),
        ({"recordingtime": [np.nan, 3.0]}, "duration nan s; allowed: a positive number"),
    ],
)
def test_files_that_cannot_be_right_are_one_line(tmp_path, changes, message):
    write_h5(tmp_path / "TC01.h5", **changes)
    with pytest.raises(SimbenchError, match=rf"TC01\.h5: .*{message}") as error:
        measure_cultures(tmp_path)
    assert "\n" not in str(error.value)


def test_the_order_of_spikes_in_a_file_does_not_matter(tmp_path):
    for name in ("in-order", "in-any-order"):
        (tmp_path / name).mkdir()
    spikes = np.array([1.0, 1.01, 2.0, 3.0, 3.01])
    write_h5(tmp_path / "in-order" / "TC01.h5", spikes=spikes)
    write_h5(tmp_path / "in-any-order" / "TC01.h5", spikes=spikes[[1, 2, 0, 4, 3]])
    tables = [measure_cultures(tmp_path / name) for name in ("in-order", "in-any-order")]
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["burst_fraction"][0] == pytest.approx((2 / 3 + 1) / 2)


def test_a_single_electrode_has_no_network(tmp_path):
    write_h5(
        tmp_path / "TC01.h5", spikes=np.array([1.0, 2.0]), sCount=np.array([2]),
        epos=np.array([[200.0], [400.0]]),
    )  # fmt: skip
    with pytest.raises(SimbenchError, match="one electrode; network bursts need 2 or more"):
        measure_cultures(tmp_path)


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(SimbenchError, match=r"holds no file that ends in \.h5"):
        measure_cultures(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("region", ["cortical", "hippocampal"])
def test_cultures_of_a_preset_lie_in_the_range_of_real_ones(region):
    """Means of six cultures; the silent share of hippocampal ones lies at its edge."""
    recipe = CultureRecipe.model_validate({"preset": region, "n_neurons": 120, "duration_s": 120.0})
    block = [recipe] * 6
    cultures = grow_cultures(block, 1900, range(6), prepare_target(block))
    table = beside_real(mean_summary([culture.summary for _, culture in cultures]), region)
    assert len(table) == len(STATISTICS)
    assert table["distance"].abs().max() <= 1.1
