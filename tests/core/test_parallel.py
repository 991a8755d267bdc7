import os
import re
import signal
import time

import pytest

from simbench import SimbenchError
from simbench.core.parallel import UnitFailed, parallel_backend, run_alone, run_jobs


def double(number):
    if number == 3:
        os._exit(9)
    if number == 4:
        time.sleep(60)
    if number == 5:
        raise ValueError("no luck")
    if number == 8:
        os._exit(0)
    if number == 9:
        raise NotForOthers(1, 2)
    return 2 * number


class NotForOthers(Exception):
    """Can't be sent to another process, nor shown."""

    def __init__(self, one, two):
        super().__init__("no \ud800 luck")


def kill_worker(number, begun=None):
    """As a machine without memory does: ends the dask worker above the process of a job."""
    if number == 1:
        if begun:
            begun.write_text(begun.read_text() + "x")
        import psutil

        for parent in psutil.Process().parents()[:2]:
            parent.kill()
        os._exit(9)
    return 2 * number


def pid_of(_):
    return os.getpid()


def setting_of(_):
    return os.environ.get("SIMBENCH_REAL")


@pytest.mark.parametrize("way", [run_alone, run_jobs])
def test_ctrl_c_is_for_the_caller_who_ends_its_workers(way):
    ((_, answer),) = way(signal.getsignal, {0: (signal.SIGINT,)}, 2)
    assert answer == signal.SIG_IGN


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no signal masks")
def test_ctrl_c_does_not_meet_a_worker_that_is_still_starting():
    """Blocked since before it began; in this process it is not."""
    ((_, blocked),) = run_jobs(signal.pthread_sigmask, {0: (signal.SIG_BLOCK, ())}, 2)
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("way", [run_alone, run_jobs])
def test_workers_follow_the_environment_of_the_moment(way, monkeypatch):
    for value in ("first", "second", None):
        if value:
            monkeypatch.setenv("SIMBENCH_REAL", value)
        else:
            monkeypatch.delenv("SIMBENCH_REAL")
        assert dict(way(setting_of, {0: (0,), 1: (1,)}, 2)) == {0: value, 1: value}


def test_a_job_that_dies_sleeps_or_fails_does_so_alone():
    found = dict(run_alone(double, {n: (n,) for n in range(10)}, 2, timeout_s=5))
    assert {n: found[n] for n in (0, 1, 2, 6)} == {0: 0, 1: 2, 2: 4, 6: 12}
    assert str(found[3]) == "its process died: out of memory?"
    assert str(found[4]) == "took longer than 5 s"
    assert isinstance(found[5], ValueError)
    assert str(found[8]) == "its process died: out of memory?"
    assert str(found[9]) == r"NotForOthers: no \ud800 luck"


def test_every_job_has_a_process_of_its_own_unless_it_may_share_one():
    jobs = {n: (n,) for n in range(4)}
    assert len(set(dict(run_alone(pid_of, jobs, 1)).values())) == 4
    assert len(set(dict(run_alone(pid_of, jobs, 1, jobs_per_process=0)).values())) == 1


@pytest.mark.parametrize("seconds", [1e11, float("inf")])
def test_a_limit_beyond_what_can_be_waited_for_is_none(seconds):
    assert dict(run_alone(double, {1: (1,)}, 1, timeout_s=seconds)) == {1: 2}


def test_a_backend_never_works_in_this_process():
    assert dict(run_jobs(pid_of, {0: (0,)}, 1)) == {0: os.getpid()}
    with parallel_backend():
        assert dict(run_jobs(pid_of, {0: (0,)}, 1))[0] != os.getpid()


def test_unknown_backends_are_refused():
    with pytest.raises(SimbenchError, match="allowed: loky, dask"), parallel_backend("ray"):
        pass


def test_a_scheduler_without_dask_is_refused():
    complaint = "--scheduler tcp://node:1: only with --backend dask"
    with pytest.raises(SimbenchError, match=complaint), parallel_backend("loky", "tcp://node:1"):
        pass


def test_a_job_that_kills_its_dask_worker_is_one_failed_result_and_not_tried_again(tmp_path):
    pytest.importorskip("distributed")
    begun = tmp_path / "begun"
    begun.touch()
    with parallel_backend("dask"):
        found = dict(run_alone(kill_worker, {n: (n, begun) for n in range(4)}, 2))
    assert str(found.pop(1)) == "its process died: out of memory?"
    assert found == {0: 0, 2: 4, 3: 6}
    assert begun.read_text() == "x"


def test_a_shared_job_that_kills_every_dask_worker_is_one_line():
    pytest.importorskip("distributed")
    complaint = re.escape("worker process died: out of memory?")
    with parallel_backend("dask"), pytest.raises(UnitFailed, match=f"^{complaint}$"):
        dict(run_jobs(double, {3: (3,)}, 2))


def test_an_unreachable_scheduler_is_refused(monkeypatch):
    distributed = pytest.importorskip("distributed")

    def unreachable(*_, **__):
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(distributed, "Client", unreachable)
    with (
        pytest.raises(SimbenchError, match="tcp://nowhere:1: cannot be reached"),
        parallel_backend("dask", "tcp://nowhere:1"),
    ):
        pass
