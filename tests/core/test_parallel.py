import threading
import time

import pytest

from simbench import SimbenchError
from simbench.core.parallel import UnitTimeout, parallel_backend, time_limit


def test_a_slow_block_is_stopped_and_a_quick_one_is_not():
    with pytest.raises(UnitTimeout, match=r"longer than 0\.05 s"), time_limit(0.05):
        while True:
            time.sleep(0.001)
    with time_limit(60):
        pass
    with time_limit(None):
        pass


@pytest.mark.parametrize("seconds", [1e11, float("inf")])
def test_a_limit_beyond_what_a_thread_can_wait_for_is_none(seconds, monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    with time_limit(seconds):
        time.sleep(0.05)
    assert not failed


def test_unknown_backends_are_refused():
    with pytest.raises(SimbenchError, match="allowed: loky, dask"), parallel_backend("ray"):
        pass


def test_a_scheduler_without_dask_is_refused():
    complaint = "--scheduler tcp://node:1: only with --backend dask"
    with pytest.raises(SimbenchError, match=complaint), parallel_backend("loky", "tcp://node:1"):
        pass


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
