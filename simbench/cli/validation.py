"""The command `simbench validate`: what simbench says, held against recordings of others."""

from functools import partial
from pathlib import Path
from typing import Annotated

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

validate = typer.Typer(no_args_is_help=True, help="Hold simbench against recordings of others.")
app.add_typer(validate, name="validate", epilog="Example: simbench validate ranks recordings")


@validate.command(epilog="Example: simbench validate ranks recordings --seed 1 --seed 2")
def ranks(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Recordings of others, with ground_truth.")
    ],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            "-m",
            autocompletion=method_names,
            help="Name or path.py:Class; default: all; can be repeated.",
        ),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Names a split of the cells; default: 1 to 4; can be repeated."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of the suite's boards.")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="Folder for tables and figure.")] = Path(
        "results/validation"
    ),
    n_jobs: Jobs = -1,
    cache_dir: CacheDir = None,
) -> None:
    """Does the order of methods carry over to real cells?"""
    use_cache(cache_dir)
    use_recordings(folder)
    from simbench.core.files import check_writable
    from simbench.report.validation.rank_report import validate_ranks

    check_writable(out)
    with resumable(), progress_bars() as report:

        def of_scenario(name: str) -> partial:
            return partial(_named, report, name)

        table = validate_ranks(
            method or ["all"], seed or [1, 2, 3, 4], results, out, n_jobs, of_scenario
        )
    columns = ["board", "target", "tau", "tau_low", "tau_high", "concordance"]
    rows = [
        [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in table[columns].itertuples(index=False)
    ]
    print_table("agreement with real cells", columns, rows)
    typer.echo(f"Tables and figure: {out}")


@validate.command(epilog="Example: simbench validate cultures recordings/cultures -s firing-types")
def cultures(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Electrode recordings of others, .h5.")
    ],
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", "-s", autocompletion=scenario_names,
            help="Name or .toml file; default: firing-types; can be repeated.",
        ),
    ] = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for table and figure.")] = Path(
        "validation"
    ),
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
        table = validate_cultures(folder, scenarios, seed, out, n_jobs, partial(report))
    for name, some in table.groupby("scenario", sort=False):
        inside = int((some["distance"].abs() <= 1).sum())
        region = some["region"].iloc[0]
        typer.echo(f"{name}: {inside} of {len(some)} statistics in the {region} range")
    typer.echo(f"Table and figure: {out}")


def _named(report: object, name: str, what: str, done: int, total: int) -> None:
    report(f"{name}: {what}", done, total)  # type: ignore[operator]


@validate.command(epilog="Example: simbench validate optics recordings -o results/validation")
def optics(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Recordings of others, with ground_truth.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and figure.")] = Path(
        "results/validation"
    ),
) -> None:
    """Do spikes of real cells make their measured traces?"""
    from simbench.core.files import check_writable
    from simbench.report.validation.optics_validation import validate_optics

    check_writable(out)
    with progress_bars() as report:
        summary = validate_optics(folder, out, report)
    columns = ["indicator", "model", "cells", "r", "gain", "ev", "ev_gain", "ev_decay"]
    rows = [
        [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in summary[columns].itertuples(index=False)
    ]
    print_table("cells that no preset was fitted to, medians", columns, rows)
    typer.echo(f"Tables and figure: {out}")
