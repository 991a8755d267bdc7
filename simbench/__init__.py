"""simbench: do the latents of a method recover the physics that made the traces?

The names below are loaded when first used, so that ``import simbench`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_DEFINED_IN = {
    "Scenario": "simbench.scenario.scenario",
    "load_scenario": "simbench.scenario.scenario_file",
    "list_scenarios": "simbench.benchmark.known_names",
    "SpikeTrains": "simbench.culture.spikes",
    "simulate": "simbench.data.simulation",
    "Dataset": "simbench.data.dataset",
    "load_dataset": "simbench.data.deposits",
    "Recording": "simbench.data.recording",
    "import_spikes": "simbench.data.readers.spike_files",
    "export": "simbench.data.export",
    "list_methods": "simbench.benchmark.known_names",
    "get_method": "simbench.methods.registry",
    "embed": "simbench.methods.embedding",
    "evaluate": "simbench.scoring.evaluate",
    "plan": "simbench.benchmark.plan",
    "run": "simbench.benchmark.run",
    "read_rows": "simbench.benchmark.rows",
    "leaderboard": "simbench.board.leaderboard",
    "validate": "simbench.report.validation",
    "SimbenchError": "simbench.core.errors",
}

__all__ = ["__version__", *_DEFINED_IN]

if TYPE_CHECKING:  # what type checkers read
    from simbench.benchmark.known_names import list_methods as list_methods
    from simbench.benchmark.known_names import list_scenarios as list_scenarios
    from simbench.benchmark.plan import plan as plan
    from simbench.benchmark.rows import read_rows as read_rows
    from simbench.benchmark.run import run as run
    from simbench.board.leaderboard import leaderboard as leaderboard
    from simbench.core.errors import SimbenchError as SimbenchError
    from simbench.culture.spikes import SpikeTrains as SpikeTrains
    from simbench.data.dataset import Dataset as Dataset
    from simbench.data.deposits import load_dataset as load_dataset
    from simbench.data.export import export as export
    from simbench.data.readers.spike_files import import_spikes as import_spikes
    from simbench.data.recording import Recording as Recording
    from simbench.data.simulation import simulate as simulate
    from simbench.methods.embedding import embed as embed
    from simbench.methods.registry import get_method as get_method
    from simbench.report.validation import validate as validate
    from simbench.scenario.scenario import Scenario as Scenario
    from simbench.scenario.scenario_file import load_scenario as load_scenario
    from simbench.scoring.evaluate import evaluate as evaluate
else:

    def __getattr__(name: str) -> Any:
        if name not in _DEFINED_IN:
            raise AttributeError(f"module 'simbench' has no attribute {name!r}")
        return getattr(import_module(_DEFINED_IN[name]), name)


def __dir__() -> list[str]:
    return __all__
