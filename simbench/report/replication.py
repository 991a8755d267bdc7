"""What a published protocol is worth: its scores beside those on held-out cultures."""

import numpy as np
import pandas as pd

from simbench.board.leaderboard import number
from simbench.scenario.scenario import Scenario
from simbench.scoring.published_protocol import published_sigma

PUBLISHED, HELD_OUT = "as published", "held out"
NOTE = (
    "A replication of the protocol of arXiv 2501.14615, not a ranking. In its design a culture has "
    "one firing type, so that type and culture are confounded: a score on neurons of cultures seen "
    "in training may be the culture's, not the type's. As published: neurons of all cultures split "
    "80 to 20; DBSCAN with eps chosen by the ARI that is reported, of clean traces; c and d by a "
    "correlation over all types; error between two scalings. Held out: whole cultures never seen; "
    "k-means without labels; c and d within type; the trace in dF/F against the clean one."
)
# What is asked, with its row (target, metric, probe, split) in each protocol.
_QUESTIONS = {
    "type, probe (accuracy)": {
        "neuron split": ("firing_type", "balanced_accuracy", "linear", "neuron"),
        HELD_OUT: ("firing_type", "balanced_accuracy", "linear", "culture"),
    },
    "type, clusters (ARI)": {
        PUBLISHED: ("firing_type", "published_ari", "none", "neuron"),
        HELD_OUT: ("firing_type", "kmeans_ari", "none", "culture"),
    },
    "c": {
        f"{PUBLISHED} (pooled r)": ("c", "pooled_correlation", "linear", "neuron"),
        f"{HELD_OUT} (R² within type)": ("c", "within_type_r2", "linear", "culture"),
    },
    "d": {
        f"{PUBLISHED} (pooled r)": ("d", "pooled_correlation", "linear", "neuron"),
        f"{HELD_OUT} (R² within type)": ("d", "within_type_r2", "linear", "culture"),
    },
    "trace": {
        f"{PUBLISHED} (MSE)": ("trace", "published_mse", "none", "neuron"),
        f"{HELD_OUT} (R²)": ("trace", "reconstruction_r2", "none", "culture"),
        f"{HELD_OUT} (skill)": ("trace", "reconstruction_skill", "none", "culture"),
    },
}
_KEY = ["target", "metric", "probe", "split"]
COLUMNS = {
    key: f"{question}: {protocol}"
    for question, protocols in _QUESTIONS.items()
    for protocol, key in protocols.items()
}


def replication_table(rows: pd.DataFrame, scenario: Scenario | None = None) -> pd.DataFrame:
    """Scores of both protocols side by side, mean over seeds.

    Parameters
    ----------
    rows : DataFrame
        Rows of a replication.
    scenario : Scenario, optional
        Says which noise a level has.

    Returns
    -------
    DataFrame
        Index: method and level, in the order of the run, controls last. Columns ``sigma``
        (published unit; NaN if unknown), ``latents``, and one for each score.
    """
    scored = rows[rows["status"] == "ok"]
    known = scored[scored[_KEY].apply(tuple, axis=1).isin(COLUMNS)]
    known = known.assign(column=[COLUMNS[key] for key in known[_KEY].itertuples(index=False)])
    places = scored.drop_duplicates(["method", "level"])
    places = places.assign(
        control=places["family"] == "control", place=pd.factorize(places["method"])[0]
    )
    places = places.sort_values(["control", "place"], kind="stable").set_index(["method", "level"])
    table = known.pivot_table(
        index=["method", "level"], columns="column", values="value", aggfunc="mean"
    ).reindex(index=places.index, columns=list(COLUMNS.values()))
    levels = scenario.at_levels if scenario else {}
    sigma = [_sigma(levels.get(level)) for level in places.index.get_level_values("level")]
    table.insert(0, "sigma", sigma)
    table.insert(1, "latents", places["n_components"])
    return table


def replication_texts(rows: pd.DataFrame, scenario: Scenario | None) -> dict[str, str]:
    """Content of each file of a replication, by its name."""
    table = replication_table(rows, scenario)
    csv = table.reset_index().to_csv(index=False, float_format="%.6g")
    return {"replication.csv": csv, "replication.md": markdown(table)}


def over_levels(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of each score over the levels, one line a method."""
    return table.drop(columns=["sigma", "latents"]).groupby("method", sort=False).mean()


def markdown(table: pd.DataFrame) -> str:
    """The replication for people: a note, the means over all levels, and every level."""
    means = _lines(over_levels(table))
    every = _lines(table.droplevel("level"))
    return f"{NOTE}\n\nMean over all levels:\n\n{means}\nEvery level:\n\n{every}"


def cells(table: pd.DataFrame) -> list[list[str]]:
    """Every line as text: the method, then its values."""
    return [
        [str(method), *(_cell(name, value) for name, value in line.items())]
        for method, line in table.iterrows()
    ]


def _lines(table: pd.DataFrame) -> str:
    header = ["method", *table.columns]
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *cells(table)]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)


def _cell(name: object, value: float) -> str:
    if name == "latents":
        return number(value, ".0f")
    return number(value, ".2g" if "MSE" in str(name) or name == "sigma" else ".2f")


def _sigma(scenario: Scenario | None) -> float:
    nu = scenario.imaging.nu if scenario else None
    return np.nan if nu is None else published_sigma(nu)
