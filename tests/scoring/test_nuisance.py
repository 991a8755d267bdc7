from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from simbench.scoring.nuisance import nuisance_accuracy, nuisance_r2, nuisances

RNG = np.random.default_rng(0)
CULTURE = np.repeat(np.arange(20), 30)
TRAIN = CULTURE < 10
GAIN = RNG.lognormal(0, 0.5, 20)[CULTURE]  # one for a whole culture
NOISE = RNG.standard_normal((600, 4))


@dataclass
class Scenario:
    nuisances: list[str]


@dataclass
class Dataset:
    scenario: Scenario | None
    labels: pd.DataFrame
    culture: np.ndarray = field(default_factory=lambda: CULTURE)
    test_neurons: np.ndarray = field(default_factory=lambda: ~TRAIN)


def test_latents_that_hold_the_nuisance_give_it_away():
    assert nuisance_r2(np.column_stack((NOISE, GAIN)), GAIN, CULTURE, TRAIN) > 0.99
    lot = np.where(CULTURE % 2, "a", "b")
    assert nuisance_accuracy(np.column_stack((NOISE, CULTURE % 2)), lot, CULTURE, TRAIN) == 1


def test_latents_that_ignore_it_score_chance():
    assert abs(nuisance_r2(NOISE, RNG.standard_normal(600), CULTURE, TRAIN)) < 0.05
    lot = np.where(CULTURE % 2, "a", "b")
    assert abs(nuisance_accuracy(NOISE, lot, CULTURE, TRAIN) - 0.5) < 0.1


def test_fingerprints_of_training_cultures_earn_nothing_in_unseen_ones():
    """Latents that name the culture predict the gain of the cultures seen, and of no other."""
    fingerprint = RNG.standard_normal((20, 8))[CULTURE] + 0.01 * RNG.standard_normal((600, 8))
    seen = LinearRegression().fit(fingerprint[TRAIN], GAIN[TRAIN])
    assert r2_score(GAIN[TRAIN], seen.predict(fingerprint[TRAIN])) > 0.8
    assert nuisance_r2(fingerprint, GAIN, CULTURE, TRAIN) < 0.3


def test_it_is_the_r2_of_a_weakly_penalised_regression():
    latents = np.column_stack((NOISE, GAIN + 0.2 * RNG.standard_normal(600)))
    plain = LinearRegression().fit(latents[TRAIN], GAIN[TRAIN])
    error = np.sum((GAIN[~TRAIN] - plain.predict(latents[~TRAIN])) ** 2)
    expected = 1 - error / np.sum((GAIN[~TRAIN] - GAIN[TRAIN].mean()) ** 2)
    assert nuisance_r2(latents, GAIN, CULTURE, TRAIN) == pytest.approx(expected, abs=0.02)


def test_missing_values_are_left_out():
    some = np.where(np.arange(600) % 7 == 0, np.nan, GAIN)
    assert nuisance_r2(GAIN[:, None], some, CULTURE, TRAIN) > 0.99


def test_rows_are_of_the_scenarios_nuisances_that_vary():
    labels = pd.DataFrame(
        {
            "culture": CULTURE.astype(str), "culture_gain": GAIN, "haze": 1.0,
            "firing_type": np.where(np.arange(600) % 2, "RS", "FS"),
        }
    )  # fmt: skip
    names = ["culture", "culture_gain", "haze", "firing_type"]
    rows = nuisances(NOISE, Dataset(Scenario(names), labels))
    assert [(row["target"], row["metric"]) for row in rows] == [
        ("culture_gain", "nuisance_r2"),
        ("firing_type", "nuisance_accuracy"),
    ]
    assert nuisances(NOISE, Dataset(None, labels)) == []
