"""Numbers by rank, within classes and given another number; scores of groups that are small."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata

from simbench.scoring.normal_scores import (
    MOST_LATENTS,
    less_class_means,
    normal_scores,
    ranked_latents,
)
from simbench.scoring.probes import balanced_accuracy, within_type_r2
from simbench.scoring.statistics import nested_interval, pseudo_values
from simbench.scoring.targets import Target

RNG = np.random.default_rng(1)
N = 2000
TRAIN = np.arange(N) < 1000


def test_normal_scores_are_quantiles_of_mean_ranks():
    values = np.array([3.0, 1.0, 1.0, 10.0, 1e9])
    every = np.ones(5, dtype=bool)
    np.testing.assert_allclose(normal_scores(values, every), norm.ppf(rankdata(values) / 6))


def test_ties_at_the_end_are_not_far_out_and_new_values_get_the_last_rank():
    values = np.concatenate([np.zeros(50), np.arange(1.0, 51), [-5.0, 1e300, np.nan]])
    scores = normal_scores(values, np.arange(103) < 100)
    assert np.isnan(scores[-1])
    assert abs(scores[0]) < 1
    assert scores[100] < scores[0]
    assert scores[101] == pytest.approx(norm.ppf(100.5 / 101))


def test_class_means_are_learned_in_training_alone():
    classes = np.where(np.arange(N) % 2, "a", "b")
    values = RNG.normal(size=N) + 5 * (classes == "a") + 100 * ~TRAIN
    less = less_class_means(values, classes, TRAIN)
    for kind in ("a", "b"):
        assert less[TRAIN & (classes == kind)].mean() == pytest.approx(0, abs=1e-12)
        assert less[~TRAIN & (classes == kind)].mean() > 90


def test_latents_are_at_most_16_and_heavy_tails_are_gone():
    heavy = RNG.standard_cauchy((N, 54)) ** 3
    ranked = ranked_latents(heavy, np.zeros(N), TRAIN)
    assert ranked.shape == (N, MOST_LATENTS)
    assert np.isfinite(ranked).all()
    few = ranked_latents(heavy[:, :3], np.zeros(N), TRAIN)
    np.testing.assert_allclose(few, normal_scores(heavy[:, :3], TRAIN) - few_means(heavy))


def few_means(heavy):
    return normal_scores(heavy[:, :3], TRAIN)[TRAIN].mean(axis=0)


@pytest.mark.parametrize("is_ranked", [False, True])
def test_what_is_given_is_regressed_out_with_its_square(is_ranked):
    given, own = RNG.normal(size=N), RNG.normal(size=N)
    stratum = RNG.choice(["x", "y"], N)
    label = own + 3 * given - 2 * given**2 + 7 * (stratum == "x")
    target = Target("isi_cv", False, label, stratum, given, is_ranked)
    answer = target.answer(TRAIN)
    assert abs(np.corrcoef(answer[~TRAIN], given[~TRAIN])[0, 1]) < 0.2
    assert np.corrcoef(answer[~TRAIN], own[~TRAIN])[0, 1] > (0.5 if is_ranked else 0.98)
    assert np.corrcoef(Target("l", False, label, stratum).answer(TRAIN), given)[0, 1] > 0.4


def test_neurons_that_lack_the_label_or_what_is_given_are_not_known():
    label, given = np.array([1.0, np.nan, 2.0]), np.array([1.0, 1.0, np.nan])
    assert Target("a", False, label, np.zeros(3), given).known.tolist() == [True, False, False]
    names = np.array(["ctx", "", "hpc"])
    assert Target("region", True, names, np.zeros(3)).known.tolist() == [True, False, True]


@pytest.mark.parametrize("metric", [within_type_r2, balanced_accuracy])
def test_pseudo_values_have_the_score_of_all_as_their_mean(metric):
    truth = RNG.normal(size=N)
    predicted = truth + RNG.normal(size=N)
    if metric is balanced_accuracy:
        truth, predicted = truth > 0, predicted > 0
    groups = RNG.integers(0, 60, N)
    values = pseudo_values(metric, groups, truth=truth, predicted=predicted)
    assert values.mean() == pytest.approx(metric(truth, predicted))
    assert len(values) == len(np.unique(groups))


def test_a_group_without_which_nothing_is_defined_is_left_at_the_score():
    def score(x):
        return float(x.mean()) if 3.0 in x else float("nan")

    values = pseudo_values(score, np.array([0, 0, 1, 2]), x=np.array([1.0, 1.0, 3.0, 2.0]))
    assert np.isfinite(values).all()
    assert values.mean() == pytest.approx(1.75)
    assert values[1] == pytest.approx(1.75)


def test_intervals_of_pseudo_values_are_those_of_resampled_groups():
    groups = np.repeat(np.arange(60), 3)
    truth = RNG.normal(size=180) * np.repeat(RNG.lognormal(0, 0.4, 60), 3)
    predicted = truth * 0.6 + RNG.normal(size=180) * 0.4
    values = pseudo_values(within_type_r2, groups, truth=truth, predicted=predicted)
    low, high = nested_interval(pd.Series(values))
    again = []
    for _ in range(1000):
        rows = np.concatenate([3 * g + np.arange(3) for g in RNG.integers(0, 60, 60)])
        again.append(within_type_r2(truth[rows], predicted[rows]))
    assert [low, high] == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.08)


def test_a_single_group_has_the_score_itself():
    truth = np.array([1.0, -1.0, 0.5])
    assert pseudo_values(within_type_r2, np.zeros(3), truth=truth, predicted=truth).tolist() == [1]


def test_many_latents_that_are_constant_become_one():
    latents = ranked_latents(np.ones((N, MOST_LATENTS + 4)), np.full(N, "a"), TRAIN)
    assert latents.shape == (N, 1)
    assert np.allclose(latents, 0)
