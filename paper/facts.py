"""What the paper says of the results: every number, table and figure, from the committed rows."""

import itertools
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simbench.benchmark.rows import read_rows, row_files
from simbench.board.leaderboard import UNRANKED_SCENARIOS, Board, is_replication, leaderboard
from simbench.board.scores_by_culture import OVERALL, scores_by_culture
from simbench.core.text import number
from simbench.methods.catalogue import METHODS, UNRANKED_FAMILIES
from simbench.report import level_tables
from simbench.report.level_tables import find_scenario, level_label, level_scores
from simbench.report.style import METHOD_COLORS, PAGE, use_style
from simbench.report.summary import draw_summary, summarise_boards
from simbench.report.texts import replication_cells
from simbench.scenario.scenario import Scenario
from simbench.scoring import HEADLINE
from simbench.scoring.statistics import bootstrap_means, min_cultures

RULES = {1: "above", 0: "level with", -1: "below"}
GAPS = ("pca", "trace-stats", "avae-published", "avae")
DRAWN = ("trace-stats", "spectrum", "avae-published", "avae")
# Columns of the table of all labels.
COMPARED = (
    "chance", "pca", "best linear", "trace-stats", "spectrum", "window-discriminants",
    "avae-published", "avae", "spikes",
)  # fmt: skip
# Columns of the table of what there is to find, and of its bits.
TO_FIND = ("chance", "traces-taught", "spikes-frames-own", "spikes-frames", "spikes-own", "spikes")
IN_BITS = ("avae", "spikes-frames", "spikes")


def facts(results: Path) -> dict[str, Any]:
    """Numbers and tables of all scenarios below a folder, as text, by scenario."""
    tables = {file.parent: read_rows(file) for file in row_files(results)}
    boards = {}
    for folder, rows in tables.items():
        boards[str(rows["scenario"].iloc[0])] = _scenario(rows, find_scenario(rows, folder))
    return {
        "boards": boards,
        "rows": f"{sum(map(len, tables.values())):,}",
        "scenarios": str(len(tables)),
        "ceilings": [line for board in boards.values() for line in board.pop("ceilings")],
        "gaps": [line for board in boards.values() for line in board.pop("gaps")],
        "to_find": [line for board in boards.values() for line in board.pop("to_find")],
        "ablation": _ablation(boards["ablation"]["targets"]) if "ablation" in boards else [],
        "methods": _methods(pd.concat(tables.values(), ignore_index=True)),
        "settings_tried": str(METHODS["avae"].settings_tried),
    }


def figures(results: Path) -> dict[str, Figure]:
    """The figures by name; one is missing if there are no rows for it."""
    tables = {file.parent: read_rows(file) for file in row_files(results)}
    summary = summarise_boards(pd.concat(tables.values(), ignore_index=True))
    drawn = {"summary": draw_summary(summary)} if len(summary) else {}
    curves = [
        (str(rows["scenario"].iloc[0]), level_tables.axis_name(find_scenario(rows, folder)), levels)
        for folder, rows in tables.items()
        for levels in itertools.islice(level_scores(rows).values(), 1)
        if str(rows["scenario"].iloc[0]) not in UNRANKED_SCENARIOS
        and not is_replication(rows)
        and len(scores_by_culture(rows)[OVERALL]) >= min_cultures(2)
    ]
    if curves:
        drawn["curves"] = draw_robustness(curves)
    return drawn


def draw_robustness(curves: list[tuple[str, str, pd.DataFrame]]) -> Figure:
    """First target of each scenario with levels: score of the methods that make the point."""
    use_style()
    n_columns = min(4, len(curves))
    n_rows = -(-len(curves) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(PAGE, 1.7 * n_rows + 0.5), squeeze=False, layout="constrained"
    )
    for axis, (name, what, levels) in itertools.zip_longest(axes.flat, curves, fillvalue=(0, 0, 0)):
        if not name:
            axis.set_visible(False)
            continue
        _draw_curve(axis, levels)
        axis.set_title(name)
        axis.set_xlabel(what)
    for axis in axes[:, 0]:
        axis.set_ylabel("balanced accuracy")
    found = {
        label: handle
        for axis in axes.flat
        for handle, label in zip(*axis.get_legend_handles_labels())
    }
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def _draw_curve(axis: Any, levels: pd.DataFrame) -> None:
    linear = levels[levels["family"] == "linear"].groupby("method")["score"].mean()
    shown = {linear.idxmax(): ("best linear", METHOD_COLORS["best linear"])} if len(linear) else {}
    shown |= {name: (name, METHOD_COLORS[name]) for name in DRAWN}
    for anchor, style in (("chance", ":"), ("spikes", "--")):
        mine = levels[levels["method"] == anchor].sort_values("x")
        axis.plot(mine["x"], mine["score"], style, color="0.45", lw=1, label=anchor)
    for method, (label, color) in shown.items():
        mine = levels[levels["method"] == method].sort_values("x")
        if len(mine):
            axis.fill_between(mine["x"], mine["low"], mine["high"], color=color, alpha=0.15, lw=0)
            axis.plot(mine["x"], mine["score"], "o-", color=color, lw=1.1, ms=2.5, label=label)
    if level_tables.is_log(levels["x"]):
        axis.set_xscale("log")
    ticks = levels.drop_duplicates("level")
    labels = ticks["level"].map(level_label)
    is_crowded = labels.str.len().sum() > 24
    axis.set_xticks(
        ticks["x"], labels, fontsize=6, rotation=25 * is_crowded,
        ha="right" if is_crowded else "center",
    )  # fmt: skip
    axis.set_xticks([], minor=True)


