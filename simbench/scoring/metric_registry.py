"""A decorator that registers a metric: its bounds, chance, meaning and source at its function."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable)
INF = float("inf")
R2 = "coefficient of determination"

REGISTERED: "dict[str, Metric]" = {}
"""Of the modules that are imported so far; all are in `simbench.scoring.metric_catalogue`."""


@dataclass(frozen=True)
class Metric:
    """A metric and how to read its values.

    Parameters
    ----------
    name : str
        In rows and tables.
    group : str
        What is scored: "class" and "number" are labels that a probe has predicted, "clusters" a
        class without a probe, "class of a culture" one for which its neurons vote, then "culture",
        "nuisance", "all targets", "trace", "replication".
    function : callable
        Gives the value, or a dict with the values of several metrics by name.
    meaning : str
        One line.
    source : str
        Publication, or what the quantity is called.
    low, high : float
        Bounds of the value.
    chance : float or None
        Expected value for latents that know nothing; None where it depends on the data (``meaning``
        says how).
    direction : {"higher", "lower", "nominal"}
        Which values are better; nominal: those closest to the level asked for.
    """

    name: str
    group: str
    function: Callable
    meaning: str
    source: str
    low: float = 0
    high: float = 1
    chance: float | None = None
    direction: str = "higher"

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function).parameters

    @cached_property
    def takes(self) -> frozenset[str]:
        """Names of the inputs that its function needs."""
        return frozenset(p.name for p in self._parameters.values() if p.default is p.empty)

    def __call__(self, **inputs: Any) -> float:
        """Value of the metric; ``inputs`` may hold more than its function takes."""
        value = self.function(**{name: inputs[name] for name in inputs if name in self._parameters})
        return value[self.name] if isinstance(value, dict) else value


def metric(
    name: str, group: str, meaning: str = "", **reading: Any
) -> Callable[[Function], Function]:
    """Register the function below as a metric; ``reading`` are further parameters of `Metric`.

    The meaning is the first line of the function's docstring unless it is given.
    """

    def register(function: Function) -> Function:
        line = meaning or (function.__doc__ or "").partition("\n")[0].rstrip(".")
        REGISTERED[name] = Metric(name, group, function, line, **reading)
        return function

    return register
