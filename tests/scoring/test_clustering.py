"""Label-free clusters against scikit-learn and closed forms; the oracle against plain DBSCAN."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from simbench.scoring.clustering import RULES, ami, ari, best_dbscan_ari, cluster, oracle_dbscan_ari

LABELS = np.repeat(["RS", "IB", "CH"], [60, 50, 40])
CENTRES = dict(zip(("RS", "IB", "CH"), 10 * np.eye(3)))


def blobs(spread=1.0, seed=0):
    noise = np.random.default_rng(seed).normal(size=(len(LABELS), 3))
    return np.array([CENTRES[kind] for kind in LABELS]) + spread * noise


@pytest.mark.parametrize("rule", RULES)
def test_separate_classes_are_found_whole(rule):
    assert ari(blobs(), LABELS, rule) == pytest.approx(1, abs=0.02)
    assert ami(blobs(), LABELS, rule) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("rule", RULES)
def test_scores_are_those_of_scikit_learn_for_the_same_clusters(rule):
    latents = blobs(4.0)
    found = cluster(latents, 3, rule)
    assert ari(latents, LABELS, rule) == pytest.approx(adjusted_rand_score(LABELS, found))
    assert ami(latents, LABELS, rule) == pytest.approx(adjusted_mutual_info_score(LABELS, found))


def test_hdbscan_is_at_its_defaults():
    latents = blobs(3.0)
    z = (latents - latents.mean(axis=0)) / latents.std(axis=0)
    assert (
        adjusted_rand_score(cluster(latents, 3, "hdbscan"), HDBSCAN(copy=True).fit_predict(z)) == 1
    )


@pytest.mark.parametrize("rule", RULES)
def test_duplicated_latents_change_little(rule):
    once, twice = blobs(2.0), np.repeat(blobs(2.0), 2, axis=0)
    change = ari(twice, np.repeat(LABELS, 2), rule) - ari(once, LABELS, rule)
    assert abs(change) < (0.6 if rule == "hdbscan" else 0.05)  # HDBSCAN needs 5 neurons a cluster


@pytest.mark.parametrize("rule", ["kmeans", "gmm"])
def test_rotated_latents_of_equal_spread_score_the_same(rule):
    latents = np.linalg.qr(blobs(2.0) - blobs(2.0).mean(axis=0))[0]  # white: standardising is inert
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    assert ari(latents @ turn, LABELS, rule) == pytest.approx(ari(latents, LABELS, rule), abs=0.05)


def test_a_single_class_has_no_score():
    assert np.isnan(ari(blobs(), np.zeros(len(LABELS))))
    assert np.isnan(oracle_dbscan_ari(blobs(), np.zeros(len(LABELS))))


def test_best_dbscan_is_the_best_of_plain_runs():
    latents, epsilons = blobs(3.0), np.array([1.0, 3.0, 5.0, 8.0])
    plain = [
        adjusted_rand_score(LABELS, DBSCAN(eps=eps, min_samples=10).fit_predict(latents))
        for eps in epsilons
    ]
    assert best_dbscan_ari(latents, LABELS, epsilons, 10) == pytest.approx(max(plain))
    assert max(plain) > min(plain)


def test_oracle_is_never_below_the_tries_it_chooses_from():
    assert oracle_dbscan_ari(blobs(), LABELS) > 0.9
    assert oracle_dbscan_ari(blobs()[:15], LABELS[::10]) == 0  # fewer neurons than a core needs
