"""From traces to latents: fit a method on the training cultures, embed all of them."""

import inspect
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from simbench.core import cache
from simbench.core.files import read_json
from simbench.core.seeds import random_state_of
from simbench.data.dataset import Dataset
from simbench.data.published_traces import PublishedTraces, read_published
from simbench.data.simulation import open_dataset
from simbench.data.traces import Traces, blind_order, read_traces
from simbench.methods.catalogue import torch_found
from simbench.methods.controls.control import Control
from simbench.methods.registry import find_entry, get_method, identity, set_known_parameters
from simbench.scenario.scenario import Scenario

INTERVAL_LEVEL = 0.9
"""Probability of the predictive intervals that are asked of a method."""
_ABOUT = "about.json"
Outputs = dict[str, np.ndarray]


def embed(method: Any, dataset: Dataset, random_state: int = 0) -> np.ndarray:
    """Fit a method on the training cultures and return the latents of all neurons.

    The method sees dF/F and the frame rate, and never a label. If its ``fit`` or its ``transform``
    takes ``groups``, it is told which traces were recorded together, as any experimenter knows.
    Controls, which may read the truth, have a method ``embed`` of their own.

    Parameters
    ----------
    method : scikit-learn transformer
        ``fit(X)`` and ``transform(X) -> (n_neurons, n_components)``.
    dataset : Dataset
    random_state : int
        Given to the method, modulo 2**32, if it has a parameter of that name; so is
        ``frame_rate`` (Hz).

    Returns
    -------
    ndarray, shape (n_neurons, n_components)
        In the order of ``dataset.labels``.
    """
    if isinstance(method, Control):
        set_known_parameters(method, random_state=random_state_of(random_state))
        return method.embed(dataset)
    dataset.check_training()
    order = blind_order(len(dataset.recordings), dataset.seed or 0)
    dff = [dataset.recordings[i].dff for i in order]
    traces = Traces(dff, dataset.frame_rate, ~dataset.test[order])
    latents = fit_transform(method, traces, random_state)
    return in_dataset_order(latents, order, [r.n_neurons for r in dataset.recordings])


