import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression

from simbench.core.errors import SimbenchError
from simbench.methods.avae.encoder_decoder import Decoder, Statistics, mixture_nll
from simbench.methods.avae.estimator import AVAE
from simbench.methods.avae.windows import Windows
from simbench.methods.features import power_spectrum

SMALL = {
    "n_components": 2,
    "device": "cpu",
    "width": 8,
    "n_steps": 60,
    "batch_size": 40,
    "n_targets": 16,
    "window_s": 10.0,
}


def bursty_or_regular(seed, n=80, n_frames=600):
    """Two kinds with the same mean: single events every second, or five at once every five."""
    rng = np.random.default_rng(seed)
    bursty = rng.permutation(np.arange(n) % 2).astype(bool)
    rate = np.where(bursty, 0.01, 0.05)[:, None]
    size = np.where(bursty, 5.0, 1.0)[:, None]
    events = size * (rng.random((n, n_frames)) < rate)
    traces = lfilter([0.1], [1, -0.95], events, axis=1) + 0.02 * rng.standard_normal((n, n_frames))
    return traces.astype(np.float32), bursty


@pytest.fixture(scope="module")
def training_set():
    return bursty_or_regular(0)


@pytest.fixture(scope="module")
def fitted(training_set):
    return AVAE(**SMALL).fit(training_set[0], groups=np.arange(80) // 20)


def test_tells_two_kinds_of_equal_rate_apart(fitted, training_set):
    X, bursty = training_set
    X_test, bursty_test = bursty_or_regular(1)
    probe = LogisticRegression().fit(fitted.transform(X), bursty)
    assert probe.score(fitted.transform(X_test), bursty_test) > 0.9
    rate = LogisticRegression().fit(X.mean(axis=1, keepdims=True), bursty)
    assert rate.score(X_test.mean(axis=1, keepdims=True), bursty_test) < 0.7


def test_same_random_state_same_latents(training_set):
    X = training_set[0]
    random_state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    quick = SMALL | {"n_steps": 5}
    first, again, other = (
        AVAE(**quick, random_state=seed).fit(X).transform(X) for seed in (0, 0, 1)
    )
    assert torch.equal(random_state, torch.get_rng_state())
    assert n_threads == torch.get_num_threads()
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_decoder_is_causal():
    torch.manual_seed(0)
    decoder = Decoder(n_latents=2, width=8, reach=5, n_parts=3)
    x, z = torch.randn(1, 40), torch.randn(1, 2)
    changed = x.clone()
    changed[:, 20:] += 1.0
    for before, after in zip(decoder.predict(x, z), decoder.predict(changed, z)):
        same = torch.isclose(before, after).all(dim=2)[0]
        assert same[: 20 - 5 + 1].all()  # frames 5 .. 20, seen from frames 0 .. 19
        assert not same[20 - 5 + 1]


def test_mixture_likelihood_is_a_density():
    grid = torch.linspace(-12, 12, 4001)[None]
    n = grid.shape[1]
    log_weight = torch.log(torch.tensor([0.3, 0.7])).expand(1, n, 2)
    mean = torch.tensor([-1.0, 2.0]).expand(1, n, 2)
    log_sd = torch.log(torch.tensor([0.5, 1.5])).expand(1, n, 2)
    density = torch.exp(-mixture_nll(grid, (log_weight, mean, log_sd)))[0]
    assert torch.trapezoid(density, grid[0]) == pytest.approx(1.0, abs=1e-4)
    assert torch.trapezoid(density * grid[0], grid[0]) == pytest.approx(1.1, abs=1e-3)


def test_windows_of_a_pair_never_overlap():
    frame = np.tile(np.arange(200, dtype=np.float32), (3, 1))
    windows = Windows(frame, lambda x: x[:, [0, -1]], length=60, reach=7, n_targets=500)
    rng = np.random.default_rng(0)
    targets = set()
    for _ in range(50):
        pairs = windows.draw(np.arange(3), rng)
        for (first, last), (begin, end), frames in zip(pairs.seen, pairs.other, pairs.frames):
            assert last - first == end - begin == 59
            assert last < begin or end < first
            assert frames.min() == begin
            assert frames.max() == end
            assert np.all(np.diff(frames, axis=1) == 1)
            targets |= set(frames[:, -1])
    assert len(targets) == 200 - 7


def test_statistics_are_blind_to_when():
    describe = Statistics(frame_rate=20.0)
    X = torch.from_numpy(bursty_or_regular(0)[0])
    there, moved = describe(X), describe(torch.roll(X, 200, dims=1))
    assert there.shape == (80, 9 + 3 * 9 + 13)
    assert torch.equal(there[:, :9], moved[:, :9])
    t = torch.arange(600)
    tone = torch.sin(2 * np.pi * 0.2 * t + torch.tensor([[0.0], [1.0], [2.0]]))
    assert torch.allclose(*describe(tone)[:2, -12:], atol=0.05)  # power, whatever the phase


def test_statistics_are_quantiles_and_power():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 1280)).astype(np.float32)
    describe = Statistics(frame_rate=20.0)
    S = describe(torch.from_numpy(X)).numpy()
    levels = np.quantile(X, describe.quantiles, axis=1, method="nearest").T
    assert np.allclose(S[:, :9], levels, atol=0.02)
    frequency, power = power_spectrum(X, 20.0, describe.spectrum_s)
    low, high = describe.edges[-2:]
    band = power[:, (frequency >= low / 12.8) & (frequency < high / 12.8)].mean(axis=1)
    ratio = np.exp(S[:, -1]) / band  # of a density and a sum, the same for all
    assert np.allclose(ratio, ratio.mean(), rtol=0.02)


def test_latents_do_not_depend_on_neighbours_or_order(fitted):
    X = bursty_or_regular(2)[0]
    order = np.random.default_rng(0).permutation(len(X))
    assert np.allclose(fitted.transform(X)[order], fitted.transform(X[order]), atol=1e-5)


@pytest.mark.parametrize("n_frames", [40, 301, 1500])
def test_other_lengths_and_silent_traces(fitted, n_frames):
    silent, constant = np.zeros((1, n_frames)), np.full((1, n_frames), 3.0)
    Z = fitted.transform(np.concatenate([silent, constant]))
    assert Z.shape == (2, 2)
    assert np.isfinite(Z).all()


def test_fits_silent_traces():
    X = np.zeros((12, 100), dtype=np.float32)
    assert np.isfinite(AVAE(**SMALL | {"n_steps": 5}).fit(X).transform(X)).all()


def test_traces_that_are_too_short_are_one_line():
    with pytest.raises(SimbenchError, match="avae: 20 frames; training needs 32 or more"):
        AVAE(**SMALL).fit(np.zeros((12, 20)))


def test_not_finite_is_an_error(fitted):
    with pytest.raises(ValueError, match="NaN"):
        fitted.transform(np.full((3, 100), np.nan))
