"""One result of a method's folds and trainings: each culture tests once, each training counts."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from simbench.benchmark.plan import Unit

Result = Mapping[str, Any]
_KEYS = ("target", "metric", "probe", "split")


def joined(results: Mapping[Unit, Result]) -> dict[Unit, Result]:
    """Results by whole unit; one that failed in any part has failed.

    Parameters
    ----------
    results : mapping of Unit to mapping
        Columns of each unit by name, and its ``scores``.
    """
    parts: dict[Unit, dict[int, list[Result]]] = {}
    for unit, result in results.items():
        parts.setdefault(unit.whole, {}).setdefault(unit.training, []).append(result)
    return {unit: _of_trainings(list(by_training.values())) for unit, by_training in parts.items()}


def _of_trainings(trainings: list[list[Result]]) -> Result:
    every = [result for folds in trainings for result in folds]
    for result in every:
        if result["status"] != "ok":
            return result
    if len(every) == 1:
        return every[0]
    by_training = [scores_of_folds([fold["scores"] for fold in folds]) for folds in trainings]
    scores = [_of_training(same) for same in _same_scores(by_training)]
    costs = {
        "seconds": float(np.mean([result["seconds"] for result in every])),
        "peak_memory_mb": max(result["peak_memory_mb"] for result in every),
    }
    return {**every[0], **costs, "scores": scores}


def scores_of_folds(folds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Scores of a method from those of its folds."""
    return [_of_folds(same) for same in _same_scores(folds)]


def _same_scores(tables: list[list[dict[str, Any]]]) -> Iterable[list[dict[str, Any]]]:
    """Scores that all tables have, together."""
    by_key = [{tuple(row[key] for key in _KEYS): row for row in rows} for rows in tables]
    for key in by_key[0]:
        if all(key in table for table in by_key):
            yield [table[key] for table in by_key]


def _of_folds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Each culture once; where all folds score all cultures, and without cultures, the mean."""
    if len(rows) == 1:
        return rows[0]
    if rows[0]["split"] == "neuron" or not rows[0]["per_culture"]:
        return _mean(rows)
    whole = _mean(rows)
    for key in {"per_culture", "cultures"} & rows[0].keys():
        whole[key] = [one for row in rows for one in row[key]]
    return whole | {"value": float(np.nanmean(whole["per_culture"]))}


def _of_training(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if len(rows) == 1:
        return rows[0]
    row = _mean(rows)
    if row["split"] == "culture" and row["per_culture"]:
        row["per_training"] = [row["per_culture"] for row in rows]
    return row


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    row = {**rows[0], "value": float(np.mean([row["value"] for row in rows]))}
    row["per_culture"] = pd.DataFrame([r["per_culture"] for r in rows]).mean().to_list()
    if "chance" in row:
        row["chance"] = float(np.mean([r["chance"] for r in rows]))
    if row.get("confusion"):
        row["confusion"] = mean_confusion([r["confusion"] for r in rows]).to_dict("index")
    return row


def mean_confusion(tables: Iterable[Mapping[str, Mapping[str, float]]]) -> pd.DataFrame:
    """Mean of confusion tables; a class that one of them never names has share 0 there.

    Returns
    -------
    DataFrame
        Index: the true class; columns: the named one; of each true class the shares add up to 1.
    """
    frames = [pd.DataFrame.from_dict(table, orient="index") for table in tables]
    named = sorted({name for frame in frames for name in frame})
    whole = pd.concat([frame.reindex(columns=named).fillna(0) for frame in frames])
    return whole.groupby(level=0).mean()
