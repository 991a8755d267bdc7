import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from scipy.stats import norm

from simbench.methods.avae.encoder_decoder import mixture_cdf, mixture_nll, mixture_quantile
from simbench.methods.avae.estimator import AVAE
from simbench.scoring.trace_metrics import interval_coverage, predictive_nll


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
    return AVAE(2, device="cpu", n_steps=300, nll_weight=1.0).fit(ar1(0), groups=groups)


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


def test_likelihood_of_an_autoregression_is_the_analytic_one(fitted):
    found = fitted.log_density(ar1(1))
    assert np.isnan(found[:, :500]).all()
    entropy = 0.5 * np.log(2 * np.pi * np.e * 0.1**2)
    assert entropy - 0.005 < predictive_nll(found) < entropy + 0.05


def test_density_of_dff_adds_up_to_one(fitted):
    low, high = (np.nanmean(end) for end in fitted.predict_interval(ar1(1), 0.999))
    X = ar1(1, n=1)[:, :600].repeat(400, axis=0)
    X[:, -1] = np.linspace(low - 5, high + 5, 400)
    density = np.exp(fitted.log_density(X)[:, -1].astype(float))
    assert np.trapezoid(density, X[:, -1]) == pytest.approx(1, abs=0.01)


def test_density_of_a_mixture_is_that_of_its_parts():
    parts = mixture([0.25, 0.75], [0.0, 2.0], [1.0, 0.5])
    expected = -np.log(0.25 * norm.pdf(1.2) + 0.75 * norm.pdf(1.2, 2.0, 0.5))
    assert mixture_nll(torch.tensor([1.2]), parts).item() == pytest.approx(expected)


def test_no_frame_is_seen_by_the_latents_that_predict_it(fitted):
    X = ar1(2, n=4)
    changed = X.copy()
    changed[:, 900:] += 0.5
    for before, after in zip(fitted.predict_interval(X), fitted.predict_interval(changed)):
        np.testing.assert_allclose(before[:, 500:901], after[:, 500:901], atol=1e-6)
        assert not np.allclose(before[:, 901:905], after[:, 901:905], atol=1e-3)


def test_frames_without_an_interval_do_not_count():
    observed = np.zeros((2, 4))
    low = np.array([[np.nan, -1, -1, 1], [np.nan, np.nan, -1, -1]])
    assert interval_coverage(observed, low, low + 2) == pytest.approx(4 / 5)
    assert np.isnan(interval_coverage(observed, low * np.nan, low))
    assert predictive_nll(np.array([[np.nan, -1.0, -3.0]])) == 2
    assert predictive_nll(np.array([[-np.inf, 0.0]])) == np.inf
    assert np.isnan(predictive_nll(low * np.nan))
