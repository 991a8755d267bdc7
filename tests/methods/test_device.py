"""The same method on a CPU and on a GPU."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from simbench import SimbenchError
from simbench.methods.checking import SHORT, made_up_traces
from simbench.methods.learned import resolve_device
from simbench.methods.registry import METHODS, get_method

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
LEARNED = [
    name for name in METHODS
    if METHODS[name].is_available and "device" in get_method(name).get_params()
]  # fmt: skip


def test_auto_takes_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto") == torch.device(expected)
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        ("cuda", "device 'cuda': torch finds 0 GPUs; allowed: auto, cpu"),
        ("cuda:1", "device 'cuda:1': torch finds 0 GPUs; allowed: auto, cpu"),
        ("gpu", "unknown device 'gpu'; allowed: auto, cpu, cuda"),
    ],
)
def test_a_device_that_is_not_there_is_one_line(monkeypatch, device, complaint):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SimbenchError) as caught:
        resolve_device(device)
    assert str(caught.value) == complaint


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", [n for n in LEARNED if hasattr(get_method(n), "fit")])
def test_every_learned_method_says_so(name):
    method = get_method(name, n_components=2, device="cuda", frame_rate=20.0, **SHORT)
    with pytest.raises(SimbenchError, match="torch finds 0 GPUs"):
        method.fit(made_up_traces(0))


@on_a_gpu
@pytest.mark.parametrize("name", [n for n in LEARNED if hasattr(get_method(n), "fit")])
def test_latents_of_a_gpu_are_those_of_a_cpu(name):
    method = get_method(name, n_components=2, device="cuda", frame_rate=20.0, **SHORT)
    method.fit(made_up_traces(0))
    there = method.transform(made_up_traces(1))
    again = clone(method).fit(made_up_traces(0)).transform(made_up_traces(1))
    np.testing.assert_allclose(again, there, rtol=1e-3, atol=1e-4)
    here = method.set_params(device="cpu").transform(made_up_traces(1))
    np.testing.assert_allclose(here, there, rtol=1e-2, atol=1e-3)
