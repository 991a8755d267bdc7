"""All scenarios in one table and one figure: scores on their first targets."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simbench.board.leaderboard import (
    UNRANKED_SCENARIOS,
    Board,
    is_replication,
    leaderboard,
    newest_boards,
)
from simbench.board.shared_cultures import culture_sets
from simbench.core.files import write_text
from simbench.core.text import MISSING, markdown_table, number
from simbench.report.figures import name_above
from simbench.report.level_tables import rows_and_scenarios
from simbench.report.style import METHOD_COLORS, PAGE, save, use_style
from simbench.scenario.scenario import Scenario
from simbench.scoring.statistics import min_cultures

BEST_LINEAR = "best linear"
_CONTROLS = ("untrained", "spikes-frames")
_COLUMNS = [
    "scenario", "target", "shown_as", "method", "score", "low", "high", "chance", "ceiling",
    "recovery", "recovery_low", "recovery_high", "is_best", "n_cultures",
    "culture_set",
]  # fmt: skip


def write_summary(folder: Path) -> pd.DataFrame:
    """Write ``summary.csv``, ``.md``, ``.png`` and ``.svg`` of all results below a folder.

    Returns
    -------
    DataFrame
        As `summarise_boards`; nothing is written where it is empty.
    """
    summary = summarise_boards(*rows_and_scenarios(folder))
    if len(summary):
        path = (folder if folder.is_dir() else folder.parent) / "summary"
        write_text(path.with_suffix(".csv"), summary.to_csv(index=False, float_format="%.6g"))
        write_text(path.with_suffix(".md"), summary_text(summary))
        save(draw_summary(summary), path.with_suffix(".png"), path.with_suffix(".svg"))
    return summary


def summarise_boards(rows: pd.DataFrame, scenarios: Sequence[Scenario] = ()) -> pd.DataFrame:
    """Scores of the methods that make the point, on the first target of every scenario.

    Parameters
    ----------
    rows : DataFrame
        Of any number of scenarios; of one in several versions, the newest counts.
    scenarios : sequence of Scenario
        Those that are known, to say which of them see the same cultures.

    Returns
    -------
    DataFrame
        One row per scenario and method shown, with score and recovery, their 95 % bootstrap
        intervals over test cultures, and whether it ``is_best``: not
        significantly below the best of the scenario's whole leaderboard. Scenarios of one
        ``culture_set`` see the same cells, or cultures of the same wiring, and count as one.
        Left out are replications, the ablation, and scenarios with too few test cultures to tell
        their methods apart, such as ladders. The others are sorted by the recovery of their best
        method, highest first. "best linear" is the linear method that scores highest on the
        cultures shown.
    """
    lines = [
        line
        for name, mine in newest_boards(rows).items()
        if not (name in UNRANKED_SCENARIOS or is_replication(mine))
        for line in _lines(name, leaderboard(mine))
    ]
    summary = pd.DataFrame(lines, columns=_COLUMNS)
    shown = (s for s in scenarios if s.name in set(summary["scenario"]))
    sets = culture_sets(shown, same="wiring")
    summary["culture_set"] = summary["scenario"].map(sets).fillna(summary["scenario"])
    best = summary[~summary["shown_as"].isin(_CONTROLS)].groupby("scenario")["recovery"].max()
    return summary.sort_values(
        "scenario", key=lambda names: -names.map(best), kind="stable", ignore_index=True
    )


def _lines(scenario: str, board: Board) -> list[dict]:
    target = board.targets[0] if board.targets else ""
    if len(board.scores.get(target, ())) < min_cultures(max(2, len(board.ranked))):
        return []
    scored = board.table[board.table[target, "score"].notna()]
    is_linear = scored["method", "family"] == "linear"
    linear = scored.loc[is_linear, (target, "score")].sort_values(ascending=False, kind="stable")
    chosen = {name: name for name in METHOD_COLORS if name in scored.index}
    if len(linear):
        chosen = {BEST_LINEAR: str(linear.index[0])} | chosen
    return [
        {
            "scenario": scenario, "target": target, "shown_as": shown_as, "method": method,
            "n_cultures": len(board.scores[target]), **scored.loc[method, target].to_dict(),
        }
        for shown_as, method in chosen.items()
    ]  # fmt: skip


def summary_text(summary: pd.DataFrame) -> str:
    """The summary as a Markdown table, a line per scenario; bold: not below the best."""
    about = ["scenario", "target", "n_cultures", "chance", "ceiling"]
    grouped, lines = summary.groupby(about, sort=False, dropna=False), []
    for (name, target, cultures, chance, ceiling), mine in grouped:
        cells = {line["shown_as"]: _cell(line) for _, line in mine.iterrows()}
        scores = [cells.get(method, MISSING) for method in METHOD_COLORS]
        first = [name, target.replace("_", " "), cultures, number(chance)]
        lines.append([*first, *scores, number(ceiling)])
    header = ["scenario", "target", "cultures", "chance", *METHOD_COLORS, "spikes"]
    return f"{markdown_table(header, lines, n_text=2)}\n{independent_sets(summary)}\n"


def independent_sets(summary: pd.DataFrame) -> str:
    """Which scenarios share cells or wirings, and how many sets of cultures that leaves."""
    sets = summary.drop_duplicates("scenario").groupby("culture_set", sort=False)["scenario"]
    shared = [f"{', '.join(names)} share cells or wirings" for _, names in sets if len(names) > 1]
    return "; ".join([*shared, f"independent sets of cultures: {sets.ngroups}"]) + "."


def _cell(line: pd.Series) -> str:
    bold = "**" if line["is_best"] else ""
    return f"{bold}{number(line['score'])}{bold} ± {number((line['high'] - line['low']) / 2)}"


def draw_summary(summary: pd.DataFrame) -> Figure:
    """Recovery of every method shown in every scenario, between chance and the true spikes."""
    use_style()
    scenarios = summary.drop_duplicates("scenario")
    place = {name: k for k, name in enumerate(scenarios["scenario"])}
    figure, axis = plt.subplots(figsize=(PAGE, 0.36 * len(place) + 1.1), layout="constrained")
    for k in range(0, len(place), 2):
        axis.axhspan(k - 0.5, k + 0.5, color="0.95", lw=0, zorder=0)
    for x, name in ((0, "chance"), (1, "true spikes")):
        axis.axvline(x, color="0.45", ls="--", lw=0.8, zorder=1)
        name_above(axis, x, name)
    offsets = np.linspace(-0.36, 0.36, len(METHOD_COLORS))
    for offset, (name, color) in zip(offsets, METHOD_COLORS.items()):
        mine = summary[summary["shown_as"] == name]
        if mine.empty:
            continue
        y = mine["scenario"].map(place).to_numpy(dtype=float) + offset
        axis.hlines(y, mine["recovery_low"], mine["recovery_high"], color=color, lw=1.4)
        marker = "D" if name in _CONTROLS else "o"
        axis.plot(mine["recovery"], y, marker, color=color, ms=3.2, label=name)
    labels = [f"{s}: {t}".replace("_", " ") for s, t in zip(place, scenarios["target"])]
    axis.set_yticks(range(len(place)), labels)
    axis.set_ylim(len(place) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("recovery on cultures never seen: (score - chance) / (spikes - chance)")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure
