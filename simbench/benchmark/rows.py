"""Result rows on disk: gzipped JSON lines, one file per scenario."""

import gzip
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
from filelock import FileLock
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from simbench import __version__
from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError, first_problem, needing
from simbench.core.files import digest_of, reading, write_bytes
from simbench.methods.catalogue import CEILING, FLOOR
from simbench.methods.registry import find_entry
from simbench.scenario.scenario import Scenario
from simbench.scoring import VERSION
from simbench.scoring.recovery import with_recovery

if TYPE_CHECKING:
    from simbench.benchmark.plan import Unit

ROWS_FILE = "rows.jsonl.gz"
PARQUET_FILE = "rows.parquet"
UNIT = ["scenario", "level", "seed", "method"]
"""New rows of a unit replace all its old ones."""
IDENTITY = [*UNIT, "target", "metric", "probe", "split"]
"""No two rows agree in these."""
VERSIONS = ["scenario", "scenario_version", "scoring_version"]
_DECIMALS = 5  # of the scores of single cultures; all other numbers keep every bit
_Number = float | None
_log = logging.getLogger(__name__)


def _is_whole(row: dict[str, Any]) -> dict[str, Any]:
    for key in ("target", "probe", "split", "per_culture"):
        if row["metric"] is not None and row[key] is None:
            raise ValueError(f"{key} = null beside a metric")
    return row


@with_config(ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True))
class Row(TypedDict):
    """A row: a score, or null in its place where a unit failed or has none."""

    scenario: str
    """Its name."""
    scenario_version: int
    """Its version; rows of different versions are not compared."""
    scenario_digest: str
    """SHA-256 of all keys of the scenario that can change a score, at this level."""
    level: str
    """Values of the keys in `levels`; empty without levels."""
    seed: Annotated[int, Field(ge=0)]
    """Names all random streams of the data."""
    method: str
    """Its name, with its settings in brackets where they are not its defaults."""
    family: str
    """Kind of method; `control` is floor, ceiling or another control."""
    target: str | None
    """Label that was to be recovered."""
    metric: str | None
    """Name of the score (`simbench list metrics`)."""
    probe: str | None
    """`linear` or `nonlinear`; `none` for metrics without a probe."""
    split: str | None
    """`culture`: tested on cultures never seen; `neuron`: on other neurons of the same cultures."""
    value: _Number
    """The score."""
    chance: _Number
    """The floor: the same score of random latents; of a vote, the share of the largest class."""
    ceiling: _Number
    """The same score of the true spikes; 1 where these are unknown."""
    recovery: _Number
    """(value - chance) / (ceiling - chance)."""
    per_culture: list[_Number] | None
    """The score in each test culture."""
    cultures: list[str] | None
    """Names of the test cultures or animals, where every seed divides the same recordings anew."""
    per_training: list[list[_Number]] | None
    """``per_culture`` of each of several trainings on the same data."""
    confusion: dict[str, dict[str, float]] | None
    """Share of the neurons of each class that the linear probe gives each class."""
    n_components: _Number
    """Latent values per neuron."""
    n_parameters: _Number
    """Trainable parameters, if the method has any."""
    settings_tried: _Number
    """Of how many settings the method's are the best; null if nobody counted."""
    seconds: _Number
    """Time to fit and to embed, s."""
    peak_memory_mb: _Number
    """Largest resident memory of the method's process, MB."""
    status: Literal["ok", "failed"]
    """`failed`: the method raised an error, took too long or ended its process."""
    error: str | None
    """Of a failed method: one line."""
    scoring_version: int
    """Rows of different versions are not compared."""
    simbench: str | None
    """Version of simbench."""
    versions: dict[str, str] | None
    """Versions of the libraries by name."""


COLUMNS = list(Row.__annotations__)
_NUMBERS = [name for name, kind in Row.__annotations__.items() if kind == _Number]
_ROW: TypeAdapter[Any] = TypeAdapter(Annotated[Row, AfterValidator(_is_whole)])


