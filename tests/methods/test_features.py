import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from simbench.methods.extras.oasis_events import OasisEvents
from simbench.methods.features import (
    POWER_FLOOR,
    Autocorrelation,
    PowerSpectrum,
    TraceSpectrum,
    autocorrelation,
    noise_level,
    power_spectrum,
    row_quantiles,
)

RATE = 20.0
ANY_LENGTH = [PowerSpectrum(RATE), Autocorrelation(RATE), TraceSpectrum(RATE)]


def noise(n_neurons, n_frames, seed=0):
    return np.random.default_rng(seed).standard_normal((n_neurons, n_frames))


def test_spectrum_of_a_sine_stands_at_its_frequency_and_holds_its_power():
    t = np.arange(4000) / RATE
    frequency, power = power_spectrum(3 * np.sin(2 * np.pi * 2.5 * t)[None], RATE, 12.8)
    assert frequency[power[0].argmax()] == pytest.approx(2.5, abs=0.5 / 12.8)
    assert np.trapezoid(power[0], frequency) == pytest.approx(9 / 2, rel=0.01)


def test_white_noise_has_a_flat_spectrum_of_its_variance():
    power = power_spectrum(0.1 * noise(200, 2400), RATE, 12.8)[1]
    expected = 2 * 0.1**2 / RATE  # one-sided
    np.testing.assert_allclose(power.mean(axis=0)[1:-1], expected, rtol=0.1)


@pytest.mark.parametrize("n_frames", [1, 2, 7, 601])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quantiles_of_rows_are_those_of_numpy(n_frames, dtype):
    X, probabilities = noise(5, n_frames).astype(dtype), (0.0, 0.01, 0.25, 0.5, 0.9, 1.0)
    expected = np.quantile(X, probabilities, axis=1)
    np.testing.assert_allclose(row_quantiles(X, probabilities), expected, rtol=1e-6)


def test_silence_has_the_floor():
    np.testing.assert_allclose(
        PowerSpectrum(RATE).fit_transform(np.zeros((1, 600))), np.log10(POWER_FLOOR)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(1, 70), st.integers(0, 99))
def test_autocorrelation_is_that_of_the_plain_sum(n_frames, n_lags, seed):
    X = noise(2, n_frames, seed)
    centred = X - X.mean(axis=1, keepdims=True)
    expected = np.zeros((2, n_lags))
    for lag in range(1, min(n_lags, n_frames - 1) + 1):
        expected[:, lag - 1] = (centred[:, lag:] * centred[:, :-lag]).sum(axis=1)
    expected /= (centred**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(autocorrelation(X, n_lags), expected, atol=1e-10)


def test_autocorrelation_of_a_decay_is_the_decay_and_of_a_constant_zero():
    X = lfilter([1], [1, -0.9], noise(100, 5000))
    found = autocorrelation(X, 5).mean(axis=0)
    np.testing.assert_allclose(found, 0.9 ** np.arange(1, 6), atol=0.01)
    assert not autocorrelation(np.full((2, 50), 0.1, dtype=np.float32), 10).any()


def test_noise_level_sees_the_noise_below_the_events():
    X = 0.2 * noise(50, 2000)
    X[:, ::200] += 10
    assert noise_level(X) == pytest.approx(0.2, rel=0.05)
    assert noise_level(np.zeros((3, 10))) == 1.0


@pytest.mark.parametrize("method", ANY_LENGTH, ids=lambda method: type(method).__name__)
def test_another_number_of_frames_gives_the_same_features(method):
    X = lfilter([1], [1, -0.9], noise(40, 4800))
    fitted = method.fit(X)
    whole, half, few = (fitted.transform(x) for x in (X, X[:, :2400], X[:, :31]))
    assert whole.shape == half.shape == few.shape
    assert np.isfinite(few).all()
    assert np.abs(whole.mean(axis=0) - half.mean(axis=0)).max() < 0.15


@pytest.mark.parametrize("method", ANY_LENGTH, ids=lambda method: type(method).__name__)
def test_features_do_not_say_when(method):
    X = lfilter([1], [1, -0.9], noise(3, 9728))
    fitted = method.fit(X)
    later = np.roll(X, 1280, axis=1)  # a multiple of the step between Welch's windows
    np.testing.assert_allclose(fitted.transform(later), fitted.transform(X), atol=0.2)


def test_oasis_finds_events_and_their_intervals():
    pytest.importorskip("oasis")
    n_frames, every = 2000, 40
    irregular = np.random.default_rng(1).random((9, n_frames)) < 0.02
    spikes = np.zeros((4, n_frames))
    spikes[:2, 20::every] = 1.0
    spikes[2, 20::10] = 1.0
    train, X = (
        lfilter([1], [1, -0.95], s) + 0.02 * noise(len(s), n_frames) for s in (irregular, spikes)
    )
    method = OasisEvents(RATE).fit(train)
    assert method.decay_ == pytest.approx(0.95, abs=0.02)
    Z = method.transform(X)
    rate = 10 ** Z[:, 0] - 0.01
    np.testing.assert_allclose(rate[:3], [0.5, 0.5, 2.0], rtol=0.1)
    assert rate[3] < 0.2
    edges = np.geomspace(1, 400, 13) - 0.5
    assert Z[0, 5:].argmax() == np.searchsorted(edges, every) - 1
    assert Z[2, 5:].argmax() == np.searchsorted(edges, 10) - 1
    np.testing.assert_allclose(Z[:3, 5:].sum(axis=1), 1.0)
    assert np.isfinite(method.transform(np.zeros((1, 100)))).all()
