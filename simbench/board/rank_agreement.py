"""Does the order of methods on one board carry over to another: Kendall's tau and concordance.

Scores are tables with one row per resampled unit (culture, animal) and one column per method; a
method's score is the mean of its column. Rules: tau-b, and the concordance of those pairs of
methods that the simulation separates, with intervals over resampled units; and tau with one method
a family, for methods that are alike are no independent witnesses.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream
from simbench.scoring.statistics import bootstrap_ends

N_BOOTSTRAP = 1000
FEWEST_METHODS = 3


def kendall_tau(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of the lists of scores along the last axis; NaN where one is constant."""
    first, second = np.triu_indices(one.shape[-1], 1)
    a, b = (np.sign(scores[..., first] - scores[..., second]) for scores in (one, other))
    with np.errstate(invalid="ignore"):
        return np.sum(a * b, -1) / np.sqrt(np.sum(a**2, -1) * np.sum(b**2, -1))


def separated_pairs(scores: pd.DataFrame) -> pd.DataFrame:
    """Pairs of methods whose mean difference has a 95 % bootstrap interval without zero.

    Returns
    -------
    DataFrame
        Columns ``better`` and ``worse``, one row per pair.
    """
    pairs = []
    for one, other in itertools.combinations(scores.columns, 2):
        low, high = bootstrap_ends(scores[one] - scores[other])
        if low > 0 or high < 0:
            pairs.append((one, other) if low > 0 else (other, one))
    return pd.DataFrame(pairs, columns=["better", "worse"])


def concordance(pairs: pd.DataFrame, scores: pd.Series | pd.DataFrame) -> np.ndarray:
    """Share of pairs that other scores order in the same way, ties counted half; NaN without pairs.

    Parameters
    ----------
    pairs : DataFrame
        Of `separated_pairs`.
    scores : Series or DataFrame
        By method; of a table one share per row.
    """
    better, worse = (scores[pairs[side]].to_numpy(dtype=float) for side in ("better", "worse"))
    agrees = np.where(better == worse, 0.5, better > worse)
    return agrees.mean(axis=-1) if len(pairs) else np.full(agrees.shape[:-1], np.nan)


def tau_of_families(one: pd.Series, other: pd.Series, families: Mapping[str, str]) -> float:
    """Kendall's tau with one method per family, the mean over all choices; NaN for a single family.

    Each pair of families counts once, however many methods these have.
    """
    same_way: dict[tuple[str, ...], list[float]] = {}
    for a, b in itertools.combinations(one.index, 2):
        if families[a] != families[b]:
            kinds = tuple(sorted((families[a], families[b])))
            agrees = np.sign(one[a] - one[b]) * np.sign(other[a] - other[b])
            same_way.setdefault(kinds, []).append(agrees)
    means = [np.mean(same_way[kinds]) for kinds in sorted(same_way)]
    return float(np.mean(means)) if means else float("nan")


def rank_agreement(
    simulated: pd.DataFrame, real: pd.DataFrame, families: Mapping[str, str], paired: bool = False
) -> dict[str, float]:
    """How far the order of methods on a simulated board is that on a real one.

    Parameters
    ----------
    simulated, real : DataFrame, one row per unit, one column per method
        Methods that only one of them has are left out.
    families : mapping of str to str
        Of each method.
    paired : bool
        Whether both boards have the same units: these are then resampled together.

    Returns
    -------
    dict
        ``n_methods``; ``tau`` with its 95 % interval ``tau_low``, ``tau_high``; ``tau_families``;
        ``n_pairs`` that the simulation separates; ``concordance`` with ``concordance_low``,
        ``concordance_high``.

    Raises
    ------
    SimbenchError
        If fewer than three methods are on both boards.
    """
    methods = [name for name in real.columns if name in simulated.columns]
    if len(methods) < FEWEST_METHODS:
        raise SimbenchError(f"ranks: {len(methods)} methods on both boards; at least 3 are needed")
    simulated, real = simulated[methods], real[methods]
    if paired and len(simulated) != len(real):
        raise SimbenchError(f"ranks: {len(simulated)} and {len(real)} units can't be paired")
    one, other, pairs = simulated.mean(), real.mean(), separated_pairs(simulated)
    of_simulated = _resampled(simulated, "real" if paired else "simulated")
    of_real = pd.DataFrame(_resampled(real, "real"), columns=methods)
    tau_low, tau_high = interval(kendall_tau(of_simulated, of_real.to_numpy()))
    lower, upper = interval(concordance(pairs, of_real))
    return {
        "n_methods": len(methods),
        "tau": float(kendall_tau(one.to_numpy(), other.to_numpy())),
        "tau_low": tau_low, "tau_high": tau_high,
        "tau_families": tau_of_families(one, other, families),
        "n_pairs": len(pairs), "concordance": float(concordance(pairs, other)),
        "concordance_low": lower, "concordance_high": upper,
    }  # fmt: skip


def tau_draws(simulated: pd.DataFrame, real: pd.DataFrame) -> np.ndarray:
    """Tau on resampled units of two boards of the same methods, one value per draw.

    The same real table is always resampled in the same way, so that draws of several boards against
    it belong together.
    """
    return kendall_tau(_resampled(simulated, "simulated"), _resampled(real, "real"))


def interval(drawn: np.ndarray | pd.Series) -> tuple[float, float]:
    """95 % interval of what was drawn; draws without a value are left out."""
    low, high = pd.Series(drawn).quantile([0.025, 0.975])
    return float(low), float(high)


def _resampled(scores: pd.DataFrame, name: str) -> np.ndarray:
    """Mean scores on resampled units, shape (n_draws, n_methods)."""
    n = len(scores)
    chosen = stream(0, "rank agreement", name).integers(n, size=(N_BOOTSTRAP, n))
    times = np.stack([np.bincount(rows, minlength=n) for rows in chosen])
    return times @ scores.to_numpy(dtype=float) / n
