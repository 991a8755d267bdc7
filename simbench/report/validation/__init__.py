"""What simbench says, held against recordings of others: tables and figures."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from simbench.benchmark.run import Progress


def validate(
    what: Literal["optics", "cultures", "ranks"],
    folder: str | Path,
    out: str | Path = "runs/validation",
    *,
    scenarios: Sequence[str] = ("firing-types",),
    methods: Sequence[str] = ("all",),
    seeds: Sequence[int] = (1, 2, 3, 4),
    results: str | Path = "results",
    n_jobs: int = 1,
    progress: "Progress | None" = None,
) -> "pd.DataFrame":
    """Compare simbench with recordings of others: `simbench validate` as a function.

    Parameters
    ----------
    what
        "optics": do spikes of real cells make their measured traces? "cultures": do the cultures of
        ``scenarios`` behave like real ones? "ranks": does the order of ``methods`` in ``results``
        carry over to real cells?
    folder
        Recordings of others, with folders ``ground_truth`` and ``cultures``; for optics and
        cultures that folder itself will do.
    out
        Folder for tables and figure.
    seeds
        Of the cultures, the first one alone; of the splits of cells that are ranked, all.
    progress
        Called with (what, done, total).

    Returns
    -------
    DataFrame
        The table that is written.
    """
    from simbench.core.errors import SimbenchError
    from simbench.core.files import check_writable
    from simbench.scenario.recordings_recipe import FOLDER_VARIABLE

    folder, out = Path(folder), Path(out)
    if not folder.is_dir():
        raise SimbenchError(f"validate {folder}: no such folder")
    check_writable(out)
    if what == "optics":
        from simbench.report.validation.optics_report import validate_optics

        return validate_optics(folder, out, progress)
    if what == "cultures":
        from simbench.report.validation.culture_validation import validate_cultures
        from simbench.scenario.scenario_file import load_scenario

        chosen = [load_scenario(name) for name in scenarios]
        return validate_cultures(folder, chosen, seeds[0], out, n_jobs, progress)
    if what == "ranks":
        from simbench.report.validation.rank_report import validate_ranks

        os.environ[FOLDER_VARIABLE] = str(folder.resolve())  # worker processes read it, too
        return validate_ranks(methods, seeds, Path(results), out, n_jobs, progress)
    raise SimbenchError(f"validate '{what}'; allowed: optics, cultures, ranks")
