"""Geometry of the page's drawings: values in, positions out. The templates draw them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from simbench.board.leaderboard import number

FAMILIES = ("linear", "features", "learned", "outside", "control")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 340.0, 220.0, 40.0, 8.0, 10.0, 34.0


@dataclass(frozen=True)
class Scale:
    """Linear map of values to positions."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.stop - self.start), 2)

    def ticks(self, n: int = 5) -> list[tuple[float, str]]:
        """Positions and texts of round values within the scale."""
        values = MaxNLocator(n).tick_values(self.low, self.high)
        inside = [v for v in values if self.low - 1e-9 <= v <= self.high + 1e-9]
        return [(self(v), f"{v:.4g}") for v in inside]


def family_class(family: Any) -> str:
    """CSS class of a family; one for all families that are not simbench's own."""
    return f"fam-{family}" if family in FAMILIES else "fam-outside"


def anchor(percent: float) -> str:
    """Text anchor that keeps a label inside its drawing."""
    return "start" if percent < 15 else "end" if percent > 85 else "middle"


def bars(table: pd.DataFrame, target: str) -> dict[str, Any]:
    """Floor-to-ceiling bars of one target, positions in percent of the drawing's width.

    Parameters
    ----------
    table : DataFrame
        A leaderboard.
    target : str
    """
    part = table[target].join(table["method"]["family"]).astype({"score": float})
    part = part[part["score"].notna()]
    spread = part[["score", "low", "high", "chance", "ceiling"]].to_numpy(dtype=float)
    if not np.isfinite(spread).any():
        return {"lines": []}
    low, high = np.nanmin(spread), np.nanmax(spread)
    pad = 0.03 * ((high - low) or 1.0)
    scale = Scale(low - pad, high + pad, 0, 100)
    floor, ceiling = part["chance"].mean(), part["ceiling"].mean()
    ranked = part[part["family"] != "control"].sort_values("score", ascending=False, kind="stable")
    controls = part[part["family"] == "control"]
    lines = [
        _bar(str(name), line, scale, floor)
        for name, line in pd.concat([ranked, controls]).iterrows()
    ]
    anchors = [
        {"x": scale(value), "text": f"{name} {value:.2f}", "anchor": anchor(scale(value))}
        for name, value in (("floor", floor), ("ceiling", ceiling))
        if np.isfinite(value)
    ]
    ticks = [{"x": x, "text": text, "anchor": anchor(x)} for x, text in scale.ticks()]
    return {"lines": lines, "anchors": anchors, "ticks": ticks}


def _bar(name: str, line: pd.Series, scale: Scale, floor: float) -> dict[str, Any]:
    start = scale(floor) if np.isfinite(floor) else 0.0
    score = scale(line["score"])
    has_interval = np.isfinite([line["low"], line["high"]]).all()
    return {
        "method": name,
        "family": family_class(line["family"]),
        "is_control": line["family"] == "control",
        "x": min(start, score),
        "width": round(abs(score - start), 2),
        "score": score,
        "low": scale(line["low"]) if has_interval else None,
        "high": scale(line["high"]) if has_interval else None,
        "value": number(line["score"]),
        "interval": f"[{number(line['low'])}, {number(line['high'])}]" if has_interval else "",
    }


def curves(levels: pd.DataFrame, is_log: bool) -> dict[str, Any]:
    """Score against level, one line a method, positions in a box of 340 x 220.

    Parameters
    ----------
    levels : DataFrame
        Columns ``method``, ``family``, ``x``, ``level``, ``score``, ``low``, ``high``.
    is_log : bool
        Whether the levels stand on a logarithmic axis.
    """
    place = np.log10 if is_log else np.asarray
    x = Scale(
        float(place(levels["x"].min())), float(place(levels["x"].max())), _LEFT + 8, _WIDTH - _RIGHT
    )
    values = levels[["score", "low", "high"]].to_numpy(dtype=float)
    span = np.nanmax(values) - np.nanmin(values)
    y = Scale(
        float(np.nanmin(values) - 0.05 * span), float(np.nanmax(values) + 0.05 * span),
        _HEIGHT - _BOTTOM, _TOP,
    )  # fmt: skip
    lines = []
    for method, mine in levels.sort_values("x", kind="stable").groupby("method", sort=False):
        points = [(x(float(place(row.x))), row) for row in mine.itertuples()]
        points = [(at, row) for at, row in points if np.isfinite(row.score)]
        if not points:
            continue
        lines.append(
            {
                "method": str(method),
                "family": family_class(mine["family"].iloc[0]),
                "points": [(at, y(row.score)) for at, row in points],
                "band": _band(points, y),
            }
        )
    ticks = levels.drop_duplicates("level").sort_values("x")
    return {
        "lines": lines,
        "x_ticks": [(x(float(place(row.x))), row.level) for row in ticks.itertuples()],
        "y_ticks": y.ticks(4),
        "box": (_LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM),
    }


def _band(points: Sequence[tuple[float, Any]], y: Scale) -> list[tuple[float, float]]:
    """Outline of the intervals, there and back; empty if an interval is missing."""
    if not all(np.isfinite([row.low, row.high]).all() for _, row in points):
        return []
    there = [(at, y(row.high)) for at, row in points]
    return there + [(at, y(row.low)) for at, row in reversed(points)]
