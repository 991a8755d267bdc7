"""Neighbourhoods against scib-metrics, scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors

from simbench.scoring.checks import standardize
from simbench.scoring.neighbours import (
    bras,
    cilisi,
    goodness_of_fit,
    ilisi,
    kbet_rejection,
    knn_purity,
    label_entropy,
    lisi,
)  # fmt: skip


@pytest.fixture(scope="module")
def mixture():
    """240 neurons, 3 classes and 4 cultures that both shift the latents.

    The values below are those of scib-metrics 0.5.10 (jax in float64) for the same array:
    exact neighbours by Euclidean distance, each neuron its own first neighbour;
    ``ilisi_knn`` and ``lisi_knn`` on 91 of them with perplexity 30; ``kbet`` on 20;
    ``bras(..., metric="euclidean")``; CiLISI as the mean over classes of
    ``(lisi_knn(...).mean() - 1) / 3`` inside each class, perplexity the smaller of 30 and a third
    of the other neurons.
    """
    rng = np.random.default_rng(20)
    culture = np.arange(240) % 4
    label = rng.integers(0, 3, 240)
    latents = rng.normal(size=(240, 5)) + 1.5 * rng.normal(size=(3, 5))[label]
    latents += 0.7 * rng.normal(size=(4, 5))[culture]
    return standardize(latents, 240), label, culture


def test_lisi_agrees_with_scib_metrics(mixture):
    latents, label, culture = mixture
    values = lisi(latents, np.eye(4)[culture], 30)
    assert values.mean() == pytest.approx(2.829583219528333, rel=1e-4)
    np.testing.assert_allclose(values[:3], [2.74196272, 2.32586319, 2.93249845], rtol=1e-4)
    assert ilisi(latents, culture) == pytest.approx(0.626252718327989, rel=1e-4)
    assert cilisi(latents, culture, label) == pytest.approx(0.622023123552525, rel=1e-4)


def test_bras_agrees_with_scib_metrics(mixture):
    latents, label, culture = mixture
    assert bras(latents, culture, label) == pytest.approx(0.8409098759178434, rel=1e-6)


def test_goodness_of_fit_agrees_with_scib_metrics(mixture):
    """scib-metrics counts the neuron itself and takes the cultures as an endless population."""
    latents, _, culture = mixture
    index = NearestNeighbors(n_neighbors=20, algorithm="brute").fit(latents).kneighbors(latents)[1]
    counts = np.eye(4)[culture[index]].sum(axis=1)
    p = goodness_of_fit(counts, np.full((240, 4), 1e12), 20)
    assert np.mean(p >= 0.05) == pytest.approx(0.5375)
    assert p.mean() == pytest.approx(0.14384604653502508, rel=1e-6)
    np.testing.assert_allclose(p, chisquare(counts, axis=1).pvalue, rtol=1e-6)


def test_goodness_of_fit_is_calibrated_when_the_sample_is_half_of_the_population():
    population = np.array([40, 30, 20, 10])
    draws = np.random.default_rng(0).multivariate_hypergeometric(population, 50, size=20000)
    p = goodness_of_fit(draws, np.tile(population, (20000, 1)), 50)
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.01)
    naive = chisquare(draws, 50 * population / 100, axis=1).pvalue
    assert np.mean(naive < 0.05) < 0.01


def test_well_mixed_latents_reject_at_five_percent_and_not_at_zero():
    rejections = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        latents, culture = rng.normal(size=(400, 4)), rng.permutation(np.arange(400) % 8)
        rejections.append(kbet_rejection(latents, culture))
    error = np.std(rejections, ddof=1) / np.sqrt(len(rejections))
    assert np.mean(rejections) == pytest.approx(0.05, abs=3 * error + 0.005)
    assert np.mean(rejections) > 0.02


@pytest.fixture(scope="module")
def apart():
    """Cultures far apart, classes mixed inside each."""
    rng = np.random.default_rng(0)
    culture = np.repeat(np.arange(6), 60)
    return 50 * np.eye(6)[culture] + rng.normal(size=(360, 6)), rng.integers(0, 3, 360), culture


def test_fingerprints_of_cultures_are_caught(apart):
    latents, labels, culture = apart
    assert kbet_rejection(latents, culture) == 1
    assert ilisi(latents, culture) < 0.01
    assert cilisi(latents, culture, labels) < 0.1
    assert bras(latents, culture, labels) < 0.1
    assert knn_purity(latents, labels, culture) == pytest.approx(1 / 3, abs=0.05)


def test_cilisi_sees_what_ilisi_does_not():
    """Latents without classes mix all cultures only if each class is in all of them."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 300)
    culture = np.arange(600) % 3 + 3 * labels  # each class has its own three cultures
    truthful = rng.normal(size=(600, 3)) + 20 * labels[:, None]
    assert cilisi(truthful, culture, labels) > 0.8
    assert ilisi(truthful, culture) < 0.45
    assert kbet_rejection(truthful, culture) == 1
    assert bras(truthful, culture, labels) > 0.95


