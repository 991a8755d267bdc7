"""Brian2's code generation targets, and where the cache keeps what they compile."""

import hashlib
import json
import os
import shlex
import shutil
import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path
from types import ModuleType

from simbench.core.cache import cache_folder
from simbench.core.errors import SimbenchError
from simbench.culture.brian import load_brian2
from simbench.culture.model import THRESHOLD, model_text

TARGETS = ("numpy", "cython")
FLAGS = ("-w", "-O3", "-ffp-contract=off", "-std=c++17")  # IEEE semantics on any CPU


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
