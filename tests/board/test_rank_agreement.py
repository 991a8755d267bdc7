"""Kendall's tau, concordance and their intervals: against scipy and cases made by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from simbench.board.rank_agreement import (
    concordance,
    kendall_tau,
    rank_agreement,
    separated_pairs,
    tau_of_families,
)
from simbench.core.errors import SimbenchError

RNG = np.random.default_rng(0)
METHODS = list("abcdef")
FAMILIES = dict(zip(METHODS, ["linear", "linear", "linear", "features", "learned", "learned"]))


def table(means, n=40, noise=0.3, columns=METHODS):
    """Scores of units that share a difficulty, methods apart by their means."""
    shared = RNG.normal(size=(n, 1))
    scores = np.array(means) + shared + noise * RNG.normal(size=(n, len(means)))
    return pd.DataFrame(scores, columns=columns[: len(means)])


def tau_by_hand(x, y):
    """Tau-b by its definition: pairs in order less pairs out of order, ties in the denominator."""
    pairs = list(itertools.combinations(range(len(x)), 2))
    signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in pairs]
    both = sum(a * b for a, b in signs)
    return both / np.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=10))
def test_tau_is_tau_b_with_ties(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(kendall_tau(x, y))
    else:
        assert kendall_tau(x, y) == pytest.approx(tau_by_hand(x, y))
        assert kendall_tau(x, y) == pytest.approx(kendalltau(x, y).statistic)


def test_only_pairs_that_the_simulation_separates_count():
    pairs = separated_pairs(table([0.0, 0.0, 2.0]))
    found = set(zip(pairs["better"], pairs["worse"]))
    assert {("c", "a"), ("c", "b")} <= found
    assert len(separated_pairs(table([0.0, 0.01, 0.02], noise=5.0))) < 3


def test_two_units_with_the_same_sign_separate_nothing():
    assert separated_pairs(pd.DataFrame({"a": [0.1, 0.9], "b": [0.0, 0.0]})).empty


def test_concordance_of_a_hand_made_case():
    pairs = pd.DataFrame(
        [("c", "a"), ("c", "b"), ("b", "a"), ("d", "a")], columns=["better", "worse"]
    )
    real = pd.Series({"a": 0.5, "b": 0.2, "c": 0.9, "d": 0.5})
    assert concordance(pairs, real) == (1 + 1 + 0 + 0.5) / 4
    assert np.isnan(concordance(pairs[:0], real))


def test_one_method_a_family_is_the_mean_over_choices():
    one = pd.Series(dict(zip(METHODS, [1.0, 2, 3, 4, 5, 6])))
    other = pd.Series(dict(zip(METHODS, [6.0, 1, 2, 3, 9, 0])))
    kinds = {k: [m for m in METHODS if FAMILIES[m] == k] for k in set(FAMILIES.values())}
    every = [
        kendalltau(one[list(choice)], other[list(choice)]).statistic
        for choice in itertools.product(*kinds.values())
    ]
    assert tau_of_families(one, other, FAMILIES) == pytest.approx(np.mean(every))
    assert np.isnan(tau_of_families(one, other, dict.fromkeys(METHODS, "linear")))


def test_the_same_order_is_1_and_the_opposite_is_minus_1():
    means = np.arange(6.0)
    same = rank_agreement(table(means), table(3 * means), FAMILIES)
    assert [same["tau"], same["tau_families"], same["concordance"]] == pytest.approx([1, 1, 1])
    assert same["n_pairs"] == 15
    opposite = rank_agreement(table(means), table(-means), FAMILIES)
    assert [opposite["tau"], opposite["tau_families"]] == pytest.approx([-1, -1])
    assert opposite["concordance"] == 0


def test_orders_without_relation_have_intervals_around_zero():
    n_outside, n_tried = 0, 30
    for _ in range(n_tried):
        found = rank_agreement(table(np.zeros(6), n=60), table(RNG.normal(size=6), n=60), FAMILIES)
        n_outside += not found["tau_low"] <= 0 <= found["tau_high"]
    assert n_outside < n_tried / 2


def test_paired_units_are_resampled_together():
    """Two boards with the same noise of units agree in every draw only if units are paired."""
    scores = table(np.zeros(6), n=30, noise=1.0)
    together = rank_agreement(scores, scores, FAMILIES, paired=True)
    apart = rank_agreement(scores, scores, FAMILIES)
    assert [together["tau_low"], together["tau_high"]] == pytest.approx([1, 1])
    assert apart["tau_low"] < 0.9
    with pytest.raises(SimbenchError, match="30 and 29 units can't be paired"):
        rank_agreement(scores, scores[1:], FAMILIES, paired=True)


def test_methods_of_one_board_alone_are_left_out_and_three_are_needed():
    some = table(np.arange(6.0))
    assert rank_agreement(some[["a", "b", "c", "d"]], some, FAMILIES)["n_methods"] == 4
    with pytest.raises(SimbenchError, match="2 methods on both boards; at least 3"):
        rank_agreement(some[["a", "b"]], some, FAMILIES)
