"""Rows in, ranked table out: recovery with intervals, ties, coverage, cost and leakage gap."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simbench.board.culture_scores import OVERALL, culture_scores, n_units, room, scored_rows
from simbench.core.errors import SimbenchError
from simbench.scoring import REPLICATION
from simbench.scoring.statistics import bootstrap_interval, compare, tie_groups

ANCHORS = ("chance", "spike-oracle")
LEFT_OUT = ("ablation",)
"""Scenarios that compare settings of one method: no part of what is said about methods."""
_ONE_BOARD = ["scenario", "scenario_version", "scoring_version"]
_CELL = ["seed", "level", "target"]
_OF_TARGET = (
    "score", "low", "high", "chance", "ceiling", "recovery", "recovery_low", "recovery_high",
    "leakage_gap",
)  # fmt: skip


def boards(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and rows of each board: one a scenario, scenario version and scoring version."""
    newest_first = (
        rows[_ONE_BOARD].drop_duplicates().sort_values(_ONE_BOARD, ascending=[True, False, False])
    )
    groups = dict(list(rows.groupby(_ONE_BOARD, sort=False)))
    for name, version, scoring in newest_first.itertuples(index=False):
        mine = groups[name, version, scoring]
        scorings = set(rows.loc[rows["scenario"] == name, "scoring_version"])
        title = f"{name} v{version}"
        if len(scorings) > 1:
            title += f", scoring v{scoring}"
        yield title, mine


def check_comparable(rows: pd.DataFrame) -> None:
    """Refuse rows that answer different questions, or the same question twice.

    Raises
    ------
    SimbenchError
        If the rows are of several scenarios, scenario versions, scoring versions, or of two
        different scenarios under one name and version; or if a row is there twice.
    """
    for column in _ONE_BOARD:
        found = sorted(rows[column].astype(str).unique())
        if len(found) > 1:
            raise SimbenchError(
                f"rows of {column.replace('_', ' ')} {' and '.join(found)} can't share a table; "
                "rank them one by one"
            )
    name = f"{rows['scenario'].iloc[0]} v{rows['scenario_version'].iloc[0]}"
    digests = rows.groupby("level")["scenario_digest"].unique()
    for level, found in digests.items():
        if len(found) > 1:
            short = ", ".join(digest[:12] for digest in sorted(found))
            raise SimbenchError(
                f"rows of {len(found)} different scenarios are called {name}"
                f"{f' at level {level}' if level else ''} (digests {short}); "
                "a changed scenario needs a new version"
            )
    scored = rows[rows["status"] == "ok"]
    twice = scored[scored.duplicated(["method", *_CELL, "metric", "probe", "split"])]
    if len(twice):
        row = twice.iloc[0]
        raise SimbenchError(
            f"{name}: the row of {row['method']}, seed {row['seed']}, {row['target']}, "
            f"{row['metric']}, {row['probe']}, {row['split']} is there twice; keep one file of it"
        )


def is_replication(rows: pd.DataFrame) -> bool:
    """Whether a published protocol was scored again: such rows rank nobody."""
    return bool(rows["metric"].isin(REPLICATION).any())


@dataclass(frozen=True)
class Board:
    """What the rows of one scenario say with one probe.

    ``table`` is that of `leaderboard`; ``scores`` those of `culture_scores`; ``p_values`` holds
    the Holm-adjusted Wilcoxon p of all pairs of methods without the controls, by target and for
    "all targets". In a replication no method is ranked: methods keep the order of the run, and none
    is compared.
    """

    table: pd.DataFrame
    scores: dict[str, pd.DataFrame]
    p_values: dict[str, pd.DataFrame]
    is_replication: bool = False

    @property
    def targets(self) -> list[str]:
        return targets_of(self.table)

    @property
    def ranked(self) -> list[str]:
        """Methods, best first (in a replication: as they were run), without the controls."""
        return list(self.table.index[self.table["method", "family"] != "control"])


def leaderboard(rows: pd.DataFrame, probe: str = "linear") -> pd.DataFrame:
    """One line a method: scores on held-out cultures, placed between chance and oracle.

    Parameters
    ----------
    rows : DataFrame
        Rows of one scenario (``simbench.benchmark.run.run``), any number of seeds and levels.
    probe : {"linear", "nonlinear"}

    Returns
    -------
    DataFrame
        Index: method, best first by mean recovery, controls last; a replication
        (`is_replication`) has no rank, tie group or mean recovery. Columns for each target:
        ``score``, ``low`` and ``high`` (95 % bootstrap interval over test cultures), ``chance``,
        ``ceiling``, ``recovery`` with ``recovery_low`` and ``recovery_high`` (floor and ceiling
        taken as given), ``leakage_gap`` (score of the neuron-level split minus this one) and
        ``group`` (rank of the tie group, `simbench.scoring.statistics.tie_groups`). Then:
        ``rank`` (of those with a recovery), ``recovery`` (mean over all targets; missing unless
        all are scored) with its interval and ``group``, ``coverage`` (share of targets, seeds and
        levels scored), ``family``, ``latents``, ``seconds``, ``memory_mb``, ``parameters``,
        ``status``.

    Raises
    ------
    SimbenchError
        If the rows can't share a table (`check_comparable`).
    """
    return make_board(rows, probe).table


