"""Every method by name, and the one way from a dataset to its latents."""

import inspect
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from simbench.dataset import Dataset
from simbench.errors import SimbenchError


@dataclass(frozen=True)
class MethodEntry:
    """A line of the registry.

    ``home`` is "module:Class"; the module is imported only when the method is used.
    """

    family: str
    home: str
    summary: str
    source: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def is_control(self) -> bool:
        return self.family == "control"


_SKLEARN = "Pedregosa et al. 2011, JMLR 12:2825"

METHODS: dict[str, MethodEntry] = {
    "chance": MethodEntry(
        "control", "simbench.methods.controls:Chance", "random latents", "simbench"
    ),
    "spike-oracle": MethodEntry(
        "control", "simbench.methods.controls:SpikeOracle",
        "statistics of the true spike trains", "simbench",
    ),
    "trace-stats": MethodEntry(
        "features", "simbench.methods.baselines:TraceStats",
        "mean, s.d. and maximum of the trace: the rate baseline", "simbench",
    ),
    "random-projection": MethodEntry(
        "linear", "sklearn.random_projection:GaussianRandomProjection",
        "random linear projection of the trace", _SKLEARN,
    ),
    "pca": MethodEntry(
        "linear", "sklearn.decomposition:PCA", "principal components of the trace", _SKLEARN
    ),
    "fa": MethodEntry(
        "linear", "sklearn.decomposition:FactorAnalysis", "factor analysis of the trace", _SKLEARN
    ),
    "ica": MethodEntry(
        "linear", "sklearn.decomposition:FastICA",
        "independent components of the trace", _SKLEARN, {"max_iter": 500, "tol": 1e-3},
    ),
    "avae-published": MethodEntry(
        "learned", "simbench.methods.avae_published:PublishedAVAE",
        "the seed authors' network as its code runs it: a gated MLP-VAE", "arXiv 2501.14615",
    ),
    "avae": MethodEntry(
        "learned", "simbench.methods.avae:AVAE",
        "autoregressive VAE: one latent a neuron, pooled over time, drives a causal decoder",
        "simbench, after arXiv 2501.14615",
    ),
}  # fmt: skip


def find_entry(name: str) -> MethodEntry:
    """The line of the registry; an unknown name is an error that lists the known ones."""
    if name not in METHODS:
        raise SimbenchError(f"unknown method '{name}'; known: {', '.join(METHODS)}")
    return METHODS[name]


def get_method(name: str, **parameters: Any) -> Any:
    """New estimator of a registered method.

    Parameters
    ----------
    name : str
        See `simbench list methods`.
    **parameters
        Set on the estimator if it has them, ignored if not.

    Raises
    ------
    SimbenchError
        If no method has that name.
    """
    entry = find_entry(name)
    module, _, attribute = entry.home.partition(":")
    method = getattr(import_module(module), attribute)(**entry.parameters)
    return set_known_parameters(method, **parameters)


def set_known_parameters(method: Any, **parameters: Any) -> Any:
    """Set those parameters that the method (or a step of a pipeline) has; return the method."""
    known = method.get_params() if hasattr(method, "get_params") else {}
    fitting = {
        name: value
        for name in known
        for key, value in parameters.items()
        if name == key or name.endswith(f"__{key}")
    }
    return method.set_params(**fitting) if fitting else method


def embed(method: Any, dataset: Dataset, random_state: int = 0) -> np.ndarray:
    """Fit a method on the training cultures and return the latents of all neurons.

    The method sees dF/F and the frame rate, and never a label. If its ``fit`` takes ``groups``,
    it is told which traces come from the same culture, as any experimenter knows. Controls, which
    may read the truth, have a method ``embed`` of their own.

    Parameters
    ----------
    method : scikit-learn transformer
        ``fit(X)`` and ``transform(X) -> (n_neurons, n_components)``.
    dataset : Dataset
    random_state : int
        Given to the method if it has a parameter of that name; so is ``frame_rate`` (Hz).

    Returns
    -------
    ndarray, shape (n_neurons, n_components)
        In the order of ``dataset.labels``.
    """
    if hasattr(method, "embed"):
        return method.embed(dataset)
    set_known_parameters(method, frame_rate=dataset.frame_rate, random_state=random_state)
    train = np.flatnonzero(~dataset.test)
    grouped = "groups" in inspect.signature(method.fit).parameters
    groups = {"groups": dataset.culture[~dataset.test_neurons]} if grouped else {}
    method.fit(dataset.traces(train), **groups)
    return np.concatenate([method.transform(r.dff) for r in dataset.recordings])
