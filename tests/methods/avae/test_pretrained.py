"""The shipped encoder: as it is on any frame rate, and no label was near it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from test_avae import GROUPS, bursty_or_regular

from simbench import SimbenchError
from simbench.methods.avae.estimator import AVAE
from simbench.methods.avae.pretrained import WEIGHTS, PretrainedAVAE
from simbench.methods.registry import find_entry, identity

TOOL = Path(__file__).parents[3] / "tools" / "pretrain.py"


@pytest.fixture(scope="module")
def traces():
    return bursty_or_regular(3, n_frames=1200)[0]


def test_is_the_shipped_encoder_as_it_is(traces):
    shipped = AVAE.load(WEIGHTS).transform(traces, groups=GROUPS)
    method = PretrainedAVAE(device="cpu").fit(traces[:10] * 3)
    np.testing.assert_array_equal(method.transform(traces, groups=GROUPS), shipped)
    few = PretrainedAVAE(8, device="cpu").fit(traces).transform(traces, groups=GROUPS)
    np.testing.assert_array_equal(few, shipped[:, :8])


@pytest.mark.parametrize("frame_rate", [10.0, 40.0, 29.97])
def test_other_frame_rates_tell_nearly_the_same(frame_rate, traces):
    """Traces of few fast components, sampled at another rate."""
    rng = np.random.default_rng(0)
    phases, rates = rng.uniform(0, 6.28, (2, 80, 1, 6)) * [[[[1.0]]], [[[0.1]]]]
    size = rng.lognormal(0, 1, (80, 1, 6))

    def sampled(rate):
        times = np.arange(round(60 * rate))[None, :, None] / rate
        return (size * np.sin(rates * times + phases)).sum(axis=2).astype(np.float32)

    known, other = (
        PretrainedAVAE(8, frame_rate=rate, device="cpu").fit(sampled(rate)).transform(sampled(rate))
        for rate in (20.0, frame_rate)
    )
    correlation = [np.corrcoef(known[:, i], other[:, i])[0, 1] for i in range(7)]
    assert np.median(correlation) > 0.9


@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_frame_or_two_at_another_rate_are_enough(n_frames, traces):
    few = traces[:3, :n_frames]
    latents = PretrainedAVAE(frame_rate=7.0, device="cpu").fit(few).transform(few)
    assert np.isfinite(latents).all()


def test_more_latents_than_it_has_are_one_line(traces):
    with pytest.raises(SimbenchError, match="n_components = 33; allowed: at most 32"):
        PretrainedAVAE(33).fit(traces)


def test_its_weights_are_part_of_its_identity_and_small():
    assert len(identity("avae-pretrained")["weights"]) == 64
    assert find_entry("avae-pretrained").family == "pretrained"
    assert WEIGHTS.stat().st_size < 4e6


def test_the_cultures_that_taught_it_are_on_no_board():
    spec = importlib.util.spec_from_file_location("pretrain", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.SEED > 10**6
    assert [len(tool.recipe(p).conditions) for p in ("cortical", "hippocampal")] == [12, 12]
