"""Files of requirements: the light installation, and the libraries that made `results/`.

python tools/write_requirements.py           # requirements/light.txt, from pyproject.toml
python tools/write_requirements.py --lock    # requirements/results.txt, from this environment
"""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from simbench.benchmark.rows import read_rows

ROOT = Path(__file__).parents[1]
LIGHT, LOCK = ROOT / "requirements" / "light.txt", ROOT / "requirements" / "results.txt"
NETWORKS = {"torch", "safetensors"}
"""What only methods that train a network need."""
SHIPPED_WEIGHTS = "weights"
"""Name under which rows give the digest of a pretrained encoder: no library."""


def light() -> str:
    """What simbench needs without networks, one requirement a line."""
    needed = [line for line in _project()["dependencies"] if _name(line) not in NETWORKS]
    head = "# All but the networks (made by tools/write_requirements.py):\n"
    head += "# pip install -r requirements/light.txt && pip install --no-deps .\n"
    return head + "".join(f"{line}\n" for line in needed)


def lock() -> str:
    """Versions of all libraries that simbench reaches here, and of those that rows name."""
    project = _project()
    extras = [project["optional-dependencies"][name] for name in ("cebra", "features")]
    needed = [*project["dependencies"], *chain.from_iterable(extras)]
    versions = reached(needed) | named_by_rows()
    head = "# What made results/, on Python 3.11 (made by tools/write_requirements.py).\n"
    head += "# aeon asks for an older numba than this one, so:\n"
    head += "# pip install --no-deps -r requirements/results.txt\n"
    return head + "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def named_by_rows() -> dict[str, str]:
    """Libraries and versions that made the rows of `results/`; they must be one set."""
    rows = read_rows(ROOT / "results")["versions"].dropna()
    found = set(chain.from_iterable(made.items() for made in rows))
    found = {(name, version) for name, version in found if name != SHIPPED_WEIGHTS}
    versions = {name: version.partition("+")[0] for name, version in found}
    assert len(versions) == len(found), "results: made by two versions of one library"
    return versions


def reached(requirements: list[str]) -> dict[str, str]:
    """Name and version of each installed distribution that these requirements lead to."""
    found: dict[str, str] = {}
    waiting = [*map(Requirement, requirements)]
    while waiting:
        need = waiting.pop()
        name = _name(need.name)
        if name in found or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = installed.version.partition("+")[0]
        waiting += map(Requirement, installed.requires or [])
    return found


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


if __name__ == "__main__":
    path, text = (LOCK, lock()) if "--lock" in sys.argv[1:] else (LIGHT, light())
    path.write_text(text, encoding="utf-8")
    print(path.relative_to(ROOT))
