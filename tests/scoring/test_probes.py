"""The probes choose their strength as scikit-learn's grid search would, only faster."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simbench.scoring.probes import predict
from simbench.scoring.splits import grouped_folds

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
    found = predict(z, number, TRAIN, ~TRAIN, CULTURE, "linear", False)
    np.testing.assert_allclose(found, grid_search(z, number, False), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("signal", [0.2, 0.7, 2.0])
@pytest.mark.parametrize("n_latents", [1, 3, 8, 16])
def test_logistic_is_that_of_a_grid_search(signal, n_latents):
    """Up to the tolerance of the solver, which may decide between strengths that are level."""
    z, kind, _ = data(1, signal, n_latents)
    found = predict(z, kind, TRAIN, ~TRAIN, CULTURE, "linear", True)
    expected = grid_search(z, kind, True)
    assert np.mean(found == expected) > 0.9
    truth = kind[~TRAIN]
    assert np.mean(found == truth) == pytest.approx(np.mean(expected == truth), abs=0.03)


def test_more_latents_than_training_neurons_and_constant_latents_are_no_trouble():
    z, kind, number = data(2, 1.0, N // 2 + 20)
    for latents in (z, np.ones((N, 3)), np.repeat(z[:, :1], 3, axis=1)):
        found = predict(latents, number, TRAIN, ~TRAIN, CULTURE, "linear", False)
        np.testing.assert_allclose(found, grid_search(latents, number, False), rtol=1e-6, atol=1e-6)
        classes = predict(latents, kind, TRAIN, ~TRAIN, CULTURE, "linear", True)
        assert set(classes) <= set(kind)


def test_folds_may_lack_a_class():
    """One class a culture, four training cultures: every fold lacks one in training."""
    z, _, _ = data(3, 0.0, 4)
    topology = np.array(["flat", "tracks"])[CULTURE % 2]
    z[:, 0] += 9 * (topology == "flat")
    assert (predict(z, topology, TRAIN, ~TRAIN, CULTURE, "linear", True) == topology[~TRAIN]).all()
    lonely = np.where(CULTURE == 0, "flat", "tracks")
    predict(z, lonely, TRAIN, ~TRAIN, CULTURE, "linear", True)
