"""The method card of a submission: who made the latents, with what, from which traces."""

import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from simbench.core.errors import SimbenchError
from simbench.core.files import reading, validated
from simbench.methods.catalogue import METHODS
from simbench.scenario.recipe import Recipe
from simbench.submission.latents_file import LIMITS

_RESERVED = ("all", "submission", "simbench")


def _plain(text: str) -> str:
    """Printable, not empty, and without < and >, which could be HTML."""
    if not text.isprintable() or set(text) & set("<>") or not text.strip():
        raise ValueError(f"{text!r:.80}: allowed is printable text without < and >")
    return unicodedata.normalize("NFC", text.strip())


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text!r:.80}: allowed are 1 to 48 ASCII letters, digits, spaces and . _ + -, "
            "beginning and ending with a letter or digit"
        )
    for known in (*METHODS, *_RESERVED):
        if name_key(known) == name_key(text):
            own = f"'{known}' is a name of simbench's own"
            raise ValueError(f"{text!r}: {own}; choose another name")
    return text


def _link(text: str) -> str:
    if not _LINK.fullmatch(text):
        raise ValueError(
            f"{text!r:.80}: allowed is an address as https://host/path or doi:10.1234/name, in "
            "ASCII and without quotes or spaces"
        )
    return text


def name_key(name: str) -> str:
    """Letters and digits of a name: two names with the same ones look alike to a reader."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


# ASCII, because other alphabets have letters that look the same.
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
    """What the board says about a submission, in short printable texts."""

    name: MethodName
    """Of the method; not one of simbench's own methods."""
    authors: Annotated[list[Text], Field(min_length=1, max_length=100)]
    link: Link
    """Paper or code: ``http(s)://...`` or ``doi:10....``."""
    track: Literal["", "pretrained", "taught-elsewhere"] = ""
    """Empty for a method that saw the exported traces alone. Others are listed and not ranked, see
    `simbench.methods.catalogue.TRACKS`."""
    latent_size: Annotated[int, Field(ge=1, le=LIMITS.components)]
    """Latent values per neuron."""
    hardware: Text
    training_time_s: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    """As stated by the authors, s."""
    scenario: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
    scenario_digest: Digest
    traces_digest: Digest
    """Of the traces that the latents were made from."""
    seed: Annotated[int, Field(ge=0, lt=2**256)] | None = None
    """Of the simulation, if the authors simulated the traces themselves."""
    settings_tried: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Of how many settings those of the submission are the best, as stated by the authors."""
    licence: Text | None = None


def read_card(path: str | Path) -> MethodCard:
    """Read a method card from a TOML file."""
    path = Path(path)
    with reading(path):
        if path.stat().st_size > LIMITS.text_bytes:
            raise SimbenchError(f"{path}: above {LIMITS.text_bytes >> 10} KiB, too long for a card")
        return validated(MethodCard, tomllib.loads(path.read_text(encoding="utf-8")), str(path))
