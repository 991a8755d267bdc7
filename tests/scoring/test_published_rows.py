"""The published protocol for a method, against the same steps in plain scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from simbench.data.published_traces import PublishedTraces, published_traces
from simbench.data.splits import published_split
from simbench.methods.embedding import replicate
from simbench.scoring.protocols import score_published
from simbench.scoring.published_protocol import published_ari

SEED = 1  # of the tiny dataset


def plain(dataset):
    """Noisy and clean traces in their own scales, and the neurons that are scored."""
    noisy = np.concatenate([r.fluorescence for r in dataset.recordings])
    clean = np.concatenate([r.truth.clean_dff for r in dataset.recordings])
    noisy, clean = ((x - x.min()) / np.ptp(x) - 0.5 for x in (noisy, clean))
    n = len(noisy)
    return noisy, clean, train_test_split(np.arange(n), test_size=0.2, random_state=SEED)


def values(method, dataset):
    noisy, clean = published_traces(dataset.recordings)
    seen = PublishedTraces(noisy, clean, published_split(len(noisy), SEED))
    rows = list(score_published(replicate(method, seen), dataset))
    assert {row["split"] for row in rows} == {"neuron"}
    return {(row["target"], row["metric"]): row["value"] for row in rows}


def test_pca_is_fitted_to_clean_traces_for_clusters_and_to_noisy_ones_for_the_error(tiny_dataset):
    noisy, clean, (train, test) = plain(tiny_dataset)
    found = values(PCA(3).fit(noisy[:9]), tiny_dataset)
    kind = tiny_dataset.labels["firing_type"].to_numpy(dtype=str)
    latents = PCA(3).fit(clean[train]).transform(clean)
    expected = published_ari(latents[np.sort(test)], kind[np.sort(test)], "pca")
    assert found["firing_type", "published_ari"] == pytest.approx(expected)
    seeing = PCA(3).fit(noisy[train])
    given_back = seeing.inverse_transform(seeing.transform(noisy[test]))
    error = np.mean((given_back - clean[test]) ** 2)
    assert found["trace", "published_mse"] == pytest.approx(error, rel=1e-3)
    assert -1 <= found["in_degree", "pooled_correlation"] <= 1


def test_neurons_without_a_number_are_left_out(tiny_dataset):
    labels = tiny_dataset.labels.assign(in_degree=tiny_dataset.labels["in_degree"].astype(float))
    labels.loc[::5, "in_degree"] = np.nan
    dataset = replace(tiny_dataset)
    object.__setattr__(dataset, "labels", labels)
    assert -1 <= values(PCA(3), dataset)["in_degree", "pooled_correlation"] <= 1


class Recorder(TransformerMixin, BaseEstimator):
    """Remembers what all its copies were given."""

    seen: list = []  # noqa: RUF012

    def fit(self, X):
        self.seen.append(("fit", X))
        return self

    def transform(self, X):
        self.seen.append(("transform", X))
        return X[:, :2].astype(float)

    def sample(self, X):
        self.seen.append(("sample", X))
        return X

    def inverse_transform(self, Z):
        return Z


def test_the_avae_is_fitted_to_noisy_traces_embeds_clean_ones_and_decodes_a_draw(tiny_dataset):
    noisy, clean, (train, test) = plain(tiny_dataset)
    Recorder.seen.clear()
    found = values(Recorder(), tiny_dataset)
    assert [what for what, _ in Recorder.seen] == ["fit", "transform", "sample"]
    expected = noisy[np.sort(train)], clean, noisy[np.sort(test)]
    for (_, given), wanted in zip(Recorder.seen, expected):
        np.testing.assert_allclose(given, wanted, atol=1e-5)
    error = np.mean((noisy[test] - clean[test]) ** 2)
    assert found["trace", "published_mse"] == pytest.approx(error, rel=1e-3)


def test_controls_that_read_the_truth_have_no_such_rows(tiny_dataset):
    outputs = {"latents": np.zeros((len(tiny_dataset.labels), 1))}
    assert list(score_published(outputs, tiny_dataset)) == []
