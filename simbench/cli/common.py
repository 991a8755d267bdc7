"""What all commands share: the application, its options, names to complete, small helpers."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from simbench import __version__
from simbench.core.console import print_table
from simbench.core.errors import SimbenchError

if TYPE_CHECKING:
    from pandas import DataFrame

Backend = Literal["loky", "dask"]
Probe = Literal["linear", "nonlinear"]
_FIRST = ("run", "list", "leaderboard", "simulate", "export")
_ANYWHERE = ("--verbose", "-v", "--quiet", "-q")


class _RunFirst(TyperGroup):
    """Commands in the order in which they are first needed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take options of all commands from behind the command, too."""
        return super().parse_args(ctx, sorted(args, key=lambda word: word not in _ANYWHERE))

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=lambda name: (*_FIRST, name).index(name))


app = typer.Typer(
    cls=_RunFirst,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="simbench: do the latents of a method recover the physics that made the traces?",
    epilog="Example: simbench run quickstart -v",
)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"simbench {__version__}")
        raise typer.Exit


@app.callback()
def simbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print version.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option(*_ANYWHERE[:2], help="Say each piece of work as it is done.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option(*_ANYWHERE[2:], help="Results and errors alone: no notes, no bars.")
    ] = False,
) -> None:
    """Do the latents of a method recover the physics that made the traces?"""
    if verbose:
        logging.basicConfig(format="%(message)s")  # to stderr, where warnings go anyway
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    logging.getLogger("simbench").setLevel(level)


def _check_jobs(n_jobs: int) -> int:
    if n_jobs == 0:
        raise SimbenchError("--n-jobs 0: allowed: 1 or more, or -1 for one per core")
    return n_jobs


def _use_cache(folder: Path | None) -> Path | None:
    """Use another cache folder than the user's, in worker processes too."""
    if folder is not None:
        os.environ["SIMBENCH_CACHE"] = str(folder.resolve())
    return folder


def _use_recordings(folder: Path | None) -> Path | None:
    """Use another folder of recordings of others, in worker processes too."""
    from simbench.scenario.recordings_recipe import FOLDER_VARIABLE

    if folder is not None:
        if not folder.is_dir():
            raise SimbenchError(f"--recordings {folder}: no such folder")
        os.environ[FOLDER_VARIABLE] = str(folder.resolve())
    return folder


def scenario_names() -> list[str]:
    """Scenarios that come with simbench."""
    from simbench.scenario.scenario_file import available_scenarios

    return list(available_scenarios())


def method_names() -> list[str]:
    """Methods that come with simbench."""
    from simbench.methods.catalogue import METHODS

    return list(METHODS)


def method_names_or_all() -> list[str]:
    return [*method_names(), "all"]


Seed = Annotated[int, typer.Option(min=0, help="Random seed: the same gives the same data.")]
Jobs = Annotated[
    int,
    typer.Option("--n-jobs", "-j", callback=_check_jobs, help="Workers; -1: one per core."),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR")]
# These two work by being given: no command need do more than take them.
CacheDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", callback=_use_cache, help="Instead of the user's cache."),
]
Recordings = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", callback=_use_recordings, help="Recordings of others; or SIMBENCH_REAL."
    ),
]
ScenarioName = Annotated[
    str,
    typer.Argument(metavar="SCENARIO", help="Name or .toml file.", autocompletion=scenario_names),
]


@contextmanager
def resumable(backend: str = "loky", scheduler: str | None = None) -> Iterator[None]:
    """Work of the block is done by other processes; Ctrl-C ends them and says how to go on.

    So does the signal by which a job scheduler stops a job.
    """
    from simbench.core.parallel import parallel_backend

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with parallel_backend(backend, scheduler):
            yield
    except KeyboardInterrupt:
        typer.echo("simbench: stopped; the same command resumes", err=True)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def print_frame(title: str, table: "DataFrame", form: str) -> None:
    """Print a table, its numbers in a form such as ".2f"."""
    rows = [
        [format(cell, form) if isinstance(cell, float) else str(cell) for cell in row]
        for row in table.itertuples(index=False)
    ]
    print_table(title, list(table), rows)
