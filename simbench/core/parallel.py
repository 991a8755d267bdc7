"""Parallel work: worker processes of this machine, or a dask cluster."""

import atexit
import gc
import multiprocessing
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar
from unittest.mock import patch

from simbench.core.errors import SimbenchError, needing

BACKENDS = ("loky", "dask")
Key = TypeVar("Key")

_cluster: Any = None
"""Client of the dask cluster that works for this process, if one does."""
_works_itself = True
"""Whether this process does the work of a single worker: then Ctrl-C meets compiled code."""


class UnitFailed(SimbenchError):
    """A job took too long, or its process died."""


@contextmanager
def parallel_backend(name: str = "loky", scheduler: str | None = None) -> Iterator[None]:
    """Run all work of the block on this backend, and none of it in this process.

    Parameters
    ----------
    name : {"loky", "dask"}
        Worker processes of this machine, or a dask cluster.
    scheduler : str, optional
        Address of a dask scheduler, such as ``tcp://node:8786``; by default a local cluster. Its
        workers need the same simbench and a shared cache folder (``SIMBENCH_CACHE``).
    """
    global _cluster, _works_itself
    if name not in BACKENDS:
        raise SimbenchError(f"--backend {name}: allowed: {', '.join(BACKENDS)}")
    if scheduler and name != "dask":
        raise SimbenchError(f"--scheduler {scheduler}: only with --backend dask")
    if name == "loky":
        _works_itself = False
        try:
            yield
        finally:
            _works_itself = True
        return
    with needing("dask", "--backend dask:"):
        import dask
        from distributed import Client
    # A daemon could not start the process of its own that each method gets. No job waits on a
    # worker behind another, which may kill it. Of the whole block, for a worker that died is
    # started again.
    settings = {"distributed.worker.daemon": False, "distributed.scheduler.worker-saturation": 1.0}
    with dask.config.set(settings):
        try:
            client = Client(scheduler, timeout="20s") if scheduler else Client(threads_per_worker=1)
        except (OSError, ValueError, TimeoutError) as error:
            raise SimbenchError(f"--scheduler {scheduler}: cannot be reached ({error})") from None
        with client:
            _cluster = client
            try:
                yield
            finally:
                _cluster = None


def run_jobs(
    function: Callable[..., Any], jobs: Mapping[Key, tuple[Any, ...]], n_jobs: int
) -> Iterator[tuple[Key, Any]]:
    """Key and result of every job, each as soon as it is there; the first error is raised.

    Parameters
    ----------
    function : callable
        Of a module, so that a worker can import it.
    jobs : mapping of key to tuple
        Arguments of each job.
    n_jobs : int
        Worker processes; -1: one per core. Outside of a `parallel_backend`, 1 is this process.
    """
    if _cluster is not None:
        for key, future in _on_cluster(function, jobs):
            if type(future.exception()).__name__ == "KilledWorker":
                raise UnitFailed("worker process died: out of memory?")
            yield key, future.result()
        return
    from joblib import Parallel, delayed, parallel_config

    settings = _settings()
    calls = (delayed(_with_key)(settings, key, function, job) for key, job in jobs.items())
    how: dict[str, Any] = {"n_jobs": n_jobs}
    if n_jobs == 1 and not _works_itself:
        how = {"n_jobs": 2, "pre_dispatch": 1, "batch_size": 1}  # joblib itself would stay here
    workers: dict[str, Any] = {"inner_max_num_threads": 1, "initializer": _leave_ctrl_c_to_caller}
    with warnings.catch_warnings(), parallel_config("loky", **workers):
        # joblib replaces a worker whose memory has grown; nothing is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        try:
            with _ctrl_c_later():
                results = Parallel(**how, return_as="generator_unordered")(calls)
            yield from results
        except BrokenProcessPool:
            raise UnitFailed("worker process died: out of memory?") from None


def run_alone(
    function: Callable[..., Any],
    jobs: Mapping[Key, tuple[Any, ...]],
    n_jobs: int,
    timeout_s: float | None = None,
    jobs_per_process: int = 1,
) -> Iterator[tuple[Key, Any]]:
    """Key and result of every job, each job in a process of its own; an error is a result, too.

    Parameters
    ----------
    function, jobs, n_jobs
        As for `run_jobs`.
    timeout_s : float, optional
        Time after which the process of a job is killed, seconds.
    jobs_per_process : int
        Jobs that a process does one after the other; 0: as many as there are.
    """
    if _cluster is not None:
        arguments = {key: (function, job, timeout_s) for key, job in jobs.items()}
        results = _on_cluster(_alone_on_worker, arguments)
    else:
        results = _in_processes(function, jobs, n_jobs, timeout_s, jobs_per_process)
    for key, future in results:
        error = future.exception()
        yield key, future.result() if error is None else _explained(error, timeout_s)


