"""Datasets in the formats that other groups' tools read."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.core.errors import SimbenchError

if TYPE_CHECKING:
    from simbench.data.dataset import Dataset

FORMATS: dict[str, str] = {
    "nwb": "Neurodata Without Borders: one file a recording",
    "suite2p": "suite2p: one folder a recording, for its GUI and for roiextractors",
    "cascade": "Cascade: ground truth (.mat) to train and to test spike inference",
    "csv": "CSV tables and .npz arrays, for R, MATLAB, Julia and pandas",
}
_HOMES = {
    "nwb": ("nwb", "export_nwb"),
    "suite2p": ("suite2p", "export_suite2p"),
    "cascade": ("cascade", "export_cascade"),
    "csv": ("csv_files", "export_csv"),
}


def export(
    dataset: "Dataset", folder: str | Path, to: str = "nwb", overwrite: bool = False
) -> list[Path]:
    """Write a dataset in another tool's format, whole or not at all.

    Parameters
    ----------
    dataset : Dataset
        Not blinded.
    folder : str or Path
        New or empty.
    to : {"nwb", "suite2p", "cascade", "csv"}
    overwrite : bool
        Replace an export that is there already.

    Returns
    -------
    list of Path
        Every file written.

    Raises
    ------
    SimbenchError
        If the format is unknown, the folder holds files, or the writer of the format is not
        installed.
    """
    if to not in _HOMES:
        raise SimbenchError(f"unknown export format '{to}'; allowed: {', '.join(FORMATS)}")
    module, function = _HOMES[to]
    return getattr(import_module(f"{__name__}.{module}"), function)(dataset, folder, overwrite)
