"""The published protocol, step by step, against plain scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from simbench.core.errors import SimbenchError
from simbench.data.published_traces import published_scale
from simbench.imaging.camera import measure_nu
from simbench.scoring.published_protocol import (
    EPSILONS,
    pooled_correlation,
    published_ari,
    published_mse,
    published_sigma,
)

RNG = np.random.default_rng(0)


def test_sigma_of_nu_is_that_of_white_noise_on_the_published_baseline():
    sigma = 1.5
    trace = 42 + sigma * RNG.normal(size=(1, 400_000))
    (nu,) = measure_nu(trace / 42 - 1, frame_rate=500)
    assert published_sigma(nu) == pytest.approx(sigma, rel=0.01)


def test_the_scale_is_one_for_all_neurons():
    traces = RNG.normal(size=(5, 40))
    scaled = published_scale(traces)
    assert (scaled.min(), scaled.max()) == (-0.5, 0.5)
    np.testing.assert_allclose(np.corrcoef(scaled.ravel(), traces.ravel())[0, 1], 1)
    np.testing.assert_allclose(published_scale(traces, like=2 * traces), scaled / 2, atol=0.5)
    with pytest.raises(SimbenchError, match="constant"):
        published_scale(np.ones((2, 3)))


def test_eps_ranges_are_those_of_the_code():
    for family, low, high in (("avae", 0.01, 0.5), ("pca", 0.5, 2.0)):
        np.testing.assert_array_equal(
            EPSILONS[family], [round(eps, 2) for eps in np.arange(low, high, 0.01)]
        )


@pytest.mark.parametrize(("family", "unit"), [("avae", 0.25), ("pca", 1.0)])
def test_ari_is_the_best_of_plain_dbscan_runs(family, unit):
    labels = np.repeat(np.arange(3), 60)
    latents = unit * (1.5 * np.eye(3)[labels] + 0.3 * RNG.normal(size=(180, 3)))
    best = max(
        adjusted_rand_score(labels, DBSCAN(eps=eps, min_samples=50).fit_predict(latents))
        for eps in EPSILONS[family]
    )
    assert published_ari(latents, labels, family) == pytest.approx(best)
    assert best > 0.3


def test_an_unknown_family_is_refused():
    with pytest.raises(SimbenchError, match="allowed: avae, pca"):
        published_ari(np.ones((5, 2)), np.arange(5), "ica")


def test_error_of_a_perfect_reconstruction_in_closed_form():
    """Clean 0 .. 1, noisy -1 .. 3: a point y is y - .5 in one scale and (y + 1) / 4 - .5 in the
    other."""
    clean = np.array([[0.0, 0.2, 1.0, 0.4]])
    noisy = np.array([[-1.0, 0.2, 3.0, 0.4]])
    expected = np.mean((clean - (clean + 1) / 4) ** 2)
    assert published_mse(clean, clean, noisy) == pytest.approx(expected)
    assert published_mse(clean, clean, clean) == 0


def test_scales_are_those_of_all_neurons_where_some_are_scored():
    clean = np.array([[0.0, 1.0, 0.5], [0.0, 0.2, 0.1]])
    scored = np.array([False, True])
    assert published_mse(clean[scored], clean, clean, scored) == 0
    assert published_mse(clean[scored], clean[scored], clean) > 0.01


def test_pooled_correlation_is_pearsons():
    truth = RNG.normal(size=50)
    predicted = truth + RNG.normal(size=50)
    expected = pearsonr(truth, predicted).statistic
    assert pooled_correlation(truth, predicted) == pytest.approx(expected)
    assert np.isnan(pooled_correlation(truth, np.ones(50)))
