"""What all commands share: the application, its options, and small helpers."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simbench.core.errors import SimbenchError

if TYPE_CHECKING:
    from simbench.scenario.scenario import Scenario

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="simbench: do the latents of a method recover the physics that made the traces?",
    epilog="Example: simbench run quickstart",
)


_STRIKES_AGAIN_S = 2.0


def _check_jobs(n_jobs: int) -> int:
    if n_jobs == 0:
        raise SimbenchError("--n-jobs 0: allowed: 1 or more, or -1 for one a core")
    return n_jobs


Seed = Annotated[int, typer.Option(min=0, help="Names all random streams.")]
Jobs = Annotated[
    int,
    typer.Option("--n-jobs", "-j", callback=_check_jobs, help="Worker processes; -1: one a core."),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR")]
CacheDir = Annotated[
    Path | None, typer.Option("--cache-dir", metavar="DIR", help="Instead of the user's cache.")
]
ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="Name of a scenario or a .toml file.")
]


def load(names: list[str]) -> "list[Scenario]":
    """Scenarios by name; bad ones are refused before anything heavy is imported."""
    from simbench.scenario.scenario_file import load_scenario

    return [load_scenario(name) for name in names]


@contextmanager
def resumable() -> Iterator[None]:
    """Ctrl-C stops cleanly and says how to go on.

    It strikes until it hits: Python drops an exception that is raised in a callback of a weak
    reference, of which Brian2 has many, and compiled code can make another one of it.
    """
    is_stopped, has_ended = threading.Event(), threading.Event()
    main_thread = threading.get_ident()

    def strike(*_: object) -> None:
        is_stopped.set()
        raise KeyboardInterrupt

    def strike_again() -> None:
        is_stopped.wait()
        while not has_ended.wait(_STRIKES_AGAIN_S):
            signal.pthread_kill(main_thread, signal.SIGINT)

    before, hook = signal.signal(signal.SIGINT, strike), sys.unraisablehook
    sys.unraisablehook = _tell_unless_interrupted
    threading.Thread(target=strike_again, daemon=True).start()
    try:
        yield
    except BaseException:
        has_ended.set()
        if not is_stopped.is_set():
            raise
        typer.echo("simbench: stopped; the same command goes on where it was", err=True)
        raise typer.Exit(130) from None
    finally:
        has_ended.set()
        is_stopped.set()
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before)


def _tell_unless_interrupted(dropped: "sys.UnraisableHookArgs") -> None:
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)


def use_cache(folder: Path | None) -> None:
    """Use another cache folder than the user's, in worker processes too."""
    if folder is not None:
        os.environ["SIMBENCH_CACHE"] = str(folder.resolve())
