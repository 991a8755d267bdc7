"""JSON schema of scenarios, for editors and for the reference: every key with unit and source."""

from typing import Any

from simbench.scenario.scenario import Scenario

UNITS = {
    "_mm_per_ms": "mm/ms", "_per_mm2": "1/mm^2", "_per_minute": "1/min", "photons_per_s": "1/s",
    "_ms": "ms", "_mm": "mm", "_um": "um", "_mV": "mV", "_hz": "Hz", "_s": "s", "seconds": "s",
    "nu": "%/sqrt(Hz)", "bit_depth": "bits", "read_noise": "photoelectrons", "offset": "counts",
    "camera_gain": "counts per photoelectron",
}  # fmt: skip
"""Unit of a key by how its name ends; the first that fits."""


def scenario_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a scenario file.

    A key has its ``unit`` where it has one, and the ``source`` of its default, unless this is off.
    """
    schema = Scenario.model_json_schema()
    for recipe in (schema, *schema["$defs"].values()):
        for name, key in recipe["properties"].items():
            unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), None)
            if unit:
                key["unit"] = unit
            if "description" in key:
                key["description"] = " ".join(key["description"].split())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
