"""The command `simbench validate`: what simbench says, held against recordings of others."""

from pathlib import Path
from typing import Annotated, Any

import typer

import simbench
from simbench.cli.common import (
    CacheDir,
    Jobs,
    Seed,
    app,
    method_names_or_all,
    print_frame,
    resumable,
    scenario_names,
)
from simbench.core.console import progress_bars

validate = typer.Typer(no_args_is_help=True, help="Compare simbench with recordings of others.")
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
    columns = ["indicator", "model", "cells", "r", "gain", "ev", "ev_gain", "ev_decay"]
    _validate("optics", folder, out, "medians over cells that no fit has seen", columns)


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
    columns = ["scenario", "region", "statistic", "value", "p5", "p95", "distance"]
    chosen = scenario or ["firing-types"]
    title = "distance 1: the edge of the real range"
    _validate(
        "cultures", folder, out, title, columns, scenarios=chosen, seeds=[seed], n_jobs=n_jobs
    )


@validate.command(epilog="Example: simbench validate ranks recordings --seed 1 --seed 2")
def ranks(
    folder: Recordings,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", autocompletion=method_names_or_all,
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
    columns = ["board", "target", "tau", "tau_low", "tau_high", "concordance"]
    _validate(
        "ranks", folder, out, "agreement with real cells", columns, methods=method or ["all"],
        seeds=seed or [1, 2, 3, 4], results=results, n_jobs=n_jobs,
    )  # fmt: skip


def _validate(
    what: Any, folder: Path, out: Path, title: str, columns: list[str], **how: Any
) -> None:
    with resumable(), progress_bars() as report:
        table = simbench.validate(what, folder, out, progress=report, **how)
    print_frame(title, table[columns], ".2f")
    typer.echo(f"Tables and figure: {out}")