def make_board(rows: pd.DataFrame, probe: str = "linear") -> Board:
    """The leaderboard of rows, with the scores and tests behind it; as `leaderboard`."""
    check_comparable(rows)
    scores = culture_scores(rows, probe)
    scored = scored_rows(rows, probe)
    means = scored.groupby(["method", "target", "split"])[["value", "chance", "ceiling"]].mean()
    n_cells = (len(scores) - 1) * n_units(rows)
    targets = [target for target in scores if target != OVERALL]
    lines = {}
    for method, mine in rows.groupby("method", sort=False):
        line: dict[tuple[str, str], Any] = dict.fromkeys(
            itertools.product(targets, _OF_TARGET), float("nan")
        )
        for target in targets:
            table = scores[target]
            if method in table:
                summary = _summary(means.loc[method, target], table[method].to_numpy())
                line |= {(target, key): value for key, value in summary.items()}
        about = _about(mine, scored[scored["method"] == method], n_cells)
        about |= _mean_interval(scores[OVERALL].get(method))
        lines[str(method)] = line | {("method", key): value for key, value in about.items()}
    table = pd.DataFrame.from_dict(lines, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    table.index.name = "method"
    if is_replication(rows):
        return _unranked(table, scores)
    table = _ranked(table)
    methods = table.index[table["method", "family"] != "control"]
    compared = {t: values[[m for m in methods if m in values]] for t, values in scores.items()}
    p_values = {target: compare(values) for target, values in compared.items()}
    return Board(_with_groups(table, compared, p_values), scores, p_values)


def pairwise(board: Board) -> pd.DataFrame:
    """Every pair of methods, without controls: difference and Holm-adjusted Wilcoxon p, by target.

    Returns
    -------
    DataFrame
        Columns ``target``, ``method``, ``other``, ``n_cultures``, ``difference`` (mean over test
        cultures, method minus other; in recovery for "all targets") and ``p_adjusted``.
    """
    columns = ["target", "method", "other", "n_cultures", "difference", "p_adjusted"]
    lines = []
    for target, p in board.p_values.items():
        scores = board.scores[target]
        for one, other in itertools.combinations(p.columns, 2):
            difference = (scores[one] - scores[other]).mean()
            lines.append((target, one, other, len(scores), difference, p.loc[one, other]))
    return pd.DataFrame(lines, columns=columns)


def _mean_interval(values: pd.Series | None) -> dict[str, float]:
    mean, low, high = float("nan"), float("nan"), float("nan")
    if values is not None:
        mean = float(values.mean())
        low, high = bootstrap_interval(values.to_numpy())
    return {"recovery": mean, "recovery_low": low, "recovery_high": high}


def _summary(means: pd.DataFrame, values: np.ndarray) -> dict[str, float]:
    """Score, interval, recovery and leakage gap of one method on one target.

    ``means`` holds value, chance and ceiling by split; ``values`` the scores of every culture.
    """
    score, chance, ceiling = means.loc["culture"]
    low, high = bootstrap_interval(values)
    placed = {"recovery": score, "recovery_low": low, "recovery_high": high}
    leaky = means["value"].get("neuron", float("nan"))
    return {
        "score": score,
        "low": low,
        "high": high,
        "chance": chance,
        "ceiling": ceiling,
        **{key: (value - chance) / room(chance, ceiling) for key, value in placed.items()},
        "leakage_gap": leaky - score,
    }


def _about(mine: pd.DataFrame, scored: pd.DataFrame, n_cells: int) -> dict[str, Any]:
    """Coverage, cost and status of one method; cost is the mean over its units."""
    units = mine.drop_duplicates(["seed", "level"])
    failed = mine.loc[mine["status"] != "ok", "error"]
    return {
        "coverage": len(scored[_CELL].drop_duplicates()) / max(n_cells, 1),
        "family": mine["family"].iloc[0],
        "latents": units["n_components"].mean(),
        "seconds": units["seconds"].mean(),
        "memory_mb": units["peak_memory_mb"].max(),
        "parameters": units["n_parameters"].astype(float).mean(),
        "status": str(failed.iloc[0]) if len(failed) else "ok",
    }


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    control = (table["method", "family"] == "control").rename("control")
    order = pd.concat([control, -table["method", "recovery"].rename("recovery")], axis=1)
    table = table.loc[order.sort_values(["control", "recovery"], kind="stable").index].copy()
    is_control = table["method", "family"] == "control"
    is_ranked = ~is_control & table["method", "recovery"].notna()
    table["method", "rank"] = is_ranked.cumsum().where(is_ranked)
    return table


def _unranked(table: pd.DataFrame, scores: dict[str, pd.DataFrame]) -> Board:
    """The board of a replication: methods as they were run, controls last, none compared."""
    is_control = table["method", "family"] == "control"
    table = table.loc[is_control.sort_values(kind="stable").index].copy()
    for key in ("rank", "recovery", "recovery_low", "recovery_high"):
        table["method", key] = float("nan")
    nobody = {target: pd.DataFrame() for target in scores}
    return Board(_with_groups(table, nobody, nobody), scores, nobody, is_replication=True)


def _with_groups(
    table: pd.DataFrame, compared: dict[str, pd.DataFrame], p_values: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Add the tie groups, by target and over all; controls have none."""
    for target, values in compared.items():
        group = "method" if target == OVERALL else target
        groups = tie_groups(values, p_values=p_values[target])
        table[group, "group"] = groups.reindex(table.index)
    names = dict.fromkeys(table.columns.get_level_values(0))
    order = [*(name for name in names if name != "method"), "method"]
    return table[[column for name in order for column in table.columns if column[0] == name]]


def pairwise_markdown(board: Board, target: str = OVERALL) -> str:
    """Holm-adjusted p of the methods that are compared, as a Markdown table, best first."""
    p = board.p_values[target]
    if p.empty:
        return ""
    names = [str(name).replace("|", "\\|") for name in p]
    lines = [
        ["Adjusted p, " + target, *map(str, range(1, len(names) + 1))],
        ["---"] + ["---:"] * len(names),
    ]
    for i, (name, line) in enumerate(zip(names, p.to_numpy())):
        lines.append([f"{i + 1} {name}", *(number(v, ".3f") for v in line[:i])])
        lines[-1] += [""] * (len(names) - i)
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def targets_of(table: pd.DataFrame) -> list[str]:
    """Targets that a leaderboard holds."""
    groups = dict.fromkeys(table.columns.get_level_values(0))
    return [group for group in groups if group != "method"]


def flat_table(table: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard with plain column names, for CSV."""
    flat = table.copy()
    flat.columns = [key if group == "method" else f"{group}_{key}" for group, key in table.columns]
    return flat


def markdown(table: pd.DataFrame) -> str:
    """The leaderboard as a Markdown table, numbers as people read them."""
    header, cells = readable(table)
    lines = [header, ["---"] * 2 + ["---:"] * (len(header) - 2), *cells]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)


def readable(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the leaderboard as text."""
    targets = targets_of(table)
    header = ["", "method", "recovery", "tie group"]
    for target in targets:
        header += [target.replace("_", " "), "leakage gap"]
    header += ["coverage", "latents", "time", "memory", "parameters"]
    cells = []
    for method, line in table.iterrows():
        rank, is_control = line["method", "rank"], line["method", "family"] == "control"
        name = f"{method} (control)" if is_control else str(method)
        row = [number(rank, ".0f") if np.isfinite(rank) else "", name]
        if line["method", "coverage"] == 0 and line["method", "status"] != "ok":
            cells.append([*row, f"failed: {line['method', 'status']}", *[""] * (len(header) - 3)])
            continue
        row += [number(line["method", "recovery"]), number(line["method", "group"], ".0f")]
        for target in targets:
            row.append(_with_interval(*line[target][["score", "low", "high"]]))
            row.append(number(line[target, "leakage_gap"], "+.2f"))
        row += [number(line["method", "coverage"], ".0%"), number(line["method", "latents"], ".0f")]
        row += [duration(line["method", "seconds"]), memory(line["method", "memory_mb"])]
        cells.append([*row, count(line["method", "parameters"])])
    return header, cells


def _with_interval(score: float, low: float, high: float) -> str:
    return f"{number(score)} [{number(low)}, {number(high)}]" if np.isfinite(score) else "–"


def number(value: float, form: str = ".2f") -> str:
    """A number as people read it; a dash if it is missing, and no minus before a rounded zero."""
    if not np.isfinite(value):
        return "–"
    text = format(value, form)
    return text if any(c in text for c in "123456789") else text.replace("-", "")


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, two figures."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{number(seconds, '.2g')} s" if np.isfinite(seconds) else "–"


def memory(megabytes: float) -> str:
    """Megabytes or gigabytes."""
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if np.isfinite(megabytes) else "–"


def count(value: float) -> str:
    """A count: 912, 31 k, 4.2 M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return number(value, ".0f")
