"""Boards of simulations against boards of real cells: what is compared, and the verdict."""

from collections.abc import Iterator, Mapping

import pandas as pd

from simbench.board.leaderboard import (
    UNRANKED_SCENARIOS,
    is_replication,
    is_unranked,
    newest_boards,
)
from simbench.board.rank_agreement import interval, kendall_tau, rank_agreement, tau_draws
from simbench.board.scores_by_culture import OVERALL, scores_by_culture
from simbench.core.errors import SimbenchError

CELLS, TWINS, CONTRAST = "recorded-cells", "recorded-cells-twins", "abante2025"
REGISTERED = (
    ("twins", "concordance", 0.8),
    ("twins", "tau", 0.6),
    ("suite mean", "tau", 0.35),
)
"""Fixed in advance: kind of board, measure, least value."""
REGISTERED_LABELS = ("log_rate", "isi_cv", "burst_fraction")
"""Labels that the thresholds were fixed for; they are asked of later ones, too."""
_FEWEST_SHARED = 6
_CONTRAST_SCORES = {
    "held-out cultures": ("balanced_accuracy", "linear", "culture"),
    "split by neuron": ("balanced_accuracy", "linear", "neuron"),
    "split by neuron, boosted trees": ("balanced_accuracy", "nonlinear", "neuron"),
    "clusters tuned on labels": ("published_ari", "none", "neuron"),
}
Tables = dict[str, pd.DataFrame]


def scores_by_animal(rows: pd.DataFrame) -> Tables:
    """Scores of each target by animal, the mean over the splits in which it was a test animal.

    Returns
    -------
    dict of str to DataFrame
        By target: one row per animal, one column per method without the controls.
    """
    tables = scores_by_culture(_without_controls(rows))
    return {target: table.dropna() for target, table in tables.items() if target != OVERALL}


