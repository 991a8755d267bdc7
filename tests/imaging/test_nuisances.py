import numpy as np
import pandas as pd
import pytest

from simbench.core.errors import SimbenchError
from simbench.culture.spikes import SpikeTrains
from simbench.imaging import image, trace_arrays
from simbench.imaging.dff import delta_f_over_f
from simbench.scenario.imaging_recipe import ImagingRecipe
from simbench.scenario.labels import LABELS
from simbench.scenario.presets import CAMERAS

N, DURATION = 40, 30.0
RNG = np.random.default_rng(5)
POSITIONS = RNG.uniform(0, 0.3, (N, 2))
SPIKES = SpikeTrains.from_events(
    RNG.integers(0, N, 300), RNG.uniform(0, DURATION, 300), N, DURATION
)
ON = {
    "gain": {"gain_sd": 0.5},
    "culture_gain": {"culture_gain_sd": 0.5},
    "decay_scale": {"decay_sd": 0.2},
    "brightness": {"brightness_sd": 0.4},
    "drift": {"drift_sd": 0.1},
    "bleached": {"bleach_fraction": 0.2},
    "haze": {"haze": 0.15, "haze_sigma_mm": 0.05},
    "neuropil": {"neuropil": 0.7},
    "flicker": {"flicker_sd": 0.02},
}
OFF = {"haze": 0.0, "neuropil": 0.0, "drift_sd": 0.0, "gain_sd": 0.0, "flicker_sd": 0.0}


def film(seed=3, index=0, **keys):
    return image(SPIKES, POSITIONS, ImagingRecipe(**{"preset": "ideal"} | keys), seed, index)


def many_silent(n=4000, seed=0, **keys):
    spikes = SpikeTrains(np.array([]), np.zeros(n + 1, dtype=int), 2.0)
    positions = np.random.default_rng(1).uniform(0, 4, (n, 2))
    return image(spikes, positions, ImagingRecipe(**{"preset": "ideal"} | keys), seed)


def same(one, other):
    np.testing.assert_array_equal(one.fluorescence, other.fluorescence)
    np.testing.assert_array_equal(one.clean_dff, other.clean_dff)
    pd.testing.assert_frame_equal(one.nuisances, other.nuisances)


def test_nuisances_off_are_bit_identical_to_none():
    same(film(nu=1.0), film(nu=1.0, **OFF))
    np.testing.assert_array_equal(film().fluorescence, 1 + film().clean_dff)


def test_cells_differ_by_default_and_the_camera_is_perfect():
    default = image(SPIKES, POSITIONS, ImagingRecipe(), 3)
    for name in ("gain", "decay_scale", "brightness"):
        assert default.nuisances[name].std() > 0
    assert (default.nuisances["nu"] == 0).all()


def test_same_names_same_bytes_and_other_names_other_draws():
    recipe = {"preset": "harsh"}
    same(film(**recipe), film(**recipe))
    for other in (film(seed=4, **recipe), film(index=1, **recipe)):
        assert (other.nuisances["gain"] != film(**recipe).nuisances["gain"]).all()


@pytest.mark.parametrize("label", ON)
def test_each_nuisance_has_its_own_stream(label):
    rest = {key: value for name, keys in ON.items() if name != label for key, value in keys.items()}
    without, with_it = film(nu=1.0, **rest), film(nu=1.0, **rest, **ON[label])
    relative_to_own_light = {"haze", "neuropil"} if label == "brightness" else set()
    untouched = [c for c in with_it.nuisances if c not in {label, "nu"} | relative_to_own_light]
    pd.testing.assert_frame_equal(without.nuisances[untouched], with_it.nuisances[untouched])
    assert (without.nuisances[label] != with_it.nuisances[label]).all()
    assert (without.fluorescence != with_it.fluorescence).any()
    own_response = {"gain", "culture_gain", "decay_scale"}
    if label not in own_response:
        np.testing.assert_array_equal(without.clean_dff, with_it.clean_dff)


def test_every_nuisance_is_a_known_label():
    assert set(film().nuisances) <= set(LABELS)
    assert set(ON) < set(film().nuisances)


