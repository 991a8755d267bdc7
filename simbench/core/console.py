"""Tables and progress bars on the terminal."""

import logging
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

Step = TypeVar("Step")

_log = logging.getLogger(__name__)
_open_bars = 0
"""Blocks of `progress_bars` that are running: a display of its own inside would garble theirs."""


def print_table(title: str, header: list[str], rows: Iterable[list[str]]) -> None:
    """Print a table as wide as the terminal; 200 characters where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(title=Text(title), title_justify="left", box=None, header_style="bold")
    for name in header:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    console.print()


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on a terminal, nothing elsewhere; yields ``report(what, done, total)``."""
    global _open_bars
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal or not _log.isEnabledFor(logging.WARNING),
    ) as bars:  # fmt: skip
        tasks = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        _open_bars += 1
        try:
            yield report
        finally:
            _open_bars -= 1


def is_watched() -> bool:
    """Whether somebody sits before this process: a terminal, no worker, no bars drawn already."""
    is_worker = multiprocessing.parent_process() is not None
    return sys.stderr.isatty() and not is_worker and not _open_bars


def track(steps: Sequence[Step], what: str, after_s: float = 2.0) -> Iterator[Step]:
    """Go through steps, with a progress bar from ``after_s`` seconds on if `is_watched`.

    Parameters
    ----------
    steps : sequence
    what : str
        Stands before the bar.
    after_s : float
        Shorter work shows nothing.
    """
    if not is_watched():
        yield from steps
        return
    start, report = time.monotonic(), None
    with ExitStack() as stack:
        for done, step in enumerate(steps, 1):
            yield step
            if report is None and time.monotonic() - start > after_s:
                report = stack.enter_context(progress_bars())
            if report:
                report(what, done, len(steps))
