"""Datasets that somebody deposited: fetched by name, compared with their checksum, kept."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zipfile import BadZipFile, ZipFile

from pydantic import Field, RootModel

from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError, needing
from simbench.core.files import new_folder, read_model
from simbench.scenario.recipe import Recipe

if TYPE_CHECKING:
    from simbench.data.dataset import Dataset

REGISTRY_VARIABLE = "SIMBENCH_REGISTRY"
_REGISTRY = Path(__file__).with_name("deposits.json")


class Deposit(Recipe):
    """Where a dataset lies."""

    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")]
    """Of a zip file of the dataset's folder; empty until somebody has deposited it."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Registry(RootModel[dict[str, Deposit]]):
    """Deposits by name."""


def deposits() -> dict[str, Deposit]:
    """Deposits by name that have an address: of simbench, or of the file ``$SIMBENCH_REGISTRY``."""
    path = Path(os.environ.get(REGISTRY_VARIABLE) or _REGISTRY)
    return {name: each for name, each in read_model(path, _Registry).root.items() if each.url}


def fetch_dataset(name: str) -> Path:
    """Folder of a deposited dataset; it is fetched if it is not here yet.

    Raises
    ------
    SimbenchError
        If nobody has deposited it, it can't be reached, or it is another file than was deposited.
    """
    places = deposits()
    if name not in places:
        allowed = ", ".join(places) or "none yet; `simbench simulate` makes the data"
        raise SimbenchError(f"fetch '{name}': not deposited; allowed: {allowed}")
    deposit = places[name]
    with needing("fetch", "fetch"):
        import pooch
    folder = cache_folder() / "deposits" / deposit.sha256
    unpacked = folder / "dataset"
    if not unpacked.is_dir():
        try:
            pooch.get_logger().setLevel("WARNING")
            file = pooch.retrieve(deposit.url, f"sha256:{deposit.sha256}", f"{name}.zip", folder)
            with new_folder(unpacked, keep_existing=True) as draft, ZipFile(file) as archive:
                archive.extractall(draft)
        except (OSError, ValueError, BadZipFile) as error:  # no network, no file; other content
            reason = str(error).partition("\n")[0]
            raise SimbenchError(f"fetch {name}: {deposit.url}: {reason}") from None
    manifests = sorted(unpacked.rglob("manifest.json"))
    if not manifests:
        raise SimbenchError(f"fetch {name}: {deposit.url} holds no dataset folder")
    return manifests[0].parent


def load_dataset(name: str) -> "Dataset":
    """A deposited dataset by name, fetched once and then read from the cache."""
    from simbench.data.dataset import Dataset  # slow to load: names are completed without it

    return Dataset.load(fetch_dataset(name))
