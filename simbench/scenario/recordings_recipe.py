"""Recipe of recordings of others: which ones, and how they are cut and imaged."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simbench.core.errors import SimbenchError
from simbench.scenario.recipe import Positive, Recipe

FOLDER_VARIABLE = "SIMBENCH_REAL"
"""Environment variable with the folder of recordings of others."""


class RecordingsRecipe(Recipe):
    """Recordings in place of simulated cultures."""

    kind: Literal["ground-truth", "electrodes", "dataset"]
    """Measured traces with spikes (`simbench.data.readers.ground_truth_files`), spikes of cultures
    on electrodes (`electrode_files`), or a dataset folder."""
    folder: str
    """Below the folder of recordings (``$SIMBENCH_REAL``, ``--recordings``), or a path from the
    root. Not part of the digest: the checksum says which recordings they are."""
    sha256: str | None = None
    """Of all files. A scenario that is run states it; other recordings are then refused."""
    seconds: Positive | None = None
    """Length of the windows that are cut. None: recordings are alike as they are."""
    frame_rate_hz: Positive | None = None
    """Rate to which the frames of a window are averaged."""
    per_recording: Annotated[int, Field(ge=1)] | None = None
    """Most windows of a recording."""
    imaged: bool = False
    """Whether the spikes go through the optics (`imaging`, and for ground truth the culture preset
    of each cell's indicator with the noise nu of its own trace) in place of the measured traces."""

    @model_validator(mode="after")
    def _complete(self) -> "RecordingsRecipe":
        if (self.seconds is None) != (self.frame_rate_hz is None):
            raise ValueError("recordings: give both 'seconds' and 'frame_rate_hz', or none")
        if self.per_recording is not None and self.seconds is None:
            raise ValueError("recordings: 'per_recording' needs 'seconds' and 'frame_rate_hz'")
        if self.kind == "electrodes" and not self.imaged:
            raise ValueError("recordings: electrodes have no traces; allowed: imaged = true")
        if self.kind == "dataset" and self.imaged:
            raise ValueError(
                "recordings: the traces of a dataset stay as they are; leave out imaged"
            )
        return self

    @property
    def lacks_folder(self) -> bool:
        """Whether nobody said where the recordings are."""
        return not Path(self.folder).is_absolute() and not os.environ.get(FOLDER_VARIABLE)

    def path(self, scenario: str) -> Path:
        """Their folder; an error says where those are found that shipped scenarios name.

        Raises
        ------
        SimbenchError
            If nobody said where it is, or it is missing; the message names the scenario.
        """
        if self.lacks_folder:
            raise SimbenchError(
                f"scenario {scenario}: needs recordings of others; name their folder by "
                f"--recordings DIR or {FOLDER_VARIABLE} (public: folder Ground_truth of "
                "github.com/HelmchenLabSoftware/Cascade as ground_truth, data package g2chvcdata "
                "of Charlesworth et al. 2015 as cultures)"
            )
        path = Path(os.environ.get(FOLDER_VARIABLE, "")) / self.folder
        if not path.is_dir():
            raise SimbenchError(f"{path}: missing; scenario {scenario} takes recordings from there")
        return path
