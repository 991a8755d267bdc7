"""Rows in, ranked table out: recovery with intervals, ties, coverage, cost and leakage gap."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simbench.board.scores_by_culture import (
    OVERALL,
    fits_by_target,
    n_units,
    recovery,
    scored_rows,
    scores_by_culture,
)
from simbench.core.errors import SimbenchError
from simbench.methods.catalogue import FLOOR, UNRANKED_FAMILIES
from simbench.scoring import HEADLINE, PROBES, REPLICATION
from simbench.scoring.statistics import (
    compare,
    nested_interval,
    not_below_best,
    tie_letters,
    vote_p,
)

TAUGHT = "traces-taught"
"""The other end: what traces hold. Where it was run, recovery is given against it, too."""
UNRANKED_SCENARIOS = ("ablation", "firing-types-classic")
"""Settings of one method, and cultures that nobody has recorded: they rank no methods."""
VOTE = "vote_accuracy"
_ONE_BOARD = ["scenario", "scenario_version", "scoring_version"]
_CELL = ["seed", "level", "target"]
_COSTS = ["n_components", "seconds", "peak_memory_mb", "n_parameters", "settings_tried"]
_RECOVERY = ["recovery", "recovery_low", "recovery_high"]
_OF_TARGET = ["score", "low", "high", "chance", "ceiling", *_RECOVERY, "leakage_gap", "vote_p"]


def boards(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and rows of each board: one per scenario, scenario version and scoring version."""
    for name, of_scenario in rows.groupby("scenario"):
        has_one_scoring = len(set(of_scenario["scoring_version"])) == 1
        groups = list(of_scenario.groupby(["scenario_version", "scoring_version"]))
        for (version, scoring), mine in reversed(groups):
            title = f"{name} v{version}"
            yield title if has_one_scoring else f"{title}, scoring v{scoring}", mine


