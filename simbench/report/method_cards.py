"""Method cards: what each method of a page is, where it comes from, what it cost."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd

from simbench.board.leaderboard import count
from simbench.core.errors import SimbenchError
from simbench.core.files import read_json
from simbench.methods.registry import known_methods
from simbench.report.svg import family_class

_MAX_BYTES = 64 * 1024


def method_cards(rows: pd.DataFrame, folders: Iterable[Path]) -> list[dict[str, Any]]:
    """One card a method of the rows; all that a card says is text, links are http(s) only.

    Parameters
    ----------
    rows : DataFrame
    folders : iterable of Path
        Folders of results; cards of submissions lie in ``submissions/`` there.
    """
    submitted = {card["name"]: card for folder in folders for card in _read_cards(folder)}
    known = known_methods()
    cards = []
    for method, mine in rows.groupby("method", sort=True):
        entry, own = known.get(str(method)), submitted.get(method, {})
        family = str(mine["family"].iloc[0])
        facts = {key: value for key, value in own.items() if key not in ("name", "link")}
        if entry:
            facts = {
                "source": entry.source,
                **({"settings": entry.parameters} if entry.parameters else {}),
            }
        parameters = mine["n_parameters"].dropna()
        if len(parameters):
            facts["parameters"] = count(float(parameters.mean()))
        cards.append(
            {
                "method": str(method),
                "family": family,
                "family_class": family_class(family),
                "summary": entry.summary if entry else "",
                "facts": [
                    (str(key).replace("_", " "), _plain(value))
                    for key, value in facts.items()
                    if value not in (None, "")
                ],
                "link": safe_link(own.get("link")),
            }
        )
    return cards


def safe_link(link: Any) -> str:
    """Address of an http(s) or doi link; anything else is empty."""
    if not isinstance(link, str):
        return ""
    if link.startswith("doi:10."):
        return "https://doi.org/" + quote(link.removeprefix("doi:"), safe="/.;()-_:")
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return link if parts.scheme in ("http", "https") and parts.netloc else ""


def _read_cards(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("submissions/*.json")):
        if path.stat().st_size > _MAX_BYTES:
            raise SimbenchError(f"{path}: larger than {_MAX_BYTES // 1024} kB; not a method card")
        card = read_json(path)
        if not isinstance(card.get("name"), str):
            raise SimbenchError(f"{path}: lacks 'name'")
        yield card


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
