"""The command line: every verb is one call into the package."""

import sys

from simbench.cli import data, listing, outside, results, runs
from simbench.cli.common import app
from simbench.errors import SimbenchError

__all__ = ["app", "data", "listing", "main", "outside", "results", "runs"]


def main() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    try:
        app()
    except SimbenchError as error:
        print(f"simbench: {error}", file=sys.stderr)
        sys.exit(2)
