"""Result rows on disk: JSON lines, one file a scenario."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from simbench.cache import cache_folder
from simbench.errors import SimbenchError
from simbench.storage import digest_of, write_text

# A new row replaces an old one that agrees in these.
IDENTITY = ["scenario", "level", "seed", "method", "target", "metric", "probe", "split"]
UNIT = ["scenario", "level", "seed", "method"]
VERSIONS = ["scenario", "scenario_version", "scoring_version"]
_NUMBERS = [
    "value", "chance", "ceiling", "recovery",
    "n_components", "n_parameters", "seconds", "peak_memory_mb",
]  # fmt: skip
_NEEDED = {*IDENTITY, *VERSIONS, "value", "chance", "ceiling", "recovery", "per_culture", "status"}


def write_rows(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows, keeping those of earlier runs that these do not replace; return all.

    Rows of another version of the scenario or of the scoring are dropped: they answer another
    question. Two runs that write at the same time wait for each other.
    """
    rows = with_numbers(rows)
    with FileLock(cache_folder() / "locks" / f"{digest_of({'path': str(path.resolve())})}.lock"):
        if path.exists():
            old = read_rows(path)
            same = old[VERSIONS].apply(tuple, axis=1).isin(set(rows[VERSIONS].apply(tuple, axis=1)))
            redone = old.set_index(UNIT).index.isin(rows.set_index(UNIT).index)
            rows = pd.concat([old[same & ~redone], rows], ignore_index=True)
        records = (_plain(record) for record in rows.to_dict(orient="records"))
        write_text(path, "".join(json.dumps(record) + "\n" for record in records))
    return rows


def with_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose numeric columns are numbers, with NaN for what is missing."""
    present = [name for name in _NUMBERS if name in rows]
    return rows.assign(**{name: rows[name].astype(float) for name in present})


def _plain(value: Any) -> Any:
    """JSON form that keeps every bit of a number; what is missing is null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_plain(item) for item in value]
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def read_rows(source: Path) -> pd.DataFrame:
    """Read the rows of a file, or of all ``rows.jsonl`` below a folder.

    Raises
    ------
    SimbenchError
        If there are none, or a line is not a row.
    """
    files = sorted(source.rglob("rows.jsonl")) if source.is_dir() else [source]
    if not files or not files[0].exists():
        raise SimbenchError(f"{source}: no rows.jsonl there; `simbench run` makes one")
    records = []
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                record = json.loads(line)
                missing = _NEEDED - set(record)
            except (ValueError, TypeError):
                raise SimbenchError(f"{path}, line {number}: not a JSON row") from None
            if missing:
                raise SimbenchError(f"{path}, line {number}: lacks '{sorted(missing)[0]}'")
            records.append(record)
    return with_numbers(pd.DataFrame(records))
