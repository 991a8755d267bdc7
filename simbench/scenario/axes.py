"""Axes and levels: dotted keys with their values, expanded to every combination."""

import copy
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

_AND = " and "


def every_combination(
    data: dict[str, Any], axes: dict[str, list[Any]], where: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and data of each combination of values.

    Parameters
    ----------
    data : dict
        Nested tables, left as they are.
    axes : dict
        Values by dotted key, e.g. ``{"imaging.nu": [0.3, 1.0]}``. Keys joined by a comma take the
        same value. Keys joined by "and" take one each of a list, whose first names it:
        ``{"culture.wiring.topology and culture.noise_sigma": [["flat", 1.3], ["tracks", 1.7]]}``.
    where : str
        What the axes are called in an error.
    """
    for values in itertools.product(*axes.values()):
        changed = copy.deepcopy(data)
        for keys, value in zip(axes, values):
            for part, each in zip(keys.split(_AND), _parts(keys, value, where)):
                for key in split_keys([part]):
                    _set(changed, key, each, where)
        yield ", ".join(map(value_name, axes, values)), changed


def _parts(keys: str, value: Any, where: str) -> list[Any]:
    """The values of keys joined by "and"; of any others the value itself."""
    if _AND not in keys:
        return [value]
    n_parts = len(keys.split(_AND))
    if not isinstance(value, list) or len(value) != n_parts:
        raise ValueError(f"{where}.{keys}: {value!r}; allowed: lists of {n_parts} values")
    return value


def _set(data: dict[str, Any], key: str, value: Any, where: str) -> None:
    if key in ("culture.preset", "imaging.preset"):  # filled in when the recipe was read
        raise ValueError(f"{where}: a preset can't vary; vary the keys that it sets")
    *parents, leaf = key.split(".")
    table: Any = data
    for parent in parents:
        table = table.get(parent) if isinstance(table, dict) else None
    if not isinstance(table, dict) or leaf not in table:
        raise ValueError(f"{where}: unknown key '{key}'")
    table[leaf] = value


def split_keys(axes: Iterable[str]) -> list[str]:
    """All dotted keys of axes, those joined apart."""
    return [key.strip() for keys in axes for key in keys.replace(_AND, ",").split(",")]


def value_name(keys: str, value: Any) -> str:
    """Name of a value; that of its only key for a share of one: ``{"RS": 1.0}`` is "RS"."""
    if _AND in keys and isinstance(value, list) and value:
        value = value[0]
    is_one = isinstance(value, dict) and list(value.values()) == [1.0]
    return next(iter(value)) if is_one else str(value)


def refuse_duplicates(where: str, names: Iterable[str]) -> None:
    """Raise an error that names the first duplicate."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{where}: duplicate '{name}'")
