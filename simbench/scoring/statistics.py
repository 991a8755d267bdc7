"""Statistics over test cultures: intervals, paired tests of methods, groups of tied methods.

The culture is the unit of evidence. Scores come as a table with one row per test culture and
one column per method.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import count

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream

ALPHA = 0.05
"""Family-wise error over all pairs of methods."""
_QUANTILES = [(1 - 0.95) / 2, (1 + 0.95) / 2]
_N_BOOTSTRAP = 2000


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over cultures; NaN for fewer than two."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return float("nan"), float("nan")
    low, high = np.quantile(values[_draws(len(values))].mean(axis=1), _QUANTILES)
    return float(low), float(high)


def pseudo_values(
    score: Callable[..., float], groups: np.ndarray, **values: np.ndarray
) -> np.ndarray:
    """What each group adds to a score of all neurons together, shape (n_groups,), sorted by group.

    Jackknife pseudo-values, shifted so that their mean is the score itself: where groups hold too
    few neurons for scores of their own, intervals and tests over groups are made of these.

    Parameters
    ----------
    score : callable
        Gives the score of values by name, arrays of shape (n_neurons,).
    groups : ndarray, shape (n_neurons,)

    References
    ----------
    Tukey 1958, Ann Math Statist 29:614.
    """
    whole, names = score(**values), np.unique(groups)
    if len(names) < 2:
        return np.full(len(names), whole)
    rest = np.array(
        [score(**{key: array[groups != name] for key, array in values.items()}) for name in names]
    )
    return whole + (len(names) - 1) * (rest.mean() - rest)


def wilcoxon_p(differences: np.ndarray) -> float:
    """Exact two-sided p-value of the Wilcoxon signed-rank test.

    The null distribution is that of all signs of the ranks at hand, so the p-value is exact with
    ties as well; differences of zero are ranked, then dropped (Pratt).

    Parameters
    ----------
    differences : array_like, shape (n_cultures,)
        Paired differences of two methods, one per test culture.

    Returns
    -------
    float
        1 where no difference is left. NaN where a difference is missing.

    References
    ----------
    Pratt 1959, JASA 54:655.
    """
    return float(_wilcoxon_p(np.asarray(differences, dtype=float)[:, np.newaxis])[0])


def _wilcoxon_p(differences: np.ndarray) -> np.ndarray:
    """p-value of every column, shape (n_tests,)."""
    is_whole = np.isfinite(differences).all(axis=0)
    # scores that differ by rounding only are ties
    rounded = np.where(np.abs(differences) < 1e-12, 0, np.round(differences, 12))
    rounded = np.where(is_whole, rounded, 0)
    doubled = (2 * pd.DataFrame(np.abs(rounded)).rank()).round().astype(int).to_numpy()
    positive = np.where(rounded > 0, doubled, 0).sum(axis=0)
    p_values = np.full(len(is_whole), np.nan)
    for test in np.flatnonzero(is_whole):
        kept = np.sort(doubled[rounded[:, test] != 0, test])
        cumulative = _rank_sum_distribution(tuple(kept.tolist()))
        tail = min(positive[test], len(cumulative) - 1 - positive[test])
        p_values[test] = min(1, 2 * cumulative[tail])
    return p_values


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment; missing p-values stay missing and don't count.

    Parameters
    ----------
    p_values : array_like, shape (n_tests,)

    Returns
    -------
    ndarray, shape (n_tests,)
        Adjusted p-values: below alpha where the family-wise error allows a rejection.

    References
    ----------
    Holm 1979, Scand J Statist 6:65.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return adjusted


def compare(scores: pd.DataFrame) -> pd.DataFrame:
    """Holm-adjusted p-values of all pairs of methods.

    Parameters
    ----------
    scores : DataFrame, shape (n_cultures, n_methods)
        Score of every method on every test culture. Cultures in which no method has a score are
        left out; a method that lacks a score others have can't be compared.

    Returns
    -------
    DataFrame, shape (n_methods, n_methods)
        Symmetric; NaN on the diagonal and for methods that lack scores.
    """
    values = _scored(scores).to_numpy()
    first, second = np.triu_indices(values.shape[1], 1)
    p_values = _wilcoxon_p(values[:, first] - values[:, second])
    matrix = np.full((values.shape[1],) * 2, np.nan)
    matrix[first, second] = matrix[second, first] = holm(p_values)
    return pd.DataFrame(matrix, index=scores.columns, columns=scores.columns)


def tie_groups(scores: pd.DataFrame, p_values: pd.DataFrame | None = None) -> pd.Series:
    """Rank group of every method, 1 the best: methods of one group are tied.

    A group is its best method by mean score and all methods down to the last one that can't be
    told from it. The best of the next group is then truly worse than the best of this one; nothing
    is claimed about the order inside a group.

    Parameters
    ----------
    scores : DataFrame, shape (n_cultures, n_methods)
        As for `compare`; higher is better.
    p_values : DataFrame, optional
        Of `compare` for these scores, if they are known already.

    Returns
    -------
    Series
        Index: methods, best first. NaN (last) for methods that lack scores.
    """
    p_values = compare(scores) if p_values is None else p_values
    scored = _scored(scores)
    complete = scored.columns[scored.notna().all() & (len(scored) > 0)]
    means = scored[complete].mean()
    waiting = list(means.sort_values(ascending=False, kind="stable").index)
    groups: dict[object, int] = {}
    number = 0
    while waiting:
        number += 1
        worse = p_values.loc[waiting[0], waiting].to_numpy() <= ALPHA
        last = np.flatnonzero(~worse)[-1]
        groups |= dict.fromkeys(waiting[: last + 1], number)
        waiting = waiting[last + 1 :]
    order = [*groups, *(method for method in scores.columns if method not in groups)]
    return pd.Series(groups, dtype=float, name="group").reindex(order)


def min_cultures(n_methods: int) -> int:
    """Fewest test cultures with which any pair of methods can be told apart.

    With n cultures the smallest two-sided signed-rank p-value is 2 ** (1 - n); Holm's first step
    asks for alpha over the number of pairs.

    Parameters
    ----------
    n_methods : int
        At least 2, all pairs compared.
    """
    if n_methods < 2:
        raise SimbenchError(f"min_cultures: n_methods is {n_methods}; allowed: 2 or more")
    n_pairs = n_methods * (n_methods - 1) // 2
    return next(n for n in count(1) if 2.0 ** (1 - n) * n_pairs <= ALPHA)


@lru_cache(maxsize=8)
def _draws(n: int) -> np.ndarray:
    return stream(0, "bootstrap").integers(n, size=(_N_BOOTSTRAP, n))


@lru_cache(maxsize=256)
def _rank_sum_distribution(doubled_ranks: tuple[int, ...]) -> np.ndarray:
    """Cumulative probability of every sum of positive ranks (doubled) under random signs."""
    probability = np.zeros(sum(doubled_ranks) + 1)
    probability[0] = 1
    for rank in doubled_ranks:
        probability[rank:] = (probability[rank:] + probability[: len(probability) - rank]) / 2
        probability[:rank] /= 2
    return np.cumsum(probability)


def _scored(scores: pd.DataFrame) -> pd.DataFrame:
    """Finite scores of the cultures in which any method has one."""
    finite = scores.where(np.isfinite(scores.to_numpy(dtype=float)))
    return finite.dropna(how="all")
