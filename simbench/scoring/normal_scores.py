"""Normal scores: values replaced by their ranks, on the scale of a normal variable."""

import numpy as np

MOST_LATENTS = 16
"""Principal components that are kept of more latents."""


def normal_scores(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standard normal quantile of each value's rank among the training neurons, column by column.

    Ties share their mean rank; a value outside of the training range gets half a rank beyond the
    last, so that no score is far out. NaN stays NaN, and has no rank.

    Parameters
    ----------
    values : ndarray, shape (n_neurons,) or (n_neurons, n_columns)
    train : ndarray of bool, shape (n_neurons,)

    References
    ----------
    van der Waerden 1952, Indag Math 14:453.
    """
    from scipy.special import ndtri

    if values.ndim == 1:
        return normal_scores(values[:, None], train)[:, 0]
    scores = np.full(values.shape, np.nan)
    for column, score in zip(values.T, scores.T):
        known = np.isfinite(column)
        learned = np.sort(column[train & known])
        ends = [np.searchsorted(learned, column[known], side) for side in ("left", "right")]
        score[known] = ndtri((np.mean(ends, axis=0) + 0.5) / (len(learned) + 1))
    return scores


def less_class_means(values: np.ndarray, classes: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Values less their class's mean in training, or the mean of all where training has no class.

    Parameters
    ----------
    values : ndarray of float, shape (n_neurons,) or (n_neurons, n_columns)
    classes : ndarray, shape (n_neurons,)
    train : ndarray of bool, shape (n_neurons,)
    """
    less = values - values[train].mean(axis=0)
    for kind in np.unique(classes[train]):
        same = classes == kind
        less[same] = values[same] - values[same & train].mean(axis=0)
    return less


def ranked_latents(latents: np.ndarray, classes: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Normal scores of latents within classes, or the 16 first components of them.

    Parameters
    ----------
    latents : ndarray, shape (n_neurons, n_components)
    classes : ndarray, shape (n_neurons,)
        Such as the indicator, whose mean is taken off.
    train : ndarray of bool, shape (n_neurons,)
    """
    from sklearn.decomposition import PCA

    scores = less_class_means(normal_scores(latents, train), classes, train)
    if scores.shape[1] <= MOST_LATENTS:
        return scores
    if not np.ptp(scores[train], axis=0).any():  # nothing to read, where a probe needs something
        return scores[:, :1]
    n = min(MOST_LATENTS, int(train.sum()))
    pca = PCA(n, svd_solver="full").fit(scores[train])
    varies = pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]
    return pca.transform(scores)[:, varies]
