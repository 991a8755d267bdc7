"""Make one row again, and say whether it came out the same."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from simbench.benchmark.plan import plan
from simbench.benchmark.rows import IDENTITY, UNIT, read_rows
from simbench.benchmark.run import run
from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError
from simbench.methods.registry import find_entry
from simbench.scenario.scenario_file import read_scenario
from simbench.scoring import VERSION
from simbench.scoring.metric_catalogue import METRICS

_ON_CPU = {"device": "cpu"}  # rows name only another one


@dataclass(frozen=True)
class Reproduction:
    """A row, made again."""

    row: pd.Series
    value: float
    verdict: str
    """"same", "same up to rounding" (to one part in a million: sums end in other bits on another
    processor) or "DIFFERENT"."""
    other_versions: dict[str, tuple[str, str]]
    """Libraries whose version differs, and the device: name -> (of the row, here)."""


def reproduce(rows_file: Path, number: int, n_jobs: int = 1) -> Reproduction:
    """Simulate, fit and score one row anew, with nothing taken from the cache.

    Parameters
    ----------
    rows_file : Path
        ``rows.jsonl.gz`` of a results folder, with ``scenario.json`` beside it.
    number : int
        Line of the row, from 1.
    n_jobs : int

    Raises
    ------
    SimbenchError
        If there is no such row, it holds no score, or another scenario or scoring made it.
    """
    rows = read_rows(rows_file)
    if not 1 <= number <= len(rows):
        raise SimbenchError(f"{rows_file}: no row {number}; allowed: 1 to {len(rows)}")
    row = rows.iloc[number - 1]
    if row["status"] != "ok" or not np.isfinite(row["value"]):
        raise SimbenchError(f"{rows_file}, row {number}: holds no score to make again")
    if row["scoring_version"] != VERSION:
        raise SimbenchError(
            f"{rows_file}, row {number}: scoring version {row['scoring_version']}; "
            f"this simbench scores by version {VERSION}"
        )
    if row["metric"] not in METRICS:
        raise SimbenchError(
            f"{rows_file}, row {number}: this simbench has no metric '{row['metric']}'; "
            "choose a row of another metric"
        )
    try:
        find_entry(row["method"])
    except SimbenchError as error:
        raise SimbenchError(
            f"{rows_file}, row {number}: not of a method that is here ({error}); the latents of a "
            "submission are scored again by `simbench score`"
        ) from None
    scenario = read_scenario(rows_file.parent)
    levels = {k: s for k, s in scenario.at_levels.items() if s.digest() == row["scenario_digest"]}
    if not levels:
        raise SimbenchError(f"{rows_file}, row {number}: scenario.json is not the one it came from")
    of_unit = rows[(rows[UNIT] == row[UNIT]).all(axis=1)]
    trainings = max((len(v) for v in of_unit["per_training"] if isinstance(v, list)), default=1)
    units = plan(levels.values(), [row["method"]], [int(row["seed"])], trainings)
    with _empty_cache():  # floor and ceiling make no difference to a value
        made = run([unit for unit in units if unit.method == row["method"]], n_jobs)
    keys = [key for key in IDENTITY if key != "level"]
    again = made[(made[keys] == row[keys]).all(axis=1)]
    if again.empty:
        failed = made.loc[(made["method"] == row["method"]) & (made["status"] != "ok"), "error"]
        raise SimbenchError(f"row {number} failed this time: {' '.join(failed.head(1))}")
    value = float(again["value"].item())
    then, here = (_ON_CPU | (made["versions"] or {}) for made in (row, again.iloc[0]))
    different = {
        name: (old, here.get(name, "none")) for name, old in then.items() if here.get(name) != old
    }
    near = "same up to rounding" if np.isclose(value, row["value"], 1e-6, 1e-9) else "DIFFERENT"
    return Reproduction(row, value, "same" if value == row["value"] else near, different)


@contextmanager
def _empty_cache() -> Iterator[None]:
    """A cache of its own for the block; compiled code stays where it is."""
    compiled = cache_folder() / "cython"
    with tempfile.TemporaryDirectory(prefix="simbench-") as folder:
        if compiled.is_dir():
            (Path(folder) / "cython").symlink_to(compiled)
        with patch.dict(os.environ, SIMBENCH_CACHE=folder):
            yield
