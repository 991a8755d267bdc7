"""Reconstruction scores against closed forms."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from simbench.core.errors import SimbenchError
from simbench.scoring.trace_metrics import (
    reconstruction_r2,
    reconstruction_skill,
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


@pytest.mark.parametrize(
    "wrong", [CLEAN[:, 1:], CLEAN[0], np.full_like(CLEAN, np.nan), CLEAN.astype(complex)]
)
def test_wrong_traces_are_refused_by_name(wrong):
    with pytest.raises(SimbenchError, match="^clean: "):
        reconstruction_skill(CLEAN, wrong, NOISY)
