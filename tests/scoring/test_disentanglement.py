"""Factors against latents: closed forms, scikit-learn, and the extremes of each comparison."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from simbench.core.errors import SimbenchError
from simbench.scoring.disentanglement import (
    cka,
    dci,
    dci_of_importance,
    truth_matrix,
    truth_r2,
    unbiased_hsic,
)

N = 1200
TRAIN = np.arange(N) % 2 == 0
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(N, 3))
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
NOISE = RNG.normal(size=(N, 3))
FACTORS = dict(zip("abd", TRUTH.T))


def test_dci_of_importance_by_hand():
    assert dci_of_importance(np.eye(3)) == pytest.approx((1, 1))
    assert dci_of_importance(np.ones((3, 2))) == pytest.approx((0, 0), abs=1e-12)
    # latents 0 and 1 both serve factor 0 only, latent 2 serves factor 1: pure, but not complete
    split = np.array([[0.5, 0], [0.5, 0], [0, 1.0]])
    assert dci_of_importance(split) == pytest.approx((1, (1 - np.log(2) / np.log(3) + 1) / 2))
    # one latent carries two factors: complete, but not pure
    shared = np.array([[1.0, 1, 0], [0, 0, 1]])
    assert dci_of_importance(shared) == pytest.approx(
        ((1 - np.log(2) / np.log(3)) * 2 / 3 + 1 / 3, 1)
    )


def test_dci_of_perfect_rotated_and_random_latents():
    perfect, rotated, random = (dci(z, FACTORS, TRAIN) for z in (TRUTH, TRUTH @ TURN, NOISE))
    assert min(perfect.values()) > 0.95
    assert rotated["disentanglement"] < 0.6
    assert rotated["informativeness"] > 0.8
    assert max(random.values()) < 0.05


def test_dci_uses_a_classifier_for_classes_and_a_regressor_for_numbers():
    kind = np.array(["RS", "IB", "CH"])[np.arange(N) % 3]
    latents = np.column_stack([(kind == "RS") + 2.0 * (kind == "CH"), TRUTH[:, 0] ** 3])
    score = dci(latents, {"firing_type": kind, "d": TRUTH[:, 0]}, TRAIN)
    assert min(score.values()) > 0.95


def test_dependent_factors_lower_disentanglement_of_perfect_latents():
    """The known failure: the firing type sets c and d."""
    c = TRUTH[:, 0]
    score = dci(np.column_stack([c, TRUTH[:, 1]]), {"c": c, "d": 2 * c, "a": TRUTH[:, 1]}, TRAIN)
    assert score["disentanglement"] < 0.7


def test_one_factor_or_one_latent_has_no_such_score():
    assert np.isnan(dci(TRUTH, {"a": TRUTH[:, 0]}, TRAIN)["disentanglement"])
    assert np.isnan(dci(TRUTH[:, :1], FACTORS, TRAIN)["completeness"])


def test_unbiased_hsic_is_that_of_u_centred_matrices():
    x, y = np.random.default_rng(0).normal(size=(2, 30, 4))
    n = len(x)

    def centred(kernel):
        kernel = kernel - np.diag(np.diag(kernel))
        rows = kernel.sum(axis=0) / (n - 2)
        kernel = kernel - rows - rows[:, None] + kernel.sum() / ((n - 1) * (n - 2))
        return kernel - np.diag(np.diag(kernel))

    expected = np.sum(centred(x @ x.T) * centred(y @ y.T)) / (n * (n - 3))
    assert unbiased_hsic(x, y) == pytest.approx(expected)
    assert unbiased_hsic(x + 100, y) == pytest.approx(expected, rel=1e-6)


def test_cka_is_blind_to_rotation_and_common_scale_only():
    assert cka(7 * TRUTH @ TURN + 2, TRUTH) == pytest.approx(1)
    assert cka(TRUTH * [1, 1, 30], TRUTH) < 0.9


def test_cka_of_held_out_neurons_is_that_of_those_neurons_alone():
    noisy = TRUTH + NOISE
    assert cka(noisy, TRUTH, TRAIN) == pytest.approx(cka(noisy[~TRAIN], TRUTH[~TRAIN]))
    assert cka(noisy, TRUTH, TRAIN) != pytest.approx(cka(noisy, TRUTH))


def test_debiased_cka_of_noise_is_zero_on_average_where_the_plain_one_is_not():
    rng = np.random.default_rng(2)
    pairs = [rng.normal(size=(2, 40, 20)) for _ in range(60)]
    assert np.mean([cka(x, y) for x, y in pairs]) == pytest.approx(0, abs=0.02)

    def plain(x, y):
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        own = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
        return np.linalg.norm(x.T @ y) ** 2 / own

    assert np.mean([plain(x, y) for x, y in pairs]) > 0.3


def test_r2_is_that_of_a_regression_where_neurons_are_many():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4000, 2))
    y = x @ [[1.0, 0], [0.5, 1]] + rng.normal(size=(4000, 2))
    train = np.arange(4000) < 2000
    expected = r2_score(y[~train], LinearRegression().fit(x[train], y[train]).predict(x[~train]))
    assert truth_r2(x, y, train) == pytest.approx(expected, abs=1e-3)


def test_a_class_that_no_scored_neuron_has_does_not_count():
    kinds = np.where(TRAIN, np.arange(N) // 2 % 3, np.arange(N) // 2 % 2)
    assert -2 < truth_r2(NOISE, truth_matrix({"kind": kinds}), TRAIN) < 0.1


def test_a_number_that_never_varies_is_not_recovered():
    informativeness = dci(NOISE, {"a": TRUTH[:, 0], "same": np.full(N, 6.0)}, TRAIN)
    assert not informativeness["informativeness"] > 0.2


def test_truth_matrix_gives_every_factor_a_variance_of_one():
    kind = np.array(["RS", "IB", "CH"])[np.arange(N) % 3]
    matrix = truth_matrix({"firing_type": kind, "d": 100 * TRUTH[:, 0]})
    assert matrix.shape == (N, 4)
    assert matrix[:, :3].var(axis=0).sum() == pytest.approx(1)
    assert matrix[:, 3].var() == pytest.approx(1)


@pytest.mark.parametrize(
    "train", [TRAIN[1:], TRAIN.astype(int), np.ones(N, dtype=bool), np.zeros(N, dtype=bool)]
)
def test_wrong_training_masks_are_refused(train):
    with pytest.raises(SimbenchError, match="train: "):
        truth_r2(TRUTH, TRUTH, train)


def test_missing_factors_are_refused():
    with pytest.raises(SimbenchError, match="factor 'isi_cv': 1 are NaN"):
        dci(TRUTH, {"isi_cv": np.where(np.arange(N) == 3, np.nan, 1.0)}, TRAIN)
