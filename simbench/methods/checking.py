"""Does a method obey the rules of the benchmark? Told on small made-up traces, in seconds."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import lfilter
from sklearn.base import clone

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream
from simbench.methods.controls.control import Control
from simbench.methods.embedding import call_grouped
from simbench.methods.registry import get_method, set_known_parameters

_FRAME_RATE_HZ, _N_FRAMES = 20.0, 400
_N_NEURONS, _N_CULTURES, _N_COMPONENTS = 20, 3, 4
SHORT = {"n_steps": 10, "n_epochs": 2, "max_epochs": 2, "epochs": 2, "max_iterations": 10,
         "n_cultures": 4}  # fmt: skip
"""Training lengths for the check, set where a method has a parameter of that name."""


class Finding(NamedTuple):
    """A rule, and what is wrong with the method; nothing (``detail`` is empty) if it obeys."""

    rule: str
    detail: str = ""

    @property
    def is_kept(self) -> bool:
        return not self.detail


class CheckedMethod:
    """A method that is fitted on three cultures and then shown a fourth.

    Parameters
    ----------
    method : estimator
        Not fitted; every fit is on a clone.
    """

    def __init__(self, method: Any) -> None:
        self.method = set_known_parameters(
            method, n_components=_N_COMPONENTS, frame_rate=_FRAME_RATE_HZ, random_state=0, **SHORT
        )
        self.train = np.concatenate([made_up_traces(i) for i in range(_N_CULTURES)])
        self.culture = np.repeat(np.arange(_N_CULTURES), _N_NEURONS)
        self.unseen = made_up_traces(_N_CULTURES)[: _N_NEURONS - 3]

    def fit(self, X: np.ndarray) -> Any:
        """A new fit of the same method to the training traces."""
        return call_grouped(clone(self.method).fit, X, self.culture)

    @cached_property
    def fitted(self) -> Any:
        return self.fit(self.train.copy())

    def transform(self, X: np.ndarray, culture: np.ndarray | None = None) -> np.ndarray:
        """Latents of a copy of traces, by the first fit; all of one culture if none are named."""
        return self.transform_with(self.fitted, X.copy(), culture)

    def transform_with(
        self, fitted: Any, X: np.ndarray, culture: np.ndarray | None = None
    ) -> np.ndarray:
        """Latents of traces by any fit."""
        culture = np.zeros(len(X), dtype=int) if culture is None else culture
        return np.asarray(call_grouped(fitted.transform, X, culture))

    @cached_property
    def latents(self) -> np.ndarray:
        return self.transform(self.unseen)


def made_up_traces(culture: int) -> np.ndarray:
    """dF/F of a culture, shape (20, 400), float32: events, bursts that all share, and noise.

    The first neuron is silent (noise only), the second and third are constant: zero, and one.
    """
    rng = stream(0, "check", culture)
    bursts = rng.random(_N_FRAMES) < 0.01
    events = (rng.random((_N_NEURONS, _N_FRAMES)) < 0.02) + 2.0 * bursts
    events[0] = 0
    traces = lfilter([0.2], [1, -0.95], events) + 0.03 * rng.standard_normal(events.shape)
    traces[1:3] = [[0.0], [1.0]]
    return traces.astype(np.float32)


def check_method(method: Any) -> list[Finding]:
    """Check a method against every rule.

    Parameters
    ----------
    method : str or estimator
        Name, "path.py:Class", "package.module:Class", or the estimator itself. Training lengths
        are cut short (see `SHORT`).

    Returns
    -------
    list of Finding
        One per rule, in a fixed order. After a failed fit the rules that need one are not tried.
    """
    estimator = get_method(method) if isinstance(method, str) else deepcopy(method)
    if isinstance(estimator, Control):
        raise SimbenchError("check: a control sees the truth and is never ranked; nothing to check")
    try:
        checked = CheckedMethod(estimator)
    except (Exception, SystemExit) as error:
        return [Finding("parameters", _one_line(error))]
    findings = []
    for rule, find in RULES.items():
        try:
            problem = next(find(checked), "")
        except (Exception, SystemExit) as error:  # a method from outside can raise anything
            problem = _one_line(error)
        findings.append(Finding(rule, problem))
        if problem and rule in _FATAL:
            break
    return findings


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _parameters(checked: CheckedMethod) -> Iterator[str]:
    if not hasattr(checked.method, "get_params"):
        yield "there is no get_params; sklearn.base.BaseEstimator as a base class brings it"
    before, after = checked.method.get_params(False), clone(checked.method).get_params(False)
    if before.keys() != after.keys():
        yield "clone changes the parameters; __init__ must only store its arguments"


def _fit(checked: CheckedMethod) -> Iterator[str]:
    if checked.fitted is None:
        yield "fit returns None; it must return the method"


def _shape(checked: CheckedMethod) -> Iterator[str]:
    shape, n_neurons = checked.latents.shape, len(checked.unseen)
    if len(shape) != 2 or shape[0] != n_neurons or shape[1] == 0:
        yield f"latents of {n_neurons} neurons have the shape {shape}"
    wanted = checked.method.get_params().get("n_components", shape[1])
    if shape[1] != wanted:
        yield f"{shape[1]} latents per neuron, n_components is {wanted}"


def _finite(checked: CheckedMethod) -> Iterator[str]:
    if checked.latents.dtype.kind not in "fiu":
        yield f"latents are {checked.latents.dtype}, not real numbers"
    trained = checked.transform(checked.train, checked.culture)
    latents = np.concatenate([checked.latents, trained])
    n_bad, who = np.sum(~np.isfinite(latents).all(axis=1)), "neurons 0 to 2 of each culture"
    if n_bad:
        yield f"latents of {n_bad} neurons are not finite; {who} are silent or constant"


def _same_width(checked: CheckedMethod) -> Iterator[str]:
    width, n = checked.latents.shape[1], len(checked.train)
    alone, all_ = (checked.transform(x) for x in (checked.unseen[3:4], checked.train))
    if alone.shape != (1, width) or all_.shape != (n, width):
        yield f"latents of 1 and of {n} neurons: shapes {alone.shape}, {all_.shape}"
    if not np.isfinite(alone).all():
        yield "latents of a neuron alone are not finite"


def _input(checked: CheckedMethod) -> Iterator[str]:
    for verb, call, traces in (
        ("transform", partial(checked.transform_with, checked.fitted), checked.unseen),
        ("fit", checked.fit, checked.train),
    ):
        X = traces.copy()
        call(X)
        if not np.array_equal(X, traces):
            yield f"{verb} changes the traces that it is given"


def _deterministic(checked: CheckedMethod) -> Iterator[str]:
    again = checked.fit(checked.train.copy())
    for verb, fitted in (("transform", checked.fitted), ("fit", again)):
        latents = checked.transform_with(fitted, checked.unseen.copy())
        if not np.allclose(latents, checked.latents, rtol=1e-4, atol=1e-6):
            yield f"a second {verb} with the same random_state gives other latents"


def _order(checked: CheckedMethod) -> Iterator[str]:
    order = stream(0, "check", "order").permutation(len(checked.unseen))
    latents = checked.transform(checked.unseen[order])
    if not np.allclose(latents, checked.latents[order], rtol=1e-3, atol=1e-4):
        yield "latents depend on the order in which neurons are given"


def _blind(checked: CheckedMethod) -> Iterator[str]:
    renamed = (1 + checked.culture) % _N_CULTURES
    latents, again = (checked.transform(checked.train, c) for c in (checked.culture, renamed))
    if not np.allclose(latents, again, rtol=1e-3, atol=1e-4):
        yield "latents depend on the number by which a group is called"


RULES: dict[str, Callable[[CheckedMethod], Iterator[str]]] = {
    "clone and get_params work": _parameters,
    "fits, silent neurons and constant traces included": _fit,
    "latents of an unseen culture have the right shape": _shape,
    "latents are finite": _finite,
    "any number of neurons gives latents of the same size": _same_width,
    "traces are left as they were": _input,
    "deterministic for a random_state": _deterministic,
    "the order of the neurons does not matter": _order,
    "groups only say who was recorded together": _blind,
}
"""Each yields what is wrong with a method. The first counts, and nothing after it is run."""
_FATAL = tuple(RULES)[:4]