def test_purity_of_perfect_latents_is_one_and_entropy_zero():
    labels, culture = np.arange(300) % 3, np.arange(300) // 30
    assert knn_purity(np.eye(3)[labels], labels, culture) == pytest.approx(1, abs=1e-12)
    assert label_entropy(np.eye(3)[labels], labels, culture) == pytest.approx(0, abs=1e-12)


def test_constant_latents_have_the_purity_of_all_foreign_neurons():
    rng = np.random.default_rng(0)
    labels, culture = rng.integers(0, 3, 300), np.arange(300) // 100
    expected = [
        np.mean([np.mean(labels[culture != culture[i]] == c) for i in np.flatnonzero(labels == c)])
        for c in range(3)
    ]
    assert knn_purity(np.ones((300, 2)), labels, culture) == pytest.approx(np.mean(expected))


def test_purity_is_that_of_scikit_learns_neighbours():
    rng = np.random.default_rng(3)
    labels, culture = rng.integers(0, 3, 200), np.arange(200) % 4
    latents = standardize(np.eye(3)[labels] + 0.6 * rng.normal(size=(200, 3)), 200)
    shares = np.empty(200)
    for c in range(4):
        mine, others = culture == c, culture != c
        index = NearestNeighbors(n_neighbors=10).fit(latents[others]).kneighbors(latents[mine])[1]
        shares[mine] = np.mean(labels[others][index] == labels[mine][:, None], axis=1)
    expected = np.mean([shares[labels == c].mean() for c in range(3)])
    assert knn_purity(latents, labels, culture, 10) == pytest.approx(expected)


def test_neighbours_of_the_same_culture_count_for_nothing():
    """A fingerprint of the culture with one class a culture: pure at home, chance abroad."""
    culture = np.repeat(np.arange(12), 25)
    labels = culture % 3
    rng = np.random.default_rng(0)
    latents = 30 * rng.normal(size=(12, 12))[culture] + rng.normal(size=(300, 12))
    index = NearestNeighbors(n_neighbors=16).fit(latents).kneighbors(latents)[1][:, 1:]
    assert np.mean(labels[index] == labels[:, None]) == 1
    assert knn_purity(latents, labels, culture) < 0.55


def test_what_lives_in_one_culture_has_no_score():
    latents = np.random.default_rng(0).normal(size=(40, 2))
    labels, one = np.arange(40) % 2, np.zeros(40)
    assert np.isnan(knn_purity(latents, labels, one))
    assert np.isnan(label_entropy(latents, labels, one))
    assert np.isnan(ilisi(latents, one))
    assert np.isnan(kbet_rejection(latents, one))
    for metric in (cilisi, bras):
        assert np.isnan(metric(latents, one, labels))
        assert np.isnan(metric(latents, labels, labels))


def test_bras_of_two_cultures_is_scikit_learns_silhouette():
    rng = np.random.default_rng(0)
    culture = np.arange(100) % 2
    latents = standardize(rng.normal(size=(100, 3)) + culture[:, None], 100)
    expected = np.mean(1 - np.abs(silhouette_samples(latents, culture)))
    assert bras(latents, culture, np.zeros(100)) == pytest.approx(expected)


def test_rotation_of_white_latents_and_duplication_change_nothing_essential():
    rng = np.random.default_rng(5)
    labels, culture = rng.integers(0, 3, 240), np.arange(240) % 4
    raw = np.eye(3)[labels] + 0.5 * rng.normal(size=(240, 3))
    white = np.linalg.qr(raw - raw.mean(axis=0))[0]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for metric, given in (
        (knn_purity, (labels, culture)), (label_entropy, (labels, culture)), (ilisi, (culture,)),
        (cilisi, (culture, labels)), (bras, (culture, labels)), (kbet_rejection, (culture,)),
    ):  # fmt: skip
        value = metric(white, *given)
        assert metric(white @ turn, *given) == pytest.approx(value, abs=1e-9)
        doubled = metric(np.hstack([white, white]), *given)
        assert doubled == pytest.approx(value, abs=1e-9)