def _methods(rows: pd.DataFrame) -> list[list[str]]:
    """Every method whose latents are ranked: name, family, what it is, latents in firing-types."""
    latents = rows[rows["scenario"] == "firing-types"].groupby("method")["n_components"].first()
    return [
        [name, entry.family, entry.summary, number(latents.get(name, np.nan), ".0f")]
        for name, entry in METHODS.items()
        if not (entry.only_if_named or entry.family in UNRANKED_FAMILIES)
    ]


def _scenario(rows: pd.DataFrame, scenario: Scenario | None) -> dict[str, Any]:
    board, trees = leaderboard(rows), leaderboard(rows, "nonlinear")
    seeds = sorted(set(rows["seed"]))
    n_cultures, levels = len(board.scores[OVERALL]), level_scores(rows)
    is_aside = board.is_replication or str(rows["scenario"].iloc[0]) in UNRANKED_SCENARIOS
    is_shown = not is_aside and n_cultures >= min_cultures(2)
    return {
        "version": str(rows["scenario_version"].iloc[0]),
        "seeds": str(len(seeds)),
        "levels": [level_label(level) for level in dict.fromkeys(rows["level"])],
        "n_cultures": str(n_cultures),
        "n_ranked": str(len(board.ranked)),
        "ranks": n_cultures >= min_cultures(max(len(board.ranked), 2)),
        "minutes": number(_minutes(rows), ".0f"),
        "targets": {
            target: _target(board, target)
            | {
                "trees": _target(trees, target),
                "ladder": _ladder(levels.get(target)),
                "at": _relations_at(rows, target, scenario),
            }
            for target in board.targets
        },
        "recovery": {str(m): number(v) for m, v in board.table["method", "recovery"].items()},
        "latents": {str(m): number(v, ".0f") for m, v in board.table["method", "latents"].items()},
        "further": _further(rows),
        "budgets": _budgets(rows),
        "noisy": _noisy(rows),
        "recipe": _recipe(scenario),
        "replication": _replication(rows, scenario) if board.is_replication else None,
        "ceilings": _ceilings(rows, board, trees) if is_shown else [],
        "gaps": _gaps(rows, board, scenario) if is_shown else [],
        "to_find": _to_find(rows, board) if is_shown else [],
    }


def _target(board: Board, target: str) -> dict[str, Any]:
    table, scores = board.table[target], board.scores[target]
    methods = {
        str(m): _line(table.loc[m]) for m in table.index if np.isfinite(table.loc[m, "score"])
    }
    ranked = [m for m in board.ranked if m in methods]
    by_score = sorted(ranked, key=lambda m: -table.loc[m, "score"])
    family = board.table["method", "family"]
    linear = [m for m in by_score if family[m] == "linear"]
    return {
        "name": target.replace("_", " "),
        "methods": methods,
        "best": by_score[0] if by_score else None,
        "best_linear": linear[0] if linear else None,
        "tied": [m for m in ranked if table.loc[m, "is_best"]],
        "floor": number(table["chance"].max()),
        "relations": relations(scores),
    }


def _relations_at(
    rows: pd.DataFrame, target: str, scenario: Scenario | None
) -> dict[str, dict[str, dict[str, str]]]:
    """Relations at every level, and over those that are imaged otherwise than in training."""
    levels = list(dict.fromkeys(rows["level"]))
    if len(levels) < 2:
        return {}
    chosen = {level_label(level): [level] for level in levels}
    if scenario and scenario.split.train_with:
        trained = map(str, scenario.split.train_with.values())
        chosen["unseen"] = sorted(set(levels) - set(trained))
    scores = {
        name: scores_by_culture(rows[rows["level"].isin(mine)])[target]
        for name, mine in chosen.items()
    }
    return {name: relations(table) for name, table in scores.items()}


