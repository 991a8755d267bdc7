"""Statistics over test cultures and fits: intervals, paired tests of methods, ties.

The culture is the unit of evidence. Scores come as a table with one row per test culture and
one column per method.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from string import ascii_lowercase, ascii_uppercase

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream

ALPHA = 0.05
"""Family-wise error over all pairs of methods."""
_QUANTILES = [(1 - 0.95) / 2, (1 + 0.95) / 2]
_N_BOOTSTRAP = 2000


def pseudo_values(
    score: Callable[..., float], groups: np.ndarray, **values: np.ndarray
) -> np.ndarray:
    """What each group adds to a score of all neurons together, shape (n_groups,), sorted by group.

    Jackknife pseudo-values, shifted so that their mean is the score itself: where groups hold too
    few neurons for scores of their own, intervals and tests over groups are made of these. A group
    without which there is no score, such as the only one of a class, gets the score itself.

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
    known = np.isfinite(rest)
    rest = np.where(known, rest, rest[known].mean() if known.any() else whole)
    return whole + (len(names) - 1) * (rest.mean() - rest)


def wilcoxon_p(differences: np.ndarray) -> np.ndarray:
    """Exact two-sided p-values of the Wilcoxon signed-rank test, shape (n_tests,).

    The null distribution is that of all signs of the ranks at hand, so the p-value is exact with
    ties as well; differences of zero are ranked, then dropped (Pratt).

    Parameters
    ----------
    differences : ndarray, shape (n_cultures, n_tests)
        Paired differences of two methods, one per test culture.

    Returns
    -------
    ndarray
        1 where no difference is left. NaN where a difference is missing.

    References
    ----------
    Pratt 1959, JASA 54:655.
    """
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


def bootstrap_means(scores: pd.DataFrame, fits: pd.DataFrame | None = None) -> np.ndarray:
    """Mean scores of methods where fits, and then cultures, are drawn again.

    Cultures are the same in a draw for all methods; trainings are drawn for each. The deviations of
    a method's trainings stand for those of seeds on which it was trained once. What draws of
    cultures differ by is widened as Student's t asks for their number.

    Parameters
    ----------
    scores : DataFrame, shape (n_cultures, n_methods)
        The mean over trainings; with ``fits`` the index is of seed and culture. Cultures that all
        seeds have in common are of no seed in ``fits``.
    fits : DataFrame, optional
        Of each seed and training (index) and method (column) the mean score, less the mean of its
        trainings; NaN where a method was trained once.

    Returns
    -------
    ndarray, shape (n_draws, n_methods)

    References
    ----------
    Hesterberg 2015, Am Stat 69:371: intervals of few values are too narrow without.
    """
    values = scores.to_numpy(dtype=float)
    mean = values.mean(axis=0)
    means = mean + _widening(len(values)) * (_weights(len(values)) @ values - mean)
    if fits is None or fits.empty:
        return means
    seeds = [seed for seed, _ in scores.index]
    every = fits.index.unique(level=0)
    shares = pd.Series(seeds if set(seeds) & set(every) else every).value_counts(normalize=True)
    for column, method in enumerate(scores.columns):
        known = fits[method].dropna() if method in fits else pd.Series(dtype=float)
        if known.empty:
            continue
        trainings = {seed: _unshrunk(values) for seed, values in known.groupby(level=0)}
        pooled = np.concatenate(list(trainings.values()))
        for seed, share in shares.items():
            of_seed = trainings.get(seed)
            chosen, size = (pooled, 1) if of_seed is None else (of_seed, len(of_seed))
            rng = stream(0, "bootstrap of fits", str(method), str(seed))
            drawn = rng.integers(len(chosen), size=(_N_BOOTSTRAP, size))
            means[:, column] += share * chosen[drawn].mean(axis=1)
    return means


def _unshrunk(deviations: pd.Series) -> np.ndarray:
    """Deviations from the true mean, as large as those from the mean of few are too small."""
    n = len(deviations)
    return deviations.to_numpy() * np.sqrt(n / (n - 1))


def nested_interval(scores: pd.Series, fits: pd.DataFrame | None = None) -> tuple[float, float]:
    """95 % interval of a method's mean score, over fits and cultures; NaN for fewer than two.

    Of a method that was trained once it ends at the lowest and the highest score.
    """
    scored = scores[np.isfinite(scores)]
    if len(scored) < 2:
        return float("nan"), float("nan")
    low, high = bootstrap_ends(scored, fits)
    if fits is None or scores.name not in fits or fits[scores.name].isna().all():
        low, high = max(low, scored.min()), min(high, scored.max())
    return float(low), float(high)


def bootstrap_ends(values: pd.Series, fits: pd.DataFrame | None = None) -> tuple[float, float]:
    """95 % interval of a mean by `bootstrap_means`, such as that of differences of two methods."""
    low, high = np.quantile(bootstrap_means(values.to_frame(), fits)[:, 0], _QUANTILES)
    return float(low), float(high)


def compare(scores: pd.DataFrame, fits: pd.DataFrame | None = None) -> pd.DataFrame:
    """Adjusted p-values of all pairs of methods.

    The larger of two: Wilcoxon's over cultures, Holm-adjusted over all pairs; and, where methods
    were trained several times, that of the bootstrap of fits and then cultures, which is below .05
    where the 95 % interval of the difference leaves out zero.

    Parameters
    ----------
    scores : DataFrame, shape (n_cultures, n_methods)
        Score of every method on every test culture. Cultures in which no method has a score are
        left out; a method that lacks a score others have can't be compared.
    fits : DataFrame, optional
        Of `bootstrap_means`.

    Returns
    -------
    DataFrame, shape (n_methods, n_methods)
        Symmetric; NaN on the diagonal and for methods that lack scores.
    """
    values = _scored(scores).to_numpy()
    first, second = np.triu_indices(values.shape[1], 1)
    adjusted = holm(wilcoxon_p(values[:, first] - values[:, second]))
    adjusted = np.fmax(adjusted, _bootstrap_p(scores, fits)[first, second])
    matrix = np.full((values.shape[1],) * 2, np.nan)
    matrix[first, second] = matrix[second, first] = adjusted
    return pd.DataFrame(matrix, index=scores.columns, columns=scores.columns)


