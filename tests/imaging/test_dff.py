import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from simbench.core.errors import SimbenchError
from simbench.imaging import dff
from simbench.imaging.dff import delta_f_over_f
from simbench.scenario.imaging_recipe import ImagingRecipe


def transients(n_frames, rng):
    x = np.zeros(n_frames)
    for start in rng.integers(0, n_frames - 40, n_frames // 400):
        x[start : start + 40] += 2 * np.exp(-np.arange(40) / 10)
    return x


def test_known_baseline_is_inverted_exactly():
    rng = np.random.default_rng(0)
    x = np.stack([transients(4000, rng) for _ in range(5)])
    f0 = np.array([0.5, 1, 42, 5000, 1e6])[:, None]
    np.testing.assert_allclose(delta_f_over_f(f0 * (1 + x), 20.0), x, atol=2e-6)


def test_unit_of_the_trace_does_not_matter():
    trace = np.random.default_rng(0).poisson(300, (3, 900)).astype(np.float32)
    np.testing.assert_allclose(
        delta_f_over_f(trace, 20.0), delta_f_over_f(trace * 8, 20.0), atol=1e-6
    )


@pytest.mark.parametrize(("nu", "largest_bias"), [(0.3, 0.003), (1.0, 0.01), (4.0, 0.04)])
@pytest.mark.parametrize("frame_rate", [10.0, 30.0, 100.0])
def test_noise_hardly_biases_the_baseline(nu, largest_bias, frame_rate):
    photons = ImagingRecipe(preset="ideal", nu=nu, frame_rate_hz=frame_rate).photons_per_frame
    n_frames = round(120 * frame_rate)
    trace = np.random.default_rng(0).poisson(photons, (40, n_frames))
    assert 0 <= delta_f_over_f(trace, frame_rate).mean() < largest_bias


def test_slow_bleaching_is_followed():
    seconds = np.arange(6000) / 20
    trace = 100 * np.exp(-seconds / 600)[None]
    assert np.abs(delta_f_over_f(trace, 20.0)).max() < 0.06


def test_a_cell_that_is_active_at_the_edge_keeps_its_baseline():
    trace = np.ones((1, 2400))
    trace[0, -60:] = 4
    change = delta_f_over_f(trace, 20.0)
    np.testing.assert_allclose(change[0, -60:], 3, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0, 65535.0, -20.0, 1e-30])
@pytest.mark.parametrize("n_frames", [1, 2, 3, 39, 41, 2000])
def test_constant_traces_do_not_change(value, n_frames):
    change = delta_f_over_f(np.full((2, n_frames), value), 20.0)
    np.testing.assert_allclose(change, 0, atol=1e-6)


def test_saturated_trace_stays_within_its_range():
    trace = np.minimum(np.random.default_rng(0).poisson(900, (2, 4000)), 905)
    assert np.abs(delta_f_over_f(trace, 20.0)).max() < 0.2


def test_dark_cell_is_measured_against_its_noise():
    rng = np.random.default_rng(0)
    for dark in (rng.poisson(0.02, (5, 4000)), rng.normal(0, 10, (5, 4000))):
        change = delta_f_over_f(dark, 20.0)
        assert np.isfinite(change).all()
    assert change.std() == pytest.approx(1, rel=0.15)


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=70),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.sampled_from([0.3, 7.0, 20.0, 500.0]),
)
def test_any_trace_gives_finite_dff(trace, frame_rate):
    change = delta_f_over_f(trace, frame_rate)
    assert change.shape == trace.shape
    assert change.dtype == np.float32
    assert np.isfinite(change).all()


def test_blocks_change_no_bit(monkeypatch):
    trace = np.random.default_rng(0).poisson(50, (30, 1000))
    whole = delta_f_over_f(trace, 20.0)
    monkeypatch.setattr(dff, "_BLOCK", 7000)
    np.testing.assert_array_equal(delta_f_over_f(trace, 20.0), whole)


@pytest.mark.parametrize(
    ("trace", "message"),
    [(np.ones(5), r"allowed: \(n_neurons, n_frames\)"), ([[1, 2], [3, np.nan]], "neuron 1 has")],
)
def test_traces_that_are_none(trace, message):
    with pytest.raises(SimbenchError, match=message):
        delta_f_over_f(np.asarray(trace, dtype=float), 20.0)
