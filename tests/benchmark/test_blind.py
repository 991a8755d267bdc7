"""Four methods that cheat, each in the way that the blind run should stop, score at chance."""

from dataclasses import replace

import numpy as np
import pytest

from simbench.benchmark.plan import Unit, plan
from simbench.benchmark.run import latents_of, run
from simbench.core import cache
from simbench.scenario.scenario import Scenario

CHEATS = '''
"""Methods that find out labels by other ways than the traces."""

import gc
import inspect
import os
import tempfile
from pathlib import Path

import numpy as np


class Cheat:
    random_state = None
    frame_rate = None

    def get_params(self, deep=True):
        return {"random_state": self.random_state, "frame_rate": self.frame_rate}

    def set_params(self, **parameters):
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def fit(self, X, groups=None):
        self.n_groups, self.calls = len(np.unique(groups)), 0
        return self


class ByGroup(Cheat):
    """Conditions take turns: the number of the culture tells its condition."""

    def transform(self, X, groups=None):
        return np.full((len(X), 1), float(groups[0] % 2))


class ByCall(Cheat):
    """Cultures are embedded one by one: the number of the call tells the condition."""

    def transform(self, X, groups=None):
        self.calls += 1
        return np.full((len(X), 1), float(self.calls % 2))


class BySeed(Cheat):
    """Simulates the test set from the seed that it is given, and looks its labels up."""

    def fit(self, X, groups=None):
        from simbench.data.simulation import simulate
        from simbench.scenario.scenario_file import read_scenario

        os.environ["SIMBENCH_CACHE"] = mine = tempfile.mkdtemp()  # its own, which is open
        if (Path(CACHE) / "cython").is_dir():
            (Path(mine) / "cython").symlink_to(Path(CACHE) / "cython")
        self.dataset = simulate(read_scenario(Path(SCENARIO)), self.random_state)
        return self

    def transform(self, X, groups=None):
        error = [np.mean((r.dff - X) ** 2) for r in self.dataset.recordings]
        labels = self.dataset.recordings[int(np.argmin(error))].read_truth().labels
        return (labels[["topology"]] == "tracks").to_numpy(dtype=float)


class ByLatents(Cheat):
    """Looks for latents of the true spikes, which other methods left in the cache."""

    def transform(self, X, groups=None):
        for folder in os.listdir(Path(CACHE) / "latents"):
            os.listdir(Path(CACHE) / "latents" / folder)
        return X


class ByReading(Cheat):
    """Looks for labels in the frames above it, in all objects, and in the cache."""

    def transform(self, X, groups=None):
        found = [*self.in_frames(), *self.in_objects(), *self.in_cache(X)]
        return np.full((len(X), 1), float(found[0] == "tracks") if found else 0.0)

    def in_frames(self):
        frame = inspect.currentframe()
        while frame is not None:
            for value in frame.f_locals.values():
                truth = getattr(value, "truth", None)
                if truth is not None:
                    yield str(truth)
                labels = getattr(value, "labels", None)
                if labels is not None:
                    yield labels["topology"].iloc[0]
            frame = frame.f_back

    def in_objects(self):
        for thing in gc.get_objects():
            if type(thing).__name__ == "DataFrame" and "topology" in thing:
                yield thing["topology"].iloc[0]

    def in_cache(self, X):
        for path in Path(CACHE).rglob("labels.csv"):
            try:
                light, labels = np.load(path.with_name("fluorescence.npy")), path.read_text()
            except OSError:
                continue
            if light.shape == X.shape and np.corrcoef(light[0], X[0])[0, 1] > 0.8:
                yield "tracks" if "tracks" in labels else "flat"
'''


@pytest.fixture(scope="module")
def grown(tiny):
    data = tiny.model_dump(mode="json", exclude_unset=True)
    data |= {
        "name": "grown", "targets": ["topology"], "replicates": 20,
        "culture": data["culture"] | {"duration_s": 5.0},
        "axes": {"culture.wiring.topology": ["flat", "tracks"]},
    }  # fmt: skip
    return Scenario.model_validate(data)


