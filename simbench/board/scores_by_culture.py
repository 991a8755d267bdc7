"""Rows in, scores of single test cultures out: what a leaderboard and its tests are made from."""

from collections.abc import Iterator
from functools import reduce
from typing import TypeVar

import numpy as np
import pandas as pd

from simbench.scoring import HEADLINE

OVERALL = "all targets"
Scores = TypeVar("Scores", float, pd.DataFrame)


def scores_by_culture(rows: pd.DataFrame, probe: str = "linear") -> dict[str, pd.DataFrame]:
    """Scores of every test culture, for each target: one row per culture, one column per method.

    A culture that is seen at several levels counts once, with the mean of its levels, and so does
    one of recordings that several seeds divide, with the mean of the seeds. A culture in
    which no neuron has the label is left out. A method that lacks a seed or level of a target is
    not in the target's table. ``all targets`` holds the mean recovery over all targets, of the
    methods that have them all.
    """
    tables, recoveries = {}, []
    for target, mine in _held_out(rows, probe):
        mine = mine[mine.groupby("method")["method"].transform("size") == n_units(rows)]
        table = _table(mine)
        recoveries.append(recovery(table, mine["chance"].mean(), mine["ceiling"].mean()))
        tables[target] = table
    complete = [m for m in rows["method"].unique() if all(m in table for table in recoveries)]
    tables[OVERALL] = _mean_over_targets([table[complete] for table in recoveries])
    return tables


def fits_by_target(rows: pd.DataFrame, probe: str = "linear") -> dict[str, pd.DataFrame]:
    """How far the trainings of a method differ, by target: its scores less their mean.

    Returns
    -------
    dict of str to DataFrame
        Index: seed and training; one column per method that was trained several times, NaN on
        seeds on which it was trained once. Of ``all targets`` the mean over targets, in recovery.
    """
    tables, recoveries = {}, []
    for target, mine in _held_out(rows, probe):
        several = mine[mine["per_training"].map(lambda values: isinstance(values, list))]
        means = [
            (row.method, row.seed, training, np.nanmean(np.array(values, dtype=float)))
            for row in several.itertuples()
            for training, values in enumerate(row.per_training)
        ]
        long = pd.DataFrame(means, columns=["method", "seed", "training", "score"])
        table = long.pivot_table(index=["seed", "training"], columns="method", values="score")
        table = table - table.groupby("seed").transform("mean")
        every = pd.MultiIndex.from_product([rows["seed"].unique(), [0]], names=table.index.names)
        tables[target] = table = table.reindex(table.index.union(every))
        recoveries.append(recovery(table, 0.0, mine["ceiling"].mean() - mine["chance"].mean()))
    whole = sum(recoveries[1:], recoveries[0]) / len(recoveries) if recoveries else pd.DataFrame()
    return tables | {OVERALL: whole}


def _held_out(rows: pd.DataFrame, probe: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every target that was asked for, and its scores on cultures that the probe has not seen."""
    scored = scored_rows(rows, probe)
    for target in rows.loc[rows["metric"].isin(HEADLINE), "target"].unique():
        yield str(target), scored[(scored["split"] == "culture") & (scored["target"] == target)]


def scored_rows(rows: pd.DataFrame, probe: str) -> pd.DataFrame:
    """Rows of the scores that methods are ranked by, with one probe and every split."""
    is_headline = rows["metric"].isin(HEADLINE)
    return rows[(rows["status"] == "ok") & (rows["probe"] == probe) & is_headline]


def recovery(scores: Scores, floor: float, ceiling: float) -> Scores:
    """Share of the way from floor to ceiling; missing where the ceiling is not above the floor."""
    return (scores - floor) / (ceiling - floor if ceiling > floor else float("nan"))


def n_units(rows: pd.DataFrame) -> int:
    """Number of seeds times levels on which any method was run, failed or not."""
    return len(rows[["seed", "level"]].drop_duplicates())


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores on one target by seed and culture, the mean over levels; one column per method.

    Cultures that have names are the same for all seeds.
    """
    columns: dict[str, dict[tuple[int, int], float]] = {}
    for (method, seed), levels in rows.groupby(["method", "seed"], sort=False)["per_culture"]:
        for place, score in enumerate(_mean_over_levels(list(levels))):
            columns.setdefault(method, {})[seed, place] = score
    table = pd.DataFrame(columns).dropna(how="all")
    table.index = table.index.to_flat_index()
    named = {
        (seed, place): ("all seeds", name)
        for seed, names in zip(rows["seed"], rows["cultures"])
        for place, name in enumerate(names or [])
    }
    if not named:
        return table
    table.index = pd.MultiIndex.from_tuples([named[key] for key in table.index])
    return table.groupby(level=[0, 1]).mean()


def _mean_over_levels(levels: list[list[float]]) -> np.ndarray:
    """Score of each culture that all levels have; NaN where no level has a score."""
    n_shared = min(map(len, levels))
    values = np.array([scores[:n_shared] for scores in levels], dtype=float)
    n_scored = (~np.isnan(values)).sum(axis=0)
    return np.nansum(values, axis=0) / np.where(n_scored, n_scored, np.nan)


def _mean_over_targets(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean of the tables in the cultures that all of them have."""
    if not tables:
        return pd.DataFrame()
    shared = reduce(pd.Index.intersection, (table.index for table in tables))
    first, *others = (table.reindex(shared) for table in tables)
    return sum(others, first) / len(tables)
