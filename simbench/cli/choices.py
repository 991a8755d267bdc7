"""Choices of the command line, and the names that a shell completes."""

from typing import Literal

Backend = Literal["loky", "dask"]
CacheAction = Literal["info", "prune", "clear"]
Checkable = Literal["method"]
Drawable = Literal["culture", "optics"]
Listable = Literal["scenarios", "methods", "metrics", "indicators", "labels"]
Probe = Literal["linear", "nonlinear"]


def scenario_names(incomplete: str) -> list[str]:
    """Scenarios that come with simbench, and "all"."""
    from simbench.scenario.scenario_file import available_scenarios

    return [name for name in (*available_scenarios(), "all") if name.startswith(incomplete)]


def method_names(incomplete: str) -> list[str]:
    """Methods that come with simbench, and "all"."""
    from simbench.methods.catalogue import METHODS

    return [name for name in (*METHODS, "all") if name.startswith(incomplete)]
