import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from sklearn.decomposition import PCA

from simbench.core.errors import SimbenchError
from simbench.methods.features import noise_levels
from simbench.methods.windowed_pca import WindowedPCA, affordable

FRAME_RATE_HZ = 20.0


def traces(seed, n=40, n_frames=400, noise=0.05):
    """Clean and noisy traces: events at random, each with an exponential decay."""
    rng = np.random.default_rng(seed)
    clean = lfilter([1.0], [1, -0.9], rng.random((n, n_frames)) < 0.03, axis=1)
    noisy = clean + noise * rng.standard_normal(clean.shape)
    return clean.astype(np.float32), noisy.astype(np.float32)


def test_is_pca_of_windows():
    X = traces(0)[1]
    method = WindowedPCA(240).fit(X)
    windows = X.reshape(40 * 400 // method.window_, method.window_)
    pca = PCA(method.pca_.n_components_, svd_solver="full").fit(windows)
    given_back = pca.inverse_transform(pca.transform(windows)).reshape(X.shape)
    np.testing.assert_allclose(method.inverse_transform(method.transform(X)), given_back, atol=1e-4)


def test_gives_back_all_when_it_may_and_there_is_no_noise():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 100)), 4, axis=1)  # most steps are 0: no noise
    assert noise_levels(X).max() == 0
    method = WindowedPCA(60 * FRAME_RATE_HZ).fit(X)
    np.testing.assert_allclose(method.inverse_transform(method.transform(X)), X, atol=1e-3)


@settings(deadline=None, max_examples=20)
@given(budget=st.floats(3.1, 3000), n_frames=st.integers(2, 200))
def test_never_spends_more_than_the_budget(budget, n_frames):
    X = traces(1, n=6)[1][:, :n_frames]
    minutes = n_frames / FRAME_RATE_HZ / 60
    if budget * minutes < 1:
        with pytest.raises(SimbenchError, match="latents_per_minute"):
            WindowedPCA(budget).fit(X)
        return
    method = WindowedPCA(budget).fit(X)
    assert method.transform(X).shape[1] <= budget * minutes + 1e-6
    assert method.inverse_transform(method.transform(X)).shape == X.shape


def test_noise_is_not_given_back_though_the_budget_allows_it():
    (_, train), (clean, noisy) = traces(0, n=200, noise=0.3), traces(1, noise=0.3)
    method = WindowedPCA(60 * FRAME_RATE_HZ).fit(train, groups=np.arange(200) // 25)
    given_back = method.inverse_transform(method.transform(noisy))
    assert np.mean((given_back - clean) ** 2) < 0.7 * np.mean((noisy - clean) ** 2)


def test_chosen_window_is_near_the_best_one():
    (_, train), (clean, noisy) = traces(0, n=200), traces(1, n=100)
    method = WindowedPCA(120).fit(train, groups=np.arange(200) // 25)
    chosen = np.mean((method.inverse_transform(method.transform(noisy)) - clean) ** 2)
    errors = []
    for window in (10, 20, 40, 80, 200, 400):
        pca = PCA(window * 40 // 400).fit(train.reshape(-1, window))
        given_back = pca.inverse_transform(pca.transform(noisy.reshape(-1, window)))
        errors.append(np.mean((given_back.reshape(clean.shape) - clean) ** 2))
    assert chosen < 1.05 * min(errors)


@pytest.mark.parametrize(("budget", "n_values"), [(6, 6), (6.9, 6), (60, 60), (0.1 / 0.1, 1)])
def test_affordable_values_of_a_minute(budget, n_values):
    assert affordable(budget, 1200, FRAME_RATE_HZ) == n_values


def test_noise_level_is_that_of_white_noise():
    X = 0.3 * np.random.default_rng(0).standard_normal((5, 20000))
    np.testing.assert_allclose(noise_levels(X), 0.3, rtol=0.03)
