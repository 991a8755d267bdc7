"""Datasets in the formats of other groups' tools: one module per format, called like it."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from simbench import __version__
from simbench.core.errors import SimbenchError

if TYPE_CHECKING:
    from simbench.data.dataset import Dataset

Format = Literal["nwb", "suite2p", "caiman", "cascade", "csv", "parquet"]
_MARKER = "export.json"


def export(
    dataset: "Dataset", folder: str | Path, to: Format = "nwb", overwrite: bool = False
) -> list[Path]:
    """Write a dataset in another tool's format, whole or not at all.

    Beside the recordings, the folder holds a card and the checksum of every file.

    Parameters
    ----------
    dataset : Dataset
        Not blinded.
    folder : str or Path
        New or empty.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    list of Path
        Every file written.
    """
    from simbench.core.files import checksum, files_below, new_folder
    from simbench.data.dataset_card import render
    from simbench.data.provenance import fluorescence_unit

    if to not in get_args(Format):
        raise SimbenchError(f"unknown export format '{to}'; allowed: {', '.join(get_args(Format))}")
    module = import_module(f"simbench.data.export.{to}")
    dataset.check_names()
    folder = Path(folder)
    with new_folder(folder, replaces=_MARKER if overwrite else None) as draft:
        columns: dict[str, None] = {}  # of all label tables, in order
        for recording in map(replace, dataset.recordings):  # copies: their truth is not kept
            module.write(recording, draft, dataset)
            columns |= dict.fromkeys(recording.truth.labels)
        contents = render(f"{to}.md", unit=fluorescence_unit(dataset.origin))
        (draft / "README.md").write_text(dataset.card(columns, contents), encoding="utf-8")
        names = files_below(draft)
        about = {
            "format": to,
            "simbench": __version__,
            "scenario_digest": dataset.scenario.digest() if dataset.scenario else None,
            "seed": dataset.seed,
            "files": {name: checksum(draft / name) for name in names},
        }
        (draft / _MARKER).write_text(json.dumps(about, indent=1))
    return [folder / name for name in (*names, _MARKER)]
