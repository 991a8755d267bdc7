"""Does a method obey the rules of the benchmark? Told on small made-up traces, in seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.signal import lfilter
from sklearn.base import clone

from simbench.core.errors import SimbenchError
from simbench.core.seeds import stream
from simbench.methods.controls.control import Control
from simbench.methods.embedding import fit_method
from simbench.methods.registry import get_method, set_known_parameters

FRAME_RATE_HZ, DURATION_S = 20.0, 20.0
N_NEURONS, N_CULTURES, N_COMPONENTS = 20, 3, 4
SHORT = {"n_steps": 10, "n_epochs": 2, "max_epochs": 2, "epochs": 2, "max_iterations": 10}
"""Training lengths for the check, set where a method has a parameter of that name."""


@dataclass(frozen=True)
class Finding:
    """Whether a method obeys a rule; ``detail`` says what is wrong, and is empty if nothing is."""

    rule: str
    is_kept: bool
    detail: str = ""


class Broken(Exception):
    """A rule that is not kept. The message says what was found."""


class Trial:
    """A method on its trial: fitted on three cultures, shown a fourth.

    Parameters
    ----------
    method : estimator
        Not fitted; every fit is on a clone.
    """

    def __init__(self, method: Any) -> None:
        self.method = set_known_parameters(
            method, n_components=N_COMPONENTS, frame_rate=FRAME_RATE_HZ, random_state=0, **SHORT
        )
        self.train = np.concatenate([made_up_traces(i) for i in range(N_CULTURES)])
        self.unseen = made_up_traces(N_CULTURES)[: N_NEURONS - 3]

    def fit(self) -> Any:
        """A new fit of the same method to the same traces."""
        culture = np.repeat(np.arange(N_CULTURES), N_NEURONS)
        return fit_method(clone(self.method), self.train.copy(), culture)

    @cached_property
    def fitted(self) -> Any:
        return self.fit()

    @cached_property
    def latents(self) -> np.ndarray:
        return np.asarray(self.fitted.transform(self.unseen.copy()))


def made_up_traces(culture: int) -> np.ndarray:
    """dF/F of a culture, shape (20, 400), float32: events, bursts that all share, and noise.

    The first neuron is silent (noise only), the second and third are constant: zero, and one.
    """
    rng = stream(0, "check", culture)
    n_frames = round(DURATION_S * FRAME_RATE_HZ)
    bursts = rng.random(n_frames) < 0.01
    events = (rng.random((N_NEURONS, n_frames)) < 0.02) + 2.0 * bursts
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
        One a rule, in a fixed order. After a failed fit the rules that need one are not tried.

    Raises
    ------
    SimbenchError
        If there is no such method, or it is a control, which these rules do not bind.
    """
    estimator = get_method(method) if isinstance(method, str) else method
    if isinstance(estimator, Control):
        raise SimbenchError("check: a control sees the truth and is never ranked; nothing to check")
    try:
        trial = Trial(estimator)
    except (Exception, SystemExit) as error:
        return [Finding("parameters", False, _one_line(error))]
    findings = []
    for rule, check in RULES.items():
        findings.append(_judge(rule, check, trial))
        if rule in _FATAL and not findings[-1].is_kept:
            break
    return findings


def _judge(rule: str, check: Callable[[Trial], None], trial: Trial) -> Finding:
    try:
        check(trial)
    except Broken as found:
        return Finding(rule, False, str(found))
    except (Exception, SystemExit) as error:  # the code of others can fail in every way
        return Finding(rule, False, _one_line(error))
    return Finding(rule, True)


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _parameters(trial: Trial) -> None:
    before = trial.method.get_params(deep=False)
    after = clone(trial.method).get_params(deep=False)
    if before.keys() != after.keys():
        raise Broken("clone changes the parameters; __init__ must only store its arguments")


def _fit(trial: Trial) -> None:
    if trial.fitted is None:
        raise Broken("fit returns None; it must return the method")


def _shape(trial: Trial) -> None:
    shape = trial.latents.shape
    if len(shape) != 2 or shape[0] != len(trial.unseen) or shape[1] == 0:
        raise Broken(f"latents of {len(trial.unseen)} neurons have the shape {shape}")
    wanted = trial.method.get_params().get("n_components", shape[1])
    if shape[1] != wanted:
        raise Broken(f"{shape[1]} latents a neuron, n_components is {wanted}")


def _finite(trial: Trial) -> None:
    latents = trial.latents
    if latents.dtype.kind not in "fiu":
        raise Broken(f"latents are {latents.dtype}, not real numbers")
    seen = np.asarray(trial.fitted.transform(trial.train.copy()))
    bad = ~np.isfinite(latents).all(axis=1), ~np.isfinite(seen).all(axis=1)
    if any(b.any() for b in bad):
        raise Broken(
            f"latents of {sum(int(b.sum()) for b in bad)} neurons are not finite; neurons 0 to 2 "
            "of each culture are silent or constant"
        )


def _same_width(trial: Trial) -> None:
    one, all_ = (
        np.asarray(trial.fitted.transform(x.copy())).shape for x in (trial.unseen[3:4], trial.train)
    )
    if one != (1, trial.latents.shape[1]) or all_ != (len(trial.train), trial.latents.shape[1]):
        raise Broken(f"latents of 1 and of {len(trial.train)} neurons: shapes {one}, {all_}")


def _input(trial: Trial) -> None:
    X = trial.unseen.copy()
    trial.fitted.transform(X)
    if not np.array_equal(X, trial.unseen):
        raise Broken("transform changes the traces that it is given")
    X = trial.train.copy()
    fit_method(clone(trial.method), X, np.repeat(np.arange(N_CULTURES), N_NEURONS))
    if not np.array_equal(X, trial.train):
        raise Broken("fit changes the traces that it is given")


def _deterministic(trial: Trial) -> None:
    for what, fitted in (("transform", trial.fitted), ("fit", trial.fit())):
        again = np.asarray(fitted.transform(trial.unseen.copy()))
        if not np.allclose(again, trial.latents, rtol=1e-4, atol=1e-6):
            raise Broken(f"a second {what} with the same random_state gives other latents")


def _order(trial: Trial) -> None:
    order = stream(0, "check", "order").permutation(len(trial.unseen))
    latents = np.asarray(trial.fitted.transform(trial.unseen[order]))
    if not np.allclose(latents, trial.latents[order], rtol=1e-3, atol=1e-4):
        raise Broken("latents depend on the order in which neurons are given")


RULES: dict[str, Callable[[Trial], None]] = {
    "clone and get_params work": _parameters,
    "fits, silent neurons and constant traces included": _fit,
    "latents of an unseen culture have the right shape": _shape,
    "latents are finite": _finite,
    "any number of neurons gives latents of the same size": _same_width,
    "traces are left as they were": _input,
    "deterministic for a random_state": _deterministic,
    "the order of the neurons does not matter": _order,
}
_FATAL = tuple(RULES)[:4]
