"""The tables of results as Markdown, and the words that stand with them."""

import numpy as np
import pandas as pd

from simbench.board.leaderboard import Board, targets_of
from simbench.board.scores_by_culture import OVERALL
from simbench.core.text import MISSING, count, duration, markdown_table, memory, number
from simbench.methods.catalogue import UNRANKED_FAMILIES
from simbench.report.level_tables import over_levels

REPLICATION_NOTE = (
    "A replication of the protocol of arXiv 2501.14615, not a ranking. In its design a culture has "
    "one firing type, so that type and culture are confounded: a score on neurons of cultures seen "
    "in training may be the culture's, not the type's. As published: neurons of all cultures split "
    "80 to 20; DBSCAN with eps chosen by the ARI that is reported, of clean traces; c and d by a "
    "correlation over all types; error between two scalings. Held out: whole cultures never seen; "
    "k-means without labels; c and d within type; the trace in dF/F against the clean one."
)
_OF_TRACES = "recovery_of_traces"
_RECONSTRUCTION_NOTE = (
    "R² of the clean trace on held-out cultures, mean over cultures and seeds, by {axis}. "
    "Coverage: share of frames inside the 90 % predictive interval. NLL: negative log likelihood "
    "of the next frame, in nats. Time: of one fit and transform."
)


def leaderboard_text(board: Board) -> str:
    """Leaderboard and paired tests over all targets as Markdown."""
    note = f"{REPLICATION_NOTE}\n\n" if board.is_replication else ""
    table = markdown_table(*readable(board.table), n_text=2)
    return f"{note}{table}\n{_pairwise_text(board.p_values[OVERALL])}"


def readable(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and cells of a leaderboard as text."""
    targets = targets_of(table)
    header = ["", "method", "recovery", "ties"]
    for target in targets:
        header += [in_words(target), "leakage gap"]
        if _OF_TRACES in table[target]:
            header.append("share of what traces hold")
    header += ["coverage", "latents", "time", "memory", "parameters"]
    if "settings_tried" in table["method"]:
        header.append("settings tried")
    cells = []
    for method, line in table.iterrows():
        about = line["method"]
        unranked = about["family"] in UNRANKED_FAMILIES
        name = f"{method} ({about['family']})" if unranked else str(method)
        row = [number(about["rank"], ".0f") if np.isfinite(about["rank"]) else "", name]
        if about["coverage"] == 0 and about["status"] != "ok":
            cells.append([*row, f"failed: {about['status']}", *[""] * (len(header) - 3)])
            continue
        row += [number(about["recovery"]), str(about["letters"])]
        for target in targets:
            score, low, high, gap = line[target][["score", "low", "high", "leakage_gap"]]
            interval = f" [{number(low)}, {number(high)}]" if np.isfinite(score) else ""
            row += [number(score) + interval, number(gap, "+.2f")]
            if _OF_TRACES in line[target]:
                row.append(number(line[target][_OF_TRACES]))
        row += [number(about["coverage"], ".0%"), number(about["latents"], ".0f")]
        row += [duration(about["seconds"]), memory(about["memory_mb"])]
        row.append(count(about["parameters"]))
        if "settings_tried" in about:
            tried = about["settings_tried"]
            row.append(number(tried, ".0f") if np.isfinite(tried) else "not counted")
        cells.append(row)
    return header, cells


def _pairwise_text(p: pd.DataFrame) -> str:
    """Adjusted p of the methods that are compared, best first; empty if none are."""
    if p.empty:
        return ""
    lines = [
        [f"{i + 1} {name}", *(number(v, ".3f") for v in line[:i]), *[""] * (len(p) - i)]
        for i, (name, line) in enumerate(zip(p, p.to_numpy()))
    ]
    return markdown_table([f"Adjusted p, {OVERALL}", *map(str, range(1, len(p) + 1))], lines)


def cost_text(cost: pd.DataFrame) -> str:
    """One line per method, one column per size of the culture."""
    spent = [f"{duration(s)}, {memory(mb)}" for s, mb in zip(cost["seconds"], cost["memory_mb"])]
    methods = cost["method"].unique()
    table = cost.assign(spent=spent).pivot_table("spent", "method", "neurons", "first")
    cells = table.reindex(methods).fillna(MISSING).itertuples()
    return markdown_table(["method", *(f"{size} neurons" for size in table)], cells)


def reconstruction_text(table: pd.DataFrame, axis: str) -> str:
    """One line per method, one column per level."""
    r2 = table.pivot_table(index="method", columns="level", values="r2", sort=False)
    means = table.groupby("method", sort=False)[["coverage", "nll", "seconds"]].mean()
    lines = []
    for method, coverage, nll, seconds in means.itertuples():
        about = [number(coverage, ".1%"), number(nll), duration(seconds)]
        lines.append([method, *(number(value, ".3f") for value in r2.loc[method]), *about])
    noisy = table["noisy_r2"].groupby("level").mean()[r2.columns]
    lines.append(["the noisy trace", *(number(v, ".3f") for v in noisy), *[MISSING] * 3])
    header = ["method", *(level or "R²" for level in r2), "coverage", "NLL", "time"]
    return f"{_RECONSTRUCTION_NOTE.format(axis=axis)}\n\n{markdown_table(header, lines)}"


def replication_text(table: pd.DataFrame) -> str:
    """A note, the means over all levels, and every level."""
    parts = (over_levels(table), table.droplevel("level"))
    means, every = (markdown_table(["method", *part], replication_cells(part)) for part in parts)
    return f"{REPLICATION_NOTE}\n\nMean over all levels:\n\n{means}\nEvery level:\n\n{every}"


def replication_cells(table: pd.DataFrame) -> list[list[str]]:
    """Every line of a replication as text: the method, then its values."""
    forms = {"latents": ".0f", "sigma": ".2g", "trace: as published (MSE)": ".2g"}
    return [
        [str(method), *(number(value, forms.get(name, ".2f")) for name, value in line.items())]
        for method, line in table.iterrows()
    ]


def in_words(name: str) -> str:
    """Name of a label or metric as plain words."""
    return str(name).replace("_", " ")


def p_value(p: float) -> str:
    """An adjusted p as short as can be: "<.001", ".034", "1"."""
    if not np.isfinite(p):
        return MISSING
    return "<.001" if p < 0.001 else f"{p:.2g}".removeprefix("0")
