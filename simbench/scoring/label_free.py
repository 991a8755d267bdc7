"""What stands beside the headline: label-free clusters, neighbourhoods, and the culture's trace."""

from collections.abc import Sequence

import numpy as np

from simbench.data.dataset import Dataset
from simbench.scenario.labels import LABELS
from simbench.scoring.checks import check_labels, check_latents
from simbench.scoring.metric_registry import METRICS
from simbench.scoring.metrics import balanced_accuracy
from simbench.scoring.probes import predict
from simbench.scoring.row import Row, make_row
from simbench.scoring.splits import neuron_split

_OF_CLASSES = (
    "kmeans_ari", "kmeans_ami", "gmm_ari", "gmm_ami", "hdbscan_ari", "hdbscan_ami",
    "oracle_dbscan_ari", "knn_purity", "label_entropy",
)  # fmt: skip
_OF_CULTURES = ("kbet_rejection", "ilisi", "cilisi", "bras", "culture_accuracy")


def beside(latents: np.ndarray, dataset: Dataset, targets: Sequence[str]) -> list[Row]:
    """Rows of the metrics that need no probe, and of how well the culture can be read.

    All are of held-out cultures only. Metrics that are tuned on labels say so by their name.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    dataset : Dataset
    targets : sequence of str
    """
    test = dataset.test_neurons
    shown, culture = latents[test], dataset.culture[test]
    labels = {
        name: dataset.labels.loc[test, name].to_numpy(dtype=str)
        for name in targets
        if LABELS[name].kind == "class"
    }
    rows = [
        make_row(name, metric, METRICS[metric](latents=shown, labels=label, culture=culture))
        for name, label in labels.items()
        for metric in _OF_CLASSES
    ]
    if len(np.unique(culture)) > 1:
        kinds = next(iter(labels.values()), np.zeros(len(shown), dtype=str))
        rows += [
            make_row(
                "culture", metric, METRICS[metric](latents=shown, labels=kinds, culture=culture)
            )
            for metric in _OF_CULTURES
        ]
    return rows


def culture_accuracy(latents: np.ndarray, culture: np.ndarray) -> float:
    """Balanced accuracy with which a linear probe names the culture of unseen neurons.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    culture : ndarray, shape (n_neurons,)
    """
    latents = check_latents(latents, len(culture))
    names = check_labels(culture, len(culture), "culture").astype(str)
    scored = neuron_split(len(names), 0.5)
    predicted = predict(latents, names, ~scored, scored, np.arange(len(names)), "linear", True)
    return balanced_accuracy(names[scored], predicted)
