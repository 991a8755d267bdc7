"""The command line: every verb is one call into the package."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simbench.errors import SimbenchError

if TYPE_CHECKING:
    from pandas import DataFrame

    from simbench.scenario import Scenario

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="simbench: do the latents of a method recover the physics that made the traces?",
    epilog="Example: simbench run quickstart",
)

Seed = Annotated[int, typer.Option(min=0, help="Names all random streams.")]
Jobs = Annotated[int, typer.Option("--n-jobs", "-j", help="Worker processes; -1: one a core.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR")]


def main() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    try:
        app()
    except SimbenchError as error:
        print(f"simbench: {error}", file=sys.stderr)
        sys.exit(2)


@app.command("list", epilog="Example: simbench list methods")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="[scenarios|methods|labels]", help="All, if left out.")
    ] = "",
) -> None:
    """List scenarios, methods and labels."""
    tables = {"scenarios": _scenarios, "methods": _methods, "labels": _labels}
    if what and what not in tables:
        raise SimbenchError(f"list: unknown '{what}'; allowed: {', '.join(tables)}")
    for name in [what] if what else tables:
        _print_table(name, *tables[name]())


@app.command(epilog="Example: simbench simulate quickstart -o data/quickstart --seed 1")
def simulate(
    scenario: Annotated[str, typer.Argument(help="Name of a scenario or a .toml file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the dataset.")],
    seed: Seed = 0,
    n_jobs: Jobs = -1,
) -> None:
    """Simulate a scenario and write the labelled dataset."""
    (chosen,) = _load([scenario])
    from simbench.simulation import simulate as simulate_scenario
    from simbench.storage import new_folder

    with new_folder(out):  # an unusable folder is an error before the work
        pass
    with _progress() as report:
        dataset = simulate_scenario(
            chosen, seed, n_jobs, lambda done, total: report(f"simulate {chosen.name}", done, total)
        )
    dataset.save(out)
    typer.echo(f"{len(dataset.recordings)} recordings, {len(dataset.labels)} neurons: {out}")


@app.command(epilog="Example: simbench run quickstart --method avae --method pca --n-jobs 2")
def run(
    scenarios: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Default: quickstart.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", "-m", help="Default: all. Can be repeated.")
    ] = None,
    n_jobs: Jobs = -1,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")] = False,
) -> None:
    """Simulate, fit, score and rank: the whole benchmark."""
    chosen = _load(scenarios or ["quickstart"])
    from simbench import benchmark
    from simbench.storage import check_writable

    units = benchmark.plan(chosen, method or [], seed)
    if dry_run:
        _print_plan(units)
        return
    for scenario in chosen:
        check_writable(out / scenario.name)
    with _progress() as report:
        rows = benchmark.run(units, n_jobs, report)
    from simbench.report.results import write_results

    for scenario in chosen:
        folder = out / scenario.name
        with _progress() as report:
            report("figures", 0, 1)
            board = write_results(folder, rows[rows["scenario"] == scenario.name], scenario, seed)
        _print_leaderboard(scenario.name, board)
        typer.echo(f"Rows, tables and figures: {folder}")


@app.command(epilog="Example: simbench leaderboard results/quickstart")
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with rows.jsonl.")],
    probe: Annotated[str, typer.Option(help="linear or nonlinear.")] = "linear",
) -> None:
    """Print the ranked table of the rows in a folder."""
    from simbench.leaderboard import leaderboard as rank
    from simbench.rows import read_rows

    if probe not in ("linear", "nonlinear"):
        raise SimbenchError(f"--probe {probe}: allowed: linear, nonlinear")
    for name, rows in read_rows(folder).groupby("scenario", sort=True):
        _print_leaderboard(str(name), rank(rows, probe))


@app.command(epilog="Example: simbench verify data/quickstart")
def verify(folder: Folder) -> None:
    """Check every file of a dataset folder against its checksum."""
    from simbench.dataset import Dataset

    dataset = Dataset.load(folder)
    typer.echo(f"{folder}: {len(dataset.recordings)} recordings, all files as they were written")


def _load(names: list[str]) -> "list[Scenario]":
    """Scenarios by name; bad ones are refused before anything heavy is imported."""
    from simbench.scenario import load_scenario

    return [load_scenario(name) for name in names]


def _scenarios() -> tuple[list[str], list[list[str]]]:
    from simbench.scenario import available_scenarios, load_scenario

    loaded = [load_scenario(name) for name in available_scenarios()]
    return ["scenario", "cultures", "targets", "question"], [
        [
            s.name,
            str(s.replicates * len(s.conditions)),
            ", ".join(s.targets),
            s.question.split(". ")[0].split("? ")[0].replace("\n", " ").strip(),
        ]
        for s in loaded
    ]


def _methods() -> tuple[list[str], list[list[str]]]:
    from simbench.methods.registry import METHODS

    return ["method", "family", "what it is", "source"], [
        [name, entry.family, entry.summary, entry.source] for name, entry in METHODS.items()
    ]


def _labels() -> tuple[list[str], list[list[str]]]:
    from simbench.labels import LABELS

    return ["label", "kind", "unit", "meaning"], [
        [name, label.kind, label.unit, label.meaning] for name, label in LABELS.items()
    ]


def _print_plan(units: list) -> None:
    scenarios = list(dict.fromkeys(unit.scenario for unit in units))
    for scenario in scenarios:
        mine = [unit for unit in units if unit.scenario == scenario]
        cultures = scenario.replicates * len(scenario.conditions)
        cached = sum(unit.is_cached for unit in mine)
        typer.echo(
            f"{scenario.name} v{scenario.version}: {cultures} cultures x "
            f"{scenario.culture.n_neurons} neurons x {scenario.culture.duration_s:g} s, "
            f"{len(mine)} methods ({cached} cached): {', '.join(unit.method for unit in mine)}"
        )


def _print_leaderboard(title: str, board: "DataFrame") -> None:
    from simbench.leaderboard import readable

    _print_table(f"{title}: recovery of the truth on held-out cultures", *readable(board))


def _print_table(title: str, header: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for name in header:
        table.add_column(name)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    console.print()


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        tasks = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report
