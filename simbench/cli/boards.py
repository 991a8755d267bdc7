"""Commands about results: leaderboard, report, reproduce."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import simbench
from simbench.cli.common import Folder, Jobs, Probe, app
from simbench.core.console import print_table

if TYPE_CHECKING:
    from simbench.board.leaderboard import Board


@app.command(epilog="Example: simbench leaderboard results/quickstart")
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with rows.jsonl.gz.")],
    probe: Annotated[Probe, typer.Option(help="Whose scores to rank by.")] = "linear",
) -> None:
    """Print the ranked table of the rows in a folder."""
    from simbench.board.leaderboard import boards

    for title, rows in boards(simbench.read_rows(folder)):
        print_leaderboard(title, simbench.leaderboard(rows, probe))


@app.command(epilog="Example: simbench report results")
def report(
    folder: Folder,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Page to write.")] = None,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="All rows as one Parquet file beside it, too.")
    ] = False,
    n_jobs: Jobs = -1,
) -> None:
    """Make all tables and figures from the rows below a folder, and one page of everything."""
    from simbench.report.result_tables import rebuild

    rebuild(folder, n_jobs)
    write_overview(folder, out, parquet, n_jobs)


@app.command(epilog="Example: simbench reproduce results/quickstart/rows.jsonl.gz --row 3")
def reproduce(
    rows: Annotated[Path, typer.Argument(metavar="ROWFILE", help="rows.jsonl.gz")],
    row: Annotated[int, typer.Option("--row", min=1, help="Number of the row, from 1.")],
    n_jobs: Jobs = -1,
) -> None:
    """Simulate, fit and score one row again; exit code 1 if its value differs."""
    from simbench.benchmark.reproduce import reproduce as make_again

    made = make_again(rows, row, n_jobs)
    old = made.row
    typer.echo(
        f"{old['scenario']}, seed {old['seed']}, {old['method']}: {old['metric']} of "
        f"{old['target']} ({old['probe']} probe, split by {old['split']})"
    )
    typer.echo(f"row {float(old['value'])!r}, now {made.value!r}: {made.verdict}")
    for name, (then, now) in made.other_versions.items():
        typer.echo(f"{name} was {then}, is {now}")
    if made.verdict == "DIFFERENT":
        raise typer.Exit(1)


def print_leaderboard(title: str, board: "Board") -> None:
    from simbench.report.texts import readable

    is_ranked = board.table["method", "rank"].notna().any()
    what = "recovery of the truth" if is_ranked else "not ranked: scores"
    print_table(f"{title}: {what} on held-out cultures", *readable(board.table))


def write_overview(
    folder: Path, page: Path | None = None, parquet: bool = False, n_jobs: int = 1
) -> None:
    """One table, one figure and one page of all results below a folder."""
    from simbench.report.page import write_page
    from simbench.report.summary import write_summary

    write_summary(folder)
    typer.echo(f"Page of all results: {write_page(folder, page, parquet, n_jobs)}")
