"""Every method to a file and back: the same latents to the bit, and nothing that can run code."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from simbench import SimbenchError, embed
from simbench.methods.checking import SHORT, made_up_traces
from simbench.methods.controls.control import Control
from simbench.methods.dense import LinearAutoencoder
from simbench.methods.registry import METHODS, get_method
from simbench.methods.saving import load, save

COMPILES = {"catch22", "minirocket"}  # numba takes a minute over aeon's kernels
TRAIN, UNSEEN = made_up_traces(0), made_up_traces(1)


class Halved(TransformerMixin, BaseEstimator):
    """A method of somebody else's."""

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return (X - self.mean_)[:, ::2]


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in COMPILES else ()) for n in METHODS],
)
def test_every_method_comes_back_the_same_to_the_bit(name, tiny_dataset, tmp_path):
    if not METHODS[name].is_available:
        pytest.skip(METHODS[name].description)
    method = get_method(name, n_components=3, device="cpu", **SHORT)
    latents = embed(method, tiny_dataset, random_state=5)
    save(method, tmp_path / "method.npz")
    loaded = load(tmp_path / "method.npz")
    assert type(loaded) is type(method)
    assert loaded.get_params(deep=False).keys() == method.get_params(deep=False).keys()
    if isinstance(method, Control):
        again = loaded.embed(tiny_dataset)
    else:
        again = np.concatenate([loaded.transform(r.dff) for r in tiny_dataset.recordings])
    assert again.dtype == latents.dtype
    np.testing.assert_array_equal(again, latents)


def test_pipelines_may_hold_networks(tmp_path):
    method = make_pipeline(StandardScaler(), LinearAutoencoder(2, n_steps=5, device="cpu"))
    expected = method.fit(TRAIN).transform(UNSEEN)
    save(method, tmp_path / "method.npz")
    np.testing.assert_array_equal(load(tmp_path / "method.npz").transform(UNSEEN), expected)


def test_a_method_that_is_not_fitted_keeps_its_parameters(tmp_path):
    save(PCA(3, svd_solver="full"), tmp_path / "method.npz")
    loaded = load(tmp_path / "method.npz")
    assert loaded.get_params() == PCA(3, svd_solver="full").get_params()
    with pytest.raises(NotFittedError):
        loaded.transform(UNSEEN)


def test_values_keep_their_types(tmp_path):
    values = {
        "nothing": None, "yes": True, "whole": 3, "number": 0.1, "infinite": float("inf"),
        "text": "µ", "pair": (1, "a"), "names": np.array(["a", "bc"]), "single": np.float32(0.1),
        "flag": np.bool_(True), "columns": np.ones((3, 9), order="F")[:2],
        "nested": {"a": [np.arange(3), (2.5,)]}, "empty": np.zeros((0, 2)),
    }  # fmt: skip
    method = Halved()
    vars(method).update(values)
    save(method, tmp_path / "method.npz")
    loaded = vars(load(tmp_path / "method.npz", [Halved]))
    assert list(loaded) == list(values)
    for name, value in values.items():
        assert type(loaded[name]) is type(value)
    np.testing.assert_equal(loaded, values)
    assert loaded["single"].dtype == np.float32
    assert loaded["columns"].flags.f_contiguous


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        (FunctionTransformer(np.log), "FunctionTransformer.func is a ufunc"),
        (make_pipeline(FunctionTransformer(str)), r"Pipeline.steps\[0\]\[1\].func is a type"),
        (PCA(random_state=np.random.RandomState(0)), "PCA.random_state is a RandomState"),
    ],
)
def test_what_cannot_be_saved_is_one_line(method, complaint, tmp_path):
    with pytest.raises(SimbenchError, match=complaint + " and can't be saved; allowed: numbers"):
        save(method, tmp_path / "method.npz")
    assert not list(tmp_path.iterdir())


def test_classes_of_others_have_to_be_named(tmp_path):
    method = Halved().fit(TRAIN)
    save(method, tmp_path / "method.npz")
    with pytest.raises(SimbenchError, match=r"holds a .*:Halved; allowed: estimators of simbench"):
        load(tmp_path / "method.npz")
    loaded = load(tmp_path / "method.npz", classes=[Halved])
    np.testing.assert_array_equal(loaded.transform(UNSEEN), method.transform(UNSEEN))


def write(path, about, **arrays):
    with path.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


@pytest.mark.parametrize(
    "home",
    ["os:system", "subprocess:Popen", "sklearn.utils:Bunch", "simbench.core.files:write_text"],
)
def test_a_file_cannot_name_what_is_no_estimator(home, tmp_path):
    write(tmp_path / "m.npz", {"method": {"estimator": [home, {}]}, "scikit-learn": "1"})
    with pytest.raises(SimbenchError, match=f"holds a {home}"):
        load(tmp_path / "m.npz")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_pickles_are_never_opened(tmp_path):
    path = tmp_path / "m.npz"
    write(path, {"method": {"array": "array0"}, "scikit-learn": "1"}, array0=np.array([None]))
    with pytest.raises(SimbenchError, match="pickle"):
        load(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(SimbenchError, match=r"m\.npz: truncated or not of the right form"):
        load(path)


@pytest.mark.parametrize("about", [[], {}, {"method": {"a": 1, "b": 2}}, {"method": {"odd": 1}}])
def test_damaged_files_are_one_line(about, tmp_path):
    write(tmp_path / "m.npz", about)
    with pytest.raises(SimbenchError, match=r"m\.npz: truncated or not of the right form"):
        load(tmp_path / "m.npz")
    with pytest.raises(SimbenchError, match=r"none\.npz: missing"):
        load(tmp_path / "none.npz")


def test_files_hold_json_and_arrays_only(tmp_path):
    save(PCA(2).fit(TRAIN), tmp_path / "method.npz")
    with zipfile.ZipFile(tmp_path / "method.npz") as archive:
        for name in archive.namelist():
            assert name.endswith(".npy")
            np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


def test_another_version_of_scikit_learn_is_said(tmp_path):
    save(PCA(2).fit(TRAIN), tmp_path / "method.npz")
    with np.load(tmp_path / "method.npz") as file:
        arrays = dict(file)
    about = json.loads(str(arrays.pop("about"))) | {"scikit-learn": "0.1"}
    write(tmp_path / "method.npz", about, **arrays)
    with pytest.warns(InconsistentVersionWarning, match=r"PCA from version 0\.1"):
        load(tmp_path / "method.npz")
