"""The command line: every command is one call into the package."""

import sys
from typing import Any

import typer

from simbench.cli import boards, datasets, listing, runs, submissions, validation
from simbench.cli.common import app
from simbench.core.errors import SimbenchError
from simbench.core.parallel import leave_at_once

__all__ = ["app", "boards", "datasets", "listing", "main", "runs", "submissions", "validation"]

# Click's UsageError: some versions of typer bring a click of their own and export only this child.
_UsageError: Any = typer.BadParameter.__base__


def main() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    leave_at_once()
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except typer.Abort:  # Ctrl-C, before the work began
        sys.exit(130)
    except _UsageError as error:
        message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
        message = message or "missing command"
        hint = f"; see {error.ctx.command_path} --help" if error.ctx else ""
        print(f"simbench: {message[0].lower()}{message[1:]}{hint}", file=sys.stderr)
    except SimbenchError as error:
        print(f"simbench: {error}", file=sys.stderr)
    except OSError as error:  # such as a cache folder that is a file, or a full disk
        place = f"{error.filename}: " if error.filename else ""
        print(f"simbench: {place}{error.strerror or error}", file=sys.stderr)
    sys.exit(2)
