import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from scipy.stats import norm

from simbench.methods.avae import AVAE
from simbench.methods.intervals import mixture_cdf, mixture_quantile
from simbench.scoring.reconstruction import interval_coverage


def mixture(weights, means, sds):
    parts = (np.log(weights), np.asarray(means), np.log(sds))
    return tuple(torch.tensor(part, dtype=torch.float64)[None] for part in parts)


@pytest.mark.parametrize("probability", [0.001, 0.05, 0.5, 0.95, 0.999])
def test_quantiles_of_one_gaussian_are_those_of_the_books(probability):
    found = mixture_quantile(probability, mixture([1.0], [2.0], [3.0]))
    assert found.item() == pytest.approx(norm.ppf(probability, 2.0, 3.0), abs=1e-6)


@pytest.mark.parametrize("probability", [0.01, 0.3, 0.9])
def test_quantiles_undo_the_distribution_function(probability):
    parts = mixture([0.2, 0.5, 0.3], [-4.0, 0.0, 9.0], [0.5, 1.0, 2.0])
    found = mixture_quantile(probability, parts)
    assert mixture_cdf(found, parts).item() == pytest.approx(probability, abs=1e-6)


def ar1(seed, n=60, n_frames=1000, decay=0.9):
    """Gaussian AR(1) whose next frame has s.d. 0.1 around 0.9 of the last one."""
    steps = 0.1 * np.random.default_rng(seed).standard_normal((n, n_frames + 100))
    return lfilter([1.0], [1, -decay], steps, axis=1)[:, 100:].astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    groups = np.arange(60) // 15
    return AVAE(2, device="cpu", n_steps=250).fit(ar1(0), groups=groups)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_of_an_autoregression_are_the_analytic_ones(fitted, level):
    X = ar1(1)
    low, high = fitted.predict_interval(X, level)
    half = X.shape[1] // 2
    assert np.isnan(low[:, :half]).all()
    assert np.isnan(high[:, :half]).all()
    assert interval_coverage(X, low, high) == pytest.approx(level, abs=0.03)
    expected = 0.9 * X[:, half - 1 : -1]
    reach = 0.1 * norm.ppf((1 + level) / 2)
    center, width = (low + high)[:, half:] / 2, (high - low)[:, half:] / 2
    assert np.median(width) == pytest.approx(reach, rel=0.1)
    assert np.median(np.abs(center - expected)) < 0.3 * 0.1


def test_no_frame_is_seen_by_the_latents_that_predict_it(fitted):
    X = ar1(2, n=4)
    changed = X.copy()
    changed[:, 900:] += 0.5
    for before, after in zip(fitted.predict_interval(X), fitted.predict_interval(changed)):
        np.testing.assert_array_equal(before[:, 500:901], after[:, 500:901])
        assert (before[:, 901:905] != after[:, 901:905]).any()


def test_frames_without_an_interval_do_not_count():
    observed = np.zeros((2, 4))
    low = np.array([[np.nan, -1, -1, 1], [np.nan, np.nan, -1, -1]])
    assert interval_coverage(observed, low, low + 2) == pytest.approx(4 / 5)
    assert np.isnan(interval_coverage(observed, low * np.nan, low))
