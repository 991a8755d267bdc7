"""Choices of the command line, and the names that a shell completes."""

from collections.abc import Iterable
from typing import Literal

Backend = Literal["loky", "dask"]
CacheAction = Literal["info", "prune", "clear"]
Checkable = Literal["method"]
Drawable = Literal["culture", "optics"]
Listable = Literal["scenarios", "methods", "metrics", "indicators", "labels"]
Probe = Literal["linear", "nonlinear"]


def scenario_names(incomplete: str) -> list[str]:
    """Scenarios that come with simbench."""
    from simbench.scenario.scenario_file import available_scenarios

    return _completed(incomplete, available_scenarios())


def scenario_names_or_all(incomplete: str) -> list[str]:
    """Scenarios that come with simbench, and "all"."""
    return scenario_names(incomplete) + _completed(incomplete, ["all"])


def method_names(incomplete: str) -> list[str]:
    """Methods that come with simbench."""
    from simbench.methods.catalogue import METHODS

    return _completed(incomplete, METHODS)


def method_names_or_all(incomplete: str) -> list[str]:
    """Methods that come with simbench, and "all"."""
    return method_names(incomplete) + _completed(incomplete, ["all"])


def label_names(incomplete: str) -> list[str]:
    """Labels that simulated neurons have."""
    from simbench.scenario.labels import LABELS

    return _completed(incomplete, LABELS)


def deposit_names(incomplete: str) -> list[str]:
    """Datasets that somebody has deposited."""
    from simbench.data.deposits import deposits

    return _completed(incomplete, (name for name, deposit in deposits().items() if deposit.url))


def _completed(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