def suite_boards(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and recovery by culture of every board that ranks, the newest of each scenario.

    Left out are replications, boards that rank no methods, those of recorded cells, and those of
    fewer than six methods.
    """
    for name, mine in sorted(newest_boards(rows).items()):
        if is_replication(mine) or name in (CELLS, TWINS, *UNRANKED_SCENARIOS):
            continue
        table = scores_by_culture(_without_controls(mine))[OVERALL].dropna()
        if len(table) and table.shape[1] >= _FEWEST_SHARED:
            yield name, table


def contrast_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """What the contrast compares: scores of the firing type."""
    metrics = {metric for metric, _, _ in _CONTRAST_SCORES.values()}
    return rows[(rows["target"] == "firing_type") & rows["metric"].isin(metrics)]


def contrast_boards(rows: pd.DataFrame) -> Tables:
    """Scores of the firing type on held-out cultures, and under the published protocol.

    One row per seed and test culture, the mean over levels; of clusters, which give one number for
    all neurons, one per seed and level.
    """
    ranked = _without_controls(contrast_rows(rows))
    tables = {}
    for name, score in _CONTRAST_SCORES.items():
        mine = ranked[ranked[["metric", "probe", "split"]].eq(score).all(axis=1)]
        units = [
            (row.method, row.seed, position if row.per_culture else row.level, value)
            for row in mine.itertuples()
            for position, value in enumerate(row.per_culture or [row.value])
        ]
        if units:
            long = pd.DataFrame(units, columns=["method", "seed", "unit", "value"])
            means = long.pivot_table("value", ["seed", "unit"], "method")
            tables[name] = means.dropna(axis="columns")
    return tables


def compare_with_cells(
    cells: Tables, twins: Tables, suite: Tables, contrast: Tables, families: Mapping[str, str],
    sets: Mapping[str, str],
) -> pd.DataFrame:  # fmt: skip
    """Agreement of every simulated board with the real cells, one row per board and target.

    Parameters
    ----------
    cells, twins : dict
        Of `scores_by_animal`.
    suite, contrast : dict
        Boards by name, of `suite_boards` and `contrast_boards`.
    families : mapping of str to str
        Of each method.
    sets : mapping of str to str
        Of `culture_sets`: boards of the same wirings count once in the suite's mean.

    Returns
    -------
    DataFrame
        ``kind`` ("twins", "suite", "suite mean", "contrast", "difference"), ``board``,
        ``target``, and the values of `rank_agreement`. The suite's mean has a tau with its interval
        alone; so has a difference, of the first board of the contrast and another.
    """
    lines: list[dict] = []
    for target, real in cells.items():
        if target in twins:
            shared = real.index.intersection(twins[target].index)
            made = rank_agreement(twins[target].loc[shared], real.loc[shared], families, True)
            lines.append({"kind": "twins", "board": TWINS, "target": target, **made})
        fit = {name: t for name, t in suite.items() if len(_shared(t, real)) >= _FEWEST_SHARED}
        for kind, group in (("suite", fit), ("contrast", contrast)):
            for name, table in group.items():
                made = rank_agreement(table, real, families)
                lines.append({"kind": kind, "board": name, "target": target, **made})
        lines += _differences(contrast, real, target)
        if fit:
            of_set = pd.Series({name: sets.get(name, name) for name in fit})
            mean = _mean_tau(fit, of_set, real, lines, target)
            board = f"mean of {len(fit)} boards, {of_set.nunique()} sets of cultures"
            lines.append({"kind": "suite mean", "board": board, "target": target, **mean})
    if not lines:
        raise SimbenchError("ranks: no board shares methods with the real cells")
    order = {"twins": 0, "suite mean": 1, "contrast": 2, "difference": 3, "suite": 4}
    return pd.DataFrame(lines).sort_values("kind", key=lambda k: k.map(order), kind="stable")


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """What was fixed in advance, and what was found: one row per threshold and target."""
    lines = []
    for kind, measure, least in REGISTERED:
        for row in table[table["kind"] == kind].to_dict(orient="records"):
            found = row[measure]
            is_later = row["target"] not in REGISTERED_LABELS
            line = (row["board"], row["target"], measure, least, found, found >= least, is_later)
            lines.append(line)
    columns = ["board", "target", "measure", "least", "found", "kept", "is_later"]
    return pd.DataFrame(lines, columns=columns)


def _differences(contrast: Tables, real: pd.DataFrame, target: str) -> Iterator[dict]:
    """Tau of the contrast's first board less that of each other one, with its interval."""
    first, *others = list(contrast) or [""]
    for name in others:
        methods = [m for m in _shared(contrast[name], real) if m in contrast[first].columns]
        both = [contrast[board][methods] for board in (first, name)]
        taus = [kendall_tau(t.mean().to_numpy(), real[methods].mean().to_numpy()) for t in both]
        drawn = [tau_draws(table, real[methods]) for table in both]
        low, high = interval(drawn[0] - drawn[1])
        yield {
            "kind": "difference", "board": f"{first} less {name}", "target": target,
            "tau": float(taus[0] - taus[1]), "tau_low": low, "tau_high": high,
        }  # fmt: skip


def _mean_tau(
    boards: Tables, of_set: pd.Series, real: pd.DataFrame, lines: list[dict], target: str
) -> dict[str, float]:
    """Mean tau of the sets of cultures, each the mean of its boards."""
    share = 1 / (of_set.nunique() * of_set.map(of_set.value_counts()))
    found = {line["board"]: line["tau"] for line in lines
             if (line["kind"], line["target"]) == ("suite", target)}  # fmt: skip
    drawn = {}
    for name, table in boards.items():
        methods = _shared(table, real)
        drawn[name] = tau_draws(table[methods], real[methods])
    low, high = interval(pd.DataFrame(drawn) @ share)
    return {"tau": float(pd.Series(found) @ share), "tau_low": low, "tau_high": high}


def _shared(one: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    return [name for name in other.columns if name in one.columns]


def _without_controls(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~is_unranked(rows["family"])]
