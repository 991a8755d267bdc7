import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from simbench.methods.avae.estimator import AVAE
from simbench.methods.avae.published_network import PublishedAVAE
from simbench.methods.contrastive import _TEMPERATURE, SegmentContrastive, info_nce, vicreg
from simbench.methods.controls.shuffled import ShuffledTimeAVAE, shuffle_frames
from simbench.methods.dense import MLPVAE, LinearAutoencoder


def low_rank(n=120, n_frames=60, seed=0):
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(9).standard_normal((2, n_frames)) * [[3.0], [2.0]]
    X = rng.standard_normal((n, 2)) @ basis + 0.1 * rng.standard_normal((n, n_frames))
    return X.astype(np.float32)


def two_kinds(seed, n=60, n_frames=400):
    """Single events, or bursts of four as rare: the same mean rate."""
    rng = np.random.default_rng(seed)
    bursty = np.arange(n) % 2 == 1
    events = rng.random((n, n_frames)) < np.where(bursty, 0.0125, 0.05)[:, None]
    X = lfilter([0.2], [1, -0.9], events * np.where(bursty, 4.0, 1.0)[:, None])
    return (X + 0.03 * rng.standard_normal(X.shape)).astype(np.float32), bursty


@pytest.mark.parametrize(
    "method",
    [
        LinearAutoencoder(2, n_steps=400, batch_size=32, learning_rate=2e-2, device="cpu"),
        MLPVAE(2, n_steps=300, batch_size=32, width=32, learning_rate=1e-2, device="cpu"),
    ],
    ids=["linear-autoencoder", "mlp-vae"],
)
def test_autoencoders_reconstruct_as_well_as_pca(method):
    X, X_test = low_rank(), low_rank(seed=1)
    method.fit(X, groups=np.arange(len(X)) // 20)
    error = np.mean((method.inverse_transform(method.transform(X_test)) - X_test) ** 2)
    pca = PCA(2).fit(X)
    best = np.mean((pca.inverse_transform(pca.transform(X_test)) - X_test) ** 2)
    assert error < X_test.var() * 0.05
    if isinstance(method, LinearAutoencoder):
        assert best * 0.99 < error < best * 1.5


@pytest.mark.parametrize("n_steps", range(8, 12))
def test_training_may_be_as_short_as_one_likes(n_steps):
    X = low_rank(n=20)
    assert np.isfinite(MLPVAE(2, n_steps=n_steps, device="cpu").fit(X).transform(X)).all()


def test_info_nce_at_its_extremes():
    z = torch.eye(6)
    others = 5 * np.exp(-1 / _TEMPERATURE)
    assert info_nce(z, z) == pytest.approx(np.log1p(others))
    assert info_nce(torch.ones(6, 3), torch.ones(6, 3)) == pytest.approx(np.log(6))
    assert info_nce(z, z.roll(1, 0)) == pytest.approx(1 / _TEMPERATURE + np.log1p(others))


def test_vicreg_at_its_extremes():
    white = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert vicreg(white, white) == pytest.approx(0.0, abs=1e-6)
    collapsed = torch.zeros(4, 2)
    assert vicreg(collapsed, collapsed) == pytest.approx(25 * (1 - 0.01), rel=1e-4)
    same = white[:, :1].expand(4, 2)  # both dimensions say the same: covariance 4 / 3, twice
    assert vicreg(same, same) == pytest.approx(2 * 2 * (4 / 3) ** 2 / 2, rel=1e-5)


@pytest.mark.parametrize("loss", ["infonce", "vicreg"])
def test_contrast_tells_kinds_of_equal_rate_apart(loss):
    X, bursty = two_kinds(0)
    X_test, bursty_test = two_kinds(1)
    method = SegmentContrastive(
        2, loss=loss, window_s=8, n_steps=50, width=8, device="cpu", batch_size=20
    ).fit(X, groups=np.arange(len(X)) // 20)
    probe = LogisticRegression().fit(method.transform(X), bursty)
    assert probe.score(method.transform(X_test), bursty_test) > 0.9


def test_segments_of_a_neuron_do_not_overlap():
    method = SegmentContrastive(window_s=1.0, gain_sd=0.0)
    X = np.tile(np.arange(45, dtype=np.float32), (500, 1))
    first, second = method._segments(X, np.random.default_rng(0))
    assert first.shape == second.shape == (500, 20)
    assert (np.diff(first) == 1).all()
    assert (second[:, 0] > first[:, -1]).all()
    assert first.min() == 0
    assert second.max() == 44


def test_shuffled_traces_keep_their_frames_wherever_they_stand():
    X, _ = two_kinds(0)
    shuffled = shuffle_frames(X)
    assert np.array_equal(np.sort(shuffled, axis=1), np.sort(X, axis=1))
    assert not np.array_equal(shuffled, X)
    assert np.array_equal(shuffle_frames(X[::-1]), shuffled[::-1])
    orders = {tuple(np.argsort(row)) for row in shuffle_frames(X + np.arange(400) * 1e-3)}
    assert len(orders) == len(X)


LEARNED = {
    method.seed_name: method
    for method in (
        LinearAutoencoder(2, n_steps=3, device="cpu"),
        MLPVAE(2, n_steps=3, width=8, device="cpu"),
        SegmentContrastive(2, n_steps=3, width=4, device="cpu"),
        PublishedAVAE(2, n_epochs=2, device="cpu"),
        AVAE(2, n_steps=3, device="cpu"),
        ShuffledTimeAVAE(2, n_steps=3, device="cpu"),
    )
}


@pytest.mark.parametrize("name", LEARNED)
def test_a_new_name_of_the_class_changes_no_latent(name):
    method = LEARNED[name]
    renamed = type("Renamed", (type(method),), {})(**method.get_params())
    other = type("Other", (type(method),), {"seed_name": "another"})(**method.get_params())
    X = two_kinds(0)[0]
    latents = [clone(m).fit(X).transform(X) for m in (method, renamed, other)]
    np.testing.assert_array_equal(latents[0], latents[1])
    assert not np.array_equal(latents[0], latents[2])
