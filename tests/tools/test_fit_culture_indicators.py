"""The script that fits the indicators finds what it should, and says how far the presets agree."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simbench.scenario.presets import CULTURE_FITS, CULTURE_MEDIANS

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.append(str(TOOLS))
import fit_culture_indicators as tool  # noqa: E402


@pytest.mark.parametrize("name", [n for n in CULTURE_FITS if n not in tool.UNFINISHED])
def test_presets_hold_the_least_squares_response_at_their_rise_and_decay(name):
    preset = CULTURE_FITS[name]
    np.testing.assert_allclose(tool.fit_response(name, *preset[:2]), preset, rtol=tool.TOLERANCE)


@pytest.mark.parametrize("name", tool.UNFINISHED)
def test_the_response_of_unfinished_presets_is_another(name):
    preset = CULTURE_FITS[name]
    assert np.abs(tool.fit_response(name, *preset[:2]) / preset - 1).max() > tool.TOLERANCE


@pytest.mark.parametrize("name", CULTURE_FITS)
def test_the_fit_of_all_numbers_is_better_than_the_preset(name):
    fits = CULTURE_FITS[name], tool.fit_all(name)
    cost, lowest = (np.sum(tool.weighted(tool.errors(name, fit)) ** 2) for fit in fits)
    assert lowest < cost


@pytest.mark.parametrize("name", ["GCaMP6s", "jGCaMP7b"])
def test_the_fit_of_all_numbers_is_near_the_preset_where_that_is_a_good_one(name):
    np.testing.assert_allclose(tool.fit_all(name), CULTURE_FITS[name], rtol=0.08)


def test_medians_of_a_known_indicator_give_its_numbers(monkeypatch):
    known = (15.0, 300.0, 1.25, 6.0, 5.0)
    monkeypatch.setitem(CULTURE_MEDIANS, "known", tuple(tool.response(known)))
    np.testing.assert_allclose(tool.fit_all("known"), known, rtol=0.01)
    np.testing.assert_allclose(tool.fit_response("known", *known[:2]), known, rtol=0.01)


def test_times_are_measured_between_samples():
    ms = np.arange(0, 2000, 1000 / tool._SAMPLES_PER_S)
    triangle = np.interp(ms, [0.1, 100.1, 400.1], [0, 1, 0])
    half_rise, _, half_decay = tool.times_after_one_spike(triangle)
    assert half_rise == pytest.approx(50.1, abs=0.2)
    assert half_decay == pytest.approx(150, abs=0.3)


def test_check_refuses_a_preset_that_is_not_as_stated(monkeypatch, capsys):
    assert tool.check("GCaMP6s")
    monkeypatch.setitem(CULTURE_FITS, "GCaMP6s", (*CULTURE_FITS["GCaMP6s"][:4], 20.0))
    assert not tool.check("GCaMP6s")
    assert "NOT AS STATED" in capsys.readouterr().out


def test_the_script_prints_lines_in_the_form_of_presets():
    command = [sys.executable, str(TOOLS / "fit_culture_indicators.py"), "XCaMP-Gf"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    table = eval("{" + shown + "}")
    assert list(table) == ["XCaMP-Gf"]
    assert len(table["XCaMP-Gf"]) == len(CULTURE_FITS["XCaMP-Gf"])
