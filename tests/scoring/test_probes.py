"""Probes choose their strength as scikit-learn's grid search would; metrics of predictions."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simbench.data.splits import grouped_folds
from simbench.scoring.probes import (
    balanced_accuracy,
    nuisance_accuracy,
    nuisance_r2,
    read,
    within_type_r2,
)

N, N_CULTURES = 960, 8
CULTURE = np.arange(N) % N_CULTURES
TRAIN = CULTURE < N_CULTURES // 2


def grid_search(latents, answer, is_class):
    """The protocol, spelled out with scikit-learn's own search."""
    strengths = np.logspace(-3, 3, 7)
    if is_class:
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        grid, scoring = {"logisticregression__C": strengths}, "balanced_accuracy"
    else:
        model, grid, scoring = Ridge(), {"ridge__alpha": 10 * strengths}, "r2"
    folds = grouped_folds(CULTURE[TRAIN])
    search = GridSearchCV(make_pipeline(StandardScaler(), model), grid, cv=folds, scoring=scoring)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        return search.fit(latents[TRAIN], answer[TRAIN]).predict(latents[~TRAIN])


def data(seed, signal, n_latents):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, N)
    z = signal * rng.normal(size=(4, n_latents))[kind] + rng.normal(size=(N, n_latents))
    z *= rng.lognormal(0, 2, n_latents)
    number = z @ rng.normal(size=n_latents) / np.abs(z).max() + rng.normal(size=N) / (signal + 0.1)
    return z, np.array(["RS", "IB", "CH", "FS"])[kind], number


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 2), st.sampled_from([1, 3, 16, 80]))
def test_ridge_is_that_of_a_grid_search(seed, signal, n_latents):
    z, _, number = data(seed, signal, n_latents)
    found = read(z, number, TRAIN, ~TRAIN, CULTURE, "linear", False).predicted
    np.testing.assert_allclose(found, grid_search(z, number, False), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("signal", [0.2, 0.7, 2.0])
@pytest.mark.parametrize("n_latents", [1, 3, 8, 16])
def test_logistic_is_that_of_a_grid_search(signal, n_latents):
    """Up to the tolerance of the solver, which may decide between strengths that are level."""
    z, kind, _ = data(1, signal, n_latents)
    found = read(z, kind, TRAIN, ~TRAIN, CULTURE, "linear", True).predicted
    expected = grid_search(z, kind, True)
    assert np.mean(found == expected) > 0.9
    truth = kind[~TRAIN]
    assert np.mean(found == truth) == pytest.approx(np.mean(expected == truth), abs=0.03)


def test_more_latents_than_training_neurons_and_constant_latents_are_no_trouble():
    z, kind, number = data(2, 1.0, N // 2 + 20)
    for latents in (z, np.ones((N, 3)), np.repeat(z[:, :1], 3, axis=1)):
        found = read(latents, number, TRAIN, ~TRAIN, CULTURE, "linear", False).predicted
        np.testing.assert_allclose(found, grid_search(latents, number, False), rtol=1e-6, atol=1e-6)
        classes = read(latents, kind, TRAIN, ~TRAIN, CULTURE, "linear", True).predicted
        assert set(classes) <= set(kind)


def test_one_stray_latent_does_not_decide_a_score():
    """An encoder that collapsed: one neuron lies at 2,000 s.d., and none like it trained."""
    z, _, number = data(4, 1.0, 3)
    stray = np.flatnonzero(~TRAIN)[0]
    far = z.copy()
    far[stray] *= 1e5
    plain, moved = (
        read(latents, number, TRAIN, ~TRAIN, CULTURE, "linear", False).predicted
        for latents in (z, far)
    )
    np.testing.assert_array_equal(plain[1:], moved[1:])
    assert within_type_r2(number[~TRAIN], moved) > within_type_r2(number[~TRAIN], plain) - 0.3


def test_folds_may_lack_a_class():
    """One class a culture, four training cultures: every fold lacks one in training."""
    z, _, _ = data(3, 0.0, 4)
    topology = np.array(["flat", "tracks"])[CULTURE % 2]
    z[:, 0] += 9 * (topology == "flat")
    assert (
        read(z, topology, TRAIN, ~TRAIN, CULTURE, "linear", True).predicted == topology[~TRAIN]
    ).all()
    lonely = np.where(CULTURE == 0, "flat", "tracks")
    read(z, lonely, TRAIN, ~TRAIN, CULTURE, "linear", True)


@pytest.mark.parametrize("probe", ["linear", "nonlinear"])
@pytest.mark.parametrize("sizes", [(30, 12, 1, 30), (1, 1, 2, 30), (3, 3, 3, 3)])
def test_small_groups_are_no_trouble(probe, sizes):
    culture = np.repeat(np.arange(4), sizes)
    z, train = np.random.default_rng(0).standard_normal((len(culture), 3)), culture < 3
    number, alternating = z[:, 0] + culture, np.arange(len(culture)) % 2 == 0
    for answer, is_class in ((number, False), (alternating, True), (np.argsort(number), True)):
        assert len(read(z, answer, train, ~train, culture, probe, is_class).predicted) == sizes[3]


def test_the_strength_for_a_number_of_whole_cultures_is_that_of_least_error():
    """R2 says nothing in folds of one value each: noise then asks for a strong penalty."""
    z = np.random.default_rng(0).standard_normal((len(CULTURE), 20))
    age = 1.0 * CULTURE
    predicted = read(z, age, TRAIN, ~TRAIN, CULTURE, "linear", False).predicted
    assert np.ptp(predicted) < 0.5 * np.ptp(age[TRAIN])


def test_balanced_accuracy_agrees_with_scikit_learn():
    rng = np.random.default_rng(5)
    truth, predicted = rng.integers(0, 4, (2, 300)).astype(str)
    assert balanced_accuracy(truth, predicted) == pytest.approx(
        balanced_accuracy_score(truth, predicted)
    )


def test_within_type_r2_closed_form():
    residual = np.array([1.0, -1.0, 2.0, -2.0])
    assert within_type_r2(residual, residual) == 1
    assert within_type_r2(residual, np.zeros(4)) == 0
    assert within_type_r2(residual, residual / 2) == pytest.approx(0.75)
    assert np.isnan(within_type_r2(np.zeros(3), np.zeros(3)))


RNG = np.random.default_rng(0)
HOME = np.repeat(np.arange(20), 30)
LEARNS = HOME < 10
GAIN = RNG.lognormal(0, 0.5, 20)[HOME]  # one for a whole culture
NOISE = RNG.standard_normal((600, 4))


def test_latents_that_hold_the_nuisance_give_it_away():
    assert nuisance_r2(np.column_stack((NOISE, GAIN)), GAIN, HOME, LEARNS) > 0.99
    lot = np.where(HOME % 2, "a", "b")
    assert nuisance_accuracy(np.column_stack((NOISE, HOME % 2)), lot, HOME, LEARNS) == 1


def test_latents_that_ignore_it_score_chance():
    assert abs(nuisance_r2(NOISE, RNG.standard_normal(600), HOME, LEARNS)) < 0.05
    lot = np.where(HOME % 2, "a", "b")
    assert abs(nuisance_accuracy(NOISE, lot, HOME, LEARNS) - 0.5) < 0.1


def test_fingerprints_of_training_cultures_earn_nothing_in_unseen_ones():
    """Latents that name the culture predict the gain of the cultures seen, and of no other."""
    fingerprint = RNG.standard_normal((20, 8))[HOME] + 0.01 * RNG.standard_normal((600, 8))
    seen = LinearRegression().fit(fingerprint[LEARNS], GAIN[LEARNS])
    assert r2_score(GAIN[LEARNS], seen.predict(fingerprint[LEARNS])) > 0.8
    assert nuisance_r2(fingerprint, GAIN, HOME, LEARNS) < 0.3


def test_it_is_the_r2_of_a_weakly_penalised_regression():
    latents = np.column_stack((NOISE, GAIN + 0.2 * RNG.standard_normal(600)))
    plain = LinearRegression().fit(latents[LEARNS], GAIN[LEARNS])
    error = np.sum((GAIN[~LEARNS] - plain.predict(latents[~LEARNS])) ** 2)
    expected = 1 - error / np.sum((GAIN[~LEARNS] - GAIN[LEARNS].mean()) ** 2)
    assert nuisance_r2(latents, GAIN, HOME, LEARNS) == pytest.approx(expected, abs=0.02)


def test_missing_values_are_left_out():
    some = np.where(np.arange(600) % 7 == 0, np.nan, GAIN)
    assert nuisance_r2(GAIN[:, None], some, HOME, LEARNS) > 0.99


@pytest.mark.parametrize("is_class", [True, False])
def test_trees_read_ranks_as_well_as_scikit_learn_reads_values(is_class):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rng = np.random.default_rng(3)
    latents = rng.normal(size=(N, 3))
    signal = np.abs(latents[:, 0]) + latents[:, 1] * latents[:, 2] + 0.3 * rng.normal(size=N)
    answer = np.where(signal > 0.7, "RS", "CH") if is_class else signal
    said = read(latents, answer, TRAIN, ~TRAIN, CULTURE, "nonlinear", is_class).predicted
    same = read(np.exp(latents), answer, TRAIN, ~TRAIN, CULTURE, "nonlinear", is_class).predicted
    np.testing.assert_array_equal(said, same)
    how = {"max_iter": 50, "max_leaf_nodes": 15, "early_stopping": False, "random_state": 0}
    if is_class:
        plain = HistGradientBoostingClassifier(**how, class_weight="balanced")
    else:
        plain = HistGradientBoostingRegressor(**how)
    by_values = plain.fit(latents[TRAIN], answer[TRAIN]).predict(latents[~TRAIN])
    score = balanced_accuracy_score if is_class else r2_score
    assert score(answer[~TRAIN], said) > 0.6
    assert score(answer[~TRAIN], said) == pytest.approx(score(answer[~TRAIN], by_values), abs=0.04)
