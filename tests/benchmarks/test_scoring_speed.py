"""Cost of scoring one method: 5,000 neurons, 32 latents, 4 firing types, 40 cultures.

Processor seconds of one core: ``OMP_NUM_THREADS=1 pytest tests/benchmarks/test_scoring_speed.py``.
"""

import time
from inspect import signature

import numpy as np
import pandas as pd
import pytest

from simbench import Dataset, Recording, load_scenario
from simbench.data.recording import Truth
from simbench.data.splits import neuron_split
from simbench.scoring.disentanglement import truth_matrix
from simbench.scoring.evaluate import score
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.probes import read

pytestmark = pytest.mark.benchmark(timer=time.process_time)
N, D, N_TYPES, N_CULTURES = 5000, 32, 4, 40


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
        "nuisance": rng.integers(0, 2, N).astype(float),
    }  # fmt: skip


def _probe(given, probe, target):
    """Both splits, as one target costs."""
    answer = given["factors"][target]
    for train, groups in (
        (given["train"], given["culture"]),
        (~neuron_split(N, 0.5), np.arange(N)),
    ):
        read(given["latents"], answer, train, ~train, groups, probe, target == "firing_type")


@pytest.mark.parametrize(
    "metric",
    [m for m in METRICS.values() if "latents" in signature(m.function).parameters],
    ids=lambda m: m.name,
)
def test_metric(benchmark, given, metric):
    benchmark.pedantic(metric, kwargs=given, rounds=1)


@pytest.mark.parametrize("target", ["firing_type", "d"])
@pytest.mark.parametrize("probe", ["linear", "nonlinear"])
def test_probe(benchmark, given, probe, target):
    benchmark.pedantic(_probe, (given, probe, target), rounds=1)


def test_whole_scoring_of_one_method(benchmark, given):
    """All rows of one unit: a type and three numbers to recover. Wanted: under 20 s."""
    recordings = []
    for number in range(N_CULTURES):
        mine = given["culture"] == number
        labels = pd.DataFrame({name: values[mine] for name, values in given["factors"].items()})
        truth = Truth(labels.assign(culture=f"culture-{number}"), None, None, None, {})
        traces = np.ones((len(labels), 2), dtype=np.float32)
        recordings.append(Recording(f"r{number}", traces, 20.0, lambda truth=truth: truth))
    dataset = Dataset(
        tuple(recordings), np.arange(N_CULTURES) >= N_CULTURES // 2, load_scenario("firing-types")
    )
    rows = benchmark.pedantic(score, (given["latents"], dataset, list(given["factors"])), rounds=1)
    assert len(rows) > 20
