"""The outside door: traces out without labels, latents in without trust."""

from importlib import import_module
from typing import Any

_HOMES = {
    "export_traces": "blind_traces",
    "read_latents": "latents_file",
    "MethodCard": "card",
    "read_card": "card",
    "Submission": "packing",
    "pack_submission": "packing",
    "read_submission": "packing",
    "score_latents": "scored",
    "score_submission": "scored",
    "add_submission": "scored",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simbench.submission' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
