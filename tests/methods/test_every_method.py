"""One conformance test over every registered method, and scikit-learn's own checks."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from simbench import embed
from simbench.methods.avae.estimator import AVAE
from simbench.methods.avae.published_network import PublishedAVAE
from simbench.methods.baselines import TraceStats
from simbench.methods.checking import SHORT, check_method
from simbench.methods.contrastive import SegmentContrastive
from simbench.methods.controls.control import Control
from simbench.methods.controls.shuffled import ShuffledTimeAVAE
from simbench.methods.culture_features import CultureFeatures
from simbench.methods.dense import MLPVAE, LinearAutoencoder
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


class Lengthened(AVAE):
    """The avae on the few frames of scikit-learn's checks, each repeated."""

    min_frames = 1

    def _scaled(self, X):
        return np.repeat(super()._scaled(X), AVAE.min_frames // 2, axis=1)


class LengthenedShuffled(Lengthened, ShuffledTimeAVAE):
    pass


QUICK = {"n_steps": 1, "device": "cpu"}
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
    LinearAutoencoder(2, **QUICK),
    MLPVAE(2, width=8, **QUICK),
    SegmentContrastive(2, width=4, frame_rate=1.0, **QUICK),
    PublishedAVAE(2, n_epochs=2, device="cpu"),
    Lengthened(2, frame_rate=1.0, width=4, **QUICK),
    Lengthened(2, frame_rate=1.0, width=4, n_dynamic_steps=1, latents_per_minute=60.0, **QUICK),
    LengthenedShuffled(2, frame_rate=1.0, width=4, **QUICK),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learns_checks(estimator, check):
    if isinstance(estimator, OasisEvents):
        pytest.importorskip("oasis")
    check(estimator)


def test_scikit_learns_checks_of_cebra():
    pytest.importorskip("cebra")
    method = get_method("cebra", n_components=2, max_iterations=2, device="cpu", frame_rate=1.0)
    check_estimator(method, expected_failed_checks=SECONDS_NOT_FRAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMPILES))
def test_scikit_learns_checks_of_aeons(name):
    pytest.importorskip("aeon")
    check_estimator(clone(get_method(name)), expected_failed_checks=SECONDS_NOT_FRAMES)
