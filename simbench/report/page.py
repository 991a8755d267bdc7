"""The results page: one HTML file that needs nothing else."""

import base64
import gzip
import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.benchmark.rows import PARQUET_FILE, read_rows, read_text, row_files, write_parquet
from simbench.board.leaderboard import UNRANKED_SCENARIOS, boards, is_replication
from simbench.core import text
from simbench.core.console import track
from simbench.core.errors import SimbenchError
from simbench.core.files import reading, write_text
from simbench.core.parallel import run_jobs
from simbench.methods.catalogue import TRACKS
from simbench.report.page_data import (
    GROUPS,
    OTHERS,
    board_data,
    board_key,
    like_real,
    method_cards,
)
from simbench.report.style import FAMILY_COLORS
from simbench.report.summary import independent_sets
from simbench.report.texts import p_value
from simbench.scoring.metric_catalogue import METRICS

LIMIT = 6_000_000
OPENING = "firing-types"
"""The board that the page opens on, if it is there."""
_PICTURES = 1_600_000
_WHOLE, _VALIDATION = 500_000, 400_000
_ROWS = 900_000
_DRAWN_HERE = ("leaderboard", "curves", "pairwise")
"""Files that the page does not take up: it shows the same from the rows, for both probes."""
_WIDTHS = (1400, 1000, 720, 480)


def write_page(
    folder: Path, out: Path | None = None, parquet: bool = False, n_jobs: int = 1
) -> Path:
    """Write the results of a folder as one self-contained HTML page.

    Parameters
    ----------
    folder : Path
        Holds one or more ``rows.jsonl.gz``, at any depth, with the pictures of their runs in the
        same folders; or one such file.
    out : Path, optional
        File to write; by default ``index.html`` in the folder.
    parquet : bool
        Write all rows as ``rows.parquet`` beside the page, too, and link it there.
    n_jobs : int
        Worker processes that make boards; -1 for one per core.

    Returns
    -------
    Path
        The page, 6 MB or less, with the summary and what `simbench validate` left in ``validation``
        in the folder. The same rows and pictures give the same bytes.
    """
    folder = Path(folder)
    files = row_files(folder)
    path = Path(out) if out else (folder if folder.is_dir() else folder.parent) / "index.html"
    tables = {file.parent: read_rows(file) for file in files}
    links = [Path(os.path.relpath(file, path.parent)).as_posix() for file in files]
    lines = "".join(read_text(file) for file in files)
    html = render(tables, lines, folder, links, PARQUET_FILE if parquet else "", n_jobs)
    size = len(html.encode())
    if size > LIMIT:
        over = f"the page would take {size / 1e6:.1f} MB of {LIMIT / 1e6:.0f} MB"
        raise SimbenchError(f"{folder}: {over}; make one page per scenario")
    if parquet:
        write_parquet(read_rows(folder), path.with_name(PARQUET_FILE))
    write_text(path, html)
    return path


def render(
    tables: Mapping[Path, pd.DataFrame],
    lines: str,
    home: Path,
    links: Sequence[str] = (),
    parquet: str = "",
    n_jobs: int = 1,
) -> str:
    """The page as text.

    Parameters
    ----------
    tables : mapping of Path to DataFrame
        Rows by the folder they lie in; its pictures, method cards and scenario are shown.
    lines : str
        All rows as JSON lines, for the download.
    home : Path
        Folder of all results: its summary and validation are shown.
    links : sequence of str
        Where the files of the rows lie, seen from the page: shown if they are too large for it.
    parquet : str
        Name of a Parquet copy of the rows beside the page, if there is one.
    n_jobs : int
        As for `write_page`.
    """
    pictures = {folder: _pictures(folder) for folder in tables}
    budget = _PICTURES // max(sum(map(bool, pictures.values())), 1)
    parts = [table.assign(folder=folder) for folder, table in tables.items()]
    rows = pd.concat(parts, ignore_index=True)
    jobs: dict[str, tuple[str, str, pd.DataFrame, Path]] = {}
    for title, mine in sorted(boards(rows), key=_comes_last):
        key = board_key(mine, jobs)
        jobs[key] = key, title, mine, mine["folder"].iloc[0]
    made = run_jobs(board_data, jobs, n_jobs if len(jobs) > 1 else 1)
    board_of = dict(next(made) for _ in track(list(jobs), "page"))
    data = [
        board_of[key] | {"pictures": _embed(pictures[folder], budget)}
        for key, *_, folder in jobs.values()
    ]
    groups = {group: [b for b in data if b["group"] == group] for group in (*GROUPS, OTHERS)}
    packed = base64.b64encode(gzip.compress(lines.encode(), mtime=0)).decode()
    script, style = _part("page.js"), _part("page.css")
    opening = next((b["key"] for b in data if b["key"] == OPENING), data[0]["key"])
    return _template().render(
        boards=data, groups={g: mine for g, mine in groups.items() if mine}, opening=opening,
        metrics=[each for name, each in METRICS.items() if name in set(rows["metric"])],
        cards=method_cards(rows, tables), n_rows=len(rows), links=links, parquet=parquet,
        **_of_all(home), rows=packed if len(packed) <= _ROWS else "",
        script=script, style=style, script_hash=_hash(script), style_hash=_hash(style),
    )  # fmt: skip


