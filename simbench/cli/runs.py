"""The benchmark: run, cache, check."""

import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import simbench
from simbench.cli.boards import print_leaderboard, write_overview
from simbench.cli.common import (
    Backend,
    CacheDir,
    Folder,
    Jobs,
    Recordings,
    app,
    method_names,
    method_names_or_all,
    resumable,
    scenario_names,
)
from simbench.cli.datasets import simulated
from simbench.core.console import print_table, progress_bars
from simbench.core.errors import SimbenchError
from simbench.core.files import check_new

if TYPE_CHECKING:
    from simbench.benchmark.plan import Unit
    from simbench.benchmark.sharding import Shard


_log = logging.getLogger(__name__)


def _check_timeout(seconds: float | None) -> float | None:
    if seconds is not None and not seconds >= 0.001:  # nan is no time either
        raise SimbenchError(f"--timeout {seconds:g}: allowed: 0.001 or more, s")
    return seconds


def _scenario_names_or_all() -> list[str]:
    return [*scenario_names(), "all"]


def _label_names() -> list[str]:
    """Labels that simulated neurons have."""
    from simbench.scenario.labels import LABELS

    return list(LABELS)


Scenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCENARIO]...", autocompletion=_scenario_names_or_all,
        help="Names, .toml files or all; default: quickstart.",
    ),
]  # fmt: skip
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method", "-m", autocompletion=method_names_or_all,
        help="Name, path.py:Class or all; can be repeated.",
    ),
]  # fmt: skip
Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", min=0, help="Names all random streams; default: 0; can be repeated."),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
Trainings = Annotated[
    int,
    typer.Option(
        min=1, help="How often networks are trained on the data of the first seed; for intervals."
    ),
]
AddSeed = Annotated[
    bool, typer.Option("--add-seed", help="Add rows to a board that holds other seeds.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        callback=_check_timeout, help="Longest time for one method or block of cultures, s."
    ),
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler; default: a local one.")
]
DatasetFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Instead of a scenario: from `simbench simulate` or `import`."
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target", autocompletion=_label_names,
        help="Label of the dataset to recover; can be repeated.",
    ),
]  # fmt: skip
Seconds = Annotated[float | None, typer.Option(help="Cut the dataset into windows of this length.")]
FrameRate = Annotated[
    float | None, typer.Option("--frame-rate", help="Average the frames of windows to this, Hz.")
]
TracesFolder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Only write the traces, without labels.")
]


ShardOption = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Only share I of N; `simbench collect` makes the rows."),
]


