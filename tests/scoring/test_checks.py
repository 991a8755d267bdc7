"""Wrong latents are refused in one line; standardising is safe at any size."""

from inspect import signature

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from simbench.core.errors import SimbenchError
from simbench.scoring import PROBES
from simbench.scoring.checks import (
    LARGEST,
    check_labels,
    check_latents,
    standardize,
)
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.probes import read

N = 30
WRONG = {
    "NaN": (np.full((N, 2), np.nan), "not finite"),
    "infinite": (np.full((N, 2), np.inf), "not finite"),
    "huge": (np.full((N, 2), -1e300), "largest value 1e\\+300; allowed: up to 1e\\+100"),
    "wrong rows": (np.zeros((N + 1, 2)), r"expected \(30, n_components\)"),
    "1-D": (np.zeros(N), "one row per neuron"),
    "3-D": (np.zeros((N, 2, 2)), "one row per neuron"),
    "no component": (np.zeros((N, 0)), "one row per neuron"),
    "no neuron": (np.zeros((0, 2)), "one row per neuron"),
    "a single number": (1.0, "one row per neuron"),
    "complex": (np.zeros((N, 2), dtype=complex), "expected real numbers"),
    "text": (np.full((N, 2), "a"), "expected real numbers"),
    "objects": (np.full((N, 2), None), "expected real numbers"),
}


@pytest.mark.parametrize(("latents", "message"), WRONG.values(), ids=list(WRONG))
def test_wrong_latents_are_refused(latents, message):
    with pytest.raises(SimbenchError, match=message):
        standardize(latents, N)


@pytest.mark.parametrize(
    "metric", [m for m in METRICS.values() if "latents" in signature(m.function).parameters]
)
@pytest.mark.parametrize(("latents", "message"), WRONG.values(), ids=list(WRONG))
def test_every_metric_refuses_wrong_latents(metric, latents, message):
    rng = np.random.default_rng(0)
    labels, train = np.arange(N) % 3, np.arange(N) % 2 == 0
    given = {
        "latents": latents, "labels": labels, "nuisance": labels, "culture": np.arange(N) // 10,
        "train": train,
        "factors": {"d": rng.normal(size=N)}, "reference": rng.normal(size=(N, 2)),
    }  # fmt: skip
    with pytest.raises(SimbenchError):
        metric(**given)


@pytest.mark.parametrize("labels", [np.zeros(N - 1), np.zeros((N, 2)), np.full(N, np.nan)])
def test_wrong_labels_are_refused(labels):
    with pytest.raises(SimbenchError, match="culture"):
        check_labels(labels, N, "culture")


def test_standardize_agrees_with_scikit_learn():
    latents = np.random.default_rng(0).normal(3, [0.1, 10, 1000], (50, 3))
    np.testing.assert_allclose(
        standardize(latents, 50), StandardScaler().fit_transform(latents), rtol=1e-9
    )


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("is_class", [True, False])
@pytest.mark.parametrize("size", [LARGEST, 1.0, 1e-300, 0.0])
def test_probes_are_safe_with_all_that_passes_the_door(probe, is_class, size):
    rng = np.random.default_rng(0)
    latents = size * np.clip(rng.normal(size=(200, 3)), -1, 1)
    latents[0] = LARGEST
    answer = rng.choice(["RS", "IB"], 200) if is_class else rng.normal(size=200)
    culture = np.arange(200) // 20
    train = culture < 5
    latents = check_latents(latents, 200)
    predicted = read(latents, answer, train, ~train, culture, probe, is_class).predicted
    score = np.mean(predicted == answer[~train]) if is_class else np.std(predicted)
    assert np.isfinite(score)
    assert score < 0.8


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        float, st.tuples(st.integers(2, 20), st.integers(1, 3)),
        elements=st.floats(-1e100, 1e100),
    )
)  # fmt: skip
def test_standardized_latents_are_finite_with_unit_or_no_spread(latents):
    z = standardize(latents, len(latents))
    spread = z.std(axis=0)
    assert np.isfinite(z).all()
    assert np.all(np.isclose(spread, 1) | (spread == 0))
    assert not z[:, np.ptp(latents, axis=0) == 0].any()
