"""Any method to one file and back, nothing pickled: JSON for plain values, arrays as they are.

A file can't run code: reading it makes estimators of simbench, scikit-learn and aeon, and of the
classes that the reader names, and fills in their attributes.
"""

import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from simbench.core.errors import SimbenchError
from simbench.core.files import reading, write_bytes

_LIBRARIES = ("sklearn", "aeon")
_PACKAGES = ("simbench", *_LIBRARIES)
_PLAIN = (type(None), bool, int, float, str)


def save(method: BaseEstimator, path: str | Path) -> None:
    """Write a method, fitted or not, to one ``.npz`` file.

    Parameters
    ----------
    method : estimator
        With attributes that are numbers, text, arrays, estimators, or lists, tuples and
        dictionaries of these. A class with ``save(path)`` and ``load(path)`` is asked itself.
    path : str or Path

    Raises
    ------
    SimbenchError
        If an attribute is something else, or the file can't be written.
    """
    arrays: dict[str, np.ndarray] = {}
    about = {
        "method": _encode(method, type(method).__name__, arrays),
        "scikit-learn": version("scikit-learn"),
    }
    arrays["about"] = np.array(json.dumps(about))
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(Path(path), buffer.getvalue())


def load(path: str | Path, classes: Iterable[type] = ()) -> Any:
    """Read a method that `save` wrote.

    Parameters
    ----------
    path : str or Path
    classes : iterable of type
        Classes outside of simbench, scikit-learn and aeon that the file may hold.

    Raises
    ------
    SimbenchError
        If the file is missing, damaged, or holds another class.

    Warns
    -----
    InconsistentVersionWarning
        If another version of scikit-learn wrote the file.
    """
    path = Path(path)
    trusted = {_home(given): given for given in classes}
    with reading(path), np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        arrays = {name: file[name] for name in file.files if name != "about"}
        method = _decode(about["method"], arrays, lambda home: _find_class(home, trusted, path))
    if about["scikit-learn"] != version("scikit-learn"):
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=type(method).__name__,
                current_sklearn_version=version("scikit-learn"),
                original_sklearn_version=about["scikit-learn"],
            ),
            stacklevel=2,
        )
    return method


def _encode(value: Any, where: str, arrays: dict[str, np.ndarray]) -> Any:
    """JSON form of a value: plain ones as they are, all others a dictionary with one key."""
    if type(value) in _PLAIN:
        return value
    if type(value) in (list, tuple):
        parts = [_encode(part, f"{where}[{i}]", arrays) for i, part in enumerate(value)]
        return {type(value).__name__: parts}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {k: _encode(v, f"{where}[{k!r}]", arrays) for k, v in value.items()}}
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        # rows or columns first: the order in memory decides the last bits of a product
        return {kind: _keep(np.array(value, order="K"), arrays)}
    if isinstance(value, BaseEstimator):
        if _saves_itself(type(value)):
            return {"saved": [_home(type(value)), _keep(_own_file(value), arrays)]}
        state = {k: _encode(v, f"{where}.{k}", arrays) for k, v in vars(value).items()}
        return {"estimator": [_home(type(value)), state]}
    raise SimbenchError(
        f"{where} is a {type(value).__name__} and can't be saved; allowed: numbers, text, arrays, "
        "estimators, and lists, tuples and dictionaries of these"
    )


def _decode(value: Any, arrays: dict[str, np.ndarray], find_class: Callable[[str], type]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in ("list", "tuple"):
        parts = [_decode(part, arrays, find_class) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {name: _decode(part, arrays, find_class) for name, part in content.items()}
    if kind in ("array", "scalar"):
        return arrays[content] if kind == "array" else arrays[content][()]
    home, content = content
    found = find_class(home)
    if kind == "saved":
        return _from_own_file(found, arrays[content])
    estimator: Any = object.__new__(found)
    vars(estimator).update(_decode({"dict": content}, arrays, find_class))
    return estimator


def _keep(array: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    name = f"array{len(arrays)}"
    arrays[name] = array
    return name


def _saves_itself(cls: type) -> bool:
    is_of_library = cls.__module__.partition(".")[0] in _LIBRARIES
    return not is_of_library and all(callable(getattr(cls, v, None)) for v in ("save", "load"))


def _own_file(method: Any) -> np.ndarray:
    """Bytes of the file that a method writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "method.npz"
        method.save(path)
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def _from_own_file(cls: Any, content: np.ndarray) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "method.npz"
        path.write_bytes(content.tobytes())
        return cls.load(path)


def _home(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _find_class(home: str, trusted: dict[str, type], path: Path) -> type:
    """Class by its home; only estimators, and only of the packages that are trusted."""
    if home in trusted:
        return trusted[home]
    module, _, name = home.partition(":")
    if module.partition(".")[0] in _PACKAGES:
        found = getattr(import_module(module), name, None)
        if isinstance(found, type) and issubclass(found, BaseEstimator):
            return found
    raise SimbenchError(
        f"{path}: holds a {home}; allowed: estimators of {', '.join(_PACKAGES)}, "
        "and the classes that are given"
    )