@pytest.mark.parametrize("preset", CAMERAS)
def test_presets_image_and_state_their_noise(preset):
    imaged = film(preset=preset)
    assert np.isfinite(imaged.fluorescence).all()
    assert imaged.fluorescence.dtype == imaged.clean_dff.dtype == np.float32
    assert (imaged.nuisances["nu"] > 0).all() == ("nu" in CAMERAS[preset])


@pytest.mark.parametrize("preset", ["harsh", "two-photon"])
def test_blocks_change_no_bit(preset, monkeypatch):
    whole = film(preset=preset)
    monkeypatch.setattr(trace_arrays, "_BLOCK", 600 * 7)
    same(whole, film(preset=preset))


def test_traces_in_files_are_those_in_memory(tmp_path):
    (tmp_path / "fluorescence.npy").write_bytes(b"left over")
    recipe = ImagingRecipe(preset="harsh")
    on_disk = image(SPIKES, POSITIONS, recipe, 3, folder=tmp_path)
    in_memory = image(SPIKES, POSITIONS, recipe, 3)
    same(on_disk, in_memory)
    np.testing.assert_array_equal(on_disk.neuropil, in_memory.neuropil)
    np.testing.assert_array_equal(np.load(tmp_path / "clean_dff.npy"), in_memory.clean_dff)


def test_haze_is_the_light_of_neighbours_by_distance():
    own = film(brightness_sd=0.5).fluorescence.astype(float)
    hazy = film(brightness_sd=0.5, haze=0.15, haze_sigma_mm=0.1)
    distance = np.linalg.norm(POSITIONS[:, None] - POSITIONS[None], axis=-1)
    weights = 0.15 * np.exp(-((distance / 0.1) ** 2))
    np.fill_diagonal(weights, 0)
    expected = own + weights @ own
    np.testing.assert_allclose(hazy.fluorescence, expected, rtol=0.004)
    brightness = hazy.nuisances["brightness"]
    np.testing.assert_allclose(
        hazy.nuisances["haze"], weights @ brightness / brightness, rtol=0.004, atol=0.004
    )


def test_bleaching_multiplies_light_and_not_dff():
    keys = {"bleach_fraction": 0.3, "bleach_time_s": 10.0, "slow_bleach_fraction": 0.2}
    seconds = (np.arange(600) + 0.5) / 20
    left = 1 - 0.3 * (1 - np.exp(-seconds / 10)) - 0.2 * (1 - np.exp(-seconds / 3600))
    bleached, fresh = film(**keys), film()
    np.testing.assert_allclose(bleached.fluorescence, fresh.fluorescence * left, rtol=1e-6)
    np.testing.assert_array_equal(bleached.clean_dff, fresh.clean_dff)
    end = 1 - 0.3 * (1 - np.exp(-3)) - 0.2 * (1 - np.exp(-1 / 120))
    np.testing.assert_allclose(bleached.nuisances["bleached"], 1 - end)


@pytest.mark.parametrize(
    ("label", "key"), [("gain", "gain_sd"), ("decay_scale", "decay_sd"), ("brightness",) * 2]
)
def test_factors_between_cells_are_lognormal_with_median_one(label, key):
    key = key if key.endswith("_sd") else f"{key}_sd"
    logs = np.log(many_silent(**{key: 0.5}).nuisances[label])
    assert logs.mean() == pytest.approx(0, abs=0.03)
    assert logs.std() == pytest.approx(0.5, rel=0.04)
    assert logs.skew() == pytest.approx(0, abs=0.15)


def test_culture_gain_is_one_factor_a_recording():
    gains = [film(index=i, culture_gain_sd=0.3).nuisances["culture_gain"] for i in range(60)]
    assert all(np.ptp(gain) == 0 for gain in gains)
    logs = np.log([gain.iloc[0] for gain in gains])
    assert logs.std() == pytest.approx(0.3, rel=0.3)


def test_gains_multiply_the_true_dff():
    imaged = film(gain_sd=0.5, culture_gain_sd=0.5)
    factor = imaged.nuisances["gain"] * imaged.nuisances["culture_gain"]
    expected = film().clean_dff * factor.to_numpy()[:, None]
    np.testing.assert_allclose(imaged.clean_dff, expected, rtol=1e-5)
    np.testing.assert_allclose(imaged.fluorescence, 1 + expected, rtol=1e-5)