def newest_boards(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of the newest board of each scenario, by its name."""
    return {str(mine["scenario"].iloc[0]): mine for _, mine in reversed(list(boards(rows)))}


def check_comparable(rows: pd.DataFrame) -> None:
    """Refuse rows that can't share a table, or none.

    That is rows of several scenarios, scenario versions or scoring versions, of two different
    scenarios under one name and version, and duplicate rows.
    """
    if rows.empty:
        raise SimbenchError("leaderboard: no rows; needed are those of one scenario")
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
    duplicates = scored[scored.duplicated(["method", *_CELL, "metric", "probe", "split"])]
    if len(duplicates):
        row = duplicates.iloc[0]
        raise SimbenchError(
            f"{name}: the row of {row['method']}, seed {row['seed']}, {row['target']}, "
            f"{row['metric']}, {row['probe']}, {row['split']} is a duplicate; keep one file of it"
        )


def is_unranked(families: pd.Series) -> pd.Series:
    """Which methods stand below the ranking: controls, and those of tracks of their own."""
    return families.isin(UNRANKED_FAMILIES)


def is_replication(rows: pd.DataFrame) -> bool:
    """Whether a published protocol was scored again; its methods are not ranked."""
    return bool(rows["metric"].isin(REPLICATION).any())


@dataclass(frozen=True, repr=False)
class Board:
    """What the rows of one scenario say with one probe.

    ``table`` is described at `leaderboard`, ``scores`` at `scores_by_culture`; ``p_values`` holds
    the Holm-adjusted Wilcoxon p of all pairs of methods without the controls, by target and for
    "all targets". In a replication methods keep the order of the run; none is ranked or compared.
    """

    table: pd.DataFrame
    scores: dict[str, pd.DataFrame]
    p_values: dict[str, pd.DataFrame]
    is_replication: bool = False
    classes: frozenset[str] = frozenset()
    """Targets that are classes of neurons."""
    votes: frozenset[str] = frozenset()
    """Targets that are classes of cultures, whose neurons vote."""
    within: str = "firing type"
    """What numbers are scored within."""

    def __repr__(self) -> str:
        first = f", first {self.ranked[0]}" if self.ranked and not self.is_replication else ""
        targets = ", ".join(self.targets)
        return f"Board of {len(self.table)} methods on {targets}{first}; its table is .table"

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="{:.2f}".format)

    @property
    def targets(self) -> list[str]:
        return targets_of(self.table)

    @property
    def ranked(self) -> list[str]:
        """Methods without the controls, best first; in a replication in the order of the run."""
        return list(self.table.index[~is_unranked(self.table["method", "family"])])


def leaderboard(rows: pd.DataFrame, probe: str = "linear", within: str = "firing type") -> Board:
    """One line per method: scores on held-out cultures, placed between chance and the true spikes.

    Parameters
    ----------
    rows : DataFrame
        Rows of one scenario (``simbench.benchmark.run.run``), any number of seeds and levels.
    probe : {"linear", "nonlinear"}
    within : str
        What numbers are scored within, for figures.

    Returns
    -------
    Board
        ``table`` has the index method, best first by mean recovery, controls last; a replication
        (`is_replication`) has no rank, letters or mean recovery. Columns for each target:
        ``score``, ``low`` and ``high`` (95 % bootstrap interval over fits and test cultures),
        ``chance``, ``ceiling``, ``recovery`` with ``recovery_low`` and ``recovery_high`` (floor and
        ceiling taken as given), ``leakage_gap`` (what the score of the neuron-level split has on
        top of this one, less the same for random latents), ``recovery_of_traces`` (between chance
        and the control ``traces-taught``, if that was run), ``vote_p`` (of a class of cultures, by
        `simbench.scoring.statistics.vote_p`), ``is_best`` (can't be told from the best) and
        ``letters`` (methods that share one can't be told apart). Then: ``rank`` (of those with a
        recovery), ``recovery`` (mean over all targets; missing unless all are scored) with its
        interval, ``is_best`` and ``letters``, ``coverage`` (share of targets, seeds and levels
        scored), ``family``, ``latents``, ``seconds``, ``memory_mb``, ``parameters``, ``status``,
        and, where it was counted for any method, ``settings_tried``.
    """
    if probe not in PROBES:
        raise SimbenchError(f"leaderboard: unknown probe '{probe}'; allowed: {', '.join(PROBES)}")
    check_comparable(rows)
    scores = scores_by_culture(rows, probe)
    scored = scored_rows(rows, probe)
    fits = fits_by_target(rows, probe)
    votes = frozenset(rows.loc[rows["metric"] == VOTE, "target"])
    by_split = scored.groupby(["split", "method", "target"])
    means, leaks = by_split[["chance", "ceiling"]].mean(), _leaks(by_split["value"].mean())
    about = _about(rows, scored, n_cells=(len(scores) - 1) * n_units(rows))
    mean = {
        method: (values.mean(), *nested_interval(values, fits[OVERALL]))
        for method, values in scores[OVERALL].items()
    }
    about[_RECOVERY] = pd.DataFrame.from_dict(mean, "index", dtype=float, columns=_RECOVERY)
    parts = {
        target: _on_target(target, table, fits[target], means, leaks, target in votes)
        for target, table in scores.items()
        if target != OVERALL
    }
    table = pd.concat({**parts, "method": about}, axis=1).reindex(about.index)
    table = _in_order(table, not is_replication(rows))
    methods = [] if is_replication(rows) else table.index[~is_unranked(table["method", "family"])]
    compared = {t: values[[m for m in methods if m in values]] for t, values in scores.items()}
    p_values = {target: compare(values, fits[target]) for target, values in compared.items()}
    table = _with_ties(table, compared, p_values, fits)
    classes = frozenset(rows.loc[rows["metric"] == HEADLINE[0], "target"]) - votes
    return Board(table, scores, p_values, is_replication(rows), classes, votes, within)


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


def _on_target(
    target: str, scores: pd.DataFrame, fits: pd.DataFrame, means: pd.DataFrame, leaks: pd.Series,
    is_vote: bool,
) -> pd.DataFrame:  # fmt: skip
    """Score of every method on one target, with its interval, place and leakage gap."""
    lines = []
    for method, values in scores.items():
        score, (chance, ceiling) = values.mean(), means.loc[("culture", method, target)]
        line = {"score": score, "chance": chance, "ceiling": ceiling}
        line["low"], line["high"] = nested_interval(values, fits)
        for end, value in zip(_RECOVERY, (score, line["low"], line["high"])):
            line[end] = recovery(value, chance, ceiling)
        line["leakage_gap"] = leaks[method, target] - leaks.get((FLOOR, target), 0.0)
        line["vote_p"] = vote_p(values.to_numpy() > 0.5, chance) if is_vote else np.nan
        if TAUGHT in scores:
            line["recovery_of_traces"] = recovery(score, chance, scores[TAUGHT].mean())
        lines.append(line)
    columns = [*_OF_TARGET, *["recovery_of_traces"] * (TAUGHT in scores)]
    return pd.DataFrame(lines, scores.columns, columns, dtype=float)


def _leaks(values: pd.Series) -> pd.Series:
    """What a split by neuron adds to the score of each method on each target."""
    split = values.index.get_level_values("split")
    within, across = (values[split == name].droplevel("split") for name in ("neuron", "culture"))
    return within - across


def _about(rows: pd.DataFrame, scored: pd.DataFrame, n_cells: int) -> pd.DataFrame:
    """Coverage, cost and status of every method; cost is the mean over its units."""
    methods = rows.drop_duplicates("method").set_index("method")
    units = rows.drop_duplicates(["method", "seed", "level"]).set_index("method")
    units = units[_COSTS].astype(float).groupby("method")
    cells = scored.drop_duplicates(["method", *_CELL]).groupby("method").size()
    failed = rows[rows["status"] != "ok"].groupby("method")["error"].first()
    costs = units.agg(lambda values: values.mean())  # groupby's own mean rounds otherwise
    about = pd.DataFrame(
        {
            "coverage": cells.reindex(methods.index, fill_value=0) / max(n_cells, 1),
            "family": methods["family"],
            "latents": costs["n_components"],
            "seconds": costs["seconds"],
            "memory_mb": units["peak_memory_mb"].max(),
            "parameters": costs["n_parameters"],
            "status": failed.reindex(methods.index).fillna("ok"),
        },
        index=methods.index,
    )
    counted = costs["settings_tried"]
    return about.assign(settings_tried=counted) if counted.notna().any() else about


def _in_order(table: pd.DataFrame, is_ranked: bool) -> pd.DataFrame:
    """Methods by recovery with their rank, or as they were run without rank; controls last."""
    if not is_ranked:
        table[[("method", key) for key in _RECOVERY]] = np.nan
    is_control = is_unranked(table["method", "family"])
    order = pd.DataFrame({"control": is_control, "recovery": -table["method", "recovery"]})
    table = table.loc[order.sort_values(["control", "recovery"], kind="stable").index].copy()
    has_rank = ~is_unranked(table["method", "family"]) & table["method", "recovery"].notna()
    table["method", "rank"] = has_rank.cumsum().where(has_rank)
    return table


def _with_ties(
    table: pd.DataFrame, compared: dict[str, pd.DataFrame], p_values: dict[str, pd.DataFrame],
    fits: dict[str, pd.DataFrame],
) -> pd.DataFrame:  # fmt: skip
    """Add who can't be told apart, by target and over all; controls have no letters."""
    for target, values in compared.items():
        group = "method" if target == OVERALL else target
        is_best = not_below_best(values, fits[target])
        table[group, "is_best"] = is_best.reindex(table.index, fill_value=False).astype(bool)
        letters = tie_letters(values, p_values[target])
        table[group, "letters"] = letters.reindex(table.index, fill_value="")
    order = [*targets_of(table), "method"]
    return table[[column for name in order for column in table.columns if column[0] == name]]


def targets_of(table: pd.DataFrame) -> list[str]:
    """Targets that a leaderboard holds."""
    return [group for group in table.columns.get_level_values(0).unique() if group != "method"]


def flat_table(table: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard with plain column names, for CSV."""
    flat = table.copy()
    flat.columns = [key if group == "method" else f"{group}_{key}" for group, key in table.columns]
    return flat
