"""Rows to what the page shows of each board and each method: plain values, no markup."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from simbench.benchmark.folds_and_trainings import mean_confusion
from simbench.board.leaderboard import Board, flat_table, is_replication, leaderboard
from simbench.board.scores_by_culture import OVERALL
from simbench.core.errors import SimbenchError
from simbench.core.files import read_json
from simbench.core.text import count, number
from simbench.data.real_cultures import told_inside
from simbench.methods.catalogue import UNRANKED_FAMILIES
from simbench.methods.registry import known_methods
from simbench.report import level_tables
from simbench.report.figures import draw_curves, draw_leaderboard, metric_name
from simbench.report.style import small_svg
from simbench.report.texts import REPLICATION_NOTE, in_words, replication_cells
from simbench.scenario.labels import LABELS
from simbench.scoring import HEADLINE
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.statistics import min_cultures

GROUPS = {
    "which firing type": (
        "quickstart", "firing-types", "firing-types-matched", "excitation", "firing-types-classic",
    ),
    "where between the types": ("continuous",),
    "which wiring": ("topologies", "tracks", "tracks-as-grown"),
    "real cells and cultures": ("recorded-cells", "recorded-cells-twins", "recorded-cultures"),
    "what noise, speed, light and unlike cells cost": (
        "noise-ladder", "frame-rate", "duration", "haze", "indicators", "batch", "cells",
    ),
    "how many labels, values, seconds": ("label-efficiency", "reconstruction", "scale"),
    "a published protocol, and what helps": (
        "abante2025", "abante2025-published-size", "ablation",
    ),
}  # fmt: skip
"""Scenarios by the question that they ask."""
OTHERS = "others"
_PROBES = ("linear", "nonlinear")
_URL_SAFE = " /:;=,.-+[]"
_TAGS = "<>'"  # as they are in an attribute between double quotes
_PIXELS_PER_PT = 1.65


def board_key(rows: pd.DataFrame, taken: Collection[str]) -> str:
    """Name of a board in the address of the page: its scenario, and of older ones the version."""
    first = rows.iloc[0]
    name = re.sub(r"[^\w.-]+", "-", str(first["scenario"]))
    version = f"{name}-v{first['scenario_version']}"
    names = (name, version, f"{version}-scoring-v{first['scoring_version']}")
    return next((each for each in names if each not in taken), f"{names[-1]}-{len(taken)}")


def board_data(key: str, title: str, rows: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """All that the page shows of one board but its pictures.

    ``key`` names it in ids of the page; a ``scenario.json`` beside its rows says what was asked.
    """
    scenario, name = level_tables.find_scenario(rows, folder), rows["scenario"].iloc[0]
    axis, within = level_tables.axis_name(scenario), level_tables.stratum_name(scenario)
    probes = [p for p in _PROBES if p == _PROBES[0] or (rows["probe"] == p).any()]
    return {
        "key": key, "title": title, "first": dict(rows.iloc[0]),
        "group": next((group for group, names in GROUPS.items() if name in names), OTHERS),
        "question": " ".join(scenario.question.split()) if scenario else "",
        "seeds": sorted(set(rows["seed"])),
        "digests": sorted(set(rows["scenario_digest"])),
        "versions": sorted(set(rows["simbench"].dropna())),
        "views": [view_data(rows, probe, axis, within) for probe in probes],
        "further": _further_metrics(rows),
        "replication": _replication(rows) if is_replication(rows) else {},
    }  # fmt: skip


def view_data(
    rows: pd.DataFrame, probe: str, axis: str, within: str = "firing type"
) -> dict[str, Any]:
    """Table, figures and tests of one board with one probe."""
    board = leaderboard(rows, probe, within)
    targets = board.targets
    tested = targets if len(targets) == 1 else [OVERALL, *targets]
    letters = board.table["method", "letters"]
    lines = [
        {
            "method": str(method), "settings_tried": np.nan, **line["method"],
            "targets": [dict(line[t]) for t in targets],
            "tied": _tied(str(method), letters),
        }
        for method, line in board.table.iterrows()
    ]  # fmt: skip
    figures = {"leaderboard": _figure(draw_leaderboard(board))} if targets else {}
    csv = flat_table(board.table).reset_index().to_csv(index=False, float_format="%.6g")
    levels = level_tables.level_scores(rows, probe)
    if levels:
        figures["curves"] = _figure(draw_curves(board, levels, axis))
    return {
        "probe": probe,
        "targets": [{"name": in_words(name), "meaning": _meaning(name, board)} for name in targets],
        "finding": _finding(board),
        "ranked": [line for line in lines if line["family"] not in UNRANKED_FAMILIES],
        "controls": [line for line in lines if line["family"] in UNRANKED_FAMILIES],
        "confusions": [
            c for name in targets for c in _confusions(rows[rows["probe"] == probe], board, name)
        ],
        "figures": figures,
        "axis": axis,
        "csv": f"data:text/csv;charset=utf-8,{quote(csv, _URL_SAFE)}",
        "tests": [_tests(board, t) for t in tested if targets and not board.is_replication],
    }


def _tied(method: str, letters: pd.Series) -> list[str]:
    """Methods that share a letter with this one."""
    mine = set(str(letters[method]))
    return [str(name) for name, given in letters.items() if name != method and mine & set(given)]


def _figure(figure: Figure) -> dict[str, Any]:
    """Address of a figure in the page, and its width there in pixels."""
    drawn = small_svg(figure)
    width_pt = float(re.findall(r"width='([\d.]+)pt'", drawn)[0])
    uri = f"data:image/svg+xml,{quote(drawn, _URL_SAFE + _TAGS)}"
    return {"uri": Markup(uri), "width": round(_PIXELS_PER_PT * width_pt)}


def _meaning(target: str, board: Board) -> str:
    meaning = LABELS[target].meaning if target in LABELS else ""
    return f"{metric_name(target, board)}: {meaning}"


def _meaning_of_metric(target: str, metric: str) -> str:
    """What a metric says, and of which label."""
    words = METRICS[metric].meaning if metric in METRICS else in_words(metric)
    return f"{words}. Label: {LABELS[target].meaning}" if target in LABELS else words


def _replication(rows: pd.DataFrame) -> dict[str, Any]:
    """A published protocol and held-out cultures, mean over all levels and seeds."""
    means = level_tables.over_levels(level_tables.replication_table(rows))
    meanings = {
        name: _meaning_of_metric(target, metric)
        for (target, metric, *_), name in level_tables.REPLICATED.items()
    }
    columns = {name: meanings[name] for name in means}
    return {"note": REPLICATION_NOTE, "columns": columns, "lines": replication_cells(means)}


def _further_metrics(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean of every further metric on held-out cultures, by method; empty without any."""
    is_further = rows["metric"].notna() & ~rows["metric"].isin(HEADLINE)
    mine = rows[(rows["status"] == "ok") & is_further & (rows["split"] != "neuron")]
    if mine.empty:
        return {}
    names = mine[["target", "metric", "probe"]].fillna("").astype(str).replace("none", "")
    what = names.apply(lambda row: " · ".join(in_words(part) for part in row if part), axis=1)
    table = mine.assign(what=what).pivot_table(
        index="method", columns="what", values="value", aggfunc="mean", sort=False
    )
    lines = [[method, *(number(v, ".3g") for v in line)] for method, *line in table.itertuples()]
    meanings = dict(zip(what, map(_meaning_of_metric, mine["target"], mine["metric"])))
    return {"columns": {name: meanings[name] for name in table}, "lines": lines}