def test_drift_is_slow_and_as_strong_as_asked():
    imaged = many_silent(n=3000, drift_sd=0.2, drift_time_s=0.5)
    logs = np.log(imaged.fluorescence.astype(float))
    assert logs.std() == pytest.approx(0.2, rel=0.07)
    lagged = np.mean(logs[:, :-10] * logs[:, 10:]) / np.mean(logs**2)
    assert lagged == pytest.approx(np.exp(-1), abs=0.06)  # 10 frames are one time constant


def test_flicker_is_shared_by_all_cells():
    ratio = film(flicker_sd=0.03).fluorescence / film().fluorescence
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=1e-5)
    assert ratio[0].std() == pytest.approx(0.03, rel=0.1)


def test_neuropil_subtraction_recovers_the_cell():
    keys = {"bleach_fraction": 0.2, "bleach_time_s": 20.0, "flicker_sd": 0.01}
    with_it, without = film(neuropil=0.7, **keys), film(**keys)
    recovered = with_it.fluorescence - 0.7 * with_it.neuropil
    np.testing.assert_allclose(recovered, without.fluorescence, atol=1e-5)
    assert without.neuropil is None


def test_neuropil_is_alike_nearby_and_not_far_away():
    n = 300
    spikes = SpikeTrains(np.array([]), np.zeros(n + 1, dtype=int), 400.0)
    positions = np.random.default_rng(1).uniform(0, 2, (n, 2))
    recipe = ImagingRecipe(
        preset="ideal", neuropil=1.0, neuropil_time_s=1.0, neuropil_radius_mm=0.1
    )
    light = np.log(image(spikes, positions, recipe, 0).neuropil)
    correlation = np.corrcoef(light)
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    assert correlation[(distance > 0) & (distance < 0.03)].mean() > 0.85
    assert abs(correlation[distance > 0.6].mean()) < 0.03
    assert light.std() == pytest.approx(0.3, rel=0.08)


def test_stated_nu_is_the_one_measured_at_rest():
    from simbench.imaging.camera import measure_nu

    n = 60
    spikes = SpikeTrains(np.array([]), np.zeros(n + 1, dtype=int), 200.0)
    positions = np.random.default_rng(1).uniform(0, 0.4, (n, 2))
    recipe = ImagingRecipe(
        nu=1.5, brightness_sd=0.5, haze=0.15, neuropil=0.5, neuropil_sd=0.0, read_noise=9.0
    )
    imaged = image(spikes, positions, recipe, 0)
    fluorescence = imaged.fluorescence
    measured = measure_nu(fluorescence / fluorescence.mean(axis=1, keepdims=True) - 1, 20.0)
    np.testing.assert_allclose(measured, imaged.nuisances["nu"], rtol=0.08)
    assert np.mean(measured / imaged.nuisances["nu"]) == pytest.approx(1, abs=0.01)


def test_methods_see_the_true_dff_through_bleaching_and_brightness():
    spikes = SpikeTrains.from_events([0], [150.0], 1, 300.0)
    recipe = ImagingRecipe(
        preset="ideal", brightness_sd=0.7, bleach_fraction=0.3, bleach_time_s=200.0
    )
    imaged = image(spikes, np.zeros((1, 2)), recipe, 0)
    seen = delta_f_over_f(imaged.fluorescence, 20.0)
    np.testing.assert_allclose(seen, imaged.clean_dff, atol=0.04)


def test_bad_spikes_and_positions_are_one_line():
    broken = SpikeTrains(np.array([0.1, np.nan]), np.array([0, 2]), 1.0)
    with pytest.raises(SimbenchError, match="not finite"):
        image(broken, np.zeros((1, 2)), ImagingRecipe(preset="ideal"), 0)
    with pytest.raises(SimbenchError, match=r"allowed: \(40, 2\)"):
        image(SPIKES, POSITIONS[:-1], ImagingRecipe(preset="ideal"), 0)
