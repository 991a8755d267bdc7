"""Where the work runs: joblib's worker processes here, or a dask cluster."""

import ctypes
import threading
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from simbench.core.errors import SimbenchError, needs_extra

BACKENDS = ("loky", "dask")


@contextmanager
def parallel_backend(name: str = "loky", scheduler: str | None = None) -> Iterator[None]:
    """Run everything parallel in the block on this backend.

    Parameters
    ----------
    name : {"loky", "dask"}
        Worker processes of this machine, or a dask cluster.
    scheduler : str, optional
        Address of a dask scheduler, e.g. ``tcp://node:8786``; by default a local cluster. Its
        workers need the same simbench and a shared cache folder (``SIMBENCH_CACHE``).

    Raises
    ------
    SimbenchError
        If the backend is unknown, not installed, or its scheduler can't be reached.
    """
    import joblib

    if name not in BACKENDS:
        raise SimbenchError(f"--backend {name}: allowed: {', '.join(BACKENDS)}")
    if scheduler and name != "dask":
        raise SimbenchError(f"--scheduler {scheduler}: only with --backend dask")
    if name == "loky":
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise SimbenchError(f"--backend dask: {needs_extra('dask')}") from None
    try:
        client = Client(scheduler, timeout="20s") if scheduler else Client(threads_per_worker=1)
    except (OSError, ValueError, TimeoutError) as error:
        raise SimbenchError(f"--scheduler {scheduler}: cannot be reached ({error})") from None
    with client, joblib.parallel_config(backend="dask"):
        yield


class WorkerDied(SimbenchError):
    """A worker process was killed, or ended itself, in the middle of a job."""


def as_completed(jobs: Iterable[Any], n_jobs: int) -> Iterator[Any]:
    """Results of joblib's delayed jobs, each as soon as it is there.

    Raises
    ------
    WorkerDied
        If one of the processes of this machine did; joblib can't tell in which job.
    """
    from joblib import Parallel

    with warnings.catch_warnings():
        # joblib replaces a worker whose memory has grown; nothing is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        try:
            yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs)
        except BrokenProcessPool:
            raise WorkerDied("worker process died: out of memory?") from None


class UnitTimeout(Exception):
    """A unit took longer than it may."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise UnitTimeout in this thread once the block has taken that long (s); None: no limit.

    It strikes between two steps of Python, so a long call into a library ends first.
    """
    if seconds is None:
        yield
        return
    thread, done = threading.get_ident(), threading.Event()

    def strike() -> None:
        wait = min(seconds, threading.TIMEOUT_MAX)
        while not done.wait(wait):  # again, should a callback have swallowed the exception
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), ctypes.py_object(UnitTimeout)
            )
            wait = 1.0

    threading.Thread(target=strike, daemon=True).start()
    try:
        yield
    except UnitTimeout:
        raise UnitTimeout(f"took longer than {seconds:g} s") from None
    finally:
        done.set()
