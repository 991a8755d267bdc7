"""simbench: do the latents of a method recover the physics that made the traces?

The names below are loaded when first used, so that ``import simbench`` stays quick.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0.dev0"

_HOMES = {
    "Scenario": "simbench.scenario.scenario",
    "load_scenario": "simbench.scenario.scenario_file",
    "SpikeTrains": "simbench.culture.spikes",
    "simulate": "simbench.data.simulation",
    "Dataset": "simbench.data.dataset",
    "Recording": "simbench.data.dataset",
    "embed": "simbench.methods.embedding",
    "get_method": "simbench.methods.registry",
    "evaluate": "simbench.scoring.evaluate",
    "SimbenchError": "simbench.core.errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
