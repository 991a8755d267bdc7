"""Tables by method and level: score curves, costs, reconstructions and replications."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from simbench.benchmark.rows import read_rows, row_files
from simbench.board.leaderboard import TAUGHT, is_unranked
from simbench.methods.catalogue import METHODS
from simbench.methods.registry import split_settings
from simbench.scenario.axes import split_keys
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import (
    SCENARIO_FILE,
    available_scenarios,
    load_scenario,
    read_scenario,
)
from simbench.scoring import HEADLINE
from simbench.scoring.published_protocol import published_sigma
from simbench.scoring.statistics import nested_interval

_KEY = ["method", "level"]
_SIZE = "culture.n_neurons"
_AXIS_NAMES = {
    "imaging.nu": "noise ν (%/√Hz)",
    "imaging.photons_per_s": "detected photons per second",
    "imaging.frame_rate_hz": "frame rate (Hz)",
    "culture.duration_s": "duration (s)",
    _SIZE: "neurons per culture",
    "imaging.culture_gain_sd": "s.d. of ln culture gain",
    "imaging.gain_sd": "spread of cells (s.d. of ln gain)",
    "imaging.haze_sigma_mm": "reach of the haze (mm)",
    "imaging.neuropil": "neuropil (baselines)",
    "imaging.indicator": "indicator",
    "latents_per_minute": "latent values per neuron-minute",
    "n_components": "latents",
    "labelled_cultures": "labelled cultures",
}
_TRACE_R2, _TRACE_SKILL = "reconstruction_r2", "reconstruction_skill"
_OF_RECONSTRUCTION = {
    "values_per_minute": "values_per_minute", _TRACE_R2: "r2", _TRACE_SKILL: "skill",
    "coverage": "coverage", "predictive_nll": "nll",
}  # fmt: skip
_SCORE = ["target", "metric", "probe", "split"]
REPLICATED = {
    ("firing_type", "balanced_accuracy", "linear", "neuron"):
        "type, probe (accuracy): neuron split",
    ("firing_type", "balanced_accuracy", "linear", "culture"): "type, probe (accuracy): held out",
    ("firing_type", "published_ari", "none", "neuron"): "type, clusters (ARI): as published",
    ("firing_type", "kmeans_ari", "none", "culture"): "type, clusters (ARI): held out",
    ("c", "pooled_correlation", "linear", "neuron"): "c: as published (pooled r)",
    ("c", "within_type_r2", "linear", "culture"): "c: held out (R² within type)",
    ("d", "pooled_correlation", "linear", "neuron"): "d: as published (pooled r)",
    ("d", "within_type_r2", "linear", "culture"): "d: held out (R² within type)",
    ("trace", "published_mse", "none", "neuron"): "trace: as published (MSE)",
    ("trace", _TRACE_R2, "none", "culture"): "trace: held out (R²)",
    ("trace", _TRACE_SKILL, "none", "culture"): "trace: held out (skill)",
}  # fmt: skip
"""Target, metric, probe and split of each score of a replication, and its name."""


def find_scenario(rows: pd.DataFrame, folder: Path) -> Scenario | None:
    """The scenario that made the rows: from their folder, or one of simbench's; None if unknown.

    A scenario of the same name and version but with another digest is not the one.
    """
    name, digests = str(rows["scenario"].iloc[0]), set(rows["scenario_digest"])
    found = [read_scenario(folder)] if (folder / SCENARIO_FILE).is_file() else []
    found += [load_scenario(name)] if name in available_scenarios() else []
    for scenario in found:
        if digests <= {plain.digest() for plain in scenario.at_levels.values()}:
            return scenario
    return None


def rows_and_scenarios(folder: Path) -> tuple[pd.DataFrame, list[Scenario]]:
    """All rows below a folder, and the scenarios that made them, as far as these are known."""
    tables = {file.parent: read_rows(file) for file in row_files(folder)}
    found = [find_scenario(rows, home) for home, rows in tables.items()]
    return pd.concat(tables.values(), ignore_index=True), [s for s in found if s is not None]


def axis_name(scenario: Scenario | None) -> str:
    """What the levels of a scenario vary, with its unit."""
    if scenario is None or not scenario.levels:
        return "level"
    keys = (split_keys([joined])[0] for joined in scenario.levels)
    return ", ".join(_AXIS_NAMES.get(key, key) for key in keys)


def stratum_name(scenario: Scenario | None) -> str:
    """Within what numbers are scored; empty if within nothing."""
    if scenario is None or (scenario.recordings is None and scenario.within is None):
        return "firing type"
    return (scenario.within or "").replace("_", " ")


def level_label(level: str) -> str:
    """A level as one writes it: "15" for "15.0"."""
    return re.sub(r"\.0\b", "", level)


def is_log(x: pd.Series) -> bool:
    """Whether levels belong on a logarithmic axis: all positive, and a factor of 8 or more."""
    return bool(x.min() > 0 and x.max() / x.min() >= 8)


def level_scores(rows: pd.DataFrame, probe: str = "linear") -> dict[str, pd.DataFrame]:
    """Scores on held-out cultures at every level, for each target; empty with one level only.

    Where no label is recovered, the target is the trace, the score R2 of its reconstruction.

    Returns
    -------
    dict of DataFrame
        Columns ``method``, ``family``, ``level``, ``x`` (the level as a number, or its place in
        order if it is none), ``score``, ``low``, ``high`` (95 % bootstrap over cultures).
    """
    scored = rows[(rows["status"] == "ok") & (rows["split"] == "culture")]
    chosen = scored[(scored["probe"] == probe) & scored["metric"].isin(HEADLINE)]
    if chosen.empty:
        chosen = scored[scored["metric"] == _TRACE_R2]
    levels = list(dict.fromkeys(rows["level"]))
    if len(levels) < 2:
        return {}
    x = pd.to_numeric(pd.Series(levels, levels), errors="coerce")
    if x.isna().any():
        x = pd.Series(np.arange(len(levels), dtype=float), levels)
    tables: dict[str, list[dict]] = {}
    for (target, method, level), mine in chosen.groupby(["target", *_KEY], sort=False):
        low, high = _interval(mine["per_culture"])
        tables.setdefault(str(target), []).append(
            {
                "method": method, "family": mine["family"].iloc[0], "level": level,
                "x": x[level], "score": mine["value"].mean(), "low": low, "high": high,
            }
        )  # fmt: skip
    return {target: pd.DataFrame(lines) for target, lines in tables.items()}


def taught_curve(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Learning curve of the taught control beside what needs no teaching, for each target.

    Empty unless it was taught on several numbers of cultures. Columns are those of `level_scores`;
    the level is the number of cultures, and other methods have one score at all of them.
    """
    size = rows["method"].map(_n_taught)
    at_sizes = [
        rows[size.isna() | (size == n)].assign(level=f"{n:.0f}")
        for n in sorted(size.dropna().unique())
    ]
    if len(at_sizes) < 2:
        return {}
    named = rows["method"].where(size.isna(), TAUGHT)
    return level_scores(pd.concat([part.assign(method=named) for part in at_sizes]))


