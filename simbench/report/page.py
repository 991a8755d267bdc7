"""The results page: one HTML file that needs nothing else."""

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from simbench.benchmark.rows import read_rows, read_text, row_files
from simbench.board.leaderboard import LEFT_OUT, boards, is_replication
from simbench.core.errors import SimbenchError
from simbench.core.files import write_text
from simbench.report.method_cards import method_cards
from simbench.report.page_data import board_data
from simbench.report.pictures import embed_pictures, find_pictures

LIMIT = 4_000_000
_PICTURES = 1_200_000
_ROWS = 900_000


def write_page(folder: Path, out: Path | None = None) -> Path:
    """Write the results of a folder as one self-contained HTML page.

    Parameters
    ----------
    folder : Path
        Holds one or more ``rows.jsonl.gz``, at any depth, with the pictures of their runs beside;
        or one such file.
    out : Path, optional
        File to write; by default ``index.html`` in the folder, or beside the file.

    Returns
    -------
    Path
        The page. The same rows and pictures give the same bytes.

    Raises
    ------
    SimbenchError
        If there are no rows, or rows that can't share a table, or a broken picture, or if the
        page would be larger than 4 MB.
    """
    folder = Path(folder)
    files = row_files(folder)
    home = folder if folder.is_dir() else folder.parent
    path = Path(out) if out else home / "index.html"
    tables = {file.parent: read_rows(file) for file in files}
    links = [Path(os.path.relpath(file, path.parent)).as_posix() for file in files]
    html = render(tables, "".join(read_text(file) for file in files), links)
    size = len(html.encode())
    if size > LIMIT:
        raise SimbenchError(
            f"{folder}: the page would take {size / 1e6:.1f} MB of {LIMIT / 1e6:.0f} MB; "
            "make one page a scenario"
        )
    write_text(path, html)
    return path


def render(tables: Mapping[Path, pd.DataFrame], text: str, links: Sequence[str] = ()) -> str:
    """The page as text.

    Parameters
    ----------
    tables : mapping of Path to DataFrame
        Rows by the folder they lie in; the pictures, cards and scenario beside them are shown.
    text : str
        All rows as JSON lines, for the download.
    links : sequence of str
        Where the files of the rows lie, seen from the page: shown if they are too large for it.
    """
    homes = {str(name): home for home, rows in tables.items() for name in rows["scenario"].unique()}
    rows = pd.concat(tables.values(), ignore_index=True)
    found = {name: find_pictures(home) for name, home in homes.items()}
    budget = _PICTURES // max(sum(bool(paths) for paths in found.values()), 1)
    data: list[dict[str, Any]] = []
    for title, mine in sorted(boards(rows), key=_is_aside):
        name = str(mine["scenario"].iloc[0])
        board = board_data(f"board-{len(data) + 1}", title, mine, homes[name])
        data.append(board | {"pictures": embed_pictures(found[name], budget)})
    packed, is_rounded = pack_rows(text, _ROWS)
    script, style = _part("page.js"), _part("page.css")
    return _template().render(
        boards=data,
        cards=method_cards(rows, homes.values()),
        n_rows=len(rows),
        rows=packed,
        links=links,
        is_rounded=is_rounded,
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
    )


def _is_aside(board: tuple[str, pd.DataFrame]) -> bool:
    """Whether a board comes after those that rank methods."""
    rows = board[1]
    return is_replication(rows) or str(rows["scenario"].iloc[0]) in LEFT_OUT


def pack_rows(text: str, limit: int) -> tuple[str, bool]:
    """Rows gzipped, in base64, and whether numbers had to be rounded to take ``limit`` bytes.

    Nothing if they take more even so. Base64 holds no character that could end a script element.
    """
    packed = _pack(text)
    if len(packed) <= limit:
        return packed, False
    packed = _pack("".join(map(_rounded, text.splitlines())))
    return (packed, True) if len(packed) <= limit else ("", False)


def _rounded(line: str) -> str:
    """A row with four decimals."""

    def parse(number: str) -> float:
        return round(float(number), 4)

    return json.dumps(json.loads(line, parse_float=parse)) + "\n"


def _pack(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _part(name: str) -> str:
    return files("simbench.report").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Source expression of the content security policy that allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("simbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
