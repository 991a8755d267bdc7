"""The command `simbench` in a test: in this process, or as a person meets it."""

import logging
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace
from unittest.mock import patch

from simbench.cli import main

_log = logging.getLogger("simbench")


def simbench_alone(*arguments, cwd=None):
    """Run a command in a process of its own, which takes seconds to start."""
    return subprocess.run(
        [sys.executable, "-m", "simbench", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, timeout=600, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip


def simbench(*arguments, cwd=None, **environment):
    """Run a command here, with the environment as it was before and after: exit code and output.

    Recordings of others are found only where ``environment`` says so.
    """
    clean = {key: value for key, value in os.environ.items() if key != "SIMBENCH_REAL"}
    out, err, level, code = StringIO(), StringIO(), _log.level, 0
    with (
        patch.dict(os.environ, clean | {"COLUMNS": "200"} | environment, clear=True),
        patch.object(sys, "argv", ["simbench", *map(str, arguments)]),
        patch.object(logging.root, "handlers", []),  # those of pytest keep warnings from stderr
        chdir(cwd or os.getcwd()), redirect_stdout(out), redirect_stderr(err),
    ):  # fmt: skip
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            _log.setLevel(level)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())
