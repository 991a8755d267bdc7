"""What a method is told of who was recorded together."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from simbench.core.errors import SimbenchError
from simbench.data.traces import Traces
from simbench.methods.embedding import call_grouped, embed, fit_transform, reconstruct
from simbench.methods.registry import get_method


class Told(TransformerMixin, BaseEstimator):
    """Latents are the groups that it is told; -1 if none."""

    def fit(self, X, y=None, groups=None):
        self.told_ = None if groups is None else np.unique(groups).tolist()
        return self

    def transform(self, X, groups=None):
        return np.full((len(X), 1), -1) if groups is None else np.asarray(groups)[:, None]

    def log_density(self, X, groups=None):
        return np.zeros(X.shape) + np.asarray(groups)[:, None]


class Untold(Told):
    def transform(self, X):
        return super().transform(X)


def traces(sizes):
    dff = [np.zeros((n, 10), dtype=np.float32) for n in sizes]
    return Traces(dff, 20.0, np.array([True, False, True]))


def test_fit_and_transform_are_told_the_same_numbers():
    method = Told()
    latents = fit_transform(method, traces([2, 3, 2]), 0)
    assert method.told_ == [0, 2]
    assert latents.ravel().tolist() == [0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(("method", "sizes"), [(Told(), [1, 1, 1]), (Untold(), [2, 2, 2])])
def test_who_was_alone_or_does_not_ask_is_told_nothing(method, sizes):
    assert (fit_transform(method, traces(sizes), 0) == -1).all()


def test_predictions_are_told_too():
    method = Told()
    made = traces([2, 3, 2])
    density = reconstruct(method, made, fit_transform(method, made, 0))["log_density"]
    assert (density == 1).all()


@pytest.mark.parametrize("seed", range(6))
def test_only_recordings_that_train_must_be_alike(tiny_dataset, seed):
    """The order in which a method gets them, which goes with the seed, makes no difference."""
    lengths = np.where(tiny_dataset.test, 150, 200)
    dataset = replace(cut(tiny_dataset, lengths), seed=seed)
    latents = embed(get_method("spectrum"), dataset)
    assert np.isfinite(latents).all()
    lengths[np.flatnonzero(~tiny_dataset.test)[0]] = 150
    with pytest.raises(SimbenchError, match="recordings differ"):
        embed(get_method("spectrum"), replace(cut(tiny_dataset, lengths), seed=seed))
    with pytest.raises(SimbenchError, match="no recording is for training"):
        embed(get_method("spectrum"), replace(tiny_dataset, test=np.ones(len(lengths), bool)))


def cut(dataset, lengths):
    recordings = (
        replace(r, fluorescence=r.fluorescence[:, :n]) for r, n in zip(dataset.recordings, lengths)
    )
    return replace(dataset, recordings=tuple(recordings))


def test_a_neuron_alone_in_a_recording_has_no_group():
    assert (call_grouped(Told().transform, np.zeros((1, 10)), np.array([4])) == -1).all()
