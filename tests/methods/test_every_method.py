"""One conformance test over every registered method, and scikit-learn's own checks."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from simbench import SimbenchError, embed
from simbench.methods.baselines import TraceStats
from simbench.methods.checking import SHORT, check_method
from simbench.methods.contrastive import SegmentContrastive
from simbench.methods.controls.control import Control
from simbench.methods.dense import MLPVAE, LinearAutoencoder
from simbench.methods.extras.oasis_events import OasisEvents
from simbench.methods.features import Autocorrelation, PowerSpectrum, TraceSpectrum
from simbench.methods.registry import METHODS, get_method

COMPILES = {"catch22", "minirocket"}  # numba takes a minute over aeon's kernels


def available(*, without=()):
    return [
        pytest.param(name, marks=pytest.mark.slow if name in COMPILES else ())
        for name, entry in METHODS.items()
        if name not in without
    ]


def short(name, **parameters):
    entry = METHODS[name]
    if not entry.is_available:
        pytest.skip(entry.description)
    return get_method(name, n_components=3, device="cpu", **SHORT, **parameters)


@pytest.mark.parametrize("name", available())
def test_gives_finite_latents_and_leaves_no_trace(name, tiny_dataset):
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    first, again = (embed(short(name), tiny_dataset, random_state=5) for _ in range(2))
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_state, torch.get_rng_state())
    assert torch.get_num_threads() == n_threads
    assert first.shape[0] == len(tiny_dataset.labels)
    assert first.ndim == 2
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert np.ptp(first, axis=0).max() > 0


@pytest.mark.parametrize("name", available())
def test_obeys_the_rules(name):
    method = short(name)
    if isinstance(method, Control):
        pytest.skip("a control")
    broken = [finding for finding in check_method(method) if not finding.is_kept]
    assert not broken


@pytest.mark.parametrize(
    "name",
    [
        "linear-autoencoder", "mlp-vae", "segment-contrastive", "shuffled-time", "untrained",
        "avae", "avae-published",
    ],
)  # fmt: skip
def test_saved_and_loaded_is_the_same(name, tiny_dataset, tmp_path):
    method = short(name, frame_rate=20.0).fit(tiny_dataset.traces([0, 1]))
    method.save(tmp_path / "method.npz")
    loaded = type(method).load(tmp_path / "method.npz")
    X = tiny_dataset.traces([2])
    assert np.array_equal(loaded.transform(X), method.transform(X))
    assert loaded.get_params() == method.get_params()
    with np.load(tmp_path / "method.npz", allow_pickle=False) as file:
        assert json.loads(str(file["about"]))["parameters"] == method.get_params()


@pytest.mark.parametrize("name", ["linear-autoencoder", "mlp-vae", "segment-contrastive"])
def test_a_broken_file_is_one_line(name, tmp_path):
    (tmp_path / "method.npz").write_bytes(b"nothing")
    with pytest.raises(SimbenchError, match="not the saved weights"):
        type(get_method(name)).load(tmp_path / "method.npz")


_REASON = "features are in seconds: transform takes any number of frames"
SECONDS_NOT_FRAMES = dict.fromkeys(
    ("check_n_features_in_after_fitting", "check_transformer_general"), _REASON
)
ANY_LENGTH = (PowerSpectrum, Autocorrelation, TraceSpectrum, SegmentContrastive, OasisEvents)


def expected_failures(estimator):
    return SECONDS_NOT_FRAMES if isinstance(estimator, ANY_LENGTH) else {}


ESTIMATORS = [
    TraceStats(),
    PowerSpectrum(frame_rate=1.0),
    Autocorrelation(frame_rate=1.0),
    TraceSpectrum(frame_rate=1.0),
    OasisEvents(frame_rate=1.0),
    LinearAutoencoder(2, n_steps=5, device="cpu"),
    MLPVAE(2, n_steps=5, width=8, device="cpu"),
    SegmentContrastive(2, n_steps=5, width=4, frame_rate=1.0, device="cpu"),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learns_checks(estimator, check):
    if isinstance(estimator, OasisEvents):
        pytest.importorskip("oasis")
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMPILES))
def test_scikit_learns_checks_of_aeons(name):
    pytest.importorskip("aeon")
    from sklearn.utils.estimator_checks import check_estimator

    check_estimator(clone(get_method(name)), expected_failed_checks=SECONDS_NOT_FRAMES)
