from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import simbench
from made_files import write_h5
from scipy import sparse

pytest.importorskip("h5py", reason="h5py reads HDF5 files")

from simbench.culture.growth import Culture
from simbench.culture.spikes import SpikeTrains
from simbench.data.real_cultures import STATISTICS
from simbench.report.validation.culture_validation import as_electrodes
from simbench.scenario.scenario_file import load_scenario

ROOT = Path(__file__).parents[3]

SCENARIO = """
name = "small"
version = 1
question = "Small cultures."
replicates = 2
targets = ["in_degree"]
[axes]
"culture.noise_sigma" = [1.4, 1.8]
[culture]
preset = "cortical"
n_neurons = 30
duration_s = 10.0
settle_s = 2.0
[imaging]
"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    rng = np.random.default_rng(0)
    for number, region in enumerate([b"ctx", b"hpc", b"ctx", b"hpc"]):
        spikes = np.sort(rng.uniform(0, 60, (3, 100 + 50 * number)), axis=1)
        write_h5(
            folder / f"TC0{number}.h5", spikes=spikes.ravel(),
            sCount=np.full(3, spikes.shape[1]), recordingtime=np.array([0.0, 60.0]),
            **{"meta/region": np.array([region])},
        )  # fmt: skip
    return folder


def validate(*arguments):
    return simbench("validate", "cultures", *arguments)


def test_cultures_are_compared_on_the_command_line(recordings, tmp_path):
    (tmp_path / "small.toml").write_text(SCENARIO)
    done = validate(recordings, "-s", tmp_path / "small.toml", "-o", tmp_path / "out", "-j", 1)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "out" / "cultures.csv")
    assert set(table["statistic"]) == set(STATISTICS)
    assert set(table["region"]) == {"cortical"}
    assert "network_spike_share" in done.stdout
    assert (tmp_path / "out" / "cultures.png").stat().st_size > 10_000
    told = (tmp_path / "out" / "cultures.md").read_text()
    for name in ("small", "small, 1.4", "small, 1.8"):
        assert f"| {name} | cortical |" in told
    whole, *wirings = (some for _, some in table.groupby("condition", dropna=False, sort=False))
    mean = sum(some["value"].to_numpy() for some in wirings) / 2
    np.testing.assert_allclose(whole["value"], mean, rtol=1e-3)
    assert "of 9 statistics; outside: " in told
    assert set(table["digest"]) == {load_scenario(tmp_path / "small.toml").digest()}
    assert table["all_inside"].between(0, 1).all()


def test_cultures_of_the_committed_table_are_those_of_the_scenarios():
    table = pd.read_csv(ROOT / "results" / "validation" / "cultures.csv")
    digests = dict(zip(table["scenario"], table["digest"]))
    assert digests == {name: load_scenario(name).digest() for name in digests}


def test_a_folder_without_recordings_is_one_line(tmp_path):
    done = validate(tmp_path, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "holds no file that ends in .h5" in done.stderr


def test_an_electrode_sums_one_to_three_neighbouring_neurons():
    rng = np.random.default_rng(1)
    n = 40
    times = [np.sort(rng.uniform(0, 10, count)) for count in rng.integers(1, 60, n)]
    spikes = SpikeTrains.from_events(
        np.repeat(np.arange(n), [len(t) for t in times]), np.concatenate(times), n, 10.0
    )
    place = pd.DataFrame({"x_mm": np.arange(n) * 0.01, "y_mm": 0.0})
    culture = Culture(place, spikes, sparse.csr_array((n, n)), {})
    heard = as_electrodes(culture, 0, 0)
    assert heard.n_neurons == n // 2
    owner = dict(zip(spikes.times.tolist(), spikes.neurons.tolist()))
    for electrode in range(heard.n_neurons):
        neurons = sorted({owner[time] for time in heard[electrode].tolist()})
        assert 1 <= len(neurons) <= 3
        assert neurons == list(range(neurons[0], neurons[-1] + 1))
        assert len(heard[electrode]) == spikes.counts[neurons].sum()


def test_a_scenario_of_recordings_has_no_cultures_to_compare(recordings, tmp_path):
    done = validate(recordings, "-s", "recorded-cells", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "recorded-cells: names recordings; allowed: one with a culture recipe" in done.stderr


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"meta/age": np.array([10])}, "no culture of days 14 to 28 in vitro"),
        ({"meta/region": np.array([b"hpc"])}, "no cortical culture of days 14 to 28"),
    ],
)
def test_a_folder_without_mature_cultures_of_the_region_is_one_line(tmp_path, changes, complaint):
    write_h5(tmp_path / "TC01.h5", **changes)
    (tmp_path / "small.toml").write_text(SCENARIO)
    done = validate(tmp_path, "-s", tmp_path / "small.toml", "-o", tmp_path / "out", "-j", 1)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
