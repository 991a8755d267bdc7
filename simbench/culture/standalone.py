"""Brian2's C++ standalone target: one binary for a sweep over networks, seeds and parameters.

The number of neurons, of synapses and of steps are compiled in. Synapses are padded with links of
weight 0 to the next of a few round numbers, so that cultures of one scenario share a binary;
everything else is read at the start of a run. A new shape costs 5 to 10 s of compiling, which
pays for sweeps of many or long runs; Cython never compiles again and is the default.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from simbench.core.errors import SimbenchError
from simbench.culture import network as engine
from simbench.culture.brian import load_brian2
from simbench.culture.model import Network, build_model, neuron_values
from simbench.scenario.culture_recipe import SynapseRecipe

PADDING = 1.1
_SEED = "SIMBENCH_NOISE_SEED"
_SEED_CODE = (
    f'brian::_random_generators[0].seed(std::strtoul(std::getenv("{_SEED}"), nullptr, 10));'
)


def run_standalone(
    network: Network,
    synapses: SynapseRecipe,
    noise_sigma: float,
    n_steps: int,
    dt_ms: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Run a network in a process of its own; compiles if no network of this shape ever ran.

    Returns
    -------
    neurons, steps : ndarray of int, shape (n_spikes,)
    """
    delayed = network.delays_ms is not None
    shape = (len(network.a), padded(network.weights.nnz), n_steps, dt_ms, delayed)
    binary = _binary(shape)
    with tempfile.TemporaryDirectory(prefix="simbench-") as folder:
        job = Path(folder)
        (job / "static_arrays").mkdir()
        (job / "results").mkdir()
        for name, values in _inputs(network, shape[1]).items():
            values.tofile(job / "static_arrays" / f"_static_array_{name}")
        parameters = {
            "sigma": noise_sigma,
            "beta": synapses.depression,
            "tau": synapses.decay_ms,
            "tau_R": 1000 * synapses.recovery_s,
        }
        subprocess.run(
            [str(binary / "main"), "--results_dir", "results/"]
            + [f"neurons.{name}={value!r}" for name, value in parameters.items()],
            cwd=job, env={**os.environ, _SEED: str(seed)}, check=True, capture_output=True,
        )  # fmt: skip
        files = json.loads((binary / "results.json").read_text())
        neurons = np.fromfile(job / "results" / files["i"], dtype=np.int32)
        times = np.fromfile(job / "results" / files["t"], dtype=np.float64)
    return neurons.astype(np.int64), np.rint(times * 1000 / dt_ms).astype(np.int64)


def padded(n_links: int) -> int:
    """The next round number of links."""
    size = 64
    while size < n_links:
        size = int(np.ceil(size * PADDING))
    return size


def _inputs(network: Network, n_links: int) -> dict[str, np.ndarray]:
    """The arrays that a run reads, under Brian2's names."""
    edges = network.weights.tocoo()
    spare = n_links - edges.nnz
    last = len(network.a) - 1
    inputs = {f"_array_neurons_{name}": x for name, x in neuron_values(network).items()}
    inputs["_array_links_sources"] = np.pad(edges.row, (0, spare), constant_values=last)
    inputs["_array_links_targets"] = np.pad(edges.col, (0, spare), constant_values=last)
    inputs["_dynamic_array_links_w"] = np.pad(edges.data, (0, spare))
    if network.delays_ms is not None:
        inputs["_dynamic_array_links_delay"] = np.pad(network.delays_ms / 1000, (0, spare))
    kinds = {"sources": np.int32, "targets": np.int32}
    return {name: x.astype(kinds.get(name.split("_")[-1], float)) for name, x in inputs.items()}


def _binary(shape: tuple[int, int, int, float, bool]) -> Path:
    """Folder of the binary for networks of a shape."""
    folder = engine.cache_folder() / "standalone" / engine.build_digest(*shape)
    if (folder / "main").exists():
        return folder
    if not engine.compiler_found():
        raise SimbenchError("target = 'cpp_standalone' needs a C++ compiler; allowed: numpy")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    code = f"from simbench.culture.standalone import build; build({str(draft)!r}, *{shape!r})"
    built = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if built.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        reason = (built.stderr.strip().splitlines() or ["no message"])[-1]
        raise SimbenchError(f"target = 'cpp_standalone': the build failed: {reason}")
    try:
        os.replace(draft, folder)
    except OSError:  # another process built the same one first
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def build(
    directory: str, n_neurons: int, n_links: int, n_steps: int, dt_ms: float, delayed: bool
) -> None:
    """Generate and compile a project. Sets Brian2's device, so it takes a process of its own."""
    b2 = load_brian2()

    b2.set_device("cpp_standalone", build_on_run=False, directory=directory)
    b2.prefs.codegen.cpp.extra_compile_args_gcc = list(engine.FLAGS)
    b2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
    model, spikes, _ = build_model(
        _placeholder(n_neurons, n_links, delayed), SynapseRecipe(), 1, dt_ms
    )
    device: Any = b2.device
    device.insert_code("main", _SEED_CODE)
    model.run(n_steps * dt_ms * b2.ms, namespace={})
    device.build(directory=directory, compile=True, run=False)
    names = {
        name: Path(device.get_array_filename(spikes.variables[name])).name for name in ("i", "t")
    }
    Path(directory, "results.json").write_text(json.dumps(names))


def _placeholder(n_neurons: int, n_links: int, delayed: bool) -> Network:
    """A network of the right shape; its values are replaced when the binary runs."""
    # values that differ, or Brian2 would compile them in as constants
    values = np.arange(n_neurons) / n_neurons
    ends = np.full(n_links, n_neurons - 1)
    # as many links as the padding makes, all of one neuron to itself
    weights = sparse.coo_array((np.arange(n_links, dtype=float), (ends, ends)), (n_neurons,) * 2)
    delays = np.arange(n_links) / n_links if delayed else None
    return Network(
        values, values, values, values, weights,
        values, values, values, values, values, delays,
    )  # fmt: skip