def _n_taught(method: str) -> float:
    """Cultures that have taught it; NaN for another method than the taught control."""
    name, settings = split_settings(method)
    known = METHODS[TAUGHT].parameters | settings
    return float(known["n_cultures"] if name == TAUGHT else "nan")


def has_sizes(scenario: Scenario | None) -> bool:
    """Whether the levels of a scenario are sizes of its cultures, and nothing else."""
    return scenario is not None and list(scenario.levels) == [_SIZE]


def cost_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of what methods cost, the dearest first.

    Returns
    -------
    DataFrame
        Columns ``method``, ``neurons`` (per culture), ``seconds`` (to fit and transform) and
        ``memory_mb`` (peak of the process meanwhile).
    """
    units = rows[rows["status"] == "ok"].drop_duplicates([*_KEY, "seed"])
    units = units.assign(neurons=units["level"].astype(int), memory_mb=units["peak_memory_mb"])
    cost = units.groupby(["method", "neurons"])[["seconds", "memory_mb"]].mean().reset_index()
    most = cost.groupby("method")["seconds"].transform("max")
    order = cost.assign(most=-most).sort_values(["most", "method", "neurons"])
    return order.drop(columns="most").reset_index(drop=True)


def has_reconstruction(rows: pd.DataFrame) -> bool:
    """Whether any method has reconstructed traces."""
    return bool((rows["metric"] == _TRACE_R2).any())


def reconstruction_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of reconstructions, mean over seeds.

    Returns
    -------
    DataFrame
        Index: method and level, in the order of the run. Columns ``values_per_minute`` (latent
        values per neuron), ``r2`` with ``low`` and ``high`` (95 % bootstrap interval over test
        cultures), ``skill``, ``coverage`` and ``nll`` (NaN without predictions), ``noisy_r2``
        (of the noisy trace itself, to which skill compares) and ``seconds``.
    """
    scored = rows[(rows["status"] == "ok") & rows["metric"].isin(_OF_RECONSTRUCTION)]
    units = scored[scored["metric"] == _TRACE_R2].groupby(_KEY, sort=False)
    table = _means(scored, "metric").reindex(index=units.size().index, columns=_OF_RECONSTRUCTION)
    table = table.rename(columns=_OF_RECONSTRUCTION)
    for place, end in enumerate(("low", "high")):
        table.insert(2 + place, end, units["per_culture"].agg(_interval).str[place])
    table["noisy_r2"] = _noisy_r2(scored)
    return table.assign(seconds=units["seconds"].mean())


