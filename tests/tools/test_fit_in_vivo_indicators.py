"""The script that fits indicators to real cells finds known ones, and gives those of presets."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simbench.culture.spikes import SpikeTrains
from simbench.data.readers.measured_cells import (
    Cell,
    CellRecording,
    halves,
    read_cells,
    without_drift,
)
from simbench.imaging.indicators import frame_dff
from simbench.scenario.presets import CULTURE_FITS, IN_VIVO_FITS, SWAPPED_IN_VIVO_FITS

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.append(str(TOOLS))
import ablate_published_indicators as ablation  # noqa: E402
import fit_in_vivo_indicators as tool  # noqa: E402

RATE_HZ, SECONDS = 15.0, 90.0
KNOWN = (12.896, 300.0, 2000.0, 0.3, 1.5, 3.0, 4.342)
"""Rise and largest dF/F are those of jGCaMP8s."""


def made_cell(seed, gain=1.0, animal="1", parameters=KNOWN):
    rng = np.random.default_rng(seed)
    bursts = rng.uniform(0, SECONDS - 1, 12)
    times = np.concatenate([start + rng.uniform(0, 0.3, rng.integers(1, 12)) for start in bursts])
    spikes = SpikeTrains.from_events(np.zeros(len(times), int), times, 1, SECONDS)
    dff = gain * frame_dff(spikes, tool.in_vivo_indicator("jGCaMP8s", parameters), RATE_HZ)[0]
    noisy = dff + rng.normal(0, 0.02, len(dff))
    recording = CellRecording(without_drift(noisy, RATE_HZ), RATE_HZ, spikes, noisy, RATE_HZ)
    return Cell(f"cell-{seed}", "made", "jGCaMP8s", animal, (recording,))


def test_cells_of_known_response_give_its_numbers_at_the_median_gain():
    cells = [made_cell(seed, gain) for seed, gain in enumerate((0.6, 1.0, 1.4))]
    np.testing.assert_allclose(tool.fit("jGCaMP8s", cells), KNOWN, rtol=0.1)


def test_a_slow_decay_that_is_not_there_is_left_out():
    rise, decay, _, _, *hill = KNOWN
    cells = [made_cell(seed, parameters=(rise, decay, 0, 0, *hill)) for seed in range(3)]
    found = tool.fit("jGCaMP8s", cells)
    assert found[2:4] == (0, 0)
    assert found[1] == pytest.approx(decay, rel=0.1)


def test_no_animal_is_on_both_sides():
    """Not even one whose cells are in two data sets."""
    cells = [made_cell(seed, animal=str(seed // 2)) for seed in range(6)]
    to_fit, to_test = halves([*cells, replace(made_cell(6, animal="1"), data_set="other")])
    assert [cell.animal for cell in to_fit] == ["0", "0", "2", "2"]
    assert [cell.animal for cell in to_test] == ["1", "1", "1"]


def test_what_was_off_with_a_published_indicator_is_seen():
    cells = [made_cell(seed) for seed in range(3)]
    table = ablation.compare("jGCaMP8s", cells[:2], cells[2:]).set_index("change")
    explained = table["ev_gain"]
    assert explained["published"] < explained["decays fitted"] - 0.05
    assert explained["both fitted"] == pytest.approx(1, abs=0.03)
    assert explained["curve fitted"] < explained["both fitted"] - 0.05
    assert "decays fitted" in ablation.text_of(table.reset_index())


def test_a_zero_that_moves_changes_the_size_alone():
    cell = made_cell(0)
    (recording,) = cell.recordings
    lifted = replace(cell, recordings=(replace(recording, fast_dff=recording.fast_dff + 0.5),))
    before, after = (ablation.measured(c) for c in (cell, ablation.zero_moved(lifted)))
    found = ablation.agreement(before, after)
    assert found.gain == pytest.approx(1.5, rel=0.03)
    assert found.r > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("name", IN_VIVO_FITS)
def test_real_cells_give_the_fits_of_both_halves(real, name, half):
    cells = [cell for cell in halves(read_cells(real))[half] if cell.indicator == name]
    fits = (IN_VIVO_FITS, SWAPPED_IN_VIVO_FITS)[half]
    np.testing.assert_allclose(tool.fit(name, cells), fits[name], rtol=0.05)


@pytest.mark.parametrize("name", IN_VIVO_FITS)
def test_presets_are_as_like_real_cells_as_those_of_cultures_or_more(real, name):
    own = [cell for cell in halves(read_cells(real))[1] if cell.indicator == name]
    mine, culture = (tool.scores(own, tool.get_indicator(n))[0] for n in (f"{name}-in-vivo", name))
    assert mine > culture


def test_the_script_prints_what_the_presets_reach(real):
    command = [sys.executable, str(TOOLS / "fit_in_vivo_indicators.py"), str(real), "--test"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [row.split()[0] for row in shown.splitlines()[1:]] == list(IN_VIVO_FITS)
    assert set(IN_VIVO_FITS) <= set(CULTURE_FITS)
