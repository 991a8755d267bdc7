"""Killed at any moment and started again, a run ends with the rows of an unbroken one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from simbench.benchmark.rows import ROWS_FILE, read_rows
from simbench.cli import common

TINY = Path(__file__).parents[1] / "tiny.toml"
COMMAND = [sys.executable, "-m", "simbench", "run", str(TINY), "-m", "pca", "-m", "avae-published"]
TIMING = ["seconds", "peak_memory_mb"]

MOMENTS = {
    "simulation": lambda cache, out: len(list(cache.glob("recordings/*/*/recording.json"))) >= 2,
    "training": lambda cache, out: len(list(cache.glob("latents/*/*/about.json"))) >= 2,
    "writing": lambda cache, out: (out / "tiny" / ROWS_FILE).exists(),
}


def start(cache, out, *options):
    return subprocess.Popen(
        [*COMMAND, "--out", str(out), *options],
        env=os.environ | {"SIMBENCH_CACHE": str(cache)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # a shell's background jobs ignore Ctrl-C, and so would this one
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def values(out):
    return read_rows(out / "tiny").drop(columns=TIMING)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    assert start(folder / "cache", folder / "out").wait(300) == 0
    return values(folder / "out")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_at_any_moment_loses_nothing(moment, unbroken, tmp_path):
    cache, out = tmp_path / "cache", tmp_path / "out"
    process = start(cache, out, "-j", "2")
    while process.poll() is None and not MOMENTS[moment](cache, out):
        time.sleep(0.01)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {p: p.stat().st_mtime_ns for p in cache.glob("recordings/*/*/recording.json")}
    assert start(cache, out).wait(300) == 0
    pd.testing.assert_frame_equal(values(out), unbroken)
    assert kept == {p: p.stat().st_mtime_ns for p in kept}, "finished recordings were made again"


@pytest.mark.slow
def test_two_runs_in_one_folder_do_not_damage_each_other(unbroken, tmp_path):
    cache, out = tmp_path / "cache", tmp_path / "out"
    together = [start(cache, out), start(cache, out)]
    assert [process.wait(600) for process in together] == [0, 0]
    pd.testing.assert_frame_equal(values(out), unbroken)


@pytest.mark.slow
def test_dask_gives_the_same_rows_and_survives_a_killed_worker(unbroken, tmp_path):
    pytest.importorskip("distributed")
    cache, out = tmp_path / "cache", tmp_path / "out"
    process = start(cache, out, "--backend", "dask", "-j", "2")
    while process.poll() is None and not MOMENTS["simulation"](cache, out):
        time.sleep(0.05)
    victim = _a_dask_worker(process.pid)
    if victim:
        os.kill(victim, signal.SIGKILL)
    assert process.wait(600) == 0, process.stderr.read()
    assert victim, "no worker process was found to kill"
    pd.testing.assert_frame_equal(values(out), unbroken)


def _a_dask_worker(parent):
    import psutil

    for child in psutil.Process(parent).children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()):
            return child.pid
    return None


@pytest.mark.slow
def test_ctrl_c_or_the_end_of_a_job_stops_cleanly_and_says_how_to_resume(tmp_path):
    pytest.importorskip("torch")
    cache, out = tmp_path / "cache", tmp_path / "out"
    for moment in ("simulation", "training"):  # of a run, and of the one that resumes it
        process = start(cache, out, "-j", "1")
        while not MOMENTS[moment](cache, out):
            assert process.poll() is None
            time.sleep(0.01)
        if moment == "simulation":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        else:
            process.terminate()  # as a job scheduler does
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130
        assert stderr == "simbench: stopped; the same command resumes\n"
        assert not (out / "tiny" / ROWS_FILE).exists()


def test_an_error_without_ctrl_c_stays_what_it_is():
    with pytest.raises(ZeroDivisionError), common.resumable():
        1 / 0  # noqa: B018
