import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from sklearn.decomposition import PCA

from simbench.methods.avae.dynamics import (
    Dynamics,
    _mirrored,
    choose_layout,
    recorrupt,
)
from simbench.methods.avae.estimator import AVAE
from simbench.methods.features import noise_levels
from simbench.methods.learned import Course
from simbench.methods.windowed_pca import WindowedPCA
from simbench.scoring.trace_metrics import reconstruction_r2

SHORT = {"device": "cpu", "n_steps": 5, "n_components": 2}
FRAME_RATE_HZ = 20.0


def cultures(seed, n=160, n_frames=600, noise=0.15):
    """Clean and noisy traces: bursts of events, with a rise and a decay, in four cultures."""
    rng = np.random.default_rng(seed)
    bursts = np.repeat(rng.random((4, n_frames)) < 0.01, n // 4, axis=0)
    size = np.exp(0.5 * rng.standard_normal((n, n_frames)))
    events = size * (
        bursts * (rng.random((n, n_frames)) < 0.8) + (rng.random((n, n_frames)) < 0.01)
    )
    clean = lfilter([0.5], [1, -1.45, 0.5225], events, axis=1)
    noisy = clean + noise * rng.standard_normal(clean.shape)
    return clean.astype(np.float32), noisy.astype(np.float32)


@given(
    n_values=st.integers(1, 5000),
    n_frames=st.integers(1, 5000),
    frame_rate=st.floats(1, 500),
)
def test_a_layout_never_spends_more_than_it_may(n_values, n_frames, frame_rate):
    layout = choose_layout(n_values, n_frames, frame_rate)
    assert 1 <= layout.block <= n_frames
    assert 1 <= layout.n_values <= layout.block
    assert layout.n_blocks(n_frames) * layout.n_values <= n_values
    assert layout.n_blocks(n_frames) * layout.block >= n_frames


def test_a_layout_spends_nearly_all():
    for budget in (12, 24, 60, 120, 240, 480, 960):
        layout = choose_layout(budget, 2400, FRAME_RATE_HZ)
        assert layout.n_blocks(2400) * layout.n_values >= 0.9 * budget


def test_starts_as_principal_components_of_blocks():
    X = cultures(0)[1]
    dynamics = Dynamics(choose_layout(60, 600, FRAME_RATE_HZ))
    none = np.zeros((len(X), 0), dtype=np.float32)
    dynamics.learn(X, none, None, np.random.default_rng(0), Course(0, 1e-3, 1))
    windows = X.reshape(-1, dynamics.layout.block)
    pca = PCA(dynamics.layout.n_values, svd_solver="full").fit(windows)
    expected = pca.inverse_transform(pca.transform(windows)).reshape(X.shape)
    given_back = dynamics.decode_traces(dynamics.encode_traces(X), none)
    np.testing.assert_allclose(given_back, expected, atol=1e-3)


def test_recorrupted_traces_have_independent_noise_of_known_size():
    rng = np.random.default_rng(0)
    clean = np.zeros((200, 2000), dtype=np.float32)
    sd = np.full(200, 0.1, dtype=np.float32)
    x = clean + sd[:, None] * rng.standard_normal(clean.shape, dtype=np.float32)
    one, other = recorrupt(x, sd, rng)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.01
    assert one.std() == pytest.approx(0.1 * np.sqrt(1 + 0.25), rel=0.02)
    assert other.std() == pytest.approx(0.1 * np.sqrt(1 + 4), rel=0.02)


@pytest.fixture(scope="module")
def data():
    return cultures(0)[1], *cultures(1), np.arange(160) // 40


@pytest.mark.parametrize("budget", [30, 480])
def test_gives_more_back_than_windowed_pca_for_the_same_values(data, budget):
    train, clean, noisy, groups = data
    avae = AVAE(latents_per_minute=budget, n_dynamic_steps=80, **SHORT).fit(train, groups=groups)
    pca = WindowedPCA(budget).fit(train, groups=groups)
    scores = []
    for method in (avae, pca):
        z = method.transform(noisy)
        assert z.shape[1] <= budget * 600 / FRAME_RATE_HZ / 60
        scores.append(reconstruction_r2(method.inverse_transform(z), clean))
    assert scores[0] > scores[1] + 0.005
    assert budget < 480 or scores[0] > reconstruction_r2(noisy, clean) + 0.01


@pytest.mark.parametrize(("n_components", "n_static"), [(2, 2), (20, 0)])
def test_latents_of_the_neuron_come_first_where_they_are_cheap(data, n_components, n_static):
    train = data[0]
    quick = SHORT | {"n_components": n_components, "n_dynamic_steps": 2}
    plain = AVAE(**SHORT | {"n_components": n_components}).fit(train).transform(train)
    method = AVAE(latents_per_minute=120, **quick).fit(train)
    latents = method.transform(train)
    np.testing.assert_array_equal(latents[:, :n_static], plain[:, :n_static])
    layout = method.network_.dynamics.layout
    assert latents.shape[1] == n_static + layout.n_blocks(600) * layout.n_values <= 60
    assert method.inverse_transform(latents).shape == train.shape


def test_without_a_budget_nothing_is_given_back(data):
    method = AVAE(**SHORT)
    assert not hasattr(method, "inverse_transform")
    assert method.fit(data[0]).transform(data[0]).shape == (160, 2)


def test_traces_as_short_as_a_block_or_silent_are_given_back():
    X = np.zeros((6, 32), dtype=np.float32)
    X[1:] += 0.1 * np.random.default_rng(0).standard_normal((5, 32))
    method = AVAE(latents_per_minute=60, n_dynamic_steps=2, **SHORT).fit(X)
    given_back = method.inverse_transform(method.transform(X))
    assert given_back.shape == X.shape
    assert np.isfinite(given_back).all()


def test_a_trace_is_mirrored_at_its_ends():
    at = _mirrored(torch.arange(-3, 9), 4)
    assert at.tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert _mirrored(torch.arange(-2, 2), 1).tolist() == [0, 0, 0, 0]


def test_noise_levels_of_smooth_traces_are_those_of_the_noise(data):
    assert np.median(noise_levels(data[2])) == pytest.approx(0.15, rel=0.1)
