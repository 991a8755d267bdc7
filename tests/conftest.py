"""Two small datasets: one by hand, random spikes through the optics; one really simulated."""

import os
import re
import tempfile
from pathlib import Path

# One thread for each process of the run, before any library starts its own: they would only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import sparse

from simbench.core.seeds import stream
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording, Truth
from simbench.data.simulation import simulate
from simbench.imaging import image
from simbench.methods.catalogue import torch_found
from simbench.scenario.imaging_recipe import ImagingRecipe
from simbench.scenario.scenario_file import load_scenario

# One private cache for the whole run; worker processes and subprocesses inherit it.
_cache = tempfile.TemporaryDirectory(prefix="simbench-tests-")
os.environ["SIMBENCH_CACHE"] = os.environ.get("SIMBENCH_TEST_CACHE", _cache.name)

_NETWORKS = re.compile(
    r"^(?:import|from) (?:torch|simbench\.methods\.(?:avae|dense))\b", re.MULTILINE
)

N_NEURONS, DURATION_S, FRAME_RATE_HZ = 12, 10.0, 20.0


def pytest_ignore_collect(collection_path):
    """Without PyTorch, files of tests that import networks are left out."""
    if collection_path.suffix == ".py" and not torch_found():
        return bool(_NETWORKS.search(collection_path.read_text(encoding="utf-8"))) or None
    return None


def make_recording(index: int, neuropil: bool = False) -> Recording:
    """Twelve neurons for ten seconds; neuron 0 is silent."""
    rng = stream(7, "tests", index)
    n = N_NEURONS
    neurons = rng.integers(1, n, 150)
    spikes = SpikeTrains.from_events(neurons, rng.integers(0, 10_000, 150) / 1000, n, DURATION_S)
    positions = rng.uniform(-0.15, 0.15, (n, 2))
    recipe = ImagingRecipe(preset="ideal", nu=1.0, frame_rate_hz=FRAME_RATE_HZ)
    imaged = image(spikes, positions, recipe, seed=7, index=index)
    links = rng.random((n, n)) < 0.2
    labels = pd.DataFrame(
        {
            "culture": f"culture-{index:03d}",
            "condition": "0.10",
            "topology": "random",
            "firing_type": rng.choice(["RS", "NA", "1.0"], n),
            "inhibitory": rng.random(n) < 0.5,
            "a": rng.lognormal(-4, 0.1, n),
            "x_mm": positions[:, 0],
            "y_mm": positions[:, 1],
            "in_degree": links.sum(axis=0),
            "n_spikes": spikes.counts,
            "rate_hz": spikes.counts / DURATION_S,
            "cv_isi": np.where(spikes.counts > 2, rng.random(n), np.nan),
        }
    )
    truth = Truth(
        labels,
        spikes,
        sparse.csr_array(links * rng.normal(size=(n, n))),
        imaged.clean_dff,
        {"mean_rate_hz": float(labels["rate_hz"].mean())},
        imaged.clean_dff + 5 if neuropil else None,
    )
    return Recording(f"recording-{index:03d}", imaged.fluorescence, FRAME_RATE_HZ, lambda: truth)


@pytest.fixture(autouse=True)
def figures_closed():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def real() -> Path:
    """Public recordings of others: `ground_truth` (CASCADE) and `cultures` (Eglen et al. 2014)."""
    folder = os.environ.get("SIMBENCH_REAL", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SIMBENCH_REAL names no folder of public recordings")
    return Path(folder)


@pytest.fixture(scope="session")
def small_dataset() -> Dataset:
    """Two cultures, the second for testing and with neuropil."""
    recordings = (make_recording(0), make_recording(1, neuropil=True))
    return Dataset(recordings, np.array([False, True]), load_scenario("quickstart"), 7)


@pytest.fixture(scope="session")
def tiny():
    """A scenario that simulates in seconds."""
    return load_scenario(Path(__file__).parent / "tiny.toml")


@pytest.fixture(scope="session")
def tiny_dataset(tiny) -> Dataset:
    """Six simulated cultures."""
    return simulate(tiny, seed=1)
