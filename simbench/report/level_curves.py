"""Scores at the levels of a scenario: noise, duration and frame-rate curves."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from simbench.report.reconstruction import METRIC
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import (
    SCENARIO_FILE,
    available_scenarios,
    load_scenario,
    read_scenario,
)
from simbench.scoring import HEADLINE
from simbench.scoring.statistics import bootstrap_interval

_AXIS_NAMES = {
    "imaging.nu": "noise ν (%/√Hz)",
    "imaging.photons_per_s": "detected photons per second",
    "imaging.frame_rate_hz": "frame rate (Hz)",
    "culture.duration_s": "duration (s)",
    "culture.n_neurons": "neurons a culture",
    "imaging.culture_gain_sd": "s.d. of ln culture gain",
    "imaging.haze_sigma_mm": "reach of the haze (mm)",
    "imaging.neuropil": "neuropil (baselines)",
    "imaging.indicator": "indicator",
    "latents_per_minute": "latent values per neuron-minute",
    "n_components": "latents",
}
_POINT_ZERO = re.compile(r"\.0\b")


def find_scenario(rows: pd.DataFrame, folder: Path) -> Scenario | None:
    """The scenario that made the rows, from beside them or from those shipped; None if unknown.

    A scenario of the same name and version but with another digest is not the one.
    """
    name = str(rows["scenario"].iloc[0])
    found = []
    if (folder / SCENARIO_FILE).is_file():
        found.append(read_scenario(folder))
    if name in available_scenarios():
        found.append(load_scenario(name))
    digests = set(rows["scenario_digest"])
    for scenario in found:
        if digests <= {plain.digest() for plain in scenario.at_levels.values()}:
            return scenario
    return None


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
        chosen = scored[scored["metric"] == METRIC]
    levels = list(dict.fromkeys(rows["level"]))
    if len(levels) < 2:
        return {}
    x = _as_numbers(levels)
    tables: dict[str, list[dict]] = {}
    for (target, method, level), mine in chosen.groupby(["target", "method", "level"], sort=False):
        values = np.concatenate([np.array(v, dtype=float) for v in mine["per_culture"]])
        low, high = bootstrap_interval(values)
        tables.setdefault(str(target), []).append(
            {
                "method": method, "family": mine["family"].iloc[0], "level": level,
                "x": x[level], "score": mine["value"].mean(), "low": low, "high": high,
            }
        )  # fmt: skip
    return {target: pd.DataFrame(lines) for target, lines in tables.items()}


def axis_name(scenario: Scenario | None) -> str:
    """What the levels of a scenario vary, with its unit."""
    if scenario is None or not scenario.levels:
        return "level"
    return ", ".join(_AXIS_NAMES.get(key, key) for key in scenario.levels)


def level_label(level: str) -> str:
    """A level as one writes it: "15" for "15.0"."""
    return _POINT_ZERO.sub("", level)


def is_log(x: pd.Series) -> bool:
    """Whether levels belong on a logarithmic axis: all positive, and a factor of 8 or more."""
    return bool(x.min() > 0 and x.max() / x.min() >= 8)


def _as_numbers(levels: list[str]) -> dict[str, float]:
    try:
        return {level: float(level) for level in levels}
    except ValueError:
        return {level: float(place) for place, level in enumerate(levels)}
