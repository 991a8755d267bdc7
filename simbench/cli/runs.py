"""The benchmark: run, cache, check."""

from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simbench.cli.common import CacheDir, Jobs, Seed, app, load, resumable, use_cache
from simbench.cli.results import print_leaderboard
from simbench.console import print_table, progress_bars
from simbench.errors import SimbenchError

if TYPE_CHECKING:
    from simbench.benchmark import Unit
    from simbench.scenario import Scenario


@app.command(epilog="Example: simbench run quickstart --method avae --method pca --n-jobs 2")
def run(
    scenarios: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Default: quickstart.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", "-m", help="Name, path.py:Class or all; can be repeated."),
    ] = None,
    n_jobs: Jobs = -1,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("results"),
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Longest time for one method, s.")
    ] = None,
    backend: Annotated[str, typer.Option(help="loky (this machine) or dask.")] = "loky",
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler; default: a local one.")
    ] = None,
    cache_dir: CacheDir = None,
    export_traces: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Only write the traces, without labels, for outsiders."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")] = False,
) -> None:
    """Simulate, fit, score and rank: the whole benchmark.

    Stopped or killed, it goes on where it was when started again.
    """
    use_cache(cache_dir)
    chosen = load(scenarios or ["quickstart"])
    from simbench import benchmark
    from simbench.parallel import parallel_backend
    from simbench.storage import check_writable

    units = benchmark.plan(chosen, method or [], seed)
    if dry_run:
        _print_plan(units)
        return
    if export_traces is not None:
        _export_traces(chosen, seed, n_jobs, export_traces)
        return
    for scenario in chosen:
        check_writable(out / scenario.name)

    def log(unit: benchmark.Unit, traceback: str) -> None:
        with (out / unit.scenario.name / "failures.log").open("a") as file:
            file.write(f"{unit.method} {unit.level} seed {unit.seed}\n{traceback}\n")

    with resumable(), parallel_backend(backend, scheduler), progress_bars() as report:
        rows = benchmark.run(units, n_jobs, report, timeout, log)
    from simbench.report.results import write_results

    for scenario in chosen:
        folder = out / scenario.name
        with progress_bars() as report:
            report("figures", 0, 1)
            board = write_results(folder, rows[rows["scenario"] == scenario.name], scenario, seed)
        print_leaderboard(f"{scenario.name} v{scenario.version}", board)
        typer.echo(f"Rows, tables and figures: {folder}")


@app.command(epilog="Example: simbench cache info")
def cache(
    what: Annotated[str, typer.Argument(metavar="info|clear")], cache_dir: CacheDir = None
) -> None:
    """Say what the cache holds, or empty it. It is always safe to empty."""
    use_cache(cache_dir)
    from simbench import cache as store

    if what not in ("info", "clear"):
        raise SimbenchError(f"cache: unknown '{what}'; allowed: info, clear")
    size = store.clear() if what == "clear" else store.usage()
    verb = "freed" if what == "clear" else "used"
    typer.echo(f"{store.cache_folder()}: {size / 1e6:.1f} MB {verb}")


@app.command(epilog="Example: simbench check method mymethod.py:MyMethod")
def check(
    what: Annotated[str, typer.Argument(metavar="method")],
    method: Annotated[str, typer.Argument(metavar="PATH:CLASS", help="Or a registered name.")],
) -> None:
    """Tell in under a minute whether a method obeys the rules; exit code 1 if it does not."""
    if what != "method":
        raise SimbenchError(f"check: unknown '{what}'; allowed: method")
    from simbench.methods.checking import check_method

    findings = check_method(method)
    rows = [[f.rule, "kept" if f.is_kept else "BROKEN", f.detail] for f in findings]
    print_table(method, ["rule", "", "what was found"], rows)
    if not all(finding.is_kept for finding in findings):
        raise typer.Exit(1)


def _export_traces(scenarios: "list[Scenario]", seed: int, n_jobs: int, folder: Path) -> None:
    from simbench.simulation import simulate
    from simbench.submission import export_traces

    for scenario in scenarios:
        for level, plain in scenario.at_levels.items():
            with resumable(), progress_bars() as report:
                dataset = simulate(plain, seed, n_jobs, partial(report, f"simulate {plain.name}"))
            typer.echo(str(export_traces(dataset, folder / scenario.name / level)))


def _print_plan(units: "list[Unit]") -> None:
    from simbench.estimate import estimate

    rows = []
    for (scenario, level), group in groupby(units, key=lambda u: (u.scenario, u.level)):
        cost = estimate(list(group))
        rows.append(
            [
                f"{scenario.name} v{scenario.version}", level,
                f"{cost.n_recordings} ({cost.n_recordings_cached} cached)",
                f"{cost.n_units} ({cost.n_units_cached} cached)",
                f"{cost.core_s / 60:.1f}", f"{cost.disk_bytes / 1e6:.0f}",
            ]
        )  # fmt: skip
    header = ["scenario", "level", "cultures", "methods", "core minutes (rough)", "new disk (MB)"]
    print_table("plan", header, rows)
    typer.echo("methods: " + ", ".join(dict.fromkeys(unit.method for unit in units)))
