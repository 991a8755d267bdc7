"""Methods by name: what is known of them, and new estimators."""

import ast
import hashlib
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from simbench.core.errors import SimbenchError
from simbench.methods.catalogue import (
    METHODS,
    TAUGHT_SIZES,
    TRACKS,
    VARIANTS,
    MethodEntry,
    torch_found,
)
from simbench.methods.loading import is_import_path, load_class, method_digest

ALL = "all"
_PYTHON = {"true": "True", "false": "False"}  # as TOML writes them


def known_methods() -> dict[str, MethodEntry]:
    """The catalogue, and after it the methods of installed packages (entry points)."""
    # once more at the end: no package takes the name of one of ours
    return METHODS | _installed_methods(tuple(sys.path)) | METHODS


@lru_cache(maxsize=1)
def _installed_methods(path: tuple[str, ...]) -> dict[str, MethodEntry]:
    """Methods of the packages on the path. Kept, for a walk over all packages is slow."""
    found = {}
    for point in sorted(entry_points(group="simbench.methods"), key=lambda point: point.name):
        assert point.dist is not None  # entry_points finds them in distributions
        summary = f"method of the package {point.dist.name}"
        release = f"{point.dist.name} {point.dist.version}"
        found[point.name] = MethodEntry("outside", point.value, summary, release)
    return found


def find_entry(name: str) -> MethodEntry:
    """The line of a method.

    Parameters
    ----------
    name : str
        See `simbench list methods`; or "path.py:Class", or "package.module:Class". Any of them
        may be followed by settings: "avae[beta=0, window_s=20]". A class from outside says by its
        attribute ``simbench_track`` if it is of one of `TRACKS`.
    """
    name = split_settings(name)[0]
    if is_import_path(name):
        from simbench.methods.controls.control import Control

        made = load_class(name)
        # a control is marked as one wherever it comes from: it has seen more than traces
        is_control = isinstance(made, type) and issubclass(made, Control)
        track = getattr(made, "simbench_track", None)
        if track not in (None, *TRACKS):
            raise SimbenchError(
                f"method {name}: simbench_track = '{track}'; allowed: {', '.join(TRACKS)}"
            )
        family = "control" if is_control else track or "outside"
        return MethodEntry(family, name, "not registered", name, sees_truth=is_control)
    known = known_methods()
    if name not in known:
        raise SimbenchError(f"unknown method '{name}'; known: {', '.join(known)}; or path.py:Class")
    if not known[name].is_available:
        raise SimbenchError(f"method {name} {known[name].hint}")
    return known[name]


def split_settings(name: str) -> tuple[str, dict[str, Any]]:
    """The name without its settings, and the settings: numbers, None, True, False or text."""
    if not name.endswith("]"):
        return name, {}
    name, _, inside = name[:-1].partition("[")
    settings = {}
    for part in inside.split(","):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not (name and equals and key.isidentifier() and value):
            raise SimbenchError(
                f"method {name}[{inside}]: '{part.strip()}' is no setting; expected "
                "name[parameter=value, ...]"
            )
        try:
            settings[key] = ast.literal_eval(_PYTHON.get(value, value))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            settings[key] = value
    return name, settings


def lacks_torch(name: str) -> bool:
    """Whether a method of that name, settings aside, is a network, and PyTorch is missing."""
    entry = known_methods().get(name.partition("[")[0])
    return entry is not None and entry.lacks_torch


def expand_names(names: Sequence[str], with_networks: bool = False) -> list[str]:
    """Names as asked for; none: the default methods.

    "all" stands for every one that is installed but those that must be named; "avae-ablation" for
    the variants of the avae; "taught-curve" for the taught control with 20 to 1,280 cultures.
    ``with_networks``: those too that lack PyTorch.
    """
    known = known_methods()
    ranked = {
        name: entry
        for name, entry in known.items()
        if not entry.only_if_named
        and (entry.is_available or (with_networks and entry.lacks_torch and not entry.needs))
    }
    if not names:
        return [name for name, entry in ranked.items() if entry.default]
    groups = {ALL: ranked, "avae-ablation": VARIANTS, "taught-curve": TAUGHT_SIZES}
    expanded = [part for name in names for part in groups.get(name, [name])]
    return list(dict.fromkeys(expanded))


