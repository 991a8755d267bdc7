"""Speed of the optics; run with `pytest tests/benchmarks/test_imaging_speed.py`.

The plain approaches that the optics is measured against are written here, as one finds them in
scripts: a kernel added for every spike, one frame at a time. Times are processor seconds of one
core, so that other work on the machine counts little.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from simbench.culture.spikes import SpikeTrains
from simbench.imaging.dff import delta_f_over_f
from simbench.imaging.indicators import clean_dff, get_indicator

RISE_S, DECAY_S, EXPONENT, HALF, LARGEST = 0.056728, 1.726176, 1.49, 16.902, 11.327  # GCaMP6s
GIB = 2**30

FILM = """
import json, resource, sys, tempfile, time
from pathlib import Path
import numpy as np
from simbench.imaging import image
from simbench.scenario.imaging_recipe import ImagingRecipe
from simbench.culture.spikes import SpikeTrains

n, duration_s, preset = int(sys.argv[1]), 300.0, sys.argv[2]
rng = np.random.default_rng(0)
recipe = ImagingRecipe(preset=preset, frame_rate_hz=20.0, **json.loads(sys.argv[3]))
counts = rng.poisson(0.5 * duration_s, n)
offsets = np.concatenate([[0], np.cumsum(counts)])
times = rng.uniform(0, duration_s, offsets[-1])
for first, last in zip(offsets, offsets[1:]):
    times[first:last].sort()
spikes = SpikeTrains(times, offsets, duration_s)
positions = rng.uniform(0, np.sqrt(n / 250), (n, 2))
small = SpikeTrains(times[: offsets[2]], offsets[:3], duration_s)
image(small, positions[:2], recipe, 0)  # compiles
with tempfile.TemporaryDirectory() as folder:
    start = time.process_time()
    imaged = image(spikes, positions, recipe, 0, folder=Path(folder))
    seconds = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak": peak, "size": imaged.fluorescence.size}))
"""


def culture(n, duration_s, rate_hz=2.0):
    rng = np.random.default_rng(0)
    n_spikes = round(n * duration_s * rate_hz)
    return SpikeTrains.from_events(
        rng.integers(0, n, n_spikes), rng.uniform(0, duration_s, n_spikes), n, duration_s
    )


def add_spike_by_spike(spikes, rate_hz):
    """Calcium by adding the rest of the kernel at every spike, then the Hill response."""
    t = np.arange(round(spikes.duration * rate_hz)) / rate_hz
    calcium = np.zeros((spikes.n_neurons, len(t)))
    for neuron in range(spikes.n_neurons):
        for spike in spikes[neuron]:
            first = np.searchsorted(t, spike)
            age = t[first:] - spike
            calcium[neuron, first:] += np.exp(-age / DECAY_S) * (1 - np.exp(-age / RISE_S))
    return LARGEST * calcium**EXPONENT / (calcium**EXPONENT + HALF**EXPONENT)


@pytest.mark.benchmark(timer=time.process_time)
def test_recursion_against_spike_by_spike(benchmark):
    """A 2250-neuron, 60 s culture at 1 kHz; the plain sum is timed on 45 of its neurons."""
    indicator = get_indicator("GCaMP6s")
    some, whole = culture(45, 60.0), culture(2250, 60.0)
    start = time.process_time()
    plain = add_spike_by_spike(some, 1000.0)
    plain_s = (time.process_time() - start) * 2250 / 45
    np.testing.assert_allclose(clean_dff(some, indicator, 1000.0), plain, atol=1e-5)
    benchmark.pedantic(clean_dff, (whole, indicator, 1000.0), rounds=3, warmup_rounds=1)
    benchmark.extra_info["plain_seconds"] = plain_s
    benchmark.extra_info["times_faster"] = plain_s / benchmark.stats["mean"]


@pytest.mark.parametrize(
    ("preset", "keys"),
    [("ideal", {"nu": 1.0}), ("culture-widefield", {}), ("harsh", {})],
    ids=["shot noise only", "culture-widefield", "harsh"],
)
def test_a_hundred_thousand_rois(benchmark, preset, keys):
    """100,000 ROIs x 6,000 frames, in a process of its own so that its peak memory is known."""
    command = [sys.executable, "-c", FILM, "100000", preset, json.dumps(keys)]

    def run():
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    result = benchmark.pedantic(run, rounds=1)
    assert result["size"] == 600_000_000
    assert result["peak"] < 4 * GIB
    benchmark.extra_info["roi_frames_per_s"] = result["size"] / result["seconds"]
    benchmark.extra_info["peak_gib"] = result["peak"] / GIB


@pytest.mark.benchmark(timer=time.process_time)
def test_plain_film(benchmark):
    """The plain approach to the same film: kernel per spike at 1 kHz, mean, Poisson draw."""
    spikes = culture(20, 300.0, rate_hz=0.5)
    rng = np.random.default_rng(0)

    def film():
        dff = add_spike_by_spike(spikes, 1000.0).reshape(20, 6000, 50).mean(axis=-1)
        return rng.poisson(455 * (1 + dff))

    size = benchmark.pedantic(film, rounds=2).size
    benchmark.extra_info["roi_frames_per_s"] = size / benchmark.stats["mean"]


@pytest.mark.benchmark(timer=time.process_time)
def test_running_baseline(benchmark):
    """dF/F of 10,000 traces of 6,000 frames."""
    traces = np.random.default_rng(0).poisson(300, (10_000, 6000)).astype(np.float32)
    benchmark.pedantic(delta_f_over_f, (traces, 20.0), rounds=2)
    benchmark.extra_info["roi_frames_per_s"] = traces.size / benchmark.stats["mean"]
