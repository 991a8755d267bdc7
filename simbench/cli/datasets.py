"""Commands about datasets: simulate, verify, export, import, show, fetch, release."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

import simbench
from simbench.cli.common import (
    CacheDir,
    Folder,
    Jobs,
    Recordings,
    ScenarioName,
    Seed,
    app,
    resumable,
    scenario_names,
)  # fmt: skip
from simbench.core.console import progress_bars
from simbench.core.errors import SimbenchError
from simbench.core.files import check_new, check_writable
from simbench.core.text import counted
from simbench.data.export import Format

_KINDS = "Spikes: .npz, .nwb, .h5. Traces: .mat, .nwb. Or folders of them."


@app.command(epilog="Example: simbench simulate quickstart -o data/quickstart --seed 1")
def simulate(
    scenario: ScenarioName,
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the dataset.")],
    level: Annotated[str | None, typer.Option(help="Of a scenario with levels: which one.")] = None,
    seed: Seed = 0,
    n_jobs: Jobs = -1,
    recordings: Recordings = None,
    cache_dir: CacheDir = None,
) -> None:
    """Simulate a scenario and write the labelled dataset."""
    levels = simbench.load_scenario(scenario).at_levels
    if (level or "") not in levels:
        given = f"'{level}' is no level of {scenario}" if level else f"{scenario} has levels"
        allowed = ", ".join(f"'{name}'" for name in levels if name) or "none"
        raise SimbenchError(f"--level: {given}; allowed: {allowed}")
    chosen = levels[level or ""]
    check_new(out)
    dataset = simulated(chosen, seed, n_jobs)
    dataset.save(out)
    typer.echo(f"{_size_of(dataset)}: {out}")


@app.command(epilog="Example: simbench verify data/quickstart")
def verify(folder: Folder) -> None:
    """Check that every file of a dataset folder is as it was written."""
    from simbench.data.dataset import verify as verify_folder

    dataset = verify_folder(folder)
    what = counted(len(dataset.recordings), "recording")
    typer.echo(f"{folder}: {what}, every file as it was written")


@app.command(epilog="Example: simbench export data/quickstart exported --to nwb")
def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the export.")],
    to: Annotated[Format, typer.Option(help="Format.")] = "nwb",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export.")] = False,
) -> None:
    """Write a dataset in the format that other groups' tools read."""
    if out.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise SimbenchError(f"{out}: holds the dataset itself; name another folder")
    written = simbench.export(simbench.Dataset.load(folder), out, to, overwrite)
    typer.echo(f"{len(written)} files: {out}")


@app.command("import", epilog="Example: simbench import a.npz b.npz --spikes -o data/mine")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=_KINDS)],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the dataset.")],
    spikes: Annotated[bool, typer.Option("--spikes", help="The files hold spike times.")] = False,
    traces: Annotated[bool, typer.Option("--traces", help="The files hold traces.")] = False,
    labels: Annotated[
        Path | None, typer.Option(help="Own labels: .csv, one row per neuron.")
    ] = None,
    scenario: Annotated[
        str, typer.Option(help="Image as this scenario does.", autocompletion=scenario_names)
    ] = "quickstart",
    duration: Annotated[float | None, typer.Option(help="Length of the recordings, s.")] = None,
    seed: Seed = 0,
    source: Annotated[str | None, typer.Option(help="Where the data are from.")] = None,
    license: Annotated[str | None, typer.Option(help="Licence of the data.")] = None,
    citation: Annotated[str | None, typer.Option(help="Whom to cite.")] = None,
) -> None:
    """Read traces from elsewhere, or image spikes, one file per culture, into a dataset."""
    if spikes == traces:
        raise SimbenchError("import: say what the files hold; allowed: --spikes or --traces")
    if traces and duration is not None:
        raise SimbenchError(f"--duration {duration:g}: only with --spikes")
    chosen = simbench.load_scenario(scenario)
    from simbench.data.readers.trace_files import add_labels, import_traces
    from simbench.scenario.axes import split_keys

    told = source, license, citation
    varied = [key for key in split_keys([*chosen.axes, *chosen.levels]) if key[:7] == "imaging"]
    if spikes and (chosen.imaging is None or varied):
        what = f"its optics vary ({varied[0]})" if varied else "it has no optics"
        raise SimbenchError(f"--scenario {scenario}: {what}; allowed: one with the same for all")
    if traces:
        dataset = import_traces(files, *told)
    else:
        dataset = simbench.import_spikes(files, chosen.imaging, duration, seed, *told)
    if labels:
        dataset = add_labels(dataset, labels)
    dataset.save(out)
    typer.echo(f"{_size_of(dataset)}: {out}")


@app.command(epilog="Example: simbench show optics quickstart -o optics.png")
def show(
    what: Annotated[Literal["culture", "optics"], typer.Argument(help="What to draw.")],
    scenario: ScenarioName,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Picture: .png, .svg or .pdf.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Draw a scenario's culture or its optics."""
    chosen = simbench.load_scenario(scenario)
    if chosen.recordings:
        raise SimbenchError(f"show {scenario}: it has no culture; allowed: simulated scenarios")
    from simbench.report.culture_figure import draw_culture
    from simbench.report.optics_figure import draw_optics
    from simbench.report.style import check_picture, save

    path = out or Path(f"{chosen.name}-{what}.png")
    check_picture(path)
    check_writable(path.parent)
    draw = draw_culture if what == "culture" else draw_optics
    save(draw(chosen, seed), path)
    typer.echo(str(path))


def simulated(scenario: "simbench.Scenario", seed: int, n_jobs: int) -> "simbench.Dataset":
    """The dataset of a scenario, with a progress bar; Ctrl-C says how to go on."""
    with resumable(), progress_bars() as report:
        what = f"simulate {scenario.name}"
        return simbench.simulate(scenario, seed, n_jobs, partial(report, what))


def _size_of(dataset: "simbench.Dataset") -> str:
    sizes = (len(dataset.recordings), "recording"), (len(dataset.labels), "neuron")
    return ", ".join(counted(*size) for size in sizes)


def _deposit_names() -> list[str]:
    """Datasets that somebody has deposited."""
    from simbench.data.deposits import deposits

    return list(deposits())


@app.command(epilog="Example: simbench fetch firing-types-seed1")
def fetch(
    name: Annotated[
        str, typer.Argument(help="Of a deposited dataset.", autocompletion=_deposit_names)
    ],
) -> None:
    """Bring a deposited dataset into the cache, and name its folder. None is deposited yet."""
    from simbench.data.deposits import fetch_dataset

    typer.echo(str(fetch_dataset(name)))


@app.command(epilog="Example: simbench release deposit --seed 1")
def release(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.")],
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", "-s", autocompletion=scenario_names,
            help="Default: firing-types, topologies, noise-ladder; can be repeated.",
        ),
    ] = None,
    seed: Seed = 1,
    nwb: Annotated[bool, typer.Option(help="NWB files beside the dataset folders.")] = True,
    parquet: Annotated[bool, typer.Option(help="Parquet files beside them, too.")] = True,
    n_jobs: Jobs = -1,
    cache_dir: CacheDir = None,
) -> None:  # fmt: skip
    """Write datasets as archives to deposit, with card, checksums and metadata."""
    from simbench.data.export.release import RELEASED
    from simbench.data.export.release import release as write_release

    check_new(out)
    scenarios = [simbench.load_scenario(name) for name in scenario or RELEASED]
    with resumable(), progress_bars() as report:
        write_release(scenarios, seed, out, nwb, n_jobs, report, parquet)
    typer.echo(str(out))