def _confusions(rows: pd.DataFrame, board: Board, target: str) -> Iterator[dict[str, Any]]:
    """Which class neurons are given, by the best method, the avae and true spikes."""
    scores = board.scores[target]
    ranked = [method for method in board.ranked if method in scores]
    best = scores[ranked].mean().idxmax() if ranked else None
    for method in dict.fromkeys([best, "avae", "spikes"]):
        mine = rows[(rows["method"] == method) & (rows["target"] == target)]
        found = [c for c in mine["confusion"] if isinstance(c, dict)]
        if found:
            table = mean_confusion(found)
            yield {
                "target": in_words(target), "method": method, "classes": list(table),
                "lines": [[kind, *(number(v) for v in line)] for kind, *line in table.itertuples()],
            }  # fmt: skip


def _tests(board: Board, target: str) -> dict[str, Any]:
    """Adjusted p of one target, methods by their score, best first."""
    scores, p = board.scores[target], board.p_values[target]
    order = scores[p.columns].mean().sort_values(ascending=False, kind="stable").index
    values = dict(zip(map(str, order), p.loc[order, order].to_numpy().tolist()))
    return {"target": in_words(target), "n": len(scores), "p": values}


def _finding(board: Board) -> dict[str, Any]:
    """Who leads, who is tied with it, and whether the test cultures can tell methods apart."""
    recovery, is_best = board.table["method", "recovery"], board.table["method", "is_best"]
    placed = [method for method in board.ranked if np.isfinite(recovery[method])]
    return {
        "is_replication": board.is_replication,
        "best": placed[0] if placed else None,
        "tied": [method for method in placed[1:] if is_best[method]],
        "n_placed": len(placed),
        "n_cultures": len(board.scores[OVERALL]),
        "n_needed": min_cultures(max(len(placed), 2)),
    }


def like_real(table: pd.DataFrame) -> dict[str, str]:
    """By scenario, how many statistics of its cultures lie in the range of real ones, and the rest.

    The table is ``cultures.csv`` of `simbench validate`.
    """
    whole = table[table["condition"].isna()]
    return {str(scenario): told_inside(mine) for scenario, mine in whole.groupby("scenario")}


def method_cards(rows: pd.DataFrame, folders: Iterable[Path]) -> list[dict[str, Any]]:
    """What each method is, where it comes from, what it costs; links are http(s) only.

    Cards of submissions lie in ``submissions/`` of folders of results.
    """
    submitted = {card["name"]: card for folder in folders for card in _read_cards(folder)}
    known, cards = known_methods(), []
    for method, mine in rows.groupby("method", sort=True):
        entry, card = known.get(str(method)), submitted.get(method, {})
        plain = known.get(str(method).partition("[")[0])  # the method without its settings
        facts = {key: value for key, value in card.items() if key not in ("name", "link")}
        if entry:
            facts = {"source": entry.source, "settings": entry.parameters}
        if mine["n_parameters"].notna().any():
            facts["parameters"] = count(float(mine["n_parameters"].mean()))
        facts = {in_words(k): _plain(v) for k, v in facts.items() if v not in (None, "", {})}
        about = {"method": str(method), "family": str(mine["family"].iloc[0]), "facts": facts}
        summary = plain.summary if plain else ""
        cards.append({**about, "summary": summary, "link": safe_link(card.get("link"))})
    return cards


def safe_link(link: Any) -> str:
    """Address of an http(s) or doi link; anything else is empty."""
    if not isinstance(link, str):
        return ""
    if link.startswith("doi:10."):
        return "https://doi.org/" + quote(link.removeprefix("doi:"), safe="/.;()-_:")
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return link if parts.scheme in ("http", "https") and parts.netloc else ""


def _read_cards(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("submissions/*.json")):
        card = read_json(path)
        if not isinstance(card.get("name"), str):
            raise SimbenchError(f"{path}: lacks 'name'")
        yield card


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
