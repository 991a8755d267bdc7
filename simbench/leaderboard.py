"""Rows in, ranked table out, with bootstrap intervals over test cultures."""

from typing import Any

import numpy as np
import pandas as pd

from simbench.seeds import stream

_N_BOOTSTRAP = 2000


def leaderboard(rows: pd.DataFrame, probe: str = "linear") -> pd.DataFrame:
    """One line a method: scores on held-out cultures, placed between chance and oracle.

    Parameters
    ----------
    rows : DataFrame
        Rows of one scenario (``simbench.benchmark.run``), any number of seeds.
    probe : {"linear", "nonlinear"}

    Returns
    -------
    DataFrame
        Index: method, best first by mean recovery, controls last. Columns for each target:
        ``score``, ``low`` and ``high`` (95 % bootstrap interval over test cultures),
        ``recovery``, ``leakage_gap`` (score of the neuron-level split minus this one); then
        ``recovery``, ``latents``, ``seconds``, ``status`` for the method.
    """
    lines = {}
    for method, mine in rows.groupby("method", sort=False):
        scored = mine[(mine["status"] == "ok") & (mine["probe"] == probe)]
        line: dict[tuple[str, str], Any] = {}
        for target, table in scored.groupby("target", sort=False):
            line |= {(str(target), key): value for key, value in _summary(table).items()}
        recoveries = [value for (_, key), value in line.items() if key == "recovery"]
        targets = rows["target"].dropna().nunique()
        line["method", "recovery"] = np.mean(recoveries) if len(recoveries) == targets else np.nan
        line["method", "family"] = mine["family"].iloc[0]
        line["method", "latents"] = mine["n_components"].iloc[0]
        line["method", "seconds"] = mine.groupby("seed")["seconds"].first().mean()
        failed = mine.loc[mine["status"] != "ok", "error"]
        line["method", "status"] = failed.iloc[0] if len(failed) else "ok"
        lines[str(method)] = line
    table = pd.DataFrame.from_dict(lines, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    table.index.name = "method"
    control = (table["method", "family"] == "control").rename("control")
    order = pd.concat([control, -table["method", "recovery"].rename("recovery")], axis=1)
    return table.loc[order.sort_values(["control", "recovery"], kind="stable").index]


def bootstrap_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over cultures; NaN for fewer than two."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return float("nan"), float("nan")
    draws = stream(0, "bootstrap").integers(len(values), size=(_N_BOOTSTRAP, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _summary(table: pd.DataFrame) -> dict[str, float]:
    """Score, interval, recovery and leakage gap of one method on one target, over all seeds."""
    held_out = table[table["split"] == "culture"]
    leaky = table[table["split"] == "neuron"]
    values = np.concatenate([np.array(v, dtype=float) for v in held_out["per_culture"]])
    low, high = bootstrap_interval(values)
    score, chance, ceiling = (held_out[key].mean() for key in ("value", "chance", "ceiling"))
    return {
        "score": score,
        "low": low,
        "high": high,
        "recovery": (score - chance) / (ceiling - chance) if ceiling > chance else np.nan,
        "leakage_gap": leaky["value"].mean() - score,
    }


def flat_table(table: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard with plain column names, for CSV."""
    flat = table.copy()
    flat.columns = [key if group == "method" else f"{group}_{key}" for group, key in table.columns]
    return flat


def markdown(table: pd.DataFrame) -> str:
    """The leaderboard as a Markdown table, numbers as people read them."""
    header, cells = readable(table)
    lines = [header, ["---"] * 2 + ["---:"] * (len(header) - 2), *cells]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def targets_of(table: pd.DataFrame) -> list[str]:
    """Targets that a leaderboard holds."""
    groups = dict.fromkeys(table.columns.get_level_values(0))
    return [group for group in groups if group != "method"]


def readable(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the leaderboard as text."""
    targets = [
        group for group in dict.fromkeys(table.columns.get_level_values(0)) if group != "method"
    ]
    header = ["", "method", "recovery"]
    for target in targets:
        header += [target.replace("_", " "), "leakage gap"]
    header += ["latents", "seconds"]
    cells = []
    rank = 0
    for method, line in table.iterrows():
        is_control = line["method", "family"] == "control"
        rank += not is_control
        row = [
            "" if is_control else str(rank),
            f"{method} (control)" if is_control else str(method),
        ]
        if line["method", "status"] != "ok":
            failure = str(line["method", "status"]).replace("|", "/")
            cells.append([*row, f"failed: {failure}", *[""] * (len(header) - 3)])
            continue
        row.append(_number(line["method", "recovery"]))
        for target in targets:
            low, high = _number(line[target, "low"]), _number(line[target, "high"])
            row.append(f"{_number(line[target, 'score'])} [{low}, {high}]")
            row.append(_number(line[target, "leakage_gap"], sign=True))
        row += [f"{line['method', 'latents']:.0f}", f"{line['method', 'seconds']:.1f}"]
        cells.append(row)
    return header, cells


def _number(value: float, sign: bool = False) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:+.2f}" if sign else f"{value:.2f}"
