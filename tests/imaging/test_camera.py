import numpy as np
import pytest

from simbench.core.errors import SimbenchError
from simbench.core.files import validated
from simbench.culture.spikes import SpikeTrains
from simbench.imaging import image
from simbench.imaging.camera import detect, measure_nu
from simbench.scenario.imaging_recipe import ImagingRecipe


def silent(n=200, duration=120.0):
    return SpikeTrains(np.array([]), np.zeros(n + 1, dtype=int), duration)


def film(recipe, n=200, duration=120.0, seed=0):
    positions = np.random.default_rng(0).uniform(0, 1, (n, 2))
    return image(silent(n, duration), positions, recipe, seed).fluorescence


def counts(light, recipe, seed=0):
    light = np.array(light, dtype=np.float32)
    return detect(light, np.arange(len(light)), recipe, seed, 0)


@pytest.mark.parametrize("frame_rate", [10.0, 30.0, 50.0, 100.0])
@pytest.mark.parametrize("exposure", [1.0, 0.4])
def test_requested_nu_is_recovered_on_silent_cells(frame_rate, exposure):
    for nu in (0.1, 1.0, 4.0, 8.0):
        recipe = ImagingRecipe(preset="ideal", nu=nu, frame_rate_hz=frame_rate, exposure=exposure)
        fluorescence = film(recipe, 30, 60.0).astype(float)
        dff = fluorescence / fluorescence.mean(axis=1, keepdims=True) - 1
        # Over few photons the median takes steps of one photon: there, by the s.d.
        from_sd = 95.4 * dff.std() / np.sqrt(frame_rate)
        assert from_sd == pytest.approx(nu, rel=0.03)
        if nu == 0.1:
            assert np.median(measure_nu(dff, frame_rate)) == pytest.approx(nu, rel=0.03)


def test_nu_and_photons_are_each_other():
    for nu, photons_per_s in ((1.0, 9101), (4.0, 569)):
        recipe = ImagingRecipe(preset="ideal", nu=nu, frame_rate_hz=20.0)
        assert 20 * recipe.photons_per_frame == pytest.approx(photons_per_s, abs=1)
    by_nu = ImagingRecipe(preset="ideal", nu=2.0)
    by_photons = ImagingRecipe(
        preset="ideal", photons_per_s=by_nu.photons_per_frame * by_nu.frame_rate_hz
    )
    np.testing.assert_array_equal(film(by_nu, 3), film(by_photons, 3))


def test_variance_grows_with_the_mean_by_the_gain():
    light = np.repeat(np.geomspace(0.2, 20, 30)[:, None], 20_000, axis=1)
    recipe = ImagingRecipe(preset="ideal", photons_per_s=1000.0, camera_gain=3.0, read_noise=4.0)
    traces = counts(light, recipe).astype(float)
    slope, intercept = np.polyfit(
        traces.mean(axis=1), traces.var(axis=1), 1, w=1 / traces.var(axis=1)
    )
    assert slope == pytest.approx(3.0, rel=0.03)
    assert intercept == pytest.approx(9 * 16, rel=0.15)


def test_noise_falls_with_the_root_of_the_exposure():
    relative_sd = {}
    for exposure in (0.1, 0.4, 1.0):
        trace = film(
            ImagingRecipe(preset="ideal", photons_per_s=2000.0, exposure=exposure), 50
        ).astype(float)
        relative_sd[exposure] = trace.std() / trace.mean()
    assert relative_sd[0.1] / relative_sd[0.4] == pytest.approx(2, rel=0.03)
    assert relative_sd[0.1] / relative_sd[1.0] == pytest.approx(10**0.5, rel=0.03)


def test_shot_noise_is_white():
    trace = film(ImagingRecipe(preset="ideal", nu=1.0), 50).astype(float)
    trace -= trace.mean(axis=1, keepdims=True)
    power = (np.abs(np.fft.rfft(trace)) ** 2).mean(axis=0)[1:]
    thirds = [part.mean() for part in np.array_split(power, 3)]
    np.testing.assert_allclose(thirds, np.mean(thirds), rtol=0.03)


def test_without_photons_the_trace_is_the_light():
    light = np.random.default_rng(0).uniform(0, 9, (4, 50)).astype(np.float32)
    np.testing.assert_array_equal(counts(light, ImagingRecipe(preset="ideal")), light)


def test_detector_saturates():
    light = np.array([[0.5, 1.0, 3.9, 4.5, 90.0]])
    np.testing.assert_array_equal(
        counts(light, ImagingRecipe(preset="ideal", saturation=4.0))[0],
        np.float32([0.5, 1.0, 3.9, 4.0, 4.0]),
    )
    noisy = counts(
        np.full((1, 500), 9.0), ImagingRecipe(preset="ideal", photons_per_s=2e4, saturation=4.0)
    )
    assert np.all(noisy == 4000)