def prepare_processes(preload: tuple[str, ...]) -> None:
    """Begin to import modules that the processes of `run_alone` shall find imported.

    Where the system can do that, and no such process was started before.
    """
    if _cluster is None and _forks():
        from multiprocessing import forkserver

        multiprocessing.set_forkserver_preload(list(preload))
        forkserver.ensure_running()


@cache
def leave_at_once() -> None:
    """Let this process end without looking for garbage, which takes Brian2 seconds."""
    atexit.register(gc.freeze)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Keep Ctrl-C waiting, and in processes that are started meanwhile until they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # where it starts it lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_ctrl_c_to_caller() -> None:
    """The caller ends its workers; one that heard of it first would print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _with_key(
    settings: dict[str, str], key: Key, function: Callable[..., Any], job: tuple[Any, ...]
) -> tuple[Key, Any]:
    _adopt(settings)
    leave_at_once()
    return key, function(*job)


def _settings() -> dict[str, str]:
    """Environment variables of simbench; a worker still has those of when its server started."""
    return {name: value for name, value in os.environ.items() if name.startswith("SIMBENCH_")}


def _adopt(settings: dict[str, str]) -> None:
    for name in _settings().keys() - settings.keys():
        del os.environ[name]
    os.environ |= settings


def _in_processes(
    function: Callable[..., Any], jobs: Mapping[Key, tuple[Any, ...]], n_jobs: int,
    timeout_s: float | None, jobs_per_process: int,
) -> Iterator[tuple[Key, Any]]:  # fmt: skip
    from joblib import effective_n_jobs
    from pebble import ProcessPool

    n_workers = min(effective_n_jobs(n_jobs), max(len(jobs), 1))
    # clean processes that are quick to start: forks of a server that has imported the modules
    context = multiprocessing.get_context("forkserver" if _forks() else "spawn")
    pool = ProcessPool(n_workers, jobs_per_process, _adopt, [_settings()], context=context)
    limit = min(timeout_s, threading.TIMEOUT_MAX) if timeout_s else None
    try:
        futures: dict[Any, Key] = {
            pool.schedule(_shielded, (function, job), timeout=limit): key
            for key, job in jobs.items()
        }
        for future in as_completed(futures):
            yield futures[future], future
    finally:  # also where the caller goes no further, or was interrupted
        pool.stop()
        pool.join()


def _shielded(function: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    """Result of a job in its process; whatever it does there, its caller hears of it."""
    leave = os._exit
    # the pool waits for ever for a process that ends well without a result
    with patch.object(os, "_exit", lambda status: leave(status or 1)):
        try:
            return function(*job)
        except BaseException as error:
            try:
                pickle.loads(pickle.dumps(error))
                str(error).encode()
            except Exception:  # the code of others may raise what can't be sent or shown
                text = f"{type(error).__name__}: {_text_of(error)}"
                raise UnitFailed(text).with_traceback(error.__traceback__) from None
            raise


def _text_of(error: BaseException) -> str:
    try:
        return str(error).encode(errors="backslashreplace").decode()
    except Exception:
        return "no message"


def _forks() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


def _on_cluster(
    function: Callable[..., Any], jobs: Mapping[Key, tuple[Any, ...]]
) -> Iterator[tuple[Key, Any]]:
    from distributed import as_completed as as_completed_there

    futures = {
        _cluster.submit(function, *job, pure=False, retries=0): key for key, job in jobs.items()
    }
    for future in as_completed_there(list(futures)):
        yield futures[future], future


def _alone_on_worker(
    function: Callable[..., Any], job: tuple[Any, ...], timeout_s: float | None
) -> Any:
    from distributed import Event, get_worker

    if multiprocessing.current_process().daemon:
        raise SimbenchError(
            "this dask worker can't start a process; start it with "
            "DASK_DISTRIBUTED__WORKER__DAEMON=False"
        )
    begun = Event(get_worker().get_current_task())
    if begun.is_set():  # dask gives the next worker what one that died was doing
        raise UnitFailed("its process died: out of memory?")
    begun.set()
    try:
        ((_, future),) = _in_processes(function, {0: job}, 1, timeout_s, 1)
        return future.result()
    finally:
        begun.clear()


def _explained(error: BaseException, timeout_s: float | None) -> BaseException:
    """The error of a job; one that ended its process gets a message for people."""
    if isinstance(error, TimeoutError) and timeout_s:
        return UnitFailed(f"took longer than {timeout_s:g} s")
    if type(error).__name__ in ("ProcessExpired", "KilledWorker"):
        return UnitFailed("its process died: out of memory?")
    return error
