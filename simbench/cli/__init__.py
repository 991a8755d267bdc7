"""The command line: every verb is one call into the package."""

import sys

from simbench.cli import boards, datasets, listing, runs, submissions
from simbench.cli.common import app
from simbench.core.errors import SimbenchError

__all__ = ["app", "boards", "datasets", "listing", "main", "runs", "submissions"]


def main() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    try:
        app()
    except SimbenchError as error:
        print(f"simbench: {error}", file=sys.stderr)
        sys.exit(2)
