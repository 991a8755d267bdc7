"""Tests over cultures against SciPy, closed forms, and the error rates they promise."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, false_discovery_control, norm, ttest_1samp, wilcoxon

from simbench.core.errors import SimbenchError
from simbench.scoring.statistics import (
    compare,
    holm,
    min_cultures,
    nested_interval,
    not_below_best,
    tie_letters,
    wilcoxon_p,
)

TIES = Path(__file__).parents[2] / "docs" / "explanation" / "ties-and-ranks.md"


def p_of(differences):
    return wilcoxon_p(np.array(differences, dtype=float)[:, np.newaxis])[0]


def board(*means, n=24, spread=0.01, seed=0):
    """Scores of methods a, b, ... around their means, on cultures of unequal difficulty."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 0.1, (n, 1))
    scores = np.array(means) + difficulty + rng.normal(0, spread, (n, len(means)))
    return pd.DataFrame(scores, columns=list("abcdefghij"[: len(means)]))


@pytest.mark.parametrize("n", [2, 5, 7, 12, 20, 40])
def test_wilcoxon_is_scipys_exact_test(n):
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    assert p_of(differences) == pytest.approx(wilcoxon(differences, method="exact").pvalue)


def test_wilcoxon_of_many_cultures_is_near_the_normal_one():
    differences = np.random.default_rng(0).normal(0.02, 1, 1500)
    expected = wilcoxon(differences, method="asymptotic").pvalue
    assert 0.01 < expected < 0.99
    assert p_of(differences) == pytest.approx(expected, rel=0.01)


def test_wilcoxon_with_ties_and_zeros_is_the_full_sign_flip_test():
    rng = np.random.default_rng(0)
    for _ in range(8):
        differences = rng.integers(-2, 4, 9) / 10
        expected = wilcoxon(
            differences, zero_method="pratt", method=PermutationMethod(n_resamples=np.inf)
        ).pvalue
        assert p_of(differences) == pytest.approx(expected)


def test_wilcoxon_at_its_extremes():
    assert p_of(np.zeros(10)) == 1
    assert p_of(np.full(10, 0.1)) == pytest.approx(2.0**-9)
    assert p_of(np.arange(1, 6)) == pytest.approx(0.0625)  # five cultures can't reject
    assert np.isnan(p_of([0.1, np.nan, 0.2]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=15))
def test_wilcoxon_has_no_direction(differences):
    p = p_of(np.array(differences) / 10)
    assert 0 < p <= 1
    assert p_of(-np.array(differences) / 10) == pytest.approx(p)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    assert len(holm([])) == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_lies_between_false_discovery_control_and_bonferroni(p):
    adjusted = holm(p)
    assert np.all(adjusted <= np.minimum(np.array(p) * len(p), 1) + 1e-12)
    assert np.all(adjusted >= false_discovery_control(p) - 1e-12)


@pytest.mark.parametrize(("n_methods", "n_cultures"), [(2, 6), (3, 7), (6, 10), (8, 11)])
def test_fewest_cultures_that_can_reject(n_methods, n_cultures):
    """3, 6, 8 methods: numbers of the published evidence."""
    assert min_cultures(n_methods) == n_cultures
    for n, can in ((n_cultures, True), (n_cultures - 1, False)):
        ordered = pd.DataFrame(np.outer(np.arange(1, n + 1), np.arange(n_methods)))
        assert (compare(ordered).min().min() <= 0.05) == can


def test_min_cultures_refuses_what_makes_no_sense():
    with pytest.raises(SimbenchError, match="n_methods is 1; allowed: 2 or more"):
        min_cultures(1)


@pytest.mark.parametrize(("n_methods", "n_cultures"), [(3, 20), (6, 12), (6, 20)])
def test_equal_methods_are_told_apart_in_no_more_than_five_percent(n_methods, n_cultures):
    n_boards = 800
    boards = [board(*[0.5] * n_methods, n=n_cultures, seed=seed) for seed in range(n_boards)]
    false = np.mean([compare(scores).min().min() <= 0.05 for scores in boards])
    assert false <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n_boards)
    assert false > 0.01  # it does reject


def test_the_critical_difference_recipe_fails_where_holm_holds():
    """One-sided in the observed direction at alpha / (k - 1) for every pair, as is common."""
    first, second = np.triu_indices(6, 1)
    false = []
    for seed in range(200):
        scores = board(*[0.5] * 6, n=20, seed=seed).to_numpy()
        two_sided = [p_of(scores[:, i] - scores[:, j]) for i, j in zip(first, second)]
        false.append(min(two_sided) / 2 <= 0.05 / 5)
    assert np.mean(false) > 0.14


