"""One conformance test over every registered method, and scikit-learn's own checks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from simbench import embed
from simbench.methods.baselines import TraceStats
from simbench.methods.catalogue import torch_found
from simbench.methods.checking import SHORT, check_method
from simbench.methods.controls.control import Control
from simbench.methods.culture_features import CultureFeatures
from simbench.methods.discriminants import WindowDiscriminants
from simbench.methods.extras.oasis_events import OasisEvents
from simbench.methods.features import Autocorrelation, PowerSpectrum, TraceSpectrum
from simbench.methods.registry import METHODS, get_method
from simbench.methods.windowed_pca import WindowedPCA

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


def random_states():
    """States of the generators that all share, and the number of threads."""
    states = [np.random.get_state()[1].copy()]  # noqa: NPY002
    if torch_found():
        import torch

        states += [torch.get_rng_state().numpy(), torch.get_num_threads()]
    return states


@pytest.mark.parametrize("name", available())
def test_gives_finite_latents_and_leaves_no_trace(name, tiny_dataset):
    before = random_states()
    first, again = (embed(short(name), tiny_dataset, random_state=5) for _ in range(2))
    assert all(map(np.array_equal, before, random_states()))
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


_REASON = "features are in seconds: transform takes any number of frames"
SECONDS_NOT_FRAMES = dict.fromkeys(
    ("check_n_features_in_after_fitting", "check_transformer_general"), _REASON
)
ANY_LENGTH = (
    PowerSpectrum, Autocorrelation, TraceSpectrum, OasisEvents, CultureFeatures,
    WindowDiscriminants,
)  # fmt: skip


def expected_failures(estimator):
    any_length = isinstance(estimator, ANY_LENGTH) or getattr(estimator, "any_length", False)
    gives_back = getattr(estimator, "latents_per_minute", None) is not None
    return SECONDS_NOT_FRAMES if any_length and not gives_back else {}


ESTIMATORS = [
    TraceStats(),
    PowerSpectrum(frame_rate=1.0),
    Autocorrelation(frame_rate=1.0),
    TraceSpectrum(frame_rate=1.0),
    OasisEvents(frame_rate=1.0),
    CultureFeatures("spectrum+population", frame_rate=1.0),
    CultureFeatures("events+population", frame_rate=1.0),
    WindowDiscriminants(n_components=2, frame_rate=1.0),
    WindowedPCA(latents_per_minute=1e6),
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
    check_estimator(clone(get_method(name)), expected_failed_checks=SECONDS_NOT_FRAMES)
