"""scikit-learn's own checks of the methods that are networks."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from test_every_method import SECONDS_NOT_FRAMES, expected_failures

from simbench.core.errors import SimbenchError
from simbench.methods.avae.estimator import AVAE
from simbench.methods.avae.published_network import PublishedAVAE
from simbench.methods.contrastive import SegmentContrastive
from simbench.methods.controls.shuffled import ShuffledTimeAVAE
from simbench.methods.dense import MLPVAE, LinearAutoencoder
from simbench.methods.registry import get_method


class Lengthened(AVAE):
    """The avae on the few frames of scikit-learn's checks, each repeated."""

    min_frames = 1

    def _scaled(self, X):
        return np.repeat(super()._scaled(X), AVAE.min_frames // 2, axis=1)


class LengthenedShuffled(Lengthened, ShuffledTimeAVAE):
    pass


@pytest.mark.parametrize("groups", [range(5), [0] * 100])
@pytest.mark.parametrize("name", ["avae", "segment-contrastive", "mlp-vae", "windowed-pca"])
def test_groups_of_another_number_are_one_line(name, groups):
    X = np.random.default_rng(0).normal(size=(60, 64)).astype(np.float32)
    with pytest.raises(SimbenchError, match=r"groups: shape \(\d+,\), expected \(60,\)"):
        get_method(name).fit(X, groups=groups)


QUICK = {"n_steps": 1, "device": "cpu"}
ESTIMATORS = [
    LinearAutoencoder(2, **QUICK),
    MLPVAE(2, width=8, **QUICK),
    SegmentContrastive(2, width=4, frame_rate=1.0, **QUICK),
    PublishedAVAE(2, n_epochs=2, device="cpu"),
    Lengthened(2, frame_rate=1.0, width=4, n_dynamic_steps=1, latents_per_minute=60.0, **QUICK),
    LengthenedShuffled(2, frame_rate=1.0, width=4, **QUICK),
]


# The order of neurons may change how a product of matrices rounds; `check_method` allows that.
ROUNDED = {"check_methods_sample_order_invariance": "float32 is not good to 1e-7"}


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda network: expected_failures(network) | ROUNDED
)
def test_scikit_learns_checks_of_networks(estimator, check):
    check(estimator)


def test_scikit_learns_checks_of_cebra():
    pytest.importorskip("cebra")
    method = get_method("cebra", n_components=2, max_iterations=2, device="cpu", frame_rate=1.0)
    check_estimator(method, expected_failed_checks=SECONDS_NOT_FRAMES)
