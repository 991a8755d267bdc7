"""Rows in, scores of single test cultures out: what a leaderboard and its tests are made from."""

from functools import reduce

import numpy as np
import pandas as pd

from simbench.scoring import HEADLINE

OVERALL = "all targets"


def culture_scores(rows: pd.DataFrame, probe: str = "linear") -> dict[str, pd.DataFrame]:
    """Scores of every test culture, for each target: one row a culture, one column a method.

    A culture that is there at several levels counts once, with the mean of its levels; one in which
    no neuron has the label is left out. A method that lacks a seed or level of a target is not in
    the target's table. ``all targets`` holds the mean recovery over all targets of the methods that
    have them all.
    """
    held_out = scored_rows(rows, probe)
    held_out = held_out[held_out["split"] == "culture"]
    tables, recoveries = {}, []
    for target in rows.loc[rows["metric"].isin(HEADLINE), "target"].unique():
        mine = held_out[held_out["target"] == target]
        mine = mine[mine.groupby("method")["method"].transform("size") == n_units(rows)]
        table = _by_culture(mine)
        floor, ceiling = mine["chance"].mean(), mine["ceiling"].mean()
        recoveries.append((table - floor) / room(floor, ceiling))
        tables[str(target)] = table
    complete = [m for m in rows["method"].unique() if all(m in table for table in recoveries)]
    tables[OVERALL] = _mean_over_targets([table[complete] for table in recoveries])
    return tables


def scored_rows(rows: pd.DataFrame, probe: str) -> pd.DataFrame:
    """Rows of the scores that methods are ranked by, with one probe and every split."""
    is_headline = rows["metric"].isin(HEADLINE)
    return rows[(rows["status"] == "ok") & (rows["probe"] == probe) & is_headline]


def room(floor: float, ceiling: float) -> float:
    """What lies between floor and ceiling; NaN if that is nothing."""
    return ceiling - floor if ceiling > floor else float("nan")


def n_units(rows: pd.DataFrame) -> int:
    """Seeds times levels that anybody was run on, whether or not it failed."""
    return len(rows[["seed", "level"]].drop_duplicates())


def _by_culture(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores on one target by seed and culture, the mean over levels; one column a method."""
    values: dict[str, dict[int, list[np.ndarray]]] = {}
    for method, seed, row in zip(rows["method"], rows["seed"], rows["per_culture"]):
        levels = values.setdefault(method, {}).setdefault(seed, [])
        levels.append(np.array(row, dtype=float))
    columns = {}
    for method, seeds in values.items():
        shared = {seed: min(map(len, levels)) for seed, levels in seeds.items()}
        columns[method] = pd.Series(
            np.concatenate(
                [_mean_over_levels([v[: shared[s]] for v in levels]) for s, levels in seeds.items()]
            ),
            [(seed, culture) for seed, n in shared.items() for culture in range(n)],
        )
    return pd.DataFrame(columns).dropna(how="all")


def _mean_over_targets(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean of the tables in the cultures that all of them have."""
    if not tables:
        return pd.DataFrame()
    shared = reduce(pd.Index.intersection, (table.index for table in tables))
    first, *others = (table.reindex(shared) for table in tables)
    return sum(others, first) / len(tables)


def _mean_over_levels(levels: list[np.ndarray]) -> np.ndarray:
    """Mean over levels of every culture; NaN only where no level has a score."""
    scored = (~np.isnan(levels)).sum(axis=0)
    return np.nansum(levels, axis=0) / np.where(scored, scored, np.nan)
