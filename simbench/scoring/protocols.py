"""What is scored of a fitted method: a protocol is a function from a trial to rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from simbench.data.dataset import Dataset
from simbench.scoring.evaluate import score
from simbench.scoring.latent_rows import Row


@dataclass(frozen=True)
class Trial:
    """A method that has been fitted to the training cultures of a dataset.

    Parameters
    ----------
    method : fitted estimator or control
    latents : ndarray, shape (n_neurons, n_components)
        Its latents of all neurons, in the order of ``dataset.labels``.
    dataset : Dataset
        With its scenario.
    seed : int
        Of the run.
    """

    method: Any
    latents: np.ndarray
    dataset: Dataset
    seed: int


Protocol = Callable[[Trial], Sequence[Row]]

# "module:function", imported when a scenario asks for it
PROTOCOLS = {
    "latents": "simbench.scoring.protocols:score_latents",
    "reconstruction": "simbench.scoring.reconstruction_rows:score_reconstruction",
    "published": "simbench.scoring.published_rows:score_published",
}


def apply_protocols(trial: Trial, names: Sequence[str]) -> list[Row]:
    """Rows of all the protocols, in their order; none where no protocol applies to the method."""
    return [row for name in names for row in _protocol(name)(trial)]


def score_latents(trial: Trial) -> list[Row]:
    """How well the latents recover the scenario's targets: the rows of `evaluate.score`."""
    assert trial.dataset.scenario is not None
    scores = score(trial.latents, trial.dataset, trial.dataset.scenario.targets)
    return scores.to_dict(orient="records")


def _protocol(name: str) -> Protocol:
    module, function = PROTOCOLS[name].split(":")
    return getattr(import_module(module), function)