def test_digitised_counts_are_whole_and_within_range():
    recipe = ImagingRecipe(
        photons_per_s=400.0, read_noise=5.0, camera_gain=1.3, offset=10.0, bit_depth=6
    )
    trace = counts(np.tile(np.linspace(0, 5, 500), (4, 1)), recipe)
    assert np.all(trace == np.rint(trace))
    assert trace.min() >= -10
    assert trace.max() == 63 - 10


def test_offset_is_taken_off_again():
    recipe = ImagingRecipe(preset="ideal", nu=1.0, read_noise=20.0, offset=300.0, bit_depth=16)
    dark = counts(np.zeros((5, 4000)), recipe)
    assert dark.mean() == pytest.approx(0, abs=1)
    assert dark.std() == pytest.approx(20, rel=0.03)


def test_noise_of_a_cell_depends_on_no_other_cell():
    recipe = ImagingRecipe(preset="ideal", nu=1.0, read_noise=3.0)
    light = np.random.default_rng(0).uniform(0, 3, (6, 40)).astype(np.float32)
    together = counts(light, recipe)
    alone = detect(light[4:5].copy(), np.array([4]), recipe, 0, 0)
    np.testing.assert_array_equal(alone[0], together[4])


@pytest.mark.parametrize("light", [1e12, np.inf, np.nan])
def test_too_much_light_to_count_is_one_line(light):
    with pytest.raises(SimbenchError, match="photons in a frame of cell 0 are too many"):
        counts([[1.0, light]], ImagingRecipe(preset="ideal", photons_per_s=1e9))


def test_read_noise_does_not_move_shot_noise():
    light = np.ones((2, 3000))
    clean = counts(light, ImagingRecipe(preset="ideal", nu=1.0)).astype(float)
    noisy = counts(light, ImagingRecipe(preset="ideal", nu=1.0, read_noise=7.0)).astype(float)
    assert (noisy - clean).std() == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"photons_per_s": -5.0}, "photons_per_s = -5.0: input should be greater than 0"),
        ({"nu": 0}, "nu = 0: input should be greater than or equal to 0.000001"),
        ({"nu": 1e-300}, "nu = 1e-300: input should be greater than or equal to 0.000001"),
        ({"nu": 1e-6}, r"nu: 4.55e\+14 photons per frame; allowed: at most 1e\+12"),
        ({"photons_per_s": 1e300}, "photons_per_s: 5e\\+298 photons per frame"),
        ({"nu": 1.0, "photons_per_s": 5.0}, "not both"),
        ({"saturation": 0.5}, "saturation = 0.5: input should be greater than 1"),
        ({"bit_depth": 8}, "bit_depth needs light in photons"),
        ({"read_noise": 8.0}, "read_noise needs light in photons"),
        ({"nu": 0.1, "bit_depth": 8}, "bit_depth = 8 ends at 255 counts, below the baseline"),
        ({"exposure": 1.5}, "exposure = 1.5: input should be less than or equal to 1"),
        ({"frame_rate_hz": float("inf")}, "frame_rate_hz"),
        ({"bleach_fraction": 0.7, "slow_bleach_fraction": 0.4}, "at most 1"),
        (
            {"preset": "phone"},
            "preset = 'phone': input should be 'cells', 'ideal', 'culture-widefield'",
        ),
        ({"indicator": "GCaMP9"}, "unknown 'GCaMP9'; allowed: GCaMP6s"),
        ({"indicator": {"rise_ms": 1.0}}, r"missing key 'indicator\.custom\.decay_ms'"),
        ({"hazee": 1}, "unknown key 'hazee'"),
    ],
)
def test_impossible_cameras_are_one_line(keys, message):
    with pytest.raises(SimbenchError, match=message) as error:
        validated(ImagingRecipe, keys)
    assert "\n" not in str(error.value)


def test_preset_values_are_defaults():
    recipe = validated(ImagingRecipe, {"preset": "harsh", "nu": 2.0, "haze": 0.0})
    assert recipe.nu == 2.0
    assert recipe.haze == 0.0
    assert recipe.bleach_fraction == 0.3
    assert validated(ImagingRecipe, {"preset": "ideal"}) == ImagingRecipe(preset="ideal")
    assert validated(ImagingRecipe, recipe.model_dump()) == recipe
    by_photons = validated(ImagingRecipe, {"preset": "two-photon", "photons_per_s": 500.0})
    assert by_photons.nu is None