def replication_table(rows: pd.DataFrame, scenario: Scenario | None = None) -> pd.DataFrame:
    """Scores of a published protocol and of simbench's own side by side, mean over seeds.

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
    names = [REPLICATED.get(key) for key in zip(*(scored[k] for k in _SCORE))]
    known = scored.assign(name=names).dropna(subset="name")
    units = scored.drop_duplicates(_KEY).assign(control=is_unranked(scored["family"]))
    units["place"] = pd.factorize(units["method"])[0]
    units = units.sort_values(["control", "place"], kind="stable").set_index(_KEY)
    table = _means(known, "name").reindex(index=units.index, columns=[*REPLICATED.values()])
    levels = scenario.at_levels if scenario else {}
    nus = {level: plain.imaging.nu for level, plain in levels.items() if plain.imaging}
    sigmas = {level: published_sigma(nu) for level, nu in nus.items() if nu is not None}
    table.insert(0, "sigma", [sigmas.get(level, np.nan) for _, level in units.index])
    table.insert(1, "latents", units["n_components"])
    return table


def over_levels(replication: pd.DataFrame) -> pd.DataFrame:
    """Mean of each score of a replication over its levels, one line per method."""
    return replication.drop(columns=["sigma", "latents"]).groupby("method", sort=False).mean()


def _means(rows: pd.DataFrame, columns: str) -> pd.DataFrame:
    return rows.pivot_table(index=_KEY, columns=columns, values="value", aggfunc="mean")


def _interval(per_culture: pd.Series) -> tuple[float, float]:
    """Bootstrap interval over the cultures of all rows."""
    return nested_interval(pd.Series(np.concatenate([np.array(v, float) for v in per_culture])))


def _noisy_r2(rows: pd.DataFrame) -> pd.Series:
    """R2 of the noisy trace by method and level: a share 1 - skill of its error is a method's."""
    r2, skill = (
        rows[rows["metric"] == metric].set_index([*_KEY, "seed"])["per_culture"]
        .explode().astype(float)
        for metric in (_TRACE_R2, _TRACE_SKILL)
    )  # fmt: skip
    noisy = 1 - (1 - r2) / (1 - skill).replace(0, np.nan)
    return noisy.groupby(_KEY).mean()
