"""Real spikes through the indicators: known gains and decays are found, and all is written."""

import numpy as np
import pandas as pd
import pytest
from made_files import cell, write_mat
from PIL import Image
from typer.testing import CliRunner

from simbench.cli import app
from simbench.core.errors import SimbenchError
from simbench.culture.spikes import SpikeTrains
from simbench.data.readers.measured_cells import SOURCE, Cell, CellRecording, read_cells
from simbench.imaging.indicators import frame_dff, get_indicator, measure_response
from simbench.report.validation import optics_report
from simbench.report.validation import optics_validation as validation
from simbench.scenario.presets import NU_PER_SD

RATE_HZ, SECONDS, NOISE, GAIN, DECAY = 30.0, 120.0, 0.03, 1.6, 1.5
PLACE = "ground_truth/DS30-GCaMP8m-m-V1/CAttached_jGCaMP8m_{}_1_mini.mat"


def write_cell(root, animal, gain, decay, seed):
    """A file of a cell that is the culture preset of jGCaMP8m but for gain and decay."""
    rng = np.random.default_rng(seed)
    bursts = [start + rng.uniform(0, 0.2, rng.integers(2, 9)) for start in np.arange(2, 60, 4.0)]
    times = np.sort(np.concatenate([*bursts, np.arange(62, 118, 4.5)]))
    spikes = SpikeTrains.from_events(np.zeros(len(times), int), times, 1, SECONDS)
    scale = np.array([decay])
    dff = frame_dff(spikes, get_indicator("jGCaMP8m"), RATE_HZ, decay_scale=scale)[0]
    light = gain * dff + rng.normal(0.2, NOISE, len(dff))
    made = cell(times, RATE_HZ, len(dff), 0.5 / RATE_HZ, fluo_mean=light.astype(np.float32))
    write_mat(root / PLACE.format(animal), made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    for k, animal in enumerate((471991, 471992)):  # the first is one to fit, the second tests
        write_cell(root, animal, GAIN, DECAY, seed=k)
    return root


@pytest.fixture(scope="module")
def rows(folder):
    return validation.compare_cells(read_cells(folder)).set_index("model")


def test_known_gain_and_decay_are_found(folder):
    real = read_cells(folder)[1]
    preset = get_indicator("jGCaMP8m")
    decay, r = validation.fit_decay(real, preset)
    assert decay == pytest.approx(DECAY, rel=0.03)
    found = validation.agreement(
        validation.measured(real), validation.simulated_like(real, preset, decay)
    )
    assert found.gain == pytest.approx(GAIN, rel=0.03)
    assert found.r == pytest.approx(r, abs=1e-6)


def test_each_freedom_explains_more_up_to_the_ceiling(rows):
    culture = rows.loc["culture"]
    assert culture["ev"] < culture["ev_gain"] < culture["ev_decay"]
    assert culture["ev_decay"] == pytest.approx(1, abs=0.02)
    assert culture["decay"] == pytest.approx(DECAY, rel=0.03)


def test_noise_and_its_ceiling_are_those_that_were_added(rows, folder):
    added = 100 * NOISE * NU_PER_SD / RATE_HZ**0.5
    assert 0.95 * added < rows.loc["culture", "nu"] < 1.4 * added  # activity raises it
    variance = validation.measured(read_cells(folder)[1]).var()
    assert rows.loc["culture", "ceiling"] == pytest.approx(1 - NOISE**2 / 2 / variance, abs=0.01)


def test_single_spikes_have_the_size_of_the_preset(rows):
    culture = rows.loc["culture"]
    amplitude = measure_response(get_indicator("jGCaMP8m"))["amplitude"]
    assert amplitude * 0.6 < culture["peak_simulated"] < amplitude  # frames and smoothing lower it
    assert culture["peak"] / culture["peak_simulated"] == pytest.approx(GAIN, rel=0.25)
    assert culture["half_decay_ms"] > culture["half_decay_ms_simulated"]
    assert culture["half_rise_ms"] == pytest.approx(culture["half_rise_ms_simulated"], abs=5)


def test_peak_and_half_times_of_a_known_course_are_found():
    rate, rise_s, decay_s, peak = 100.0, 0.3, 0.4, 0.8
    times = np.arange(3, 117, 4.5)
    ages = (np.arange(SECONDS * rate) + 0.5) / rate
    ages -= times[np.maximum(np.searchsorted(times, ages) - 1, 0)]
    course = np.where(ages < rise_s, ages / rise_s, np.exp(-(ages - rise_s) / decay_s))
    trace = 0.2 + peak * np.where(ages > 0, course, 0)
    spikes = SpikeTrains.from_events(np.zeros(len(times), int), times, 1, SECONDS)
    made = Cell("made", "made", "GCaMP6s", "1", (CellRecording(trace, rate, spikes, trace, rate),))
    found = validation.single_spike(made)
    assert found.peak == pytest.approx(peak, rel=0.06)  # smoothing lowers it
    assert found.half_rise_ms == pytest.approx(1000 * rise_s / 2, abs=10)
    assert found.half_decay_ms == pytest.approx(1000 * decay_s * np.log(2), abs=30)


def test_the_linear_kernel_is_the_best_of_linear_cells(tmp_path):
    for k, animal in enumerate((471991, 471992)):
        write_cell(tmp_path, animal, 0.02, 1.0, seed=k)
    to_fit, _ = validation.halves(read_cells(tmp_path))
    kernel = validation.linear_kernel(to_fit)
    real = validation.measured(to_fit[0])
    mine, other = (
        validation.agreement(real, validation.simulated_like(to_fit[0], i)).r
        for i in (kernel, get_indicator("GCaMP6s"))
    )
    assert mine > other


def test_a_sigmoid_after_the_kernel_is_nearer_to_cells_that_saturate(folder):
    to_fit, (other,) = validation.halves(read_cells(folder))
    kernel = validation.linear_kernel(to_fit)
    real = validation.measured(other)
    straight, bent = (
        validation.agreement(real, validation.simulated_like(other, i)).r
        for i in (kernel, validation.sigmoid_kernel(kernel, to_fit))
    )
    assert 1 - bent**2 < 0.7 * (1 - straight**2)


def test_gains_are_held_against_the_rule_over_animals():
    rng = np.random.default_rng(0)
    gains = pd.DataFrame({"animal": np.repeat(np.arange(20), 5)})
    gains["gain"] = np.exp(0.3 * rng.normal(size=20)[gains["animal"]])
    low, high = optics_report.gain_interval(gains)
    assert low < gains["gain"].median() < high
    as_if_alone = optics_report.gain_interval(gains.assign(animal=np.arange(100)))
    assert high - low > 1.3 * (as_if_alone[1] - as_if_alone[0])
    assert optics_report.gain_verdict(gains) == optics_report.KEPT
    assert optics_report.gain_verdict(gains.assign(gain=1.3)) == optics_report.MISSED
    one = gains.assign(animal=1)
    assert optics_report.gain_verdict(one) == optics_report.UNTOLD
    assert np.isnan(optics_report.gain_interval(one)).all()


@pytest.mark.parametrize("below", ["", "ground_truth"])
def test_command_writes_table_and_figure(folder, tmp_path, below):
    shown = CliRunner().invoke(
        app, ["validate", "optics", str(folder / below), "-o", str(tmp_path)]
    )
    assert shown.exit_code == 0
    table = pd.read_csv(tmp_path / "optics.csv").set_index("model")
    assert set(table.index) == {
        "culture", validation.IN_VIVO, validation.SWAPPED, validation.LINEAR, validation.SIGMOID
    }  # fmt: skip
    assert set(table["verdict"].dropna()) == {optics_report.UNTOLD}
    text = (tmp_path / "optics.md").read_text(encoding="utf-8")
    for words in ("jGCaMP8m | culture", "jGCaMP8m | halves swapped", SOURCE):
        assert words in text
    assert Image.open(tmp_path / "optics.png").size[0] > 800


def test_a_single_animal_is_one_line(tmp_path):
    write_cell(tmp_path / "cells", "a", 0.02, 1.0, seed=0)
    bad = CliRunner().invoke(
        app, ["validate", "optics", str(tmp_path / "cells"), "-o", str(tmp_path / "out")]
    )
    assert "of each indicator one animal; at least two" in str(bad.exception)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_ground_truth_is_one_line(tmp_path):
    bad = CliRunner().invoke(app, ["validate", "optics", str(tmp_path), "-o", str(tmp_path)])
    assert isinstance(bad.exception, SimbenchError)
    assert "holds no file that ends in .mat" in str(bad.exception)
    assert not list(tmp_path.iterdir())