@app.command(epilog="Example: simbench run quickstart --method avae --method pca --n-jobs 2")
def run(
    scenarios: Scenarios = None,
    method: Methods = None,
    dataset: DatasetFolder = None,
    target: Targets = None,
    seconds: Seconds = None,
    frame_rate: FrameRate = None,
    recordings: Recordings = None,
    n_jobs: Jobs = -1,
    seed: Seeds = None,
    trainings: Trainings = 1,
    out: Out = Path("runs"),
    add_seed: AddSeed = False,
    timeout: Timeout = None,
    backend: Annotated[Backend, typer.Option(help="loky: this machine.")] = "loky",
    scheduler: Scheduler = None,
    cache_dir: CacheDir = None,
    export_traces: TracesFolder = None,
    shard: ShardOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")] = False,
) -> None:
    """Simulate, fit, score and rank: the whole benchmark.

    Stopped or killed, the same command resumes.
    """
    if dataset is None:
        for option, value in (("target", target), ("seconds", seconds), ("frame-rate", frame_rate)):
            if value:
                raise SimbenchError(f"--{option}: only with --dataset")
        loaded = [simbench.load_scenario(name) for name in _expanded(scenarios or ["quickstart"])]
        from simbench.data.recorded import pinned

        chosen = [pinned(scenario) for scenario in loaded]
    else:
        if scenarios:
            raise SimbenchError(f"--dataset {dataset}: allowed: no scenario beside it")
        from simbench.data.recorded import scenario_of

        chosen = [scenario_of(dataset, target or [], seconds, frame_rate)]
    seeds = seed or [0]
    from simbench.benchmark.plan import networks_left_out, prepare
    from simbench.benchmark.sharding import Shard

    called = Counter(scenario.name for scenario in set(chosen))
    for name in sorted(name for name, count in called.items() if count > 1):
        raise SimbenchError(f"two different scenarios are called {name}; rename one of them")
    plans = {s: simbench.plan([s], method or [], seeds, trainings) for s in chosen}
    share = Shard.parse(shard) if shard else None
    left_out = networks_left_out(chosen, method or [])
    if dry_run:
        _say_left_out(left_out)
        _print_plan({s: share.of(units) if share else units for s, units in plans.items()})
        return
    if export_traces is not None:
        if dataset is not None:
            _check_seed_of(dataset)
        _export_traces(chosen, seed or [], n_jobs, export_traces)
        return
    if len(plans) == 1 and backend == "loky":
        prepare(plans[chosen[0]])  # now, for the next import is the longest
    from simbench.report.results_folder import check_folder

    for scenario in chosen:
        check_folder(out / scenario.name, scenario, seeds, add_seed)
    _say_left_out(left_out)
    failed = []
    with resumable(backend, scheduler):
        for number, (scenario, units) in enumerate(plans.items(), 1):
            if len(plans) > 1:
                _log.warning("%s (%d of %d)", scenario.name, number, len(plans))
            try:
                _run_scenario(seeds[0], n_jobs, timeout, out, scenario, units, share)
            except Exception as error:  # one that fails stops no other
                if len(plans) == 1:
                    raise
                failed.append(f"{scenario.name}: {error}")
                typer.echo(failed[-1], err=True)
    if share is None and len(failed) < len(plans):
        write_overview(out, n_jobs=n_jobs)
    if failed:
        raise SimbenchError("; ".join(failed))


def _say_left_out(networks: list[str]) -> None:
    if networks:
        _log.warning("left out without PyTorch (`pip install .`): %s", ", ".join(networks))


def _run_scenario(
    seed: int, n_jobs: int, timeout_s: float | None, out: Path,
    scenario: "simbench.Scenario", units: "list[Unit]", share: "Shard | None",
) -> None:  # fmt: skip
    from simbench.benchmark.run import results_of
    from simbench.benchmark.sharding import write_shard
    from simbench.report.results_folder import write_results

    folder = out / scenario.name

    def log(unit: "Unit", traceback: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "failures.log").open("a", encoding="utf-8") as file:
            file.write(f"{unit.method} {unit.level} seed {unit.seed}\n{traceback}\n")

    with progress_bars() as report:
        if share is not None:
            results = results_of(share.of(units), n_jobs, report, timeout_s, log)
            typer.echo(f"Share: {write_shard(folder, share, scenario, units, results)}")
            return
        rows = simbench.run(units, n_jobs, report, timeout_s, log)
        if (rows["status"] != "ok").all():
            first = rows.iloc[0]
            raise SimbenchError(
                f"{scenario.name}: all methods failed, such as {first['method']}: {first['error']}"
            )
        report("figures", 0, 1)
        board = write_results(folder, rows, scenario, seed)
    print_leaderboard(f"{scenario.name} v{scenario.version}", board)
    typer.echo(f"Rows, tables and figures: {folder}")


@app.command(epilog="Example: simbench collect runs")
def collect(folder: Folder, cache_dir: CacheDir = None) -> None:
    """Make rows, tables and figures from the shares that `simbench run --shard` wrote."""
    from simbench.benchmark.sharding import SHARDS
    from simbench.benchmark.sharding import collect as collect_shares
    from simbench.report.results_folder import write_results

    folders = sorted(path.parent for path in folder.glob(f"*/{SHARDS}"))
    for of_scenario in folders or [folder]:
        rows, scenario, seed = collect_shares(of_scenario)
        board = write_results(of_scenario, rows, scenario, seed)
        print_leaderboard(f"{scenario.name} v{scenario.version}", board)
    write_overview(folder)


