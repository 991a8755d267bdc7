"""What the paper says of real recordings and of learned filters, from committed tables."""

from pathlib import Path
from typing import Any

import pandas as pd
from facts import signed

from simbench.board.reality_boards import verdicts
from simbench.core.text import number
from simbench.report.validation.optics_report import GAIN_RULE

_CLASSIC = "firing-types-classic"


def reality(results: Path) -> dict[str, Any]:
    """Numbers and tables by kind of validation, as text; a kind without its table is left out."""
    made = {"ranks": _ranks, "cultures": _cultures, "optics": _optics, "filters": _filters}
    files = {name: results / "validation" / f"{name}.csv" for name in made}
    return {name: made[name](pd.read_csv(file)) for name, file in files.items() if file.is_file()}


def _ranks(table: pd.DataFrame) -> dict[str, Any]:
    found = verdicts(table)
    fixed, later = found[~found["is_later"]], found[found["is_later"]]
    by_board = {
        str(board): {
            "tau": _range(mine["tau"]),
            "families": _range(mine["tau_families"]),
            "concordance": _range(mine["concordance"]),
            "pairs": f"{mine['n_pairs'].min():.0f} to {mine['n_pairs'].max():.0f}",
            "above_zero": str((mine["tau_low"] > 0).sum()),
            "below_zero": str((mine["tau_high"] < 0).sum()),
        }
        for board, mine in table[table["kind"] != "suite"].groupby("board", sort=False)
    }
    (mean,) = table.loc[table["kind"] == "suite mean", "board"].unique()
    means = found[found["board"] == mean].set_index("target")
    each = table[table["kind"] == "suite"].groupby("target")["tau"].mean()[means.index]
    turned = (each >= means["least"]).astype(int) - means["kept"]
    return {
        "methods": str(table["n_methods"].max()).removesuffix(".0"),
        "animals": str(table["n_animals"].max()),
        "labels": str(table["target"].nunique()),
        "labels_fixed": str(fixed["target"].nunique()),
        "mean": mean,
        "boards": by_board,
        "checks": str(len(fixed)),
        "kept": str(fixed["kept"].sum()),
        "kept_each": str(fixed["kept"].sum() + turned[~means["is_later"]].sum()),
        "mean_each": _range(each),
        "later": str(len(later)),
        "kept_later": str(later["kept"].sum()),
        "twins_tau_kept": str(_of_twins(fixed, "tau")["kept"].sum()),
        "twins_concordance_kept": str(_of_twins(fixed, "concordance")["kept"].sum()),
        "lines": [
            [
                line.board.replace("recorded-cells-", ""),
                line.target.replace("_", " ") + "*" * line.is_later,
                line.measure, f"≥ {line.least:g}",
                signed(line.found), "kept" if line.kept else "missed",
            ]
            for line in found.itertuples()
        ],
    }  # fmt: skip


def _of_twins(found: pd.DataFrame, measure: str) -> pd.DataFrame:
    return found[found["board"].str.endswith("twins") & (found["measure"] == measure)]


def _cultures(table: pd.DataFrame) -> dict[str, Any]:
    table = table[table["condition"].isna()]
    values = table.pivot_table(index="scenario", columns="statistic", values="value", sort=False)
    table = table[table["scenario"].isin(values.drop_duplicates().index)]  # some share cultures
    inside, heard, held_out = (
        (table[column].abs() <= 1).groupby(table["scenario"], sort=False).sum()
        for column in ("distance", "as_electrodes", "held_out")
    )
    n_statistics = table["statistic"].nunique()
    return {
        "statistics": str(n_statistics),
        "sets": str(len(inside)),
        "whole": str((inside == n_statistics).sum()),
        "whole_held_out": str((held_out == n_statistics).sum()),
        "whole_as_electrodes": str((heard == n_statistics).sum()),
        "fewest_as_electrodes": str(heard.drop(_CLASSIC, errors="ignore").min()),
        "inside": {str(name): str(count) for name, count in inside.items()},
        "values": {
            str(name): {str(key): number(value) for key, value in line.items()}
            for name, line in values.iterrows()
        },
    }


def _optics(table: pd.DataFrame) -> dict[str, Any]:
    in_vivo, culture = (table[table["model"] == model] for model in ("in vivo", "culture"))
    kernels = table[table["model"] == "best linear kernel"].set_index("indicator")
    lines = [
        [
            line.indicator, str(line.cells), number(line.r),
            number(kernels.loc[line.indicator, "r"]), number(line.gain), number(line.ev_gain),
        ]
        for line in in_vivo.itertuples()
    ]  # fmt: skip
    return {
        "cells": str(in_vivo["cells"].sum()),
        "r": _range(in_vivo["r"]),
        "r_culture": _range(culture["r"]),
        "gain": _range(in_vivo["gain"]),
        "rule": " to ".join(map(str, GAIN_RULE)),
        "gains_kept": str((in_vivo["verdict"] == "kept").sum()),
        "indicators": str(len(in_vivo)),
        "peak": _range(in_vivo["peak_simulated"] / in_vivo["peak"]),
        "lines": lines,
    }


def _filters(table: pd.DataFrame) -> dict[str, Any]:
    """Scores by encoder and target: with the fewest cultures, and with the most."""
    headline = table[table["metric"] != "information_bits"]
    ends = headline["cultures"].agg(["min", "max"])
    scores = headline.pivot_table("value", ["cultures", "encoder"], "target").map(number)
    first, last = (scores.loc[ends[end]].to_dict("index") for end in ("min", "max"))
    return {
        "fewest": f"{ends['min']:,}", "most": f"{ends['max']:,}", "from": first, "to": last,
    }  # fmt: skip


def _range(values: pd.Series) -> str:
    return f"{signed(values.min())} to {signed(values.max())}" if values.notna().any() else "–"
