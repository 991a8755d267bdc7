"""One score of a method, before it is placed between floor and ceiling."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
"""``target``, ``metric``, ``probe``, ``split``, ``value`` and ``per_culture`` (list) of a score."""


def make_row(
    target: str, metric: str, value: float, probe: str = "none", split: str = "culture",
    per_culture: Sequence[float] = (),
) -> Row:  # fmt: skip
    """A score of a target; of held-out cultures and without a probe unless it says so."""
    return {
        "target": target, "metric": metric, "probe": probe, "split": split,
        "value": float(value), "per_culture": list(per_culture),
    }  # fmt: skip