def rows_of_units(results: Mapping["Unit", Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of finished units, placed between the floor and the ceiling of their dataset.

    Parameters
    ----------
    results : mapping of Unit to mapping
        Columns of each unit by name, and its ``scores``.
    """
    tables = []
    for unit, result in results.items():
        scores = pd.DataFrame(result["scores"])
        units = [replace(unit, method=name) for name in (FLOOR, CEILING)]
        ends = [results.get(end, {}) for end in units]
        known = [pd.DataFrame(end["scores"]) for end in ends if end.get("scores")]
        if len(scores) and len(known) == 1 and not result["knows_spikes"]:
            known.append(known[0].assign(value=1.0))
        if len(scores) and len(known) == 2:
            scores = with_recovery(scores, *known)
        entry = find_entry(unit.method)
        about = {"method": unit.method, "family": entry.family, **result}
        about["settings_tried"] = entry.settings_tried
        tables.append(complete(scores, unit.scenario, unit.level, unit.seed, about))
    return pd.concat(tables, ignore_index=True)


def complete(
    scores: pd.DataFrame, scenario: Scenario, level: str, seed: int, about: Mapping[str, Any]
) -> pd.DataFrame:
    """Scores of a method with all columns of rows; one row without a score if there are none."""
    known = {
        "scenario": scenario.name, "scenario_version": scenario.version,
        "scenario_digest": scenario.digest(), "level": level, "seed": seed,
        "scoring_version": VERSION, "simbench": __version__,
        **{name: value for name, value in about.items() if name in COLUMNS},
    }  # fmt: skip
    table = scores if len(scores) else pd.DataFrame(index=[0])
    table = table.assign(**{name: [value] * len(table) for name, value in known.items()})
    table = table.reindex(columns=COLUMNS)
    for name in ("cultures", "per_training", "confusion"):
        table[name] = [v if isinstance(v, list | dict) else None for v in table[name]]
    return with_numbers(table)


def as_written(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the decimals that are kept of the scores of single cultures."""
    lists = ("per_culture", "per_training")
    rows = with_numbers(rows)
    return rows.assign(**{name: [_rounded(values) for values in rows[name]] for name in lists})


def write_rows(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows, keeping those of earlier runs that these do not replace; return all.

    A unit that failed replaces no scores. Rows of another version of the scenario or of the scoring
    are dropped: they answer another question. Two runs that write at the same time wait for each
    other.

    Raises
    ------
    SimbenchError
        If another scenario of the same name and version made the rows of earlier runs.
    """
    rows = as_written(rows)
    with FileLock(cache_folder() / "locks" / f"{digest_of({'path': str(path.resolve())})}.lock"):
        if path.exists():
            old = read_rows(path)
            same = old[VERSIONS].apply(tuple, axis=1).isin(set(rows[VERSIONS].apply(tuple, axis=1)))
            check_digests(path, old[old["level"].isin(rows["level"])], rows)
            old, units = old[same], rows.set_index(UNIT).index
            good = old[old["status"] == "ok"].set_index(UNIT).index
            is_worse = (rows["status"] != "ok").to_numpy() & units.isin(good)
            for method in rows.loc[is_worse, "method"].unique():
                _log.warning("%s failed; its rows of an earlier run are kept", method)
            redone = old.set_index(UNIT).index.isin(units[~is_worse])
            rows = pd.concat([old[~redone], rows[~is_worse]], ignore_index=True)
        records = (_plain(record) for record in rows.to_dict(orient="records"))
        text = "".join(json.dumps(record) + "\n" for record in records)
        write_bytes(path, gzip.compress(text.encode(), mtime=0))
    return rows


def check_digests(path: Path, old: pd.DataFrame, new: pd.DataFrame) -> None:
    """Refuse a file of rows that another scenario made, of the name and version of this one.

    Parameters
    ----------
    path : Path
        File of the old rows.
    old : DataFrame
    new : DataFrame
        With the columns ``scenario``, ``scenario_version``, ``level`` and ``scenario_digest`` at
        least.

    Raises
    ------
    SimbenchError
        If an old row has a name and version of the new ones, but none of their levels and digests.
    """
    called, made = ["scenario", "scenario_version"], ["level", "scenario_digest"]
    same, known = (
        pd.MultiIndex.from_frame(old[keys]).isin(pd.MultiIndex.from_frame(new[keys]))
        for keys in (called, made)
    )
    changed = old[same & ~known]
    if len(changed):
        name, version = changed[called].iloc[0]
        raise SimbenchError(
            f"{path}: holds rows of another scenario that is called {name} v{version}; raise the "
            "`version` of the changed one, or name another --out"
        )


def with_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose numeric columns are numbers, with NaN for what is missing.

    Seeds, of up to 128 bits, are whole numbers of Python.
    """
    kinds = dict.fromkeys(_NUMBERS, float) | {"seed": object}
    return rows.assign(**{name: rows[name].astype(kinds[name]) for name in kinds if name in rows})


def _rounded(values: Any) -> Any:
    """Scores by culture with the decimals that are kept; anything else as it is."""
    is_list = isinstance(values, list | np.ndarray)
    return np.round(np.asarray(values, dtype=float), _DECIMALS).tolist() if is_list else values


def _plain(value: Any) -> Any:
    """JSON form that keeps every bit of a number; what is missing is null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_plain(item) for item in value]
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def read_rows(source: str | Path) -> pd.DataFrame:
    """Read the rows of a file, or of all ``rows.jsonl.gz`` below a folder.

    Without simbench, ``pandas.read_json(file, lines=True)`` reads them, too.

    Raises
    ------
    SimbenchError
        If there are none, or a line is not a row.
    """
    records = []
    for path in row_files(Path(source)):
        for number, line in enumerate(read_text(path).splitlines(), 1):
            try:
                records.append(_ROW.validate_json(line))
            except ValidationError as error:
                raise SimbenchError(f"{path}, line {number}: {_complaint(error)}") from None
    return with_numbers(pd.DataFrame(records))


def write_parquet(rows: pd.DataFrame, path: Path) -> None:
    """Write rows as one Parquet file, by pyarrow; what is a table within a row is JSON there.

    Seeds are text where one of them is beyond 63 bits.
    """
    with needing("parquet", f"{path}:"):
        import pyarrow  # noqa: F401
    tables = {
        name: [None if value is None else json.dumps(_plain(value)) for value in rows[name]]
        for name in ("per_training", "confusion", "versions")
    }
    if (rows["seed"] >= 2**63).any():
        tables["seed"] = rows["seed"].map(str)
    packed = io.BytesIO()
    rows.assign(**tables).to_parquet(packed, index=False, compression="zstd", engine="pyarrow")
    write_bytes(path, packed.getvalue())


def _complaint(error: ValidationError) -> str:
    is_row = error.errors()[0]["type"] not in ("json_invalid", "dict_type")
    return first_problem(error)[:300] if is_row else "not a JSON row"


def row_files(source: Path) -> list[Path]:
    """A file of rows, or all ``rows.jsonl.gz`` below a folder, in order.

    Raises
    ------
    SimbenchError
        If there are none.
    """
    files = sorted(source.rglob(ROWS_FILE)) if source.is_dir() else [source]
    if not files or not files[0].exists():
        raise SimbenchError(f"{source}: no {ROWS_FILE} there; `simbench run` makes one")
    return files


def read_text(path: Path) -> str:
    """The JSON lines of a file of rows.

    Raises
    ------
    SimbenchError
        If the file is damaged, or is no gzip file.
    """
    with reading(path):
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
        if not text:
            raise ValueError("no rows")
    return text