def _comes_last(board: tuple[str, pd.DataFrame]) -> bool:
    """Whether a board comes after those that rank different methods."""
    return is_replication(board[1]) or board[1]["scenario"].iloc[0] in UNRANKED_SCENARIOS


def _of_all(home: Path) -> dict[str, Any]:
    """What stands above and below the boards: of all of them, and of recordings of others."""
    validation = home / "validation"
    summary, cultures = home / "summary.csv", validation / "cultures.csv"
    whole = [path for path in (home / "summary.png", validation / "ranks.png") if path.is_file()]
    others = [path for path in _pictures(validation) if path not in whole]
    with reading(summary):
        seen = independent_sets(pd.read_csv(summary)) if summary.is_file() else ""
    with reading(cultures):
        alike = like_real(pd.read_csv(cultures)) if cultures.is_file() else {}
    return {
        "whole": _embed(whole, _WHOLE), "validation": _embed(others, _VALIDATION),
        "independent_sets": seen, "like_real": alike,
    }  # fmt: skip


def _pictures(folder: Path) -> list[Path]:
    """PNG files of a folder, and SVG files that have no PNG of the same name."""
    files = sorted(folder.glob("*.png"))
    files += [p for p in sorted(folder.glob("*.svg")) if p.with_suffix(".png") not in files]
    return [path for path in files if not path.stem.startswith(_DRAWN_HERE)]


def _embed(paths: Sequence[Path], budget: int) -> list[dict[str, Any]]:
    """Pictures as data URIs that take no more than ``budget`` bytes together.

    One that can't be made small enough is left out.
    """
    embedded = []
    for path in paths:
        for width in _WIDTHS:
            uri, size = _data_uri(path, width)
            if len(uri) <= budget // len(paths):
                embedded.append({"name": path.stem, "uri": uri, "size": size})
                break
    return embedded


def _data_uri(path: Path, width: int) -> tuple[str, tuple[int, int] | None]:
    """Data URI of a picture; of a PNG at most that wide, with its width and height in pixels."""
    from PIL import Image

    if path.suffix == ".svg":
        return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}", None
    buffer = io.BytesIO()
    try:
        with Image.open(path, formats=["PNG"]) as opened:
            image = opened.convert("RGB")
    except Exception as error:  # damaged files raise nearly everything
        raise SimbenchError(f"{path}: not a picture that can be read ({error})") from None
    image.thumbnail((width, image.height), Image.Resampling.LANCZOS)
    image.save(buffer, "WEBP", quality=82, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}", image.size


def _part(name: str) -> str:
    return files("simbench.report").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """Source expression of the content security policy that allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _with_true_minus(write: Callable[..., str]) -> Callable[..., str]:
    return lambda *given: write(*given).replace("-", "−")


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("simbench.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    for write in (text.number, text.duration, text.memory, text.count, p_value):
        environment.filters[write.__name__] = _with_true_minus(write)
    environment.filters["sortable"] = lambda value: f"{value:.6g}" if np.isfinite(value) else ""
    environment.globals |= {"families": list(FAMILY_COLORS), "tracks": TRACKS}
    return environment.get_template("page.html")
