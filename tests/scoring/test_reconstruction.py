"""Reconstruction scores against closed forms and simulated predictions."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import r2_score

from simbench.errors import SimbenchError
from simbench.scoring.reconstruction import (
    coverage,
    gaussian_nll,
    reconstruction_r2,
    reconstruction_skill,
    score_at_budget,
    values_per_minute,
)

RNG = np.random.default_rng(0)
CLEAN = RNG.gamma(0.3, 1, (20, 600))
NOISY = CLEAN + 0.5 * RNG.normal(size=CLEAN.shape)


def test_skill_of_the_perfect_the_noisy_and_the_halved_noise():
    assert reconstruction_skill(CLEAN, CLEAN, NOISY) == 1
    assert reconstruction_skill(NOISY, CLEAN, NOISY) == 0
    assert reconstruction_skill((CLEAN + NOISY) / 2, CLEAN, NOISY) == pytest.approx(0.75)
    assert reconstruction_skill(CLEAN + 10, CLEAN, NOISY) < -100
    assert np.isnan(reconstruction_skill(CLEAN, CLEAN, CLEAN))


def test_skill_forgives_no_scale_and_no_shift():
    for wrong in (2 * CLEAN, CLEAN + 1, CLEAN - CLEAN.mean(axis=1, keepdims=True)):
        assert reconstruction_skill(wrong, CLEAN, NOISY) < 0.9


def test_skill_does_not_depend_on_the_unit_that_all_share():
    in_percent = [100 * x for x in ((CLEAN + NOISY) / 2, CLEAN, NOISY)]
    assert reconstruction_skill(*in_percent) == pytest.approx(0.75)


def test_r2_is_that_of_scikit_learn_weighted_by_variance():
    expected = r2_score(CLEAN.T, NOISY.T, multioutput="variance_weighted")
    assert reconstruction_r2(NOISY, CLEAN) == pytest.approx(expected)


def test_r2_of_means_is_zero_and_silent_neurons_only_cost():
    means = np.repeat(CLEAN.mean(axis=1, keepdims=True), CLEAN.shape[1], axis=1)
    assert reconstruction_r2(means, CLEAN) == pytest.approx(0)
    silent = np.vstack([CLEAN, np.zeros((5, CLEAN.shape[1]))])
    assert reconstruction_r2(silent, silent) == 1
    assert reconstruction_r2(silent + 0.1, silent) < reconstruction_r2(CLEAN + 0.1, CLEAN)
    assert np.isnan(reconstruction_r2(np.ones((2, 5)), np.zeros((2, 5))))


def test_price_of_a_reconstruction():
    # 8 values for 120 s at 20 Hz are 4 a minute; the trace itself costs 1200 a minute
    assert values_per_minute(8, 2400, 20.0) == pytest.approx(4)
    assert values_per_minute(2400, 2400, 20.0) == pytest.approx(1200)


def test_scores_are_read_at_equal_budgets_and_never_beyond_the_curve():
    budgets, scores = [100, 1, 10], [0.9, 0.1, 0.5]
    assert score_at_budget(budgets, scores, 10) == pytest.approx(0.5)
    assert score_at_budget(budgets, scores, np.sqrt(10)) == pytest.approx(0.3)
    assert np.isnan(score_at_budget(budgets, scores, 0.5))
    assert np.isnan(score_at_budget(budgets, scores, 101))
    with pytest.raises(SimbenchError, match="not positive"):
        score_at_budget([0, 1], [0, 1], 0.5)


def test_likelihood_of_the_truth_is_the_entropy_of_the_noise_and_the_best():
    expected = np.log(0.5) + 0.5 * np.log(2 * np.pi * np.e)
    best = gaussian_nll(NOISY, CLEAN, np.array(0.5))
    assert best == pytest.approx(expected, abs=0.02)
    assert best == pytest.approx(-norm.logpdf(NOISY, CLEAN, 0.5).mean())
    for mean, sd in ((CLEAN, 0.25), (CLEAN, 1.0), (CLEAN + 0.3, 0.5)):
        assert gaussian_nll(NOISY, mean, np.array(sd)) > best + 0.05


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_intervals_of_the_truth_cover_what_they_promise(level):
    assert coverage(NOISY, CLEAN, np.array(0.5), level) == pytest.approx(level, abs=0.01)
    assert coverage(NOISY, CLEAN, np.array(0.2), level) < level - 0.05
    assert coverage(NOISY, CLEAN, np.array(2.0), level) > level + 0.005


@pytest.mark.parametrize(
    "wrong", [CLEAN[:, 1:], CLEAN[0], np.full_like(CLEAN, np.nan), CLEAN.astype(complex)]
)
def test_wrong_traces_are_refused_by_name(wrong):
    with pytest.raises(SimbenchError, match="^clean: "):
        reconstruction_skill(CLEAN, wrong, NOISY)


def test_predictions_must_fit_the_traces():
    with pytest.raises(SimbenchError, match="predictions: mean"):
        coverage(NOISY, CLEAN[:, 1:], np.array(1.0))


def test_a_standard_deviation_is_positive():
    with pytest.raises(SimbenchError, match="sd is not positive"):
        gaussian_nll(NOISY, CLEAN, np.array(0.0))
