"""Splits: whole groups, evenly over strata and classes; the published one is scikit-learn's."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from simbench.data.splits import draw_groups, grouped_folds, published_split

N_CULTURES, N = 24, 20
CULTURE = np.repeat(np.arange(N_CULTURES), N)
TOPOLOGY = np.array(["flat", "tracks"])[CULTURE % 2]  # conditions take turns


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_groups_are_drawn_evenly_over_strata(fraction):
    strata = ["a"] * 40 + ["b"] * 20 + ["c"]
    for seed in range(5):
        test = draw_groups(strata, fraction, seed)
        assert abs(test[:40].sum() - 40 * fraction) <= 1
        assert abs(test[40:60].sum() - 20 * fraction) <= 1
    drawn = np.mean([draw_groups(strata, fraction, seed) for seed in range(400)], axis=0)
    assert drawn[60] == pytest.approx(fraction, abs=0.1)


def test_neither_side_is_ever_empty():
    for seed in range(30):
        assert 0 < draw_groups(["a", "b"], 0.05, seed).sum() < 2
        assert 0 < draw_groups(["a", "b", "c"], 0.99, seed).sum() < 3


def test_folds_hold_all_classes_where_conditions_take_turns():
    """By culture number alone, four folds of cultures 0, 4, 8 ... hold one class each."""
    groups, classes = CULTURE[CULTURE < 12], TOPOLOGY[CULTURE < 12]
    for learns, checks in grouped_folds(groups, classes):
        assert not set(groups[learns]) & set(groups[checks])
        assert set(classes[learns]) == set(classes[checks]) == {"flat", "tracks"}


def test_folds_of_lone_neurons_ignore_cultures():
    """Neurons lie culture by culture: folds in their order would be a split by culture."""
    folds = grouped_folds(np.arange(len(CULTURE)), TOPOLOGY)
    assert sorted(np.concatenate([checks for _, checks in folds])) == list(range(len(CULTURE)))
    for _, checks in folds:
        assert len(np.unique(CULTURE[checks])) > 0.9 * N_CULTURES
        assert np.mean(TOPOLOGY[checks] == "flat") == pytest.approx(0.5, abs=0.01)


def test_folds_of_a_lone_culture_divide_its_neurons():
    folds = grouped_folds(np.zeros(3))
    assert sorted(np.concatenate([checks for _, checks in folds])) == [0, 1, 2]


def test_the_split_is_scikit_learns_and_divides_every_culture():
    test = published_split(150, seed=3)
    expected = train_test_split(np.arange(150), test_size=0.2, random_state=3)[1]
    assert set(np.flatnonzero(test)) == set(expected)
    culture = np.arange(150) // 10
    assert test.sum() == 30
    assert np.isin(culture[test], culture[~test]).all()
    np.testing.assert_array_equal(published_split(150, seed=2**32 + 3), test)
