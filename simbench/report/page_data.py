"""Rows to what the page shows: plain values, no markup."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.board.leaderboard import (
    OVERALL,
    Board,
    count,
    duration,
    is_replication,
    make_board,
    memory,
    number,
)
from simbench.report import svg
from simbench.report.level_curves import axis_name, find_scenario, is_log, level_scores
from simbench.report.replication import NOTE, cells, over_levels, replication_table
from simbench.scenario.labels import LABELS
from simbench.scoring import HEADLINE
from simbench.scoring.statistics import min_cultures

PROBES = ("linear", "nonlinear")
_ALPHA = 0.05
_METRIC_NAMES = {
    "class": "balanced accuracy",
    "number": "R² within firing type",
    "trace": "R² of the clean trace",
}


def board_data(key: str, title: str, rows: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """All that the page shows of one board but its pictures.

    Parameters
    ----------
    key : str
        Names the board in ids of the page.
    title : str
    rows : DataFrame
        Rows of the board.
    folder : Path
        Where the rows lie; a ``scenario.json`` there says what was asked.
    """
    scenario = find_scenario(rows, folder)
    first = rows.iloc[0]
    digests = sorted(set(rows["scenario_digest"]))
    return {
        "key": key,
        "title": title,
        "name": str(first["scenario"]),
        "question": " ".join(scenario.question.split()) if scenario else "",
        "facts": [
            ("scenario", f"{first['scenario']} version {first['scenario_version']}"),
            ("scoring", f"version {first['scoring_version']}"),
            ("seeds", ", ".join(str(s) for s in sorted(set(rows["seed"])))),
            ("digest", ", ".join(d[:12] for d in digests[:3]) + (" …" if len(digests) > 3 else "")),
            ("made with", ", ".join(sorted({f"simbench {v}" for v in rows["simbench"].dropna()}))),
        ],
        "views": [
            view_data(rows, probe, axis_name(scenario))
            for probe in PROBES
            if (rows["probe"] == probe).any() or probe == PROBES[0]
        ],
        "others": other_metrics(rows),
        "replication": replication(rows) if is_replication(rows) else {},
    }


def replication(rows: pd.DataFrame) -> dict[str, Any]:
    """A published protocol beside held-out cultures, mean over all levels and seeds."""
    means = over_levels(replication_table(rows))
    return {"note": NOTE, "columns": list(means.columns), "lines": cells(means)}


def view_data(rows: pd.DataFrame, probe: str, axis: str) -> dict[str, Any]:
    """Table, bars, tests and curves of one board with one probe."""
    board = make_board(rows, probe)
    table, targets, ranked = board.table, board.targets, board.ranked
    tested = targets if len(targets) == 1 else [OVERALL, *targets]
    if board.is_replication or not targets:
        tested = []
    tests = {target: _matrix(board, target) for target in tested}
    return {
        "probe": probe,
        "targets": [_target(name) for name in targets],
        "finding": _finding(board),
        "ranked": [_line(m, table, targets) for m in ranked],
        "controls": [_line(m, table, targets) for m in table.index if m not in ranked],
        "bars": [{**_target(name), **svg.bars(table, name)} for name in targets],
        "tests": [{"target": _readable(t), **matrix} for t, matrix in tests.items()],
        "curves": [
            {**_target(name), "axis": axis, **svg.curves(levels, is_log(levels["x"]))}
            for name, levels in level_scores(rows, probe).items()
        ],
    }


def other_metrics(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean of every further metric on held-out cultures, by method; empty without any."""
    mine = rows[
        (rows["status"] == "ok")
        & rows["metric"].notna()
        & ~rows["metric"].isin(HEADLINE)
        & (rows["split"] != "neuron")
    ]
    if mine.empty:
        return {}
    names = mine[["target", "metric", "probe"]].fillna("").astype(str).replace("none", "")
    what = names.apply(lambda row: " · ".join(_readable(part) for part in row if part), axis=1)
    table = mine.assign(what=what).pivot_table(
        index="method", columns="what", values="value", aggfunc="mean", sort=False
    )
    return {
        "columns": list(table.columns),
        "lines": [
            (str(m), [number(v, ".3g") for v in line])
            for m, line in zip(table.index, table.to_numpy())
        ],
    }


