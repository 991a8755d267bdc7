"""The scoring protocol of arXiv 2501.14615, step by step, and its three metrics.

For a replication only: nothing here belongs in a ranking. It follows the authors' public code
(github.com/AbanteLab/CaGenNet at 18c4fd8, folder eccb2025/simulations), whose choices are:

- neurons of all cultures are pooled and split 80 : 20 at random, so that every culture, and with
  one firing type per culture every type, stands on both sides (`published_split`);
- all traces of one noise level share one scale: minimum and maximum over neurons and frames
  become -0.5 and 0.5 (`published_scale`), each noise level and the clean traces with their own;
- the AVAE is trained on noisy traces, but for clustering it embeds the **clean** ones in their own
  scale; PCA is fitted on the clean ones as well, so its score is the same at every noise level;
- clusters are DBSCAN's with 50 neurons per core point, eps in steps of 0.01 from 0.01 to 0.49 for
  the AVAE and from 0.50 to 1.99 for PCA, and the best ARI with the true types counts, chosen on
  the very neurons that are scored (`published_ari`);
- parameters are read by correlation over neurons of all types (`pooled_correlation`);
- the reconstruction, made and scaled from noisy traces, is compared with clean traces that carry
  the clean scale (`published_mse`); the AVAE's comes from one sampled latent, not from the mean.

Their counterparts in an honest protocol are the probes on held-out cultures, `kmeans_ari` and
`trace_metrics.reconstruction_skill`.
"""

from typing import Any

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.scenario.presets import NU_PER_SD
from simbench.scoring.checks import check_labels, check_latents
from simbench.scoring.metric_registry import INF, metric

BASELINE = 42
SAMPLING_RATE_HZ = 500
MIN_SAMPLES = 50
_SOURCE = "Abante et al. 2025, arXiv 2501.14615"
# eps tried on each family's latents, in the units of those latents
EPSILONS = {
    "avae": np.round(np.arange(1, 50) / 100, 2),
    "pca": np.round(np.arange(50, 200) / 100, 2),
}


def published_sigma(nu: float) -> float:
    """S.d. of the published white noise that has this nu at rest (%/sqrt(Hz)).

    Published: s.d. of each sample at 500 Hz, on a baseline of 42.
    """
    return BASELINE * nu / (100 * NU_PER_SD) * SAMPLING_RATE_HZ**0.5


@metric("published_ari", "replication", low=-0.5, source=_SOURCE)
def published_ari(embedding: Any, labels: Any, family: str) -> float:
    """Best ARI of DBSCAN over the published eps, chosen on the labels; for a replication only.

    Parameters
    ----------
    embedding : array_like, shape (n_neurons, n_components)
        Latents of the neurons scored, not standardised: eps has their unit. To follow the
        publication they embed clean traces (`published_scale`).
    labels : array_like, shape (n_neurons,)
    family : {"avae", "pca"}
        Which range of eps is tried.

    Returns
    -------
    float
        Never far below 0, for any latents: the best of 49 or 150 tries.
    """
    if family not in EPSILONS:
        raise SimbenchError(f"published_ari: unknown family '{family}'; allowed: avae, pca")
    from sklearn.cluster import DBSCAN
    from sklearn.metrics import adjusted_rand_score

    classes = check_labels(labels, len(np.asarray(embedding)))
    points = check_latents(embedding, len(classes))
    found = (
        DBSCAN(eps=eps, min_samples=MIN_SAMPLES).fit_predict(points) for eps in EPSILONS[family]
    )
    return float(max(adjusted_rand_score(classes, clusters) for clusters in found))


@metric("published_mse", "replication", high=INF, direction="lower", source=_SOURCE)
def published_mse(
    reconstruction: np.ndarray, clean: np.ndarray, noisy: np.ndarray,
    scored: np.ndarray | slice = slice(None),
) -> float:  # fmt: skip
    """Squared error between two scalings: above 0 if perfect; for a replication only.

    The reconstruction has the scale of the noisy traces. A perfect one scores above 0, and the
    more the noisier the traces.

    Parameters
    ----------
    reconstruction : ndarray, shape (n_scored, n_frames)
    clean, noisy : ndarray, shape (n_neurons, n_frames)
        All traces, whose minimum and maximum make the scales; in one unit, e.g. dF/F, and so is
        the reconstruction.
    scored : ndarray of bool, shape (n_neurons,)
        Which neurons are reconstructed; all by default.
    """
    from simbench.data.published_traces import published_scale

    difference = published_scale(reconstruction, like=noisy) - published_scale(clean)[scored]
    return float(np.mean(difference**2))


@metric("pooled_correlation", "replication", low=-1, chance=0, source=_SOURCE)
def pooled_correlation(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Correlation over all types, so that a type's mean counts; for a replication only.

    Parameters
    ----------
    truth, predicted : ndarray, shape (n_neurons,)

    Returns
    -------
    float
        NaN where one of them is constant.
    """
    if np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(np.corrcoef(truth, predicted)[0, 1])