def in_dataset_order(values: np.ndarray, order: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Rows of neurons, whose recordings stand in some order, in that of the dataset.

    Parameters
    ----------
    values : ndarray, shape (n_neurons, ...)
    order : ndarray of int
        The recordings that stand there, in their order; all or some of the dataset's.
    sizes : sequence of int
        Neurons of each recording of the dataset.
    """
    parts = np.split(values, np.cumsum([sizes[i] for i in order])[:-1])
    return np.concatenate([parts[place] for place in np.argsort(order)])


def fit_transform(method: Any, traces: Traces, random_state: int) -> np.ndarray:
    """Fit a method to the training cultures; latents of all neurons (n_neurons, n_components)."""
    set_known_parameters(
        method, frame_rate=traces.frame_rate, random_state=random_state_of(random_state)
    )
    call_grouped(method.fit, *traces.stacked(np.flatnonzero(traces.training)))
    latents = (
        call_grouped(method.transform, dff, np.full(len(dff), recording))
        for recording, dff in enumerate(traces.dff)
    )
    return np.concatenate([np.asarray(values) for values in latents])


def call_grouped(function: Callable[..., Any], X: np.ndarray, culture: np.ndarray) -> Any:
    """Fit to traces (n_neurons, n_frames), or transform them, with ``groups`` if it takes them.

    Cells that were all recorded alone have no groups: there is nobody else in their culture.
    """
    alone = len(np.unique(culture)) == len(culture)
    grouped = "groups" in inspect.signature(function).parameters and not alone
    return function(X, groups=culture) if grouped else function(X)


@dataclass(frozen=True)
class LatentsJob:
    """All that is needed to fit a method, and nothing that tells what a recording is.

    Parameters
    ----------
    name : str
        Of the method.
    parameters : dict
        Set on the method, if it has them.
    seed : int
        Of the method: not that of the data.
    frame_rate : float
        Hz.
    training : tuple of bool
        Which recordings train.
    traces : tuple of Path
        Folders of dF/F, one per recording, in `blind_order`.
    gives_back : bool
        Whether reconstructions are wanted (`reconstruct`).
    published : Path or None
        Folder of the traces of a published protocol, if it is replicated (`replicate`).
    truth : tuple or None
        Arguments of `open_dataset`, for a control alone.
    """

    name: str
    parameters: dict[str, Any]
    seed: int
    frame_rate: float
    training: tuple[bool, ...]
    traces: tuple[Path, ...]
    gives_back: bool
    published: Path | None
    truth: tuple[Scenario, int, tuple[Path, ...], int] | None


def make_latents(folder: Path, job: LatentsJob) -> None:
    """Fit a method and leave its outputs in an entry of the cache, float32, with what they cost."""
    if cache.holds(folder):
        return
    method = get_method(job.name, **job.parameters)
    with _one_thread(find_entry(job.name).is_drawn), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs, about = _outputs(method, job)

    def write(draft: Path) -> None:
        for name, values in outputs.items():
            real = np.asarray(values).astype(np.float32, casting="same_kind")  # no complex numbers
            np.save(draft / f"{name}.npy", real)
        (draft / _ABOUT).write_text(json.dumps(about), encoding="utf-8")

    cache.fetch(folder, write)


def read_about(folder: Path) -> dict[str, Any]:
    """What the outputs in an entry of the cache have cost, and what made them."""
    return read_json(folder / _ABOUT)


def read_outputs(folder: Path) -> Outputs:
    """All arrays of an entry, memory-mapped."""
    return {
        path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
        for path in sorted(folder.glob("*.npy"))
    }


def _outputs(method: Any, job: LatentsJob) -> tuple[Outputs, dict[str, Any]]:
    if job.truth is not None:
        dataset = open_dataset(*job.truth)
        with _measured() as cost:
            outputs = {"latents": embed(method, dataset, job.seed)}
    else:
        dff = [read_traces(folder) for folder in job.traces]
        traces = Traces(dff, job.frame_rate, np.array(job.training))
        with _measured() as cost:
            outputs = {"latents": fit_transform(method, traces, job.seed)}
        if job.gives_back:
            outputs |= reconstruct(method, traces, outputs["latents"])
        if job.published is not None:
            outputs |= replicate(method, read_published(job.published))
    latents = outputs["latents"]
    return outputs, {
        "n_components": latents.shape[1] if latents.ndim == 2 else None,
        "n_parameters": _count_of(getattr(method, "n_parameters_", None)),
        **cost,
        "versions": cache.versions("latents") | identity(job.name),
    }


def _count_of(told: Any) -> float | None:
    """What a method says of its size, if it is a number."""
    try:
        return float(told) if np.isfinite(float(told)) else None
    except (TypeError, ValueError, OverflowError):
        return None


def reconstruct(method: Any, traces: Traces, latents: np.ndarray) -> Outputs:
    """What a method gives back of the cultures that it has not seen; nothing if it can't.

    ``reconstruction`` of ``inverse_transform(Z)``, ``low`` and ``high`` of ``predict_interval(X,
    level)``, ``log_density`` of ``log_density(X)``; the last two with ``groups`` if they take them.
    All dF/F (n_test_neurons, n_frames), NaN where nothing is predicted.
    """
    unseen = np.flatnonzero(~traces.training)
    ends = np.cumsum([0, *map(len, traces.dff)])
    outputs: dict[str, list[np.ndarray]] = {}
    for i in unseen:
        if callable(getattr(method, "inverse_transform", None)):
            given_back = method.inverse_transform(latents[ends[i] : ends[i + 1]])
            outputs.setdefault("reconstruction", []).append(given_back)
        seen = traces.dff[i], np.full(len(traces.dff[i]), i)
        if callable(getattr(method, "predict_interval", None)):
            predict = partial(method.predict_interval, level=INTERVAL_LEVEL)
            for end, values in zip(("low", "high"), call_grouped(predict, *seen)):
                outputs.setdefault(end, []).append(values)
        if callable(getattr(method, "log_density", None)):
            density = call_grouped(method.log_density, *seen)
            outputs.setdefault("log_density", []).append(density)
    return {key: np.concatenate(parts) for key, parts in outputs.items()}


def replicate(method: Any, traces: PublishedTraces) -> Outputs:
    """What the protocol of arXiv 2501.14615 scores of a method, fitted anew on pooled neurons.

    Where the publication knows two ways, a method that is a linear map (it has ``components_``)
    goes PCA's: fitted to clean traces for the clustering, to noisy ones for the reconstruction.
    Every other method goes the AVAE's: fitted to noisy traces once, clean traces embedded. One
    thing differs: here no method stops its training on the very neurons that are scored.

    Returns
    -------
    dict
        ``published_latents`` (n_neurons, n_components), ``published_is_linear`` (1,), and
        ``published_reconstruction`` (n_test_neurons, n_frames) if the method gives traces back.
    """
    fitted = clone(method).fit(traces.noisy[~traces.test])
    is_linear = hasattr(fitted, "components_")
    embedding = clone(method).fit(traces.clean[~traces.test]) if is_linear else fitted
    outputs = {
        "published_latents": np.asarray(embedding.transform(traces.clean)),
        "published_is_linear": np.array([is_linear]),
    }
    if hasattr(fitted, "inverse_transform"):
        # one draw from the posterior, as published, if the method has one
        draw = getattr(fitted, "sample", fitted.transform)
        given_back = fitted.inverse_transform(draw(traces.noisy[traces.test]))
        outputs["published_reconstruction"] = given_back
    return outputs


@contextmanager
def _one_thread(may_use_torch: bool) -> Iterator[None]:
    """Keep BLAS, OpenMP and torch to one thread, so that sums do not depend on the machine."""
    with threadpool_limits(1), ExitStack() as stack:
        if may_use_torch and torch_found():
            from simbench.methods.learned import one_torch_thread

            stack.enter_context(one_torch_thread())
        yield


@contextmanager
def _measured() -> Iterator[dict[str, float]]:
    """Seconds, and the peak of the process's memory in MB, of a block; known when it ends."""
    cost: dict[str, float] = {}
    start = time.perf_counter()
    yield cost
    cost["seconds"] = round(time.perf_counter() - start, 3)
    cost["peak_memory_mb"] = round(_peak_memory_mb())


def _peak_memory_mb() -> float:
    """Largest resident memory that this process had, MB; NaN where the system does not say."""
    with suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)
    return float("nan")
