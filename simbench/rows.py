"""Result rows on disk: JSON lines, one file a scenario."""

import json
from pathlib import Path

import pandas as pd

from simbench.errors import SimbenchError
from simbench.storage import write_text

# A new row replaces an old one that agrees in these.
IDENTITY = ["scenario", "seed", "method", "target", "metric", "probe", "split"]
_NEEDED = {*IDENTITY, "value", "chance", "ceiling", "recovery", "per_culture", "status"}


def write_rows(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows, keeping those of an earlier run that these do not replace; return all.

    Rows of another version of the scenario are dropped: they answer another question.
    """
    if path.exists():
        old = read_rows(path)
        digest = rows["scenario_digest"].iloc[0]
        old = old[old["scenario_digest"] == digest]
        units = ["scenario", "seed", "method"]
        redone = old.set_index(units).index.isin(rows.set_index(units).index)
        rows = pd.concat([old[~redone], rows], ignore_index=True)
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
    return rows


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
    return pd.DataFrame(records)
