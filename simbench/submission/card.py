"""The method card of a submission: who made the latents, with what, from which traces."""

import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from simbench.core.errors import SimbenchError
from simbench.core.files import reading
from simbench.methods.catalogue import METHODS
from simbench.scenario.recipe import Recipe, read_recipe
from simbench.submission.latents_file import MAX_COMPONENTS

_RESERVED = ("all", "submission", "simbench")
_MAX_CARD_BYTES = 64 * 1024


def _plain(text: str) -> str:
    """Printable, without the marks of HTML, and with something in it."""
    if not text.isprintable() or set(text) & set("<>") or not text.strip():
        raise ValueError(f"{text[:80]!r}: allowed is printable text without < and >")
    return unicodedata.normalize("NFC", text.strip())


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r}: allowed are 1 to 48 ASCII letters, digits, spaces and . _ + -, "
            "beginning and ending with a letter or digit"
        )
    taken = {name_key(known): known for known in (*METHODS, *_RESERVED)}.get(name_key(text))
    if taken:
        raise ValueError(f"{text!r}: '{taken}' is simbench's own; choose another name")
    return text


def _link(text: str) -> str:
    if not _LINK.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r}: allowed is an address as https://host/path or doi:10.1234/name, in "
            "ASCII and without quotes or spaces"
        )
    return text


def name_key(name: str) -> str:
    """What two names share that a reader could take for the same: letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


# ASCII, so that no foreign letter stands for one that looks the same.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._+-]{0,46}[A-Za-z0-9])?")
_LINK = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#@!$&*+,;=%()-]*)?"
    r"|doi:10\.[0-9]{4,9}/[A-Za-z0-9._;()/:-]+"
)

Text = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MethodName = Annotated[str, AfterValidator(_name)]
Link = Annotated[str, Field(max_length=200), AfterValidator(_link)]


class MethodCard(Recipe):
    """What stands beside a submission on the board.

    Every text is printable and short; the link is ``http(s)://...`` or ``doi:10....``.
    """

    name: MethodName
    """Of the method, on the board: no name of simbench's own methods."""
    authors: Annotated[list[Text], Field(min_length=1, max_length=100)]
    link: Link
    """Paper or code."""
    latent_size: Annotated[int, Field(ge=1, le=MAX_COMPONENTS)]
    """Latent values per neuron."""
    hardware: Text
    training_time_s: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    """As the authors state it, s."""
    scenario: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
    scenario_digest: Digest
    traces_digest: Digest
    """Of the traces that the latents were made from."""
    seed: Annotated[int, Field(ge=0, lt=2**256)] | None = None
    """Of the simulation, if the authors simulated the traces themselves."""
    licence: Text | None = None


def read_card(path: str | Path) -> MethodCard:
    """Read a method card from a TOML file.

    Raises
    ------
    SimbenchError
        In one line: which file, which key, which value, and what is allowed.
    """
    path = Path(path)
    with reading(path):
        if path.stat().st_size > _MAX_CARD_BYTES:
            raise SimbenchError(f"{path}: above {_MAX_CARD_BYTES >> 10} KiB, too long for a card")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return check_card(data, str(path))


def check_card(data: object, where: str) -> MethodCard:
    """A card from plain data, or an error that names where it stood."""
    try:
        return read_recipe(MethodCard, data)
    except SimbenchError as error:
        raise SimbenchError(f"{where}: {str(error)[:300]}") from None
