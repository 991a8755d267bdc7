"""Linear methods that are pipelines of scikit-learn's."""

from sklearn.decomposition import NMF, PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from simbench.methods.features import Autocorrelation, PowerSpectrum


def nmf() -> Pipeline:
    """Non-negative factors of traces; each frame is scaled to [0, 1] over the training neurons."""
    return make_pipeline(MinMaxScaler(clip=True), NMF(init="nndsvda", max_iter=400, tol=1e-3))


def pca_spectrum() -> Pipeline:
    """Principal components of the logarithm of the power spectrum."""
    return make_pipeline(PowerSpectrum(), PCA())


def pca_autocorrelation() -> Pipeline:
    """Principal components of the autocorrelation."""
    return make_pipeline(Autocorrelation(), PCA())
