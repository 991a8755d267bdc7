"""The command `simbench validate`: what simbench says, held against recordings of others."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simbench.cli.choices import method_names, scenario_names
from simbench.cli.common import (
    CacheDir,
    Jobs,
    Seed,
    app,
    load,
    resumable,
    use_cache,
    use_recordings,
)
from simbench.core.console import print_table, progress_bars

if TYPE_CHECKING:
    import pandas as pd

    from simbench.benchmark.run import Progress

validate = typer.Typer(no_args_is_help=True, help="Hold simbench against recordings of others.")
app.add_typer(validate, name="validate", epilog="Example: simbench validate ranks recordings")

Recordings = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="Recordings of others, with folders ground_truth and cultures."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and figure.")]
_OUT = Path("runs/validation")


@validate.command(epilog="Example: simbench validate optics recordings")
def optics(folder: Recordings, out: Out = _OUT) -> None:
    """Do spikes of real cells make their measured traces?"""
    from simbench.core.files import check_writable
    from simbench.report.validation.optics_validation import validate_optics

    check_writable(out)
    with progress_bars() as report:
        table = validate_optics(folder, out, report)
    columns = ["indicator", "model", "cells", "r", "gain", "ev", "ev_gain", "ev_decay"]
    _print("cells that no preset was fitted to, medians", table, columns, out)


@validate.command(epilog="Example: simbench validate cultures recordings -s firing-types")
def cultures(
    folder: Recordings,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", "-s", autocompletion=scenario_names,
            help="Name or .toml file; default: firing-types; can be repeated.",
        ),
    ] = None,
    seed: Seed = 0,
    out: Out = _OUT,
    n_jobs: Jobs = -1,
    cache_dir: CacheDir = None,
) -> None:  # fmt: skip
    """Do the cultures of scenarios behave like real ones?"""
    use_cache(cache_dir)
    scenarios = load(scenario or ["firing-types"])
    from simbench.core.files import check_writable
    from simbench.report.validation.culture_validation import validate_cultures

    check_writable(out)
    with resumable(), progress_bars() as report:
        table = validate_cultures(folder, scenarios, seed, out, n_jobs, report)
    columns = ["scenario", "region", "statistic", "value", "p5", "p95", "distance"]
    _print("distance 1: the edge of the real range", table, columns, out)


@validate.command(epilog="Example: simbench validate ranks recordings --seed 1 --seed 2")
def ranks(
    folder: Recordings,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", autocompletion=method_names,
            help="Name or path.py:Class; default: all; can be repeated.",
        ),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Names a split of the cells; default: 1 to 4; can be repeated."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of the suite's boards.")] = Path("results"),
    out: Out = _OUT,
    n_jobs: Jobs = -1,
    cache_dir: CacheDir = None,
) -> None:  # fmt: skip
    """Does the order of methods carry over to real cells?"""
    use_cache(cache_dir)
    use_recordings(folder)
    from simbench.core.files import check_writable
    from simbench.report.validation.rank_report import validate_ranks

    check_writable(out)
    with resumable(), progress_bars() as report:

        def of_scenario(name: str) -> "Progress":
            return lambda what, done, total: report(f"{name}: {what}", done, total)

        table = validate_ranks(
            method or ["all"], seed or [1, 2, 3, 4], results, out, n_jobs, of_scenario
        )
    columns = ["board", "target", "tau", "tau_low", "tau_high", "concordance"]
    _print("agreement with real cells", table, columns, out)


def _print(title: str, table: "pd.DataFrame", columns: Sequence[str], out: Path) -> None:
    rows = [
        [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in table[list(columns)].itertuples(index=False)
    ]
    print_table(title, list(columns), rows)
    typer.echo(f"Tables and figure: {out}")
