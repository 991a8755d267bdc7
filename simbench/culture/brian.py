"""Brian2, made fit for unattended runs; its targets, and where compiled code is kept."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError
from simbench.culture.model import THRESHOLD, model_text

TARGETS = ("numpy", "cython")
# IEEE semantics on any CPU; -O3 takes longer to compile, and runs no faster
FLAGS = ("-w", "-O1", "-g0", "-ffp-contract=off", "-std=c++17")


def load_brian2() -> ModuleType:
    """Import Brian2 in any thread, and leave Ctrl-C an error.

    On import Brian2 installs a handler of its own for Ctrl-C, which only the main thread may do,
    and which ends a running simulation early as if it were complete.
    """
    with patch.object(signal, "signal"):
        import brian2
    brian2.prefs.core.stop_on_keyboard_interrupt = False  # had somebody imported it before
    # An interrupted build leaves objects behind that no network took: no news for anybody.
    brian2.BrianLogger.suppress_name("unused_brian_object")
    return brian2


def use_target(target: str) -> ModuleType:
    """Make Brian2 generate code for this target; returns Brian2."""
    if target not in TARGETS:
        raise SimbenchError(f"target = '{target}'; allowed: {', '.join(TARGETS)}")
    b2 = load_brian2()
    b2.prefs.codegen.target = target
    # the order of operations decides the last bit, and the model states it
    b2.prefs.codegen.loop_invariant_optimisations = False
    if target == "cython":
        folder = cython_cache()
        folder.mkdir(parents=True, exist_ok=True)
        b2.prefs.codegen.runtime.cython.cache_dir = str(folder)
        b2.prefs.codegen.cpp.extra_compile_args_gcc = list(FLAGS)
    return b2


def compiler_found() -> bool:
    """Whether the C++ compiler that Brian2 would call is there."""
    return shutil.which(shlex.split(os.environ.get("CXX") or "g++")[0]) is not None


def cython_cache() -> Path:
    """Folder of compiled modules; its name holds all that Brian2's own cache key leaves out."""
    models = product((False, True), repeat=2)
    texts = [[*vars(model_text(*model)).values(), THRESHOLD] for model in models]
    about = json.dumps([sys.version, version("brian2"), version("numpy"), texts, FLAGS])
    return cache_folder() / "cython" / hashlib.sha256(about.encode()).hexdigest()[:16]
