"""A release, deposited on a server of this machine, is fetched, compared and kept."""

import hashlib
import json
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from zipfile import ZipFile

import numpy as np
import pytest
from made_files import CELLS

import simbench
from simbench import SimbenchError
from simbench.data.dataset import verify
from simbench.data.deposits import deposits, fetch_dataset
from simbench.data.export.release import CROISSANT, release
from simbench.scenario.scenario import Scenario

NAME = "tiny-0.3-seed1"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def released(tiny, tmp_path_factory):
    data = tiny.model_dump(mode="json") | {"levels": {"imaging.nu": [0.3, 1.0]}, "replicates": 2}
    return release(
        [Scenario(**data)], 1, tmp_path_factory.mktemp("release") / "out", nwb=False, parquet=False
    )


@pytest.fixture
def server(released):
    handler = partial(Quiet, directory=released)
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def registry(released, server, tmp_path, monkeypatch):
    """The file of places, filled in as whoever deposits does; and a cache that is empty."""
    known = json.loads((released / "deposits.json").read_text())
    for name, deposit in known.items():
        deposit["url"] = f"{server}/{name}.zip"
    path = tmp_path / "deposits.json"
    path.write_text(json.dumps(known))
    monkeypatch.setenv("SIMBENCH_REGISTRY", str(path))
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    return path


def test_nothing_has_been_deposited_yet():
    assert not deposits()
    with pytest.raises(SimbenchError, match="fetch 'firing-types': not deposited; allowed: none"):
        fetch_dataset("firing-types")


def test_what_is_released_is_described(released):
    assert {path.name for path in released.iterdir()} == {
        "README.md", "SHA256SUMS", "croissant.json", "deposits.json",
        f"{NAME}.zip", "tiny-1.0-seed1.zip",
    }  # fmt: skip
    sums = dict(line.split()[::-1] for line in (released / "SHA256SUMS").read_text().splitlines())
    about = json.loads((released / "croissant.json").read_text())
    assert about["conformsTo"] == CROISSANT
    found = {file["name"]: file["sha256"] for file in about["distribution"]}
    for name, digest in sums.items():
        assert hashlib.sha256((released / name).read_bytes()).hexdigest() == digest == found[name]
    assert NAME in (released / "README.md").read_text()


def test_the_metadata_are_valid(released, caplog):
    mlcroissant = pytest.importorskip("mlcroissant")
    about = mlcroissant.Dataset(released / "croissant.json").metadata
    assert {file.name for file in about.distribution} == {f"{NAME}.zip", "tiny-1.0-seed1.zip"}
    assert not caplog.records  # no warning


def test_a_deposit_is_fetched_once(registry, server, released, tiny):
    pytest.importorskip("pooch")
    dataset = simbench.load_dataset(NAME)
    assert dataset.seed == 1
    assert dataset.recordings[0].truth.spikes.n_neurons == tiny.culture.n_neurons
    places = json.loads(registry.read_text())
    registry.write_text(
        json.dumps({k: v | {"url": "http://127.0.0.1:1/x"} for k, v in places.items()})
    )
    again = simbench.load_dataset(NAME)  # the network is cut
    np.testing.assert_array_equal(
        again.recordings[0].fluorescence, dataset.recordings[0].fluorescence
    )
    with pytest.raises(SimbenchError, match=r"fetch tiny-1.0-seed1: http://127.0.0.1:1/x: "):
        simbench.load_dataset("tiny-1.0-seed1")


def test_a_deposit_whose_unpacking_was_cut_short_is_unpacked_again(registry, monkeypatch):
    pytest.importorskip("pooch")

    def cut_short(archive, folder):
        archive.extract(archive.namelist()[0], folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ZipFile, "extractall", cut_short)
        fetch_dataset(NAME)
    verify(fetch_dataset(NAME))


def test_another_file_than_was_deposited_is_refused(registry):
    pytest.importorskip("pooch")
    places = json.loads(registry.read_text())
    places[NAME]["sha256"] = "0" * 64
    registry.write_text(json.dumps(places))
    with pytest.raises(SimbenchError, match=f"fetch {NAME}: .*(hash|SHA256)"):
        fetch_dataset(NAME)


def test_a_release_can_be_made_again(released, tiny, tmp_path):
    data = tiny.model_dump(mode="json") | {"levels": {"imaging.nu": [0.3, 1.0]}, "replicates": 2}
    again = release([Scenario(**data)], 1, tmp_path / "again", nwb=False, parquet=False)
    for path in released.glob("*.zip"):
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_recordings_of_others_are_not_released(tmp_path):
    others = Scenario(**CELLS)
    with pytest.raises(SimbenchError, match="release: scenario cells names recordings of others"):
        release([others], 1, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_release_holds_nwb_and_parquet(tiny, tmp_path):
    pytest.importorskip("pynwb")
    pytest.importorskip("pyarrow")
    data = tiny.model_dump(mode="json") | {"replicates": 2}
    out = release([Scenario(**data)], 1, tmp_path / "out")
    assert {path.name for path in out.glob("*.zip")} == {
        "tiny-seed1.zip", "tiny-seed1-nwb.zip", "tiny-seed1-parquet.zip",
    }  # fmt: skip
    assert list(json.loads((out / "deposits.json").read_text())) == ["tiny-seed1"]