def _readable(name: str) -> str:
    return str(name).replace("_", " ")


def _target(name: str) -> dict[str, str]:
    label = LABELS.get(name)
    return {
        "name": _readable(name),
        "meaning": label.meaning if label else "",
        "metric": _METRIC_NAMES[label.kind if label else "trace"],
    }


def _line(method: str, table: pd.DataFrame, targets: list[str]) -> dict[str, Any]:
    line = table.loc[method]
    about = line["method"]
    rank = int(about["rank"]) if np.isfinite(about["rank"]) else 0
    return {
        "method": str(method),
        "rank": rank,
        "family": str(about["family"]),
        "family_class": svg.family_class(about["family"]),
        "status": about["status"],
        "failed": about["status"] != "ok" and about["coverage"] == 0,
        "group": _cell(about["group"], number(about["group"], ".0f")),
        "recovery": _placed(about["recovery"], about["recovery_low"], about["recovery_high"]),
        "targets": [_target_cells(line[target]) for target in targets],
        "cost": [
            _cell(about["coverage"], number(about["coverage"], ".0%")),
            _cell(about["latents"], number(about["latents"], ".0f")),
            _cell(about["seconds"], duration(about["seconds"])),
            _cell(about["memory_mb"], memory(about["memory_mb"])),
            _cell(about["parameters"], count(about["parameters"])),
        ],
    }


def _target_cells(line: pd.Series) -> dict[str, Any]:
    return {
        "recovery": _placed(line["recovery"], line["recovery_low"], line["recovery_high"]),
        "gap": _cell(line["leakage_gap"], number(line["leakage_gap"], "+.2f")),
    }


def _cell(value: float, text: str) -> dict[str, Any]:
    return {"v": f"{value:.6g}" if np.isfinite(value) else "", "text": text.replace("-", "−")}


def _placed(value: float, low: float, high: float) -> dict[str, Any]:
    interval = f"[{number(low)}, {number(high)}]" if np.isfinite([low, high]).all() else ""
    return {
        **_cell(value, number(value)),
        "interval": interval.replace("-", "−"),
        "above": bool(np.isfinite(value) and value > 1),
    }


def _matrix(board: Board, target: str) -> dict[str, Any]:
    """Lower triangle of adjusted p, best method first."""
    scores, p = board.scores[target], board.p_values[target]
    order = scores[p.columns].mean().sort_values(ascending=False, kind="stable").index
    values = p.loc[order, order].to_numpy()
    return {
        "n": len(scores),
        "methods": [str(m) for m in order],
        "cells": [[_p_cell(values[i, j]) for j in range(i)] for i in range(len(order))],
    }


def _p_cell(p: float) -> tuple[bool, str]:
    if not np.isfinite(p):
        return False, "–"
    if p < 0.001:
        return True, "<.001"
    return p < _ALPHA, "1" if p > 0.9995 else f"{p:.3f}".removeprefix("0")


def _finding(board: Board) -> list[str]:
    """Two plain sentences: who leads and by how much, and what the tests can say at all."""
    if board.is_replication:
        return ["A replication of a published protocol: nobody is ranked, and no method compared."]
    table = board.table
    if not board.targets:
        return ["No label is asked for, so nobody is ranked: the scores are those of the traces."]
    placed = [m for m in board.ranked if np.isfinite(table.loc[m, ("method", "recovery")])]
    if not placed:
        return ["No method has a recovery on all targets, so none is ranked."]
    best = table.loc[placed[0], "method"]
    lead = (
        f"Highest recovery: {placed[0]}, {number(best['recovery'])} "
        f"[{number(best['recovery_low'])}, {number(best['recovery_high'])}] of the way from chance "
        "to what the true spikes hold, on cultures that it never saw."
    )
    n = len(board.scores[OVERALL])
    if len(placed) < 2:
        return [lead]
    needed = min_cultures(len(placed))
    if n < needed:
        return [
            lead,
            f"{n} test cultures can't tell {len(placed)} methods apart (at least {needed} are "
            "needed): intervals can be read, ranks can't be claimed.",
        ]
    level = [m for m in placed[1:] if table.loc[m, ("method", "group")] == best["group"]]
    tail = f"Tied with it: {', '.join(level)}." if level else "No other method ties with it."
    return [lead, f"{n} test cultures. {tail}"]
