"""All targets at once: does the whole of the latents line up with the whole of the truth?"""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from simbench.data.dataset import Dataset
from simbench.scoring.disentanglement import cka, dci, truth_matrix
from simbench.scoring.metric_registry import METRICS
from simbench.scoring.probes import problems
from simbench.scoring.row import Row, make_row

ALL_TARGETS = "all targets"
_FITTED = ("mcc", "mcc_affine", "truth_r2", "latents_r2", "smaller_r2")
_FEWEST = 10


def together(latents: np.ndarray, dataset: Dataset, targets: Sequence[str]) -> list[Row]:
    """Rows of target "all targets": disentanglement, and likeness to the matrix of the truth.

    Fitted on training cultures, scored on the others. Numbers are deviations from the mean of
    their firing type, so that the type is not counted twice. Neurons that lack a label are left
    out; no rows where fewer than 10 neurons are left on either side.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    dataset : Dataset
    targets : sequence of str
    """
    asked = list(problems(dataset, targets))
    known = np.all([problem.known for problem in asked], axis=0)
    train = ~dataset.test_neurons
    if min(np.sum(known & train), np.sum(known & ~train)) < _FEWEST:
        return []
    factors = {problem.name: problem.answer(train & problem.known)[known] for problem in asked}
    z, truth, train = latents[known], truth_matrix(factors), train[known]
    values = asdict(dci(z, factors, train))
    values |= {m: METRICS[m](latents=z, reference=truth, train=train) for m in _FITTED}
    values["cka"] = cka(z[~train], truth[~train])
    return [make_row(ALL_TARGETS, metric, value) for metric, value in values.items()]
