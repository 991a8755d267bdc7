"""Where a dataset is from: what came from elsewhere, what simbench made, licence and citation."""

from collections.abc import Mapping, Sequence
from typing import Any

SIMULATED = "CC BY 4.0"
_BLIND = ("given", "made", "license", "fluorescence_unit")
COUNTS = "counts per frame above the offset, photons at gain 1 (F/F0 if noiseless)"


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
    kept = {key: origin[key] for key in _BLIND if key in origin}
    return provenance(**kept)


def fluorescence_unit(origin: Mapping[str, Any] | None) -> str:
    """What a value of the fluorescence is; ``fluorescence_unit`` of an origin says so."""
    origin = origin or {}
    unit = str(origin.get("fluorescence_unit", COUNTS))
    return f"{unit}, mean of the original frames" if "windows" in origin else unit
