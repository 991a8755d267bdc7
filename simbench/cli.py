"""The command line: every verb is one call into the package."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simbench.console import print_table, progress_bars
from simbench.errors import SimbenchError

if TYPE_CHECKING:
    from pandas import DataFrame

    from simbench.benchmark import Unit
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
CacheDir = Annotated[
    Path | None, typer.Option("--cache-dir", metavar="DIR", help="Instead of the user's cache.")
]


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
        str,
        typer.Argument(metavar="[scenarios|methods|indicators|labels]", help="All, if left out."),
    ] = "",
) -> None:
    """List scenarios, methods, indicators and labels."""
    tables = {
        "scenarios": _scenarios,
        "methods": _methods,
        "indicators": _indicators,
        "labels": _labels,
    }
    if what and what not in tables:
        raise SimbenchError(f"list: unknown '{what}'; allowed: {', '.join(tables)}")
    for name in [what] if what else tables:
        print_table(name, *tables[name]())


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
    with _resumable(), progress_bars() as report:
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")] = False,
) -> None:
    """Simulate, fit, score and rank: the whole benchmark.

    Stopped or killed, it goes on where it was when started again.
    """
    _use_cache(cache_dir)
    chosen = _load(scenarios or ["quickstart"])
    from simbench import benchmark
    from simbench.parallel import parallel_backend
    from simbench.storage import check_writable

    units = benchmark.plan(chosen, method or [], seed)
    if dry_run:
        _print_plan(units)
        return
    for scenario in chosen:
        check_writable(out / scenario.name)

    def log(unit: benchmark.Unit, traceback: str) -> None:
        with (out / unit.scenario.name / "failures.log").open("a") as file:
            file.write(f"{unit.method} {unit.level} seed {unit.seed}\n{traceback}\n")

    with _resumable(), parallel_backend(backend, scheduler), progress_bars() as report:
        rows = benchmark.run(units, n_jobs, report, timeout, log)
    from simbench.report.results import write_results

    for scenario in chosen:
        folder = out / scenario.name
        with progress_bars() as report:
            report("figures", 0, 1)
            board = write_results(folder, rows[rows["scenario"] == scenario.name], scenario, seed)
        _print_leaderboard(scenario.name, board)
        typer.echo(f"Rows, tables and figures: {folder}")


@app.command(epilog="Example: simbench reproduce results/quickstart/rows.jsonl --row 3")
def reproduce(
    rows: Annotated[Path, typer.Argument(metavar="ROWFILE", help="rows.jsonl")],
    row: Annotated[int, typer.Option("--row", min=1, help="Line of the row, from 1.")],
    n_jobs: Jobs = -1,
) -> None:
    """Simulate, fit and score one row anew; exit code 1 if it comes out different."""
    from simbench.provenance import reproduce as make_again

    made = make_again(rows, row, n_jobs)
    old = made.row
    typer.echo(
        f"{old['scenario']}, seed {old['seed']}, {old['method']}: {old['metric']} of "
        f"{old['target']} ({old['probe']} probe, split by {old['split']})"
    )
    typer.echo(f"row {old['value']!r}, now {made.value!r}: {'same' if made.same else 'DIFFERENT'}")
    for name, (then, now) in made.other_versions.items():
        typer.echo(f"{name} was {then}, is {now}")
    if not made.same:
        raise typer.Exit(1)


@app.command(epilog="Example: simbench cache info")
def cache(
    what: Annotated[str, typer.Argument(metavar="info|clear")], cache_dir: CacheDir = None
) -> None:
    """Say what the cache holds, or empty it. It is always safe to empty."""
    _use_cache(cache_dir)
    from simbench import cache as store

    if what not in ("info", "clear"):
        raise SimbenchError(f"cache: unknown '{what}'; allowed: info, clear")
    size = store.clear() if what == "clear" else store.usage()
    verb = "freed" if what == "clear" else "used"
    typer.echo(f"{store.cache_folder()}: {size / 1e6:.1f} MB {verb}")


@app.command(epilog="Example: simbench leaderboard results/quickstart")
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with rows.jsonl.")],
    probe: Annotated[str, typer.Option(help="linear or nonlinear.")] = "linear",
) -> None:
    """Print the ranked table of the rows in a folder."""
    from simbench.leaderboard import boards
    from simbench.leaderboard import leaderboard as rank
    from simbench.rows import read_rows

    if probe not in ("linear", "nonlinear"):
        raise SimbenchError(f"--probe {probe}: allowed: linear, nonlinear")
    for title, rows in boards(read_rows(folder)):
        _print_leaderboard(title, rank(rows, probe))


@app.command(epilog="Example: simbench verify data/quickstart")
def verify(folder: Folder) -> None:
    """Check every file of a dataset folder against its checksum."""
    from simbench.dataset import verify as verify_folder

    dataset = verify_folder(folder)
    typer.echo(f"{folder}: {len(dataset.recordings)} recordings, all files as they were written")


@app.command(epilog="Example: simbench export data/quickstart exported --to nwb")
def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the export.")],
    to: Annotated[str, typer.Option(help="nwb, suite2p, cascade or csv.")] = "nwb",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export.")] = False,
) -> None:
    """Write a dataset in the format that other groups' tools read."""
    from simbench.dataset import Dataset
    from simbench.export import export as export_dataset

    written = export_dataset(Dataset.load(folder), out, to, overwrite)
    typer.echo(f"{len(written)} files: {out}")