def _bootstrap_p(scores: pd.DataFrame, fits: pd.DataFrame | None) -> np.ndarray:
    """Two-sided p of every pair, NaN unless the fit of one of them is known to vary."""
    n_methods = scores.shape[1]
    p = np.full((n_methods, n_methods), np.nan)
    if fits is None or fits.empty:
        return p
    means = bootstrap_means(_scored(scores), fits)
    varies = [method in fits and fits[method].notna().any() for method in scores.columns]
    for i in range(n_methods):
        above = np.mean(means[:, i : i + 1] - means > 0, axis=0)
        p[i] = np.where(varies[i] | np.array(varies), 2 * np.minimum(above, 1 - above), np.nan)
    scored = np.isfinite(means).all(axis=0)
    return np.where(scored & scored[:, None], p, np.nan)


def not_below_best(scores: pd.DataFrame, fits: pd.DataFrame | None = None) -> pd.Series:
    """Whether a method can't be told from the best: Holm over all others, not over all pairs.

    Parameters
    ----------
    scores, fits : DataFrame
        As for `compare`; higher is better.

    Returns
    -------
    Series of bool, index methods
        False for methods that lack scores.
    """
    order = _best_first(scores)
    if not order:
        return pd.Series(False, index=scores.columns)
    best, *others = order
    values = _scored(scores)
    differences = values[others].rsub(values[best], axis=0).to_numpy()
    p = holm(wilcoxon_p(differences)) if others else np.array([])
    boot = _bootstrap_p(scores[order], fits)[0, 1:]
    worse = pd.Series(np.fmax(p, boot) <= ALPHA, index=others)
    return pd.Series({m: m == best or (m in worse and not worse[m]) for m in scores.columns})


def tie_letters(scores: pd.DataFrame, p_values: pd.DataFrame) -> pd.Series:
    """Letters of every method: two methods share one if they can't be told apart.

    Parameters
    ----------
    scores : DataFrame, shape (n_cultures, n_methods)
    p_values : DataFrame
        Of `compare` for these scores.

    Returns
    -------
    Series of str, index methods
        "a" is the letter of the best; empty for methods that lack scores.

    References
    ----------
    Piepho 2004, J Comput Graph Statist 13:456.
    """
    order = _best_first(scores)
    sets = [frozenset(order)]
    for i, one in enumerate(order):
        for other in order[i + 1 :]:
            if p_values.loc[one, other] <= ALPHA:
                parts = [
                    part for s in sets
                    for part in ((s - {one}, s - {other}) if {one, other} <= s else (s,))
                ]  # fmt: skip
                parts = list(dict.fromkeys(parts))
                sets = [s for s in parts if not any(s < t for t in parts)]
    sets.sort(key=lambda members: sorted(order.index(m) for m in members))
    named = zip(ascii_lowercase + ascii_uppercase, sets)
    letters = dict.fromkeys(scores.columns, "")
    for letter, members in named:
        for method in members:
            letters[method] += letter
    return pd.Series(letters, dtype=object)


def _best_first(scores: pd.DataFrame) -> list:
    """Methods with all scores, by their mean."""
    scored = _scored(scores)
    complete = scored.columns[scored.notna().all() & (len(scored) > 0)]
    return list(scored[complete].mean().sort_values(ascending=False, kind="stable").index)


def vote_p(right: np.ndarray, chance: float) -> float:
    """Exact p of as many cultures named rightly by a guess that has not seen them; one-sided.

    Parameters
    ----------
    right : ndarray of bool, shape (n_cultures,)
    chance : float
        Share of the largest class.
    """
    from scipy.stats import binomtest

    return float(binomtest(int(np.sum(right)), len(right), chance, alternative="greater").pvalue)


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


def _widening(n: int) -> float:
    """An interval by Student's t over one by a bootstrap of ``n`` values, both of normal scores."""
    if n < 2:
        return 1.0
    return float(np.sqrt(n / (n - 1)) * stdtrit(n - 1, _QUANTILES[1]) / ndtri(_QUANTILES[1]))


@lru_cache(maxsize=8)
def _weights(n: int) -> np.ndarray:
    """How much each culture counts in each draw, shape (n_draws, n_cultures)."""
    draws = stream(0, "bootstrap").integers(n, size=(_N_BOOTSTRAP, n))
    return np.stack([np.bincount(drawn, minlength=n) for drawn in draws]) / n


@lru_cache(maxsize=256)
def _rank_sum_distribution(doubled_ranks: tuple[int, ...]) -> np.ndarray:
    """Cumulative probability of every sum of positive ranks (doubled) under random signs."""
    probability = np.zeros(sum(doubled_ranks) + 1)
    probability[0], n_sums = 1.0, 1
    for rank in doubled_ranks:
        probability[:n_sums] /= 2  # at once, the power of so many halves would be 0
        probability[rank : rank + n_sums] += probability[:n_sums]
        n_sums += rank
    return np.cumsum(probability)


def _scored(scores: pd.DataFrame) -> pd.DataFrame:
    """Finite scores of the cultures in which any method has one."""
    finite = scores.where(np.isfinite(scores.to_numpy(dtype=float)))
    return finite.dropna(how="all")
