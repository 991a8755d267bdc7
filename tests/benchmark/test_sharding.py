"""A run in shares: their rows are those of one run, and a share that lacks is named."""

import gzip
import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
from command_line import simbench as run_here

from simbench import SimbenchError, __version__
from simbench.benchmark import sharding
from simbench.benchmark.plan import plan
from simbench.benchmark.rows import read_rows
from simbench.benchmark.run import results_of, run
from simbench.benchmark.sharding import SHARDS, Shard, collect, write_shard

TINY = Path(__file__).parents[1] / "tiny.toml"
N = 4
TIMING = ["seconds", "peak_memory_mb"]


@pytest.fixture(scope="module")
def units(tiny, tmp_path_factory):
    broken = tmp_path_factory.mktemp("method") / "breaks.py"
    broken.write_text(
        "class Breaks:\n"
        "    def fit(self, X):\n        raise ValueError('no luck')\n"
        "    def transform(self, X):\n        return X\n"
    )
    units = plan([tiny], ["pca", f"{broken}:Breaks"], seeds=[1])
    return [unit for unit in units if unit.method not in ("untrained", "trace-stats")]


@pytest.fixture(scope="module")
def shares(units, tiny, tmp_path_factory):
    """Each made with a cache of its own, as on machines that share no folder."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    for number in range(1, N + 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SIMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
            share = Shard(number, N)
            write_shard(folder, share, tiny, units, results_of(share.of(fresh(units))))
    return folder


def fresh(units):
    """The same units, with no folder of a cache remembered."""
    return [replace(unit) for unit in units]


def test_every_unit_is_in_one_share(units):
    parts = [Shard(number, N).of(units) for number in range(1, N + 1)]
    assert sorted(map(units.index, chain.from_iterable(parts))) == list(range(len(units)))
    assert sum(bool(part) for part in parts) > 1
    assert Shard(2, N).of(units[::-1]) == parts[1][::-1]


def test_four_shares_give_the_rows_of_one_run(units, shares):
    rows, scenario, seed = collect(shares)
    expected = run(units)
    assert (seed, scenario) == (1, units[0].scenario)
    pd.testing.assert_frame_equal(
        rows.drop(columns=TIMING), expected.drop(columns=TIMING), check_exact=True
    )
    assert set(rows.loc[rows["status"] == "failed", "error"]) == {"ValueError: no luck"}


def test_a_share_that_lacks_or_is_of_another_run_is_named(units, tiny, shares, tmp_path):
    folder = shutil.copytree(shares, tmp_path / "tiny")
    (folder / SHARDS / f"3-of-{N}.json.gz").unlink()
    with pytest.raises(SimbenchError, match="shards: lacks 3 of 4 shares"):
        collect(folder)
    write_shard(folder, Shard(3, N), tiny, units[1:], {})
    with pytest.raises(SimbenchError, match=r"3-of-4.json.gz: of another run than 1-of-4.json.gz"):
        collect(folder)
    with pytest.raises(SimbenchError, match="no shares; `simbench run --shard 1/N`"):
        collect(tmp_path / "none")


def test_shares_of_another_version_are_not_collected_as_of_this_one(
    units, tiny, shares, tmp_path, monkeypatch
):
    monkeypatch.setattr(sharding, "_VERSIONS", ["9.9", 99])
    with pytest.raises(SimbenchError, match=rf"made by simbench {__version__}; this is .*again"):
        collect(shares)
    folder = shutil.copytree(shares, tmp_path / "tiny")
    write_shard(folder, Shard(3, N), tiny, units, {})
    with pytest.raises(SimbenchError, match=r"3-of-4.json.gz: of another run than 1-of-4.json.gz"):
        collect(folder)


@pytest.mark.parametrize("content", ["x", "[]", "{}", '{"shard": null}', '{"shard": [1, 1]}'])
def test_a_damaged_share_is_one_line(tmp_path, content):
    path = tmp_path / SHARDS / "1-of-1.json.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(content.encode()))
    with pytest.raises(SimbenchError, match=r"1-of-1.json.gz: truncated or not of the right form"):
        collect(tmp_path)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(SimbenchError, match=f"--shard {text}: allowed: 1/N to N/N"):
        Shard.parse(text)


def test_the_commands_leave_what_one_run_leaves(tmp_path):
    def simbench(*words):
        done = run_here(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run_it = ("run", TINY, "-m", "pca", "--seed", 1, "--out")
    for share in ("1/2", "2/2"):
        assert "Share: " in simbench(*run_it, "shared", "--shard", share)
    assert "pca" in simbench("collect", "shared")
    simbench(*run_it, "whole")
    pd.testing.assert_frame_equal(
        read_rows(tmp_path / "shared").drop(columns=TIMING),
        read_rows(tmp_path / "whole").drop(columns=TIMING),
    )
    names = [{p.name for p in (tmp_path / out / "tiny").iterdir()} for out in ("shared", "whole")]
    assert names[0] == names[1] | {SHARDS}
