"""Reconstruction and prediction of traces, for a method whose latents say what a neuron is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import nn

from simbench.core.errors import SimbenchError
from simbench.methods.avae.dynamics import Dynamics, choose_layout
from simbench.methods.avae.encoder_decoder import Mixture, mixture_nll, mixture_quantile
from simbench.methods.culture_features import check_groups
from simbench.methods.features import uncompress
from simbench.methods.learned import Course, LearnedTransformer, quiet_torch
from simbench.methods.windowed_pca import affordable

_STATIC_SHARE = 20  # latents of the neuron count among the budget up to a twentieth of it


def _has_budget(method: "Reconstructing") -> bool:
    return method.latents_per_minute is not None


@dataclass(kw_only=True, repr=False, eq=False)
class Reconstructing(LearnedTransformer):
    """A learned method that gives traces back if ``latents_per_minute`` is set.

    The subclass encodes traces with their culture (`_latents`, `_encoded`) and says what its
    network's causal ``decoder`` sees (`_signals`).
    """

    frame_rate: float = 20.0
    learning_rate: float = 3e-3
    patience: int = 30
    latents_per_minute: float | None = None
    n_dynamic_steps: int = 1500

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames); ``groups`` are cultures."""
        super().fit(X, y, groups)
        if _has_budget(self):
            static = self._neuron_latents(X, groups)[:, : self._n_static]
            X = validate_data(self, X, dtype=np.float32, reset=False)
            course = Course(self.n_dynamic_steps, self.learning_rate, self.patience)
            rng = self._rng("dynamics")
            with quiet_torch(self.random_state, self.device):
                self.network_.dynamics.learn(X, static, groups, rng, course)
            self.network_.eval()
        return self

    def transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Latents of each neuron (n_neurons, n_components), and dynamic ones behind them.

        ``groups`` say who shares a culture; without them every neuron stands alone.
        """
        latents = self._neuron_latents(X, groups)
        if not _has_budget(self):
            return latents
        X = validate_data(self, X, dtype=np.float32, reset=False)
        with quiet_torch(self.random_state, self.device):
            dynamic = self.network_.dynamics.encode_traces(X)
        return np.column_stack([latents[:, : self._n_static], dynamic])

    def _neuron_latents(self, X: Any, groups: Any) -> np.ndarray:
        X = self._prepared(X)
        return self._latents(X, check_groups(groups, len(X)))

    @available_if(_has_budget)
    def inverse_transform(self, Z: Any) -> np.ndarray:
        """dF/F (n_neurons, n_frames) of what `transform` gave."""
        check_is_fitted(self, "network_")
        Z = check_array(Z, dtype=np.float32, estimator=self)
        static, dynamic = np.split(Z, [self._n_static], axis=1)
        with quiet_torch(self.random_state, self.device):
            traces = self.network_.dynamics.decode_traces(dynamic, static)
        return traces[:, : self.n_features_in_]

    def predict_interval(
        self, X: Any, level: float = 0.9, groups: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Central predictive intervals of each frame, given the frames before it.

        The latents come from the first half of each trace, the intervals are for the second half:
        no frame is seen by the latents that predict it.

        Parameters
        ----------
        X : array_like, shape (n_neurons, n_frames)
            dF/F.
        level : float
            Probability that a frame lies in its interval.
        groups : array_like, shape (n_neurons,), optional
            Culture of each neuron.

        Returns
        -------
        low, high : ndarray, shape (n_neurons, n_frames)
            dF/F; NaN in the first half.
        """

        def interval(mixture: Mixture, frames: torch.Tensor) -> torch.Tensor:
            ends = (1 - level) / 2, (1 + level) / 2
            return torch.stack([mixture_quantile(end, mixture) for end in ends], dim=1)

        low, high = self._predict(X, groups, interval).swapaxes(0, 1)
        noise = self.scaling_["noise"]
        return uncompress(low, noise), uncompress(high, noise)

    def log_density(self, X: Any, groups: Any = None) -> np.ndarray:
        """Logarithm of the predictive density of each frame's dF/F, given the frames before it.

        Predictions are those of `predict_interval`.

        Parameters
        ----------
        X : array_like, shape (n_neurons, n_frames)
            dF/F.
        groups : array_like, shape (n_neurons,), optional
            Culture of each neuron.

        Returns
        -------
        ndarray, shape (n_neurons, n_frames)
            Nats; NaN in the first half.
        """
        density = self._predict(
            X, groups, lambda mixture, frames: -mixture_nll(frames, mixture)[:, None]
        )
        bend = 4 * self.scaling_["noise"]  # `compress` stretches dF/F by the inverse of this root
        return density[:, 0] - np.log(np.hypot(np.asarray(X, dtype=np.float32), bend))

    def _predict(
        self, X: Any, groups: Any, function: Callable[[Mixture, torch.Tensor], torch.Tensor]
    ) -> np.ndarray:
        """A function of (prediction, frames) for the second half, from latents of the first.

        The function gives (n, n_values, n_frames); here the frames of the first half are NaN.
        """
        X = self._prepared(X)
        groups = check_groups(groups, len(X))
        decoder = self.network_.decoder
        if X.shape[1] <= decoder.reach:
            raise SimbenchError(
                f"{X.shape[1]} frames; a prediction needs more than the {decoder.reach} before it"
            )
        half = max(X.shape[1] // 2, decoder.reach)
        signals = self._signals(X, groups)[:, :, half - decoder.reach :]
        z = self._encoded(X[:, :half], groups)
        n_seen = signals.shape[2]

        def predict(rows: torch.Tensor) -> torch.Tensor:
            own, others, z = rows.tensor_split((n_seen, 2 * n_seen), dim=1)
            return function(decoder.predict(own, others, z), own[:, decoder.reach :])

        predicted = self._apply(predict, np.concatenate([*signals, z], axis=1))
        return np.pad(predicted, ((0, 0), (0, 0), (half, 0)), constant_values=np.nan)

    def _encoded(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """What the decoder is driven by, (n_neurons, n_latents); float32."""
        raise NotImplementedError

    def _latents(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Latents of neurons, (n_neurons, n_components)."""
        raise NotImplementedError

    def _signals(self, X: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Own trace and mean of the others, compressed, shape (2, n_neurons, n_frames); float32."""
        raise NotImplementedError

    def _add_dynamics(self, network: nn.Module) -> None:
        """Give the network one for the dynamic latents, if there is a budget for them."""
        if _has_budget(self):
            n_values = self._n_values - self._n_static
            layout = choose_layout(n_values, self.n_features_in_, self.frame_rate)
            with torch.random.fork_rng(devices=[]):  # what is drawn later stays the same
                network.dynamics = Dynamics(layout, self._n_static)

    @property
    def _n_values(self) -> int:
        """Latents of one trace, static and dynamic, that the budget affords."""
        assert self.latents_per_minute is not None
        return affordable(self.latents_per_minute, self.n_features_in_, self.frame_rate)

    @property
    def _n_static(self) -> int:
        """Latents of the neuron that stand before the dynamic ones: all of them, or none."""
        return self.n_components if _STATIC_SHARE * self.n_components <= self._n_values else 0
