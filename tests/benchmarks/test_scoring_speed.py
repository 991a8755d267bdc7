"""Cost of scoring one method: 5,000 neurons, 16 latents, 7 firing types, 40 cultures.

Run on one core with ``OMP_NUM_THREADS=1 pytest tests/benchmarks/test_scoring_speed.py``.
"""

import numpy as np
import pytest

from simbench.scoring.catalogue import METRICS
from simbench.scoring.disentanglement import truth_matrix
from simbench.scoring.probes import predict
from simbench.scoring.splits import neuron_split

N, D, N_TYPES, N_CULTURES = 5000, 16, 7, 40


@pytest.fixture(scope="module")
def given():
    """Latents that know the type and a number, each in part."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, N_TYPES, N)
    culture = np.repeat(np.arange(N_CULTURES), N // N_CULTURES)
    latents = 0.7 * rng.normal(size=(N_TYPES, D))[kind] + rng.normal(size=(N, D))
    numbers = {
        name: latents[:, i] + rng.normal(size=N) for i, name in enumerate(("c", "d", "in_degree"))
    }
    factors = {"firing_type": kind.astype(str), **numbers}
    return {
        "latents": latents, "labels": kind.astype(str), "culture": culture,
        "train": culture < N_CULTURES // 2, "factors": factors, "reference": truth_matrix(factors),
    }  # fmt: skip


def _probe(given, probe, target):
    """Both splits, as one target costs."""
    answer = given["factors"][target]
    for train, groups in (
        (given["train"], given["culture"]),
        (~neuron_split(N, 0.5), np.arange(N)),
    ):
        predict(given["latents"], answer, train, ~train, groups, probe, target == "firing_type")


def _metrics(given):
    """All metrics of latents, those of one DCI once."""
    for metric in METRICS.values():
        if metric.needs[0] == "latents" and metric.field in ("", "disentanglement"):
            metric(**given)


@pytest.mark.parametrize(
    "metric",
    [m for m in METRICS.values() if m.needs[0] == "latents" and m.field in ("", "disentanglement")],
    ids=lambda m: m.name,
)
def test_metric(benchmark, given, metric):
    benchmark.pedantic(metric, kwargs=given, rounds=1)


@pytest.mark.parametrize("target", ["firing_type", "d"])
@pytest.mark.parametrize("probe", ["linear", "nonlinear"])
def test_probe(benchmark, given, probe, target):
    benchmark.pedantic(_probe, (given, probe, target), rounds=1)


def test_whole_scoring_of_one_method(benchmark, given):
    """All metrics, and both probes on both splits for a type and three numbers."""

    def score():
        _metrics(given)
        for target in given["factors"]:
            for probe in ("linear", "nonlinear"):
                _probe(given, probe, target)

    benchmark.pedantic(score, rounds=1)