@app.command(epilog="Example: simbench cache info")
def cache(
    what: Annotated[
        Literal["info", "prune", "clear"], typer.Argument(help="Say, delete what is old, or empty.")
    ],
    days: Annotated[
        float, typer.Option(min=0, help="prune: delete what was not used for so many days.")
    ] = 30,
    cache_dir: CacheDir = None,
) -> None:
    """Say what the cache holds, delete what is old, or empty it: always safe."""
    from simbench.core import cache as store

    if what == "prune":
        size = store.prune(days)
    else:
        size = store.clear() if what == "clear" else store.usage()
    verb = "used" if what == "info" else "freed"
    typer.echo(f"{store.cache_folder()}: {size / 1e6:.1f} MB {verb}")


@app.command(epilog="Example: simbench check method mymethod.py:MyMethod")
def check(
    what: Annotated[Literal["method"], typer.Argument(help="What to check.")],
    method: Annotated[
        str,
        typer.Argument(
            metavar="PATH:CLASS", help="Or a registered name.", autocompletion=method_names
        ),
    ],
) -> None:
    """Tell in under a minute whether a method obeys the rules; exit code 1 if it does not."""
    from simbench.methods.checking import check_method

    findings = check_method(method)
    rows = [[f.rule, "kept" if f.is_kept else "BROKEN", f.detail] for f in findings]
    print_table(method, ["rule", "", "what was found"], rows)
    if not all(finding.is_kept for finding in findings):
        raise typer.Exit(1)


def _expanded(names: list[str]) -> list[str]:
    """Names as given, each once; "all" stands for every scenario that comes with simbench.

    But for those that need recordings of others, if nobody said where these are.
    """
    if "all" not in names:
        return list(dict.fromkeys(names))
    known = {name: simbench.load_scenario(name).recordings for name in scenario_names()}
    lacking = [name for name, recipe in known.items() if recipe and recipe.lacks_folder]
    if lacking:
        _log.warning("left out without --recordings DIR: %s", ", ".join(lacking))
    everything = [name for name in known if name not in lacking]
    named = [each for name in names for each in (everything if name == "all" else [name])]
    return list(dict.fromkeys(named))


def _check_seed_of(folder: Path) -> None:
    """Refuse to hide the labels of a dataset whose traces anybody can make again."""
    from simbench.core.seeds import check_secret

    seed = simbench.Dataset.load(folder, verify=False).seed
    if seed is not None:
        check_secret(seed, f"--dataset {folder}: its seed", "make it with one of {} bits")


def _export_traces(
    scenarios: "list[simbench.Scenario]", seeds: list[int], n_jobs: int, folder: Path
) -> None:
    from simbench.core.seeds import check_secret, draw_secret_seed
    from simbench.submission import export_traces

    if len(seeds) > 1:
        raise SimbenchError("--export-traces: allowed: one seed")
    seed = seeds[0] if seeds else draw_secret_seed()
    check_secret(seed)
    targets = {
        folder / scenario.name / level: plain
        for scenario in scenarios
        for level, plain in scenario.at_levels.items()
    }
    for target in targets:
        check_new(target)
    if not seeds:
        typer.echo(f"The seed, to be kept secret until the board closes: {seed}")
    for target, plain in targets.items():
        typer.echo(str(export_traces(simulated(plain, seed, n_jobs), target)))


def _print_plan(plans: "dict[simbench.Scenario, list[Unit]]") -> None:
    from simbench.benchmark.estimate import estimate

    parts = {f"{scenario.name} v{scenario.version}": plans[scenario] for scenario in plans}
    everything = [unit for units in parts.values() for unit in units]
    if len(parts) > 1:
        parts["all"] = everything
    costs = {name: estimate(units) for name, units in parts.items()}
    rows = [
        [name, f"{c.n_recordings} ({c.n_recordings_cached} cached)",
         f"{c.n_fits} ({c.n_fits_cached} cached)", f"{c.core_s / 60:.1f}",
         f"{c.disk_bytes / 1e6:.0f}"]
        for name, c in costs.items()
    ]  # fmt: skip
    header = ["scenario", "cultures", "fits", "core minutes (rough)", "new disk (MB)"]
    print_table("plan, over all levels and seeds", header, rows)
    typer.echo("methods: " + ", ".join(dict.fromkeys(unit.method for unit in everything)))