def identity(name: str) -> dict[str, str]:
    """What a method's latents depend on besides the sources of simbench and its own libraries.

    The version of an extra; for a method that is not part of simbench, a digest of its source; a
    digest of shipped weights; the device, unless it is the CPU.
    """
    entry, (plain_name, settings) = find_entry(name), split_settings(name)
    found = {entry.needs: version(entry.needs)} if entry.needs else {}
    if entry.weights:
        weights = Path(__file__).parent / entry.weights
        found["weights"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    device = settings.get("device", entry.device)
    if plain_name not in METHODS:
        found["source"] = method_digest(entry.import_path)
        method = get_method(name)
        device = next((method.get_params()[key] for key in _fitting(method, {"device": 0})), "cpu")
    # PyTorch takes seconds to import; its build for the CPU says by its version that it is one
    if device in ("auto", None) and torch_found() and not version("torch").endswith("+cpu"):
        from simbench.methods.learned import resolve_device

        device = resolve_device("auto")
    return found if str(device) in ("auto", "None", "cpu") else found | {"device": str(device)}


def get_method(name: str, **parameters: Any) -> Any:
    """New estimator of a method.

    Parameters
    ----------
    name : str
        See `find_entry`.
    **parameters
        Set on the estimator if it has them, ignored if not. Settings in the name go before.
    """
    from simbench.methods.controls.control import Control

    entry, settings = find_entry(name), split_settings(name)[1]
    make = load_class(entry.import_path)
    try:
        method = make(**entry.parameters)
        known = method.get_params() if hasattr(method, "get_params") else {}
    except TypeError as error:
        raise SimbenchError(f"method {name}: can't be made without arguments: {error}") from error
    except (Exception, SystemExit) as error:  # a method from outside can raise anything
        raise SimbenchError(
            f"method {name}: making it failed: {type(error).__name__}: {error}"
        ) from error
    for verb in () if isinstance(method, Control) else ("fit", "transform"):
        if not callable(getattr(method, verb, None)):
            raise SimbenchError(
                f"method {name}: no {verb}; expected fit(X) and transform(X) of scikit-learn"
            )
    for key in settings:
        if not _is_given(key) and _fitting(method, {key: None}):
            continue
        what = f"'{key}' is set by the benchmark" if _is_given(key) else f"no parameter '{key}'"
        allowed = ", ".join(key for key in known if not _is_given(key)) or "none"
        raise SimbenchError(f"method {name}: {what}; allowed: {allowed}")
    return set_known_parameters(method, **{**parameters, **settings})


def check_name(name: str) -> None:
    """Refuse a name that `get_method` would refuse.

    A method of simbench without settings is not imported for it: it can be made.
    """
    entry = find_entry(name)
    if METHODS.get(name) is not entry:
        get_method(name)


def _is_given(parameter: str) -> bool:
    """Whether `embed` sets a parameter of that name, be it of a step of a pipeline."""
    return parameter.rpartition("__")[2] in ("frame_rate", "random_state")


def set_known_parameters(method: Any, **parameters: Any) -> Any:
    """Set those parameters that the method (or a step of a pipeline) has; return the method."""
    fitting = _fitting(method, parameters)
    return method.set_params(**fitting) if fitting else method


def _fitting(method: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters under the names that the method, or a step of it, has for them."""
    known = method.get_params() if hasattr(method, "get_params") else {}
    return {
        name: value
        for name in known
        for key, value in parameters.items()
        if name == key or name.endswith(f"__{key}")
    }
