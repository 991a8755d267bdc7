"""A learned method to a file and back: the same latents, and nothing that can run code."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save
from sklearn.exceptions import NotFittedError

from simbench import SimbenchError
from simbench.methods.avae.estimator import AVAE
from simbench.methods.checking import SHORT, made_up_traces
from simbench.methods.dense import MLPVAE, LinearAutoencoder
from simbench.methods.learned import LearnedTransformer
from simbench.methods.registry import METHODS, get_method

TRAIN, UNSEEN = made_up_traces(0), made_up_traces(1)
LEARNED = [
    name for name, entry in METHODS.items()
    if entry.is_available and isinstance(get_method(name), LearnedTransformer)
]  # fmt: skip


@pytest.mark.parametrize("name", [*LEARNED, "avae[latents_per_minute=60, n_dynamic_steps=3]"])
def test_saved_and_loaded_is_the_same(name, tmp_path):
    method = get_method(name, n_components=3, device="cpu", **SHORT).fit(TRAIN)
    method.save(tmp_path / "method.safetensors")
    loaded = type(method).load(tmp_path / "method.safetensors")
    assert loaded.get_params() == method.get_params()
    latents = method.transform(UNSEEN)
    np.testing.assert_array_equal(loaded.transform(UNSEEN), latents)
    if hasattr(method, "inverse_transform"):
        given_back = loaded.inverse_transform(latents)
        np.testing.assert_array_equal(given_back, method.inverse_transform(latents))


def test_numbers_of_numpy_are_saved(tmp_path):
    fitted = LinearAutoencoder(n_components=2, random_state=np.int64(3), device="cpu", n_steps=1)
    fitted.fit(TRAIN).save(tmp_path / "method.safetensors")
    assert LinearAutoencoder.load(tmp_path / "method.safetensors").random_state == 3


@pytest.fixture
def fitted():
    return LinearAutoencoder(2, n_steps=2, device="cpu").fit(TRAIN)


def write(path, about, **weights):
    path.write_bytes(save(weights, {"simbench": json.dumps(about)}))


def test_a_file_is_numbers_and_json(fitted, tmp_path):
    fitted.save(tmp_path / "method.safetensors")
    content = (tmp_path / "method.safetensors").read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    about = json.loads(header.pop("__metadata__")["simbench"])
    assert about["parameters"] == fitted.get_params()
    assert header.keys() == fitted.network_.state_dict().keys()
    n_bytes = sum(weights.nbytes for weights in fitted.network_.state_dict().values())
    assert len(content) == size + n_bytes


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


ABOUT = {
    "method": "LinearAutoencoder", "parameters": {}, "n_features_in": 400,
    "scaling": {"offset": 0.0, "span": 1.0},
}  # fmt: skip


@pytest.mark.parametrize(
    "about", [[], {}, ABOUT, ABOUT | {"parameters": {"odd": 1}}, ABOUT | {"n_features_in": "few"}]
)
def test_damaged_files_are_one_line(about, fitted, tmp_path):
    path = tmp_path / "m.safetensors"
    write(path, about, **{"encoder.weight": torch.zeros(2, 2)})
    with pytest.raises(SimbenchError, match=r"m\.safetensors: truncated or not of the right form"):
        LinearAutoencoder.load(path)


def test_other_files_are_one_line(fitted, tmp_path):
    path = tmp_path / "m.safetensors"
    fitted.save(path)
    whole = path.read_bytes()
    for content in (b"nothing", whole[:-1], save({}), pickle.dumps(Bomb())):
        path.write_bytes(content)
        with pytest.raises(SimbenchError, match=r"m\.safetensors: truncated or not of the right"):
            LinearAutoencoder.load(path)
    with pytest.raises(SimbenchError, match=r"none\.safetensors: missing"):
        LinearAutoencoder.load(tmp_path / "none.safetensors")


def test_the_file_of_another_method_is_refused(fitted, tmp_path):
    fitted.save(tmp_path / "m.safetensors")
    with pytest.raises(SimbenchError, match="holds LinearAutoencoder, expected MLPVAE"):
        MLPVAE.load(tmp_path / "m.safetensors")


def test_only_a_fitted_method_is_saved(tmp_path):
    with pytest.raises(NotFittedError):
        AVAE().save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())