@pytest.mark.parametrize(("n_cultures", "said"), [(4, 88), (8, 94), (20, 94)])
def test_intervals_hold_the_true_mean_as_often_as_the_docs_say(n_cultures, said):
    rng, n_times = np.random.default_rng(0), 2000
    held = 0
    for _ in range(n_times):
        low, high = nested_interval(pd.Series(rng.normal(0.6, 0.1, n_cultures)))
        held += low <= 0.6 <= high
    assert 100 * held / n_times == pytest.approx(said, abs=1.5)
    page = " ".join(TIES.read_text(encoding="utf-8").split())
    assert "mean 88 times of a hundred with 4 cultures, and 94 times with 8 or with 20" in page


def test_an_interval_ends_at_the_scores():
    right = pd.Series([1.0] * 8 + [0.0])
    assert nested_interval(right)[1] == 1


def test_an_interval_ends_at_the_scores_whoever_else_was_trained_again():
    scores = pd.Series([0.5, 0.9], [(0, 0), (0, 1)], name="pca")
    index = pd.MultiIndex.from_product([[0], [0, 1]])
    fits = pd.DataFrame({"avae": [0.1, -0.1]}, index)
    assert nested_interval(scores, fits) == nested_interval(scores) == (0.5, 0.9)
    low, high = nested_interval(scores.rename("avae"), fits)
    assert low < 0.5
    assert high > 0.9


@pytest.mark.parametrize("n_cultures", [8, 30, 300])
def test_intervals_of_normal_scores_are_those_of_student(n_cultures):
    quantiles = norm.ppf((np.arange(n_cultures) + 0.5) / n_cultures)
    values = pd.Series(quantiles).sample(frac=1, random_state=0)
    expected = ttest_1samp(values, 0).confidence_interval()
    assert nested_interval(values) == pytest.approx(tuple(expected), rel=0.12)


def test_compare_is_symmetric_and_holm_adjusted():
    scores = board(0.5, 0.6, 0.9)
    p = compare(scores)
    np.testing.assert_allclose(p, p.T)
    assert np.isnan(np.diag(p)).all()
    raw = [wilcoxon(scores[x] - scores[y], method="exact").pvalue for x, y in ("ab", "ac", "bc")]
    np.testing.assert_allclose([p.loc["a", "b"], p.loc["a", "c"], p.loc["b", "c"]], holm(raw))


def test_the_best_is_compared_with_each_other_method_and_no_pair_more():
    scores = board(0.7, 0.9, 0.7, 0.9001, 0.5, seed=1)
    assert not_below_best(scores).to_dict() == {
        "a": False, "b": True, "c": False, "d": True, "e": False
    }  # fmt: skip
    p = [p_of(scores["d"] - scores[m]) for m in "abce"]
    assert (holm(p) <= 0.05).tolist() == [True, False, True, True]


def test_a_method_below_the_best_is_not_bold_for_an_unsteady_one_between_them():
    """b is surely below a, c isn't: c can't lift b."""
    steady = board(0.70, 0.69, spread=1e-4)
    noise = np.random.default_rng(1).normal(0, 0.2, len(steady))
    scores = steady.assign(c=steady["a"] - 0.02 + noise - noise.mean())
    assert not_below_best(scores).to_dict() == {"a": True, "b": False, "c": True}
    letters = tie_letters(scores, compare(scores))
    assert set(letters["a"]) & set(letters["c"])
    assert set(letters["b"]) & set(letters["c"])
    assert not set(letters["a"]) & set(letters["b"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 7), st.integers(4, 14))
def test_methods_share_a_letter_if_and_only_if_they_tie(seed, n_methods, n_cultures):
    rng = np.random.default_rng(seed)
    scores = board(*rng.normal(0.5, 0.03, n_methods), n=n_cultures, seed=seed)
    p = compare(scores)
    letters = tie_letters(scores, p)
    for one, other in combinations(scores, 2):
        assert bool(set(letters[one]) & set(letters[other])) == (p.loc[one, other] > 0.05)
    assert "a" in letters[scores.mean().idxmax()]
    assert not_below_best(scores)[scores.mean().idxmax()]


def test_a_failed_method_has_no_rank_and_takes_none():
    scores = board(0.9, 0.5, 0.7)
    scores.loc[3, "b"] = np.nan
    assert tie_letters(scores, compare(scores)).to_dict() == {"a": "a", "b": "", "c": "b"}
    assert not_below_best(scores).to_dict() == {"a": True, "b": False, "c": False}
    assert compare(scores)["b"].isna().all()


def test_cultures_that_nobody_has_a_score_for_do_not_count():
    scores = board(0.9, 0.5)
    gap = pd.concat([scores, pd.DataFrame({"a": [np.nan], "b": [np.nan]})], ignore_index=True)
    pd.testing.assert_frame_equal(compare(gap), compare(scores))
    assert not_below_best(gap).equals(not_below_best(scores))


def test_a_single_method_and_no_culture():
    one, none = board(0.5), board(0.5, 0.6).iloc[:0]
    assert tie_letters(one, compare(one)).to_dict() == {"a": "a"}
    assert not_below_best(one).all()
    assert not not_below_best(none).any()