def _ladder(levels: pd.DataFrame | None) -> dict[str, list[str]]:
    """Score with its interval at every level, in their order, by method."""
    if levels is None:
        return {}
    return {
        str(method): [
            f"{signed(line.score)} [{_interval(line.low, line.high)}]" for line in mine.itertuples()
        ]
        for method, mine in levels.groupby("method")
    }


def _line(line: pd.Series) -> dict[str, str]:
    return {
        "score": signed(line["score"]),
        "interval": _interval(line["low"], line["high"]),
        "recovery": signed(line["recovery"]),
        "gap": signed(line["leakage_gap"], "+.2f"),
    }


def signed(value: float, form: str = ".2f") -> str:
    """A number with a true minus sign."""
    return number(value, form).replace("-", "−")


def _interval(low: float, high: float) -> str:
    return f"{signed(low)}, {signed(high)}"


def relations(scores: pd.DataFrame) -> dict[str, dict[str, str]]:
    """How every method stands to every other: "above", "level with" or "below".

    By the 95 % bootstrap interval of the mean difference over test cultures: level if it holds 0.
    """
    whole = scores.dropna(axis=1, how="all").dropna()
    means = bootstrap_means(whole)
    low, high = np.quantile(means[:, :, None] - means[:, None, :], [0.025, 0.975], axis=0)
    signs = (low > 0).astype(int) - (high < 0)
    return {
        str(one): {str(other): RULES[int(signs[i, j])] for j, other in enumerate(whole)}
        for i, one in enumerate(whole)
    }


def _minutes(rows: pd.DataFrame) -> float:
    return float(rows.drop_duplicates(["seed", "level", "method"])["seconds"].sum() / 60)


