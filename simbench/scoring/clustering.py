"""Clusters that are found without labels: do they agree with the classes?"""

import warnings
from typing import Any

from simbench.core.seeds import seed32
from simbench.scoring.checks import check_labels, standardize
from simbench.scoring.metric_registry import metric


@metric("kmeans_ari", "clusters", low=-0.5, chance=0, source="Hubert & Arabie 1985")
def kmeans_ari(latents: Any, labels: Any) -> float:
    """Adjusted Rand index of the classes with k-means, k = number of classes.

    Parameters
    ----------
    latents : array_like, shape (n_neurons, n_components)
        Standardized before use.
    labels : array_like, shape (n_neurons,)

    Returns
    -------
    float
        NaN for a single class; 0 for constant latents.

    References
    ----------
    Hubert & Arabie 1985, J Classif 2:193.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_rand_score

    z = standardize(latents)
    classes = check_labels(labels, len(z))
    n_classes = int(classes.max()) + 1
    if n_classes < 2:
        return float("nan")
    model = KMeans(min(n_classes, len(z)), n_init=10, random_state=seed32(0, "clustering"))
    with warnings.catch_warnings():  # few distinct latents: fewer clusters, a lower score
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(adjusted_rand_score(classes, model.fit_predict(z)))
