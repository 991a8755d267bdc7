"""Which rows there are: of nuisances that vary, of all targets where enough is known."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from simbench.scoring.latent_rows import rows_of_latents
from simbench.scoring.metric_catalogue import METRICS

RNG = np.random.default_rng(0)
CULTURE = np.repeat(np.arange(20), 30)
TRAIN = CULTURE < 10
GAIN = RNG.lognormal(0, 0.5, 20)[CULTURE]  # one for a whole culture
NOISE = RNG.standard_normal((600, 4))


@dataclass
class Scenario:
    nuisances: list[str]
    within: str | None = None
    given: dict[str, str] = field(default_factory=dict)
    normal_scores: bool = False
    labelled_cultures: int | None = None


@dataclass
class Dataset:
    scenario: Scenario | None
    labels: pd.DataFrame
    culture: np.ndarray = field(default_factory=lambda: CULTURE)
    test_neurons: np.ndarray = field(default_factory=lambda: ~TRAIN)


def test_rows_are_of_the_scenarios_nuisances_that_vary():
    labels = pd.DataFrame(
        {
            "culture": CULTURE.astype(str), "culture_gain": GAIN, "haze": 1.0,
            "firing_type": np.where(np.arange(600) % 2, "RS", "FS"),
        }
    )  # fmt: skip
    names = ["culture", "culture_gain", "haze", "firing_type"]
    assert nuisances_in(Dataset(Scenario(names), labels)) == [
        ("culture_gain", "nuisance_r2"),
        ("firing_type", "nuisance_accuracy"),
    ]
    assert nuisances_in(Dataset(None, labels)) == []


def nuisances_in(dataset):
    rows = rows_of_latents(NOISE, dataset, ["firing_type"], [])
    return [(r["target"], r["metric"]) for r in rows if METRICS[r["metric"]].group == "nuisance"]


def test_neurons_without_a_class_or_a_nuisance_are_left_out():
    kinds = np.where(np.arange(600) % 4 < 2, "RS", "FS")
    latents = np.column_stack([(kinds == "RS") * 9.0, NOISE])
    is_known = np.arange(600) % 2 == 0
    labels = pd.DataFrame({"firing_type": kinds, "region": kinds})
    labels[~is_known] = np.nan
    dataset = Dataset(Scenario(["region"]), labels)
    rows = {r["metric"]: r["value"] for r in rows_of_latents(latents, dataset, ["firing_type"], [])}
    assert rows["kmeans_ari"] == pytest.approx(1)
    assert rows["nuisance_accuracy"] == pytest.approx(1)


@pytest.mark.parametrize(("n_known", "has_rows"), [(9, False), (10, True)])
def test_all_targets_need_ten_neurons_that_have_every_label(n_known, has_rows):
    is_known = np.isin(np.arange(600), np.flatnonzero(~TRAIN)[:n_known]) | TRAIN
    labels = pd.DataFrame(
        {
            "firing_type": np.where(np.arange(600) % 2, "RS", "FS"),
            "isi_cv": np.where(is_known, GAIN, np.nan),
        }
    )
    rows = rows_of_latents(NOISE, Dataset(None, labels), ["firing_type", "isi_cv"], [])
    found = {row["metric"] for row in rows if row["target"] == "all targets"}
    expected = {name for name, metric in METRICS.items() if metric.group == "all targets"}
    assert found == (expected if has_rows else set())