@pytest.fixture(scope="module")
def rows(grown, tmp_path_factory):
    from simbench.scenario.scenario_file import write_scenario

    folder = tmp_path_factory.mktemp("cheats")
    write_scenario(grown, folder)
    text = f"SCENARIO = {str(folder)!r}\nCACHE = {str(cache.cache_folder())!r}\n"
    (folder / "cheats.py").write_text(text + CHEATS, encoding="utf-8")
    names = ("ByGroup", "ByCall", "BySeed", "ByReading")
    cheats = [f"{folder}/cheats.py:{name}" for name in names]
    rows = run([Unit(grown, 1, cheat) for cheat in cheats], n_jobs=2)
    assert (rows["status"] == "ok").all(), rows[["method", "error"]].dropna().to_numpy()
    return rows


def test_latents_of_others_are_closed(grown, rows, tmp_path):
    (cheat,) = rows.loc[rows["method"].str.endswith("ByReading"), "method"].unique()
    unit = Unit(grown, 1, cheat.replace("ByReading", "ByLatents"))
    (error,) = run([unit])["error"]
    assert "closed to methods, it tells labels" in error


@pytest.mark.parametrize("cheat", ["ByGroup", "ByCall", "BySeed", "ByReading"])
def test_a_cheat_scores_at_chance(rows, cheat):
    mine = rows[rows["method"].str.endswith(cheat) & (rows["metric"] == "vote_accuracy")]
    mine = mine[(mine["split"] == "culture") & (mine["probe"] == "linear")]
    votes = np.concatenate(mine["per_culture"].to_list())
    assert len(votes) >= 18
    assert votes.mean() < 0.75


def test_the_seed_of_a_method_says_nothing_of_the_seed_of_the_data(tiny):
    seeds = {Unit(tiny, seed, "pca").method_seed for seed in range(50)}
    assert len(seeds) == 1
    assert not seeds & set(range(10**6))
    unit = Unit(tiny, 1, "pca")
    assert len({replace(unit, training=t).method_seed for t in range(5)}) == 5


def test_what_a_method_gets_in_shuffled_order_comes_back_in_order(tiny, tiny_dataset):
    """Latents of a method that looks at each trace alone are those of the traces in order."""
    run(plan([tiny], ["trace-stats"], [1]))
    stored = latents_of(Unit(tiny, 1, "trace-stats"))
    from simbench.methods.embedding import embed
    from simbench.methods.registry import get_method

    by_hand = embed(get_method("trace-stats"), tiny_dataset)
    np.testing.assert_allclose(stored, by_hand, rtol=1e-5)


OPENS = """
import os

class Opens:
    def fit(self, X):
        os.listdir(FOLDER)

    def transform(self, X):
        return X
"""


def test_a_cache_that_the_worker_was_not_told_of_is_closed_too(tiny, tmp_path, monkeypatch):
    """The server that makes the processes of methods was started when the cache was another."""
    run([Unit(tiny, 1, "trace-stats")])
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "opens.py"
    path.write_text(f"FOLDER = {str(tmp_path / 'cache' / 'recordings')!r}\n" + OPENS)
    rows = run([Unit(tiny, 1, f"{path}:Opens")])
    assert "closed to methods" in rows["error"].item()


def test_closed_means_closed_in_a_process_of_its_own(tmp_path):
    import subprocess
    import sys

    code = (
        "import os, pathlib; from simbench.core import cache\n"
        "root = pathlib.Path(os.environ['SIMBENCH_CACHE'])\n"
        "cache.close_truth(cache.entry('latents', 'x'))\n"
        "print((root / 'traces' / 'x').read_text())\n"
        "for act in (lambda: (root / 'recordings' / 'x').read_text(),"
        " lambda: os.listdir(root / 'cultures'), lambda: list((root / 'scores').iterdir())):\n"
        "    try:\n        act(); print('open')\n"
        "    except PermissionError as error: print('closed to methods' in str(error))\n"
    )
    for kind in ("traces", "recordings", "cultures", "scores"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "x").write_text("seen")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"SIMBENCH_CACHE": str(tmp_path), "PATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["seen", "True", "True", "True"]
