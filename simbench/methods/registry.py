"""Methods by name, and the one way from a dataset to their latents."""

import ast
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

from simbench.core.errors import SimbenchError
from simbench.methods.catalogue import METHODS, VARIANTS, MethodEntry
from simbench.methods.controls.control import Control
from simbench.methods.loading import is_home, load_home, source_digest

ALL = "all"
ABLATION = "avae-ablation"
GROUP = "simbench.methods"


def known_methods() -> dict[str, MethodEntry]:
    """The registry, and after it the methods of installed packages (entry points)."""
    installed = _installed_methods(tuple(sys.path))
    return METHODS | {name: entry for name, entry in installed.items() if name not in METHODS}


@lru_cache(maxsize=1)
def _installed_methods(path: tuple[str, ...]) -> dict[str, MethodEntry]:
    """Methods of the packages on the path. Kept, for a walk over all packages is slow."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: _entry_of(point) for point in points}


def find_entry(name: str) -> MethodEntry:
    """The line of a method.

    Parameters
    ----------
    name : str
        See `simbench list methods`; or "path.py:Class", or "package.module:Class". Any of them
        may be followed by settings: "avae[beta=0, window_s=20]".

    Raises
    ------
    SimbenchError
        If no method has that name, its extra is not installed, or there is no such class.
    """
    name = split_settings(name)[0]
    if is_home(name):
        family = _outside_family(name)
        sees_truth = family == "control"
        return MethodEntry(family, name, "not registered", name, sees_truth=sees_truth)
    known = known_methods()
    if name not in known:
        raise SimbenchError(f"unknown method '{name}'; known: {', '.join(known)}; or path.py:Class")
    entry = known[name]
    if not entry.is_available:
        raise SimbenchError(f"method {name} {entry.hint}")
    return entry


def split_settings(name: str) -> tuple[str, dict[str, Any]]:
    """The name without its settings, and the settings: numbers, None, True, False or text.

    Raises
    ------
    SimbenchError
        If the settings are not "[parameter=value, ...]".
    """
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
            settings[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[key] = value
    return name, settings


def expand_names(names: Sequence[str]) -> list[str]:
    """Names as asked for; none: the default methods.

    "all" stands for every one that is installed, without references; "avae-ablation" for the
    variants of the avae.
    """
    known = known_methods()
    ranked = {name: e for name, e in known.items() if e.is_available and not e.is_reference}
    if not names:
        return [name for name, entry in ranked.items() if entry.default]
    groups = {ALL: list(ranked), ABLATION: list(VARIANTS)}
    expanded = [part for name in names for part in groups.get(name, [name])]
    return list(dict.fromkeys(expanded))


def identity(name: str) -> dict[str, str]:
    """What a method's latents depend on besides the sources of simbench and its own libraries.

    The version of an extra; for a method that is not part of simbench, a digest of its source;
    the device, unless it is the CPU.
    """
    entry = find_entry(name)
    found = {entry.needs: version(entry.needs)} if entry.needs else {}
    if not _is_own(name):
        found["source"] = source_digest(entry.home)
    device = _device(name)
    return found if device == "cpu" else found | {"device": device}


def _device(name: str) -> str:
    """Where a method computes in this machine."""
    if _is_own(name):
        device = split_settings(name)[1].get("device", find_entry(name).device)
    else:
        method = get_method(name)
        device = next((method.get_params()[key] for key in _fitting(method, {"device": 0})), "cpu")
    if device not in ("auto", None):
        return str(device)
    from simbench.methods.learned import resolve_device

    return str(resolve_device("auto"))


def _is_own(name: str) -> bool:
    return split_settings(name)[0] in METHODS


def get_method(name: str, **parameters: Any) -> Any:
    """New estimator of a method.

    Parameters
    ----------
    name : str
        See `find_entry`.
    **parameters
        Set on the estimator if it has them, ignored if not. Settings in the name go before.

    Raises
    ------
    SimbenchError
        If there is no such method, it has no such setting or the benchmark sets it, or it is
        neither a transformer nor a control.
    """
    method = _make(name)
    if not isinstance(method, Control):
        for verb in ("fit", "transform"):
            if not callable(getattr(method, verb, None)):
                raise SimbenchError(
                    f"method {name}: no {verb}; expected fit(X) and transform(X) of scikit-learn"
                )
    settings = split_settings(name)[1]
    _check_settings(name, method, settings)
    return set_known_parameters(method, **{**parameters, **settings})


def _make(name: str) -> Any:
    entry = find_entry(name)
    factory = load_home(entry.home)
    try:
        method = factory(**entry.parameters)
        _fitting(method, {})  # asks for its parameters
    except TypeError as error:
        raise SimbenchError(f"method {name}: can't be made without arguments: {error}") from error
    except (Exception, SystemExit) as error:  # the code of others can fail in every way
        raise SimbenchError(
            f"method {name}: making it failed: {type(error).__name__}: {error}"
        ) from error
    return method


def check_name(name: str) -> None:
    """Refuse a name that `get_method` would refuse.

    A method of simbench without settings is not imported for it: it can be made.

    Raises
    ------
    SimbenchError
        As `get_method`.
    """
    entry = find_entry(name)
    if METHODS.get(name) is not entry:
        get_method(name)


def _check_settings(name: str, method: Any, settings: dict[str, Any]) -> None:
    known = method.get_params() if hasattr(method, "get_params") else {}
    allowed = [key for key in known if not _is_given(key)]
    for key in settings:
        if _is_given(key):
            what = f"'{key}' is set by the benchmark"
        elif not _fitting(method, {key: None}):
            what = f"no parameter '{key}'"
        else:
            continue
        raise SimbenchError(f"method {name}: {what}; allowed: {', '.join(allowed) or 'none'}")


def _is_given(parameter: str) -> bool:
    """Whether `embed` sets a parameter of that name, be it of a step of a pipeline."""
    return parameter.rpartition("__")[2] in ("frame_rate", "random_state")


def _entry_of(point: EntryPoint) -> MethodEntry:
    package = point.dist.name if point.dist else "?"
    release = f"{package} {point.dist.version}" if point.dist else package
    return MethodEntry("outside", point.value, f"method of the package {package}", release)


def _outside_family(home: str) -> str:
    """A control is marked as one wherever it comes from: it has seen more than traces."""
    found = load_home(home)
    is_control = isinstance(found, type) and issubclass(found, Control)
    return "control" if is_control else "outside"


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
