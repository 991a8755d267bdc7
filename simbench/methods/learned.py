"""The form of a learned method: fit on some cultures, stop on others, encode, save and load."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import nn

from simbench.core.console import track
from simbench.core.seeds import stream
from simbench.methods import training

CHECK_EVERY = 25
HELD_OUT = 0.15


class LearnedTransformer(TransformerMixin, BaseEstimator):
    """A network from traces to latents, trained without labels.

    A subclass says what its network is (`_network`), how it prepares traces (`_learn_scale`,
    `_scaled`), how it trains (`_train`) and how it encodes (`_encode`).

    Attributes
    ----------
    network_ : torch.nn.Module
    scaling_ : dict
        Plain numbers learned from the training traces.
    n_parameters_ : int
        Weights of the network that act in ``transform`` or in training.
    """

    network_: Any

    seed_name: ClassVar[str]
    """Name of the random streams. It stays when the class is renamed, so latents stay."""
    any_length = False
    """Whether ``transform`` takes other numbers of frames than those of the training traces."""

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames).

        Whole ``groups`` (cultures) are kept aside to stop the training; they mean nothing else.
        """
        X = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        self.scaling_ = self._learn_scaling(X)
        device = training.resolve_device(self.device)
        with training.quiet_torch(self.random_state, device):
            self.network_ = self._network().to(device)
            self._train(self._scaled(X), groups, device)
        self.network_.eval()
        return self

    @property
    def n_parameters_(self) -> int:
        """Trained numbers."""
        return sum(weights.numel() for weights in self.network_.parameters())

    def transform(self, X: Any) -> np.ndarray:
        """Latents, shape (n_neurons, n_components)."""
        return self._apply(self._encode, self._prepared(X))

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file, nothing pickled."""
        check_is_fitted(self, "network_")
        about = {
            "parameters": self.get_params(),
            "scaling": self.scaling_,
            "n_features_in": self.n_features_in_,
        }
        training.save_weights(path, about, self.network_)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        SimbenchError
            If the file is not there or not of this form.
        """
        about, weights = training.read_weights(path)
        method = cls(**about["parameters"])
        method.scaling_, method.n_features_in_ = about["scaling"], about["n_features_in"]
        method.network_ = method._network()
        method.network_.load_state_dict(weights)
        method.network_.eval()
        return method

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _prepared(self, X: Any) -> np.ndarray:
        """Traces of a fitted method, checked and scaled."""
        check_is_fitted(self, "network_")
        if self.any_length:
            X = check_array(X, dtype=np.float32, estimator=self)
        else:
            X = validate_data(self, X, dtype=np.float32, reset=False)
        return self._scaled(X)

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        """Mean and standard deviation over all neurons and frames."""
        return {"mean": float(X.mean()), "sd": float(X.std()) or 1.0}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return (X - np.float32(self.scaling_["mean"])) / np.float32(self.scaling_["sd"])

    def _network(self) -> nn.Module:
        raise NotImplementedError

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        raise NotImplementedError

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _apply(self, function: Callable[[torch.Tensor], torch.Tensor], X: np.ndarray) -> np.ndarray:
        device = training.resolve_device(self.device)
        self.network_.to(device)
        with training.quiet_torch(self.random_state, device):
            return training.in_batches(function, X, 256, device)

    def _rng(self, purpose: str) -> np.random.Generator:
        return stream(self.random_state or 0, self.seed_name, purpose)


@dataclass(frozen=True)
class Course:
    """How a training runs.

    Parameters
    ----------
    n_steps : int
        Gradient steps at most.
    learning_rate : float
        Of AdamW; it rises over the first tenth of the steps and falls to zero after.
    patience : int
        Checks (one every 25 steps) without improvement before training stops.
    weight_decay : float
    """

    n_steps: int
    learning_rate: float
    patience: int
    weight_decay: float = 1e-4


def train(
    network: nn.Module,
    course: Course,
    loss: Callable[[int], torch.Tensor],
    check: Callable[[], float] | None,
) -> None:
    """Minimise a loss; keep the weights that were best on held-out cultures.

    Parameters
    ----------
    network : torch.nn.Module
    course : Course
    loss : callable
        Training loss of a step, given its number from 0.
    check : callable or None
        Held-out loss; without one, training runs to its end.
    """
    best = training.BestWeights(network, course.patience)
    optimizer = torch.optim.AdamW(
        network.parameters(), course.learning_rate, weight_decay=course.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, course.learning_rate, total_steps=course.n_steps + 1, pct_start=0.1
    )
    for step in track(range(course.n_steps), "training"):
        network.train()
        optimizer.zero_grad()
        loss(step).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if check and ((step + 1) % CHECK_EVERY == 0 or step + 1 == course.n_steps):
            network.eval()
            with torch.no_grad():
                held_out_loss = check()
            if best.update(held_out_loss):
                break
    if check:
        best.restore()


def divide(X: np.ndarray, groups: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the neurons that train, and of those that stop the training."""
    held = training.held_out(groups, len(X), HELD_OUT, rng)
    return np.flatnonzero(~held), np.flatnonzero(held)


def of_one_group(neurons: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Neurons of a group drawn at random."""
    return neurons[groups[neurons] == rng.choice(np.unique(groups[neurons]))]
