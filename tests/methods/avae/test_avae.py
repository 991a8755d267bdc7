import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression

from simbench.core.errors import SimbenchError
from simbench.methods.avae.encoder_decoder import Decoder, mixture_nll
from simbench.methods.avae.estimator import AVAE
from simbench.methods.culture_features import Windows
from simbench.methods.discriminants import discriminate

SMALL = {
    "n_components": 2,
    "device": "cpu",
    "width": 8,
    "n_steps": 300,
    "n_hidden": 64,
    "n_latents": 4,
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
    Z, Z_test = (fitted.transform(x, groups=GROUPS) for x in (X, X_test))
    assert LogisticRegression().fit(Z, bursty).score(Z_test, bursty_test) > 0.9
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


def test_decoder_is_causal_and_sees_the_others():
    torch.manual_seed(0)
    decoder = Decoder(n_latents=2, width=8, reach=5, n_ahead=3, n_parts=2)
    own, others, z = torch.randn(1, 40), torch.randn(1, 40), torch.randn(1, 2)
    for which in (own, others):
        changed = which.clone()
        changed[:, 20:] += 1.0
        there = (changed, others) if which is own else (own, changed)
        for before, after in zip(decoder.predict(own, others, z), decoder.predict(*there, z)):
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


GROUPS = np.arange(80) // 20


def test_latents_do_not_depend_on_order_or_names_of_groups(fitted):
    X = bursty_or_regular(2)[0]
    order = np.random.default_rng(0).permutation(len(X))
    known = fitted.transform(X, groups=GROUPS)
    again = fitted.transform(X[order], groups=7 - GROUPS[order])
    np.testing.assert_allclose(again, known[order], atol=1e-4)


def test_the_population_counts_where_it_is_known(fitted):
    X = bursty_or_regular(2)[0]
    known, alone = fitted.transform(X, groups=GROUPS), fitted.transform(X)
    assert not np.allclose(known, alone)
    np.testing.assert_allclose(fitted.transform(X[:1], groups=[3]), alone[:1], atol=1e-4)
    blind = AVAE(**SMALL | {"n_steps": 5}, population=False, centre="all").fit(X, groups=GROUPS)
    np.testing.assert_allclose(blind.transform(X, groups=GROUPS), blind.transform(X), atol=1e-5)


def test_no_groups_are_needed(training_set):
    X = training_set[0]
    assert np.isfinite(AVAE(**SMALL | {"n_steps": 5}).fit(X).transform(X, groups=GROUPS)).all()


def test_latents_come_in_the_order_of_what_they_tell(fitted, training_set):
    X = training_set[0]
    wide = AVAE(**SMALL | {"n_components": 4}).fit(X, groups=GROUPS)
    np.testing.assert_allclose(
        wide.transform(X, groups=GROUPS)[:, :2], fitted.transform(X, groups=GROUPS), atol=1e-4
    )
    network = wide.network_
    z = wide._encode_windows(X, GROUPS).z - network.center.numpy()
    pairs = Windows.lay(X.shape[1], wide.scaling_["length"]).pairs
    rotated = z @ network.rotation.numpy()
    ratios = discriminate(rotated, pairs, 4, ridge=1e-3).ratios
    alone = [discriminate(rotated[..., [i]], pairs, 1, 0.0).ratios[0] for i in range(4)]
    np.testing.assert_allclose(alone, ratios, rtol=0.05)
    assert (np.diff(alone) < 0).all()


@pytest.fixture(scope="module")
def with_filters(training_set):
    settings = SMALL | {"filters": "learned", "n_components": 16, "n_latents": 16, "width": 32}
    return AVAE(**settings).fit(training_set[0], groups=GROUPS)


def test_learned_filters_tell_two_kinds_apart_without_any_statistic(with_filters, training_set):
    X, bursty = training_set
    X_test, bursty_test = bursty_or_regular(1)
    Z, Z_test = (with_filters.transform(x, groups=GROUPS) for x in (X, X_test))
    assert LogisticRegression(max_iter=1000).fit(Z, bursty).score(Z_test, bursty_test) > 0.8
    assert with_filters.network_.whitening.numel() == 0
    assert with_filters.network_.head is None


@pytest.mark.parametrize("filters", ["statistics", "learned"])
def test_each_eighth_latent_is_of_the_culture(filters, with_filters, training_set):
    X = training_set[0]
    method = with_filters
    if filters == "statistics":
        settings = SMALL | {"n_components": 16, "n_latents": 16, "n_steps": 20}
        method = AVAE(**settings).fit(X, groups=GROUPS)
    Z = method.transform(X, groups=GROUPS)
    is_of_culture = [np.ptp(Z[GROUPS == 1, i]) < 1e-6 for i in range(16)]
    assert np.flatnonzero(is_of_culture).tolist() == [7, 15]
    assert np.ptp(Z[:, 7]) > 1e-3
    assert (method.transform(X)[:, [7, 15]] == 0).all()
    alone = AVAE(**method.get_params() | {"n_steps": 5}).fit(X).transform(X)
    assert (alone.std(axis=0) > 1e-6).all()


def test_the_decoder_gets_latents_as_in_training(with_filters, training_set):
    """Those that tell the neuron are relative to its culture, those that drive the decoder not."""
    X, groups = training_set[0], np.arange(80) // 20
    z, own, _ = with_filters._encode_windows(X, groups)
    by_culture = [values.reshape(4, -1, z.shape[2]).mean(axis=1) for values in (z, own)]
    np.testing.assert_allclose(by_culture[1], 0, atol=1e-4)
    assert np.abs(by_culture[0]).max() > 0.05
    np.testing.assert_array_equal(with_filters._encoded(X, groups), z.mean(axis=1))


def test_too_few_frames_to_predict_are_one_line(fitted):
    with pytest.raises(SimbenchError, match="10 frames; a prediction needs more than the 24 befor"):
        fitted.predict_interval(np.zeros((3, 10), np.float32))


def test_learned_filters_are_saved(with_filters, training_set, tmp_path):
    X = training_set[0][:30]
    with_filters.save(tmp_path / "filters.safetensors")
    again = AVAE.load(tmp_path / "filters.safetensors").transform(X, groups=GROUPS[:30])
    np.testing.assert_array_equal(again, with_filters.transform(X, groups=GROUPS[:30]))


def test_unknown_words_are_one_line(training_set):
    with pytest.raises(SimbenchError, match="filters = 'fixed'; allowed: statistics, learned"):
        AVAE(**SMALL, filters="fixed").fit(training_set[0])
    with pytest.raises(SimbenchError, match="centre = 'type'; allowed: culture, all"):
        AVAE(**SMALL, filters="learned", centre="type").fit(training_set[0])


def test_untrained_is_untrained(training_set):
    method = AVAE(**SMALL | {"n_steps": 0}).fit(training_set[0], groups=GROUPS)
    assert torch.equal(method.network_.rotation, torch.eye(4))
    assert method.network_.whitening.abs().sum() > 0


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
