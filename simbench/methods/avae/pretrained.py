"""An AVAE that was trained before, without labels: on calibrated cultures of many optics."""

from dataclasses import KW_ONLY, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.signal import resample_poly
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from simbench.core.errors import SimbenchError
from simbench.methods.avae.estimator import AVAE
from simbench.methods.learned import resolve_device

WEIGHTS = Path(__file__).with_name("pretrained.safetensors")
"""What ``tools/pretrain.py`` wrote."""
_LARGEST_FACTOR = 200  # of the ratio of two frame rates


@dataclass(repr=False, eq=False)
class PretrainedAVAE(TransformerMixin, BaseEstimator):
    """The shipped encoder, as it is: ``fit`` learns nothing.

    Traces are brought to the frame rate of its training (20 Hz) first.

    Parameters
    ----------
    n_components
        Latents per neuron, at most those of the shipped encoder (32).
    frame_rate
        Hz.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    """

    n_components: int = 32
    _: KW_ONLY
    frame_rate: float = 20.0
    device: str = "auto"

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Read the weights; dF/F (n_neurons, n_frames) is only checked."""
        validate_data(self, X, dtype=np.float32)
        resolve_device(self.device)
        self.encoder_ = AVAE.load(WEIGHTS).set_params(device=self.device)
        most = self.encoder_.n_components
        if self.n_components > most:
            raise SimbenchError(f"n_components = {self.n_components}; allowed: at most {most}")
        return self

    def transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Latents, shape (n_neurons, n_components); ``groups`` say who shares a culture."""
        check_is_fitted(self, "encoder_")
        X = check_array(X, dtype=np.float32, estimator=self)
        ratio = Fraction(self.encoder_.frame_rate / self.frame_rate)
        ratio = ratio.limit_denominator(_LARGEST_FACTOR)
        if ratio != 1:
            beyond = "line" if X.shape[1] > 1 else "mean"  # no line through one frame
            X = resample_poly(X, ratio.numerator, ratio.denominator, axis=1, padtype=beyond)
        return self.encoder_.transform(X, groups)[:, : self.n_components]
