"""Reconstructions of held-out cultures: what each method gives back, and for how many values."""

import numpy as np
import pandas as pd

from simbench.board.leaderboard import duration, number
from simbench.scoring.statistics import bootstrap_interval

METRIC = "reconstruction_r2"
_COLUMNS = {
    "values_per_minute": "values_per_minute", METRIC: "r2", "reconstruction_skill": "skill",
    "coverage": "coverage", "predictive_nll": "nll",
}  # fmt: skip
_NOTE = (
    "R² of the clean trace on held-out cultures, mean over cultures and seeds, by {axis}. "
    "Coverage: share of frames inside the 90 % predictive interval. NLL: negative log likelihood "
    "of the next frame, in nats. Time: of one fit and transform."
)


def has_reconstruction(rows: pd.DataFrame) -> bool:
    """Whether any method has given traces back."""
    return bool((rows["metric"] == METRIC).any())


def reconstruction_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of reconstructions, mean over seeds.

    Returns
    -------
    DataFrame
        Index: method and level, in the order of the run. Columns ``values_per_minute`` (latent
        values spent on a neuron), ``r2`` with ``low`` and ``high`` (95 % bootstrap interval over
        test cultures), ``skill``, ``coverage`` and ``nll`` (NaN without predictions), ``noisy_r2``
        (of the noisy trace itself, which skill is held against) and ``seconds``.
    """
    scored = rows[(rows["status"] == "ok") & rows["metric"].isin(_COLUMNS)]
    places = scored.loc[scored["metric"] == METRIC, ["method", "level"]].drop_duplicates()
    index = pd.MultiIndex.from_frame(places)
    table = scored.pivot_table(
        index=["method", "level"], columns="metric", values="value", aggfunc="mean"
    ).reindex(index=index, columns=list(_COLUMNS))
    table = table.rename(columns=_COLUMNS)
    units = scored[scored["metric"] == METRIC].groupby(["method", "level"])
    intervals = units["per_culture"].agg(lambda lists: bootstrap_interval(np.concatenate([*lists])))
    table.insert(2, "low", [intervals[place][0] for place in index])
    table.insert(3, "high", [intervals[place][1] for place in index])
    table["noisy_r2"] = _noisy_r2(scored)
    return table.assign(seconds=units["seconds"].mean())


def _noisy_r2(rows: pd.DataFrame) -> pd.Series:
    """R2 of the noisy trace by method and level: a share 1 - skill of its error is a method's."""
    key = ["method", "level", "seed"]
    scores = [
        rows[rows["metric"] == metric].set_index(key)["per_culture"].explode().astype(float)
        for metric in (METRIC, "reconstruction_skill")
    ]
    noisy = 1 - (1 - scores[0]) / (1 - scores[1]).replace(0, np.nan)
    return noisy.groupby(["method", "level"]).mean()


def reconstruction_texts(rows: pd.DataFrame, axis: str) -> dict[str, str]:
    """Content of each file of the reconstructions, by its name.

    Parameters
    ----------
    rows : DataFrame
    axis : str
        What the levels vary.
    """
    table = reconstruction_table(rows)
    csv = table.reset_index().to_csv(index=False, float_format="%.6g")
    return {"reconstruction.csv": csv, "reconstruction.md": markdown(table, axis)}


def markdown(table: pd.DataFrame, axis: str) -> str:
    """One line a method, one column a level."""
    methods = dict.fromkeys(table.index.get_level_values("method"))
    levels = list(dict.fromkeys(table.index.get_level_values("level")))
    lines = [
        ["method", *(level or "R²" for level in levels), "coverage", "NLL", "time"],
        ["---"] + ["---:"] * (len(levels) + 3),
    ]
    for method in methods:
        mine = table.loc[method]
        r2 = [number(mine["r2"].get(level, np.nan), ".3f") for level in levels]
        foretold = [number(mine["coverage"].mean(), ".1%"), number(mine["nll"].mean())]
        cells = [*r2, *foretold, duration(mine["seconds"].mean())]
        lines.append([str(method).replace("|", "\\|"), *cells])
    noisy = table["noisy_r2"].groupby("level").mean()
    given = [number(noisy[level], ".3f") for level in levels]
    lines.append(["the noisy trace", *given, "–", "–", "–"])
    text = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return f"{_NOTE.format(axis=axis)}\n\n{text}"
