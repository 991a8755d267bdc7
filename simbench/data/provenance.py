"""Where a dataset is from: what came from elsewhere, what simbench made, licence and citation."""

from collections.abc import Mapping, Sequence
from typing import Any

SIMULATED = "CC BY 4.0"


def provenance(
    given: Sequence[str],
    made: Sequence[str],
    source: str | None = None,
    license: str | None = None,
    citation: str | None = None,
    **how: Any,
) -> dict[str, Any]:
    """The ``origin`` of a dataset without a scenario, as plain names and values.

    Parameters
    ----------
    given, made : sequence of str
        What came from elsewhere, and what simbench made; such as "spikes", "fluorescence".
    source, license, citation : str, optional
        None: not told, and then nothing is claimed.
    **how
        More names and values, such as files with their SHA-256.
    """
    about = {"source": source, "license": license, "citation": citation}
    return {"given": list(given), "made": list(made), **about, **how}


def withheld(origin: Mapping[str, Any] | None, simulated: bool) -> dict[str, Any] | None:
    """What a blinded dataset may say of its origin: what is simulated, and the licence."""
    if simulated:
        return provenance([], ["fluorescence"], license=SIMULATED)
    if not origin or "given" not in origin:
        return None
    kept = {key: origin[key] for key in ("given", "made", "license")}
    return provenance(**kept)


def all_simulated(origin: Mapping[str, Any] | None) -> bool:
    """Whether an origin says that nothing came from elsewhere."""
    return origin is not None and origin.get("given") == []