def _further(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean over seeds of every further metric on held-out cultures: overall and at each level."""
    mine = rows[
        (rows["status"] == "ok") & ~rows["metric"].isin(HEADLINE) & (rows["split"] == "culture")
    ]
    found: dict[str, Any] = {}
    for (target, metric, method), group in mine.groupby(["target", "metric", "method"]):
        by_level = group.groupby("level", sort=False)["value"].mean()
        found.setdefault(f"{target} {metric}", {})[str(method)] = {
            "mean": signed(by_level.mean()),
            "levels": {str(level): signed(value) for level, value in by_level.items()},
        }
    return found


def _budgets(rows: pd.DataFrame) -> dict[str, str] | None:
    """At how many budgets of latent values the avae reconstructs better than windowed PCA."""
    mine = rows[(rows["metric"] == "reconstruction_r2") & (rows["status"] == "ok")]
    relation = []
    for _, level in mine.groupby("level"):
        by_method = level.sort_values("seed").groupby("method")["per_culture"]
        scores = pd.DataFrame({m: np.concatenate([*lists]) for m, lists in by_method})
        if {"avae", "windowed-pca"} <= set(scores):
            relation.append(relations(scores)["avae"]["windowed-pca"])
    return {"above": str(relation.count(RULES[1])), "all": str(len(relation))} if relation else None


def _noisy(rows: pd.DataFrame) -> dict[str, str]:
    """R2 of the noisy trace itself, by level."""
    if not level_tables.has_reconstruction(rows):
        return {}
    noisy = level_tables.reconstruction_table(rows)["noisy_r2"].groupby("level").mean()
    return {str(level): number(value) for level, value in noisy.items()}


def _recipe(scenario: Scenario | None) -> dict[str, str]:
    """Numbers of the scenario that the text names."""
    if scenario is None or scenario.culture is None:
        return {}
    culture, imaging = scenario.culture, scenario.imaging
    per_split = scenario.n_test * len(scenario.conditions)
    return {
        "n_neurons": str(culture.n_neurons),
        "duration_s": f"{culture.duration_s:g}",
        "frame_rate_hz": f"{imaging.frame_rate_hz:g}",
        "nu": f"{imaging.nu:g}" if imaging.nu else "no",
        "indicator": imaging.indicator if isinstance(imaging.indicator, str) else "custom",
        "n_components": str(scenario.n_components),
        "n_test": str(per_split),
        "n_train": str((scenario.replicates - scenario.n_test) * len(scenario.conditions)),
        "n_conditions": str(len(scenario.conditions)),
    }


def _replication(rows: pd.DataFrame, scenario: Scenario | None) -> dict[str, Any]:
    table = level_tables.over_levels(level_tables.replication_table(rows, scenario))
    columns = [c for c in table if table[c].notna().any() and "skill" not in c]
    lines = [
        [method, *(cell.replace("-", "−") for cell in cells)]
        for method, *cells in replication_cells(table[columns])
    ]
    values = {method: dict(zip(columns, line)) for method, *line in lines}
    return {
        "columns": columns, "lines": lines, "values": values, "runs": _runs(rows),
        "sizes": _at_sizes(rows),
    }  # fmt: skip


def _at_sizes(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Held-out accuracy of the type with the fewest and with the most latents of the avae."""
    score = ("ok", "firing_type", "balanced_accuracy", "linear", "culture")
    mine = rows[rows[["status", "target", "metric", "probe", "split"]].eq(score).all(axis=1)]
    means = mine.pivot_table("value", "n_components", "method").dropna(subset="avae")
    return {
        end: {"latents": f"{means.index[place]:g}", **means.iloc[place].dropna().map(number)}
        for end, place in (("fewest", 0), ("most", -1))
    }


def _runs(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    """In how many runs the published network does better than PCA: by column and latent size."""
    scored = rows[rows["status"] == "ok"].set_index(["target", "metric", "probe", "split"])
    found: dict[str, dict[str, str]] = {}
    for key, column in level_tables.REPLICATED.items():
        if key not in scored.index:
            continue
        mine = scored.loc[[key]].pivot_table(
            index=["n_components", "seed", "level"], columns="method", values="value"
        )
        if {"avae-published", "pca"} <= set(mine):
            difference = (mine["avae-published"] - mine["pca"]).dropna()
            is_better = difference < 0 if "MSE" in column else difference > 0
            by_size = is_better.groupby("n_components").agg(["sum", "size"])
            found[column] = {f"{n:g}": f"{k} of {size}" for n, (k, size) in by_size.iterrows()}
    return found


def _ceilings(rows: pd.DataFrame, board: Board, trees: Board) -> list[list[str]]:
    """Scenario and target, then the score of a few methods with either probe."""
    lines = []
    for target in board.targets:
        both = (_target(board, target), _target(trees, target))
        cells = [" / ".join(_score_of(scored, method) for scored in both) for method in COMPARED]
        lines.append([str(rows["scenario"].iloc[0]), target.replace("_", " "), *cells])
    return lines


def _to_find(rows: pd.DataFrame, board: Board) -> list[list[str]]:
    """Scenario and target, then the score of each reference, and what some of them hold in bits."""
    bits = rows[(rows["metric"] == "information_bits") & (rows["split"] == "culture")]
    known = bits.groupby(["target", "method"])["value"].mean()
    lines = []
    for target in board.targets:
        scored = _target(board, target)
        cells = [_score_of(scored, method) for method in TO_FIND]
        cells += [signed(known.get((target, method), np.nan)) for method in IN_BITS]
        lines.append([str(rows["scenario"].iloc[0]), target.replace("_", " "), *cells])
    return lines


def _ablation(targets: dict[str, Any]) -> list[list[str]]:
    """Each change of the avae: its score on every target, and how that stands to the avae."""
    first = next(iter(targets.values()))["methods"]
    changed = [name for name in first if name.startswith("avae[")]
    return [
        [
            name.removeprefix("avae[").removesuffix("]"),
            *(
                f"{scored['methods'][name]['score']} ({scored['relations'][name]['avae']})"
                for scored in targets.values()
            ),
        ]
        for name in changed
    ]


def _score_of(scored: dict[str, Any], method: str) -> str:
    """Score as text; ``best linear`` stands for the linear method that scores highest."""
    name = scored["best_linear"] if method == "best linear" else method
    return scored["methods"].get(name, {"score": "–"})["score"]


def _gaps(rows: pd.DataFrame, board: Board, scenario: Scenario | None) -> list[list[str]]:
    """Scenario and target, then held-out score and leakage gap of a few methods.

    None where training and test cultures are imaged differently: there the gap is one of transfer.
    """
    if scenario and scenario.split.train_with:
        return []
    lines = []
    for target in board.targets:
        cells = []
        for method in GAPS:
            line = _line(board.table.loc[method, target]) if method in board.table.index else None
            cells.append(f"{line['score']} ({line['gap']})" if line else "–")
        lines.append([str(rows["scenario"].iloc[0]), target.replace("_", " "), *cells])
    return lines
