"""Statistics of events and of the population, where the answer is known."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.signal import lfilter
from scipy.stats import spearmanr

from simbench import SimbenchError
from simbench.methods.culture_features import CultureFeatures, Windows, neurons_by_culture
from simbench.methods.discriminants import WindowDiscriminants, discriminate
from simbench.methods.events import Scale, around, event_statistics, find_events, learn_scale
from simbench.methods.population import (
    _LAGS_S,
    _order_in_bursts,
    others_mean,
    population_statistics,
)

RATE_HZ, KEPT, NOISE = 20.0, 0.95, 0.02
LAGS = np.concatenate([-np.array(_LAGS_S)[:0:-1], _LAGS_S])


def from_events(events, seed=0, noise=NOISE):
    """dF/F of events that decay, with noise of so much s.d. in every innovation."""
    new = events + noise * np.random.default_rng(seed).standard_normal(events.shape)
    return lfilter([1.0], [1.0, -KEPT], new, axis=1)


def one_leads(lead_s, n=12, n_frames=2400, seed=1):
    """A culture that fires together now and then; neuron 0 fires so many seconds earlier."""
    rng = np.random.default_rng(seed)
    events = np.zeros((n, n_frames))
    times = np.arange(100, n_frames - 100, 120) + rng.integers(-20, 20, len(range(100, 2300, 120)))
    events[:, times] = 1.0
    events[0] = np.roll(events[0], -round(lead_s * RATE_HZ))
    return from_events(events, seed)


@pytest.mark.parametrize("lead_s", [-0.4, 0.0, 0.4])
def test_a_neuron_that_leads_is_correlated_with_what_comes_later(lead_s):
    events = find_events(one_leads(lead_s), Scale(KEPT, NOISE))
    statistics = population_statistics(events, RATE_HZ)
    correlation = statistics[0, : 2 * len(LAGS) : 2]
    assert LAGS[correlation.argmax()] == pytest.approx(lead_s)
    shared = np.arcsinh(1 / NOISE / 2) ** 2 * 19 / 2400  # power of 19 events
    noise = np.mean(np.arcsinh(np.random.default_rng(0).standard_normal(10**5) / 2) ** 2)
    expected = shared / np.sqrt((shared + noise) * (shared + noise / 11))
    assert correlation.max() == pytest.approx(expected, rel=0.05)
    own_lags = statistics[1:, : 2 * len(LAGS) : 2].argmax(axis=1)
    assert (LAGS[own_lags] == 0).all()


def test_order_in_bursts_is_in_seconds():
    events = find_events(one_leads(0.2), Scale(KEPT, NOISE))
    late, spread, is_early = _order_in_bursts(events, np.arcsinh(events.innovations / 2), RATE_HZ)
    assert late[0] == pytest.approx(-0.2, abs=0.02)
    assert late[1:] == pytest.approx(np.full(11, 0.2 / 11), abs=0.02)
    assert is_early[0] > 0.9
    assert (spread < 0.1).all()


def test_innovations_and_events_are_those_that_made_the_trace():
    made = np.zeros((3, 400))
    made[0, [50, 90, 200]] = [0.5, 1.0, 2.0]
    found = find_events(from_events(made), Scale(KEPT, NOISE))
    assert found.neuron.tolist() == [0, 0, 0]
    assert np.abs(found.frame - [50, 90, 200]).max() <= 1
    np.testing.assert_allclose(found.size * NOISE, [0.5, 1.0, 2.0], atol=6 * NOISE)
    np.testing.assert_allclose(found.innovations[1:, 1:].std(axis=1), 1.0, rtol=0.15)


def test_scale_is_learned_from_traces():
    made = (np.random.default_rng(0).random((40, 2400)) < 0.01).astype(float)
    scale = learn_scale(from_events(made))
    assert scale.kept == pytest.approx(KEPT, abs=0.01)
    assert scale.noise == pytest.approx(NOISE, rel=0.1)


def test_means_around_frames_are_means_around_frames():
    signal = np.random.default_rng(0).standard_normal((2, 300))
    neuron, frame = np.array([0, 0, 1]), np.array([60, 100, 200])
    found = np.array(around(signal, neuron, frame, 10.0, (-1.0, 0.0, 0.5)))
    first = np.mean([signal[0, 50:60].mean(), signal[0, 90:100].mean()]) - signal[0].mean()
    last = signal[1, 200:205].mean() - signal[1].mean()
    assert found[0, 0] == pytest.approx(first)
    assert found[1, 1] == pytest.approx(last)


def test_others_are_all_but_oneself():
    activity = np.random.default_rng(0).standard_normal((5, 30))
    np.testing.assert_allclose(others_mean(activity)[2], np.delete(activity, 2, 0).mean(axis=0))


def test_statistics_of_events_do_not_know_when():
    made = np.zeros((2, 1200))
    made[0, 300::100] = made[1, 340::100] = 1.0
    statistics = event_statistics(find_events(from_events(made, noise=0), Scale(KEPT, NOISE)), 20.0)
    np.testing.assert_allclose(statistics[0], statistics[1], atol=0.05)


CULTURES = np.concatenate([one_leads(0.2, seed=s) for s in range(3)]).astype(np.float32)
GROUPS = np.repeat([5, 2, 9], 12)
METHODS = [
    CultureFeatures("events+population"),
    CultureFeatures("spectrum+population"),
    WindowDiscriminants(n_components=4, window_s=20.0),
    WindowDiscriminants(n_components=4, window_s=20.0, centre="all"),
]


@pytest.mark.parametrize("method", METHODS)
def test_order_and_names_of_groups_make_no_difference(method):
    latents = method.fit(CULTURES, groups=GROUPS).transform(CULTURES, groups=GROUPS)
    order = np.random.default_rng(0).permutation(len(CULTURES))
    again = method.transform(CULTURES[order], groups=-GROUPS[order])
    np.testing.assert_allclose(again, latents[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_neuron_alone_has_the_mean_population(method):
    method.fit(CULTURES, groups=GROUPS)
    alone = method.transform(CULTURES[:1])
    assert np.isfinite(alone).all()
    np.testing.assert_allclose(method.transform(CULTURES)[:1], alone, rtol=1e-5, atol=1e-6)
    grouped = method.transform(CULTURES[:1], groups=[7])
    np.testing.assert_allclose(grouped, alone, rtol=1e-5, atol=1e-6)
    assert not np.allclose(method.transform(CULTURES, groups=GROUPS)[0], alone)


def test_population_of_a_neuron_alone_is_the_training_mean():
    method = CultureFeatures("population").fit(CULTURES, groups=GROUPS)
    known = method.transform(CULTURES, groups=GROUPS)
    np.testing.assert_allclose(method.transform(CULTURES[:1])[0], known.mean(axis=0), rtol=1e-6)


def test_who_is_together():
    parts = neurons_by_culture(5, np.array([3, 1, 3, 2, 1]))
    assert [(rows.tolist(), known) for rows, known in parts] == [
        ([1, 4], True), ([0, 2], True), ([3], False),
    ]  # fmt: skip
    assert [known for _, known in neurons_by_culture(5, None)] == [False]


def test_what_cultures_differ_in_is_in_every_eighth_latent():
    """Cultures that fire together more often or less, all neurons alike."""
    periods = np.array([50, 60, 75, 90, 110, 135, 165, 200])
    cultures = []
    for period in periods:
        events = np.zeros((12, 2400))
        events[:, 30::period] = 1.0
        cultures.append(from_events(events, seed=int(period)))
    X, groups = np.concatenate(cultures).astype(np.float32), np.repeat(np.arange(8), 12)
    method = WindowDiscriminants(n_components=16, window_s=40.0).fit(X, groups=groups)
    latents = method.transform(X, groups=groups)
    assert abs(spearmanr(latents[::12, 7], periods).statistic) > 0.9
    within = latents - latents.reshape(8, 12, 16).mean(axis=1)[groups]
    assert np.abs(within[:, [7, 15]]).max() < 1e-9
    of_cultures = latents[:, :7].reshape(8, 12, 7).mean(axis=1)  # own latents are relative to them
    assert np.abs(of_cultures).max() < 0.1 * latents[:, :7].std()


def test_discriminants_solve_the_eigenproblem():
    rng = np.random.default_rng(0)
    neurons = rng.standard_normal((300, 1, 3)) * [2.0, 1.0, 0.2]
    statistics = neurons + rng.standard_normal((300, 6, 3)) @ rng.standard_normal((3, 3))
    pairs = Windows.lay(800, 300).pairs
    found = discriminate(statistics, pairs, 2, ridge=0.0)
    one, two = (np.concatenate([statistics[:, w] for w in windows]) for windows in pairs)
    between, within = (one.T @ two + two.T @ one) / 2, (one - two).T @ (one - two) / 2
    ratios, vectors = eigh(between, within)
    np.testing.assert_allclose(found.ratios, ratios[:0:-1], rtol=1e-6)
    for ours, theirs in zip(found.vectors.T, vectors.T[:0:-1]):
        cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
        assert abs(cosine) == pytest.approx(1.0)
        assert ours @ within @ ours / len(one) == pytest.approx(1.0)


def test_windows_of_a_pair_never_overlap():
    windows = Windows.lay(2400, 900)
    assert windows.starts[0] == 0
    assert windows.starts[-1] + windows.length == 2400
    first, second = (windows.starts[part] for part in windows.pairs)
    assert len(first) > 0
    assert (second - first >= 900).all()
    assert len(Windows.lay(300, 900).starts) == 1


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (CultureFeatures("rate"), "parts = 'rate'; allowed: amplitude, spectrum"),
        (
            WindowDiscriminants(parts="events+spectrm"),
            "parts = 'events\\+spectrm'; allowed: amplitude",
        ),
        (WindowDiscriminants(centre="none"), "centre = 'none'; allowed: culture, all"),
    ],
)
def test_unknown_words_are_one_line(method, problem):
    with pytest.raises(SimbenchError, match=problem):
        method.fit(CULTURES)


def test_groups_of_another_number_are_one_line():
    with pytest.raises(SimbenchError, match=r"groups: shape \(2,\), expected \(36,\)"):
        METHODS[0].fit(CULTURES, groups=[0, 1])


def test_few_statistics_give_few_latents_of_both_kinds():
    method = WindowDiscriminants(n_components=32, window_s=20.0, parts="amplitude")
    latents = method.fit(CULTURES, groups=GROUPS).transform(CULTURES, groups=GROUPS)
    is_of_culture = [np.ptp(column[GROUPS == 2]) < 1e-9 for column in latents.T]
    assert is_of_culture == [False] * 3 + [True] * 3