@app.command("import", epilog="Example: simbench import a.npz b.npz --spikes -o data/mine")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=".npz or .nwb")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the dataset.")],
    spikes: Annotated[bool, typer.Option("--spikes", help="The files hold spike times.")] = False,
    scenario: Annotated[str, typer.Option(help="Image as this scenario does.")] = "quickstart",
    duration: Annotated[float | None, typer.Option(help="Length of the recordings, s.")] = None,
    seed: Seed = 0,
) -> None:
    """Image spikes from elsewhere, one file a culture, into a dataset."""
    if not spikes:
        raise SimbenchError("import: say what the files hold; allowed: --spikes")
    (chosen,) = _load([scenario])
    from simbench.importing import import_spikes

    dataset = import_spikes(files, chosen.imaging, duration, seed)
    dataset.save(out)
    typer.echo(f"{len(dataset.recordings)} recordings, {len(dataset.labels)} neurons: {out}")


@app.command(epilog="Example: simbench show optics quickstart -o optics.png")
def show(
    what: Annotated[str, typer.Argument(metavar="culture|optics")],
    scenario: Annotated[str, typer.Argument(help="Name of a scenario or a .toml file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Picture to write.")] = None,
    seed: Seed = 0,
) -> None:
    """Draw a scenario's culture or its optics."""
    if what not in ("culture", "optics"):
        raise SimbenchError(f"show: unknown '{what}'; allowed: culture, optics")
    (chosen,) = _load([scenario])
    from importlib import import_module

    from simbench.report.style import save
    from simbench.storage import check_writable

    path = out or Path(f"{chosen.name}-{what}.png")
    check_writable(path.parent)
    draw = getattr(import_module(f"simbench.report.{what}_figure"), f"draw_{what}")
    save(draw(chosen, seed), path)
    typer.echo(str(path))


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
    from simbench.methods.registry import known_methods

    return ["method", "family", "what it is", "source"], [
        [name, entry.family, entry.description, entry.source]
        for name, entry in known_methods().items()
    ]


def _indicators() -> tuple[list[str], list[list[str]]]:
    from simbench.imaging.indicators import describe_indicators

    header = ["indicator", "family", "dF/F of one spike", "half-rise (ms)", "peak (ms)",
              "half-decay (ms)", "source"]  # fmt: skip
    return header, [
        [row.name, row.family, f"{row.amplitude:.3g}", f"{row.half_rise_ms:.3g}",
         f"{row.time_to_peak_ms:.3g}", f"{row.half_decay_ms:.3g}", row.source]
        for row in describe_indicators().itertuples(index=False)
    ]  # fmt: skip


def _labels() -> tuple[list[str], list[list[str]]]:
    from simbench.labels import LABELS

    return ["label", "kind", "unit", "meaning"], [
        [name, label.kind, label.unit, label.meaning] for name, label in LABELS.items()
    ]


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("simbench: stopped; the same command goes on where it was", err=True)
        raise typer.Exit(130) from None


def _use_cache(folder: Path | None) -> None:
    if folder is not None:
        os.environ["SIMBENCH_CACHE"] = str(folder.resolve())


def _print_plan(units: "list[Unit]") -> None:
    from itertools import groupby

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


def _print_leaderboard(title: str, board: "DataFrame") -> None:
    from simbench.leaderboard import readable

    print_table(f"{title}: recovery of the truth on held-out cultures", *readable(board))
