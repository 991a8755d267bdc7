"""Label-free clusters against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from simbench.scoring.clustering import kmeans_ari

LABELS = np.repeat(["RS", "IB", "CH"], [60, 50, 40])
CENTRES = dict(zip(("RS", "IB", "CH"), 10 * np.eye(3)))


def blobs(spread=1.0):
    noise = np.random.default_rng(0).normal(size=(len(LABELS), 3))
    return np.array([CENTRES[kind] for kind in LABELS]) + spread * noise


def test_separate_classes_are_found_whole():
    assert kmeans_ari(blobs(), LABELS) == pytest.approx(1, abs=0.02)


def test_the_score_is_scikit_learns_for_the_same_clusters():
    latents = blobs(4.0)
    z = (latents - latents.mean(axis=0)) / latents.std(axis=0)
    found = KMeans(3, n_init=50, random_state=1).fit_predict(z)
    assert kmeans_ari(latents, LABELS) == pytest.approx(
        adjusted_rand_score(LABELS, found), abs=0.02
    )


def test_duplicated_latents_change_little():
    once, twice = blobs(2.0), np.repeat(blobs(2.0), 2, axis=0)
    assert kmeans_ari(twice, np.repeat(LABELS, 2)) == pytest.approx(
        kmeans_ari(once, LABELS), abs=0.05
    )


def test_a_single_class_has_no_score():
    assert np.isnan(kmeans_ari(blobs(), np.zeros(len(LABELS))))
