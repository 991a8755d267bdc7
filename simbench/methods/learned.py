"""Learned methods: fit on some cultures, stop on others, encode; their weights to a file and back.

The parameters of a learned method are the fields of a dataclass: scikit-learn reads them from the
``__init__`` that the dataclass writes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import nn

from simbench.core.console import track
from simbench.core.errors import SimbenchError
from simbench.core.files import reading, write_bytes
from simbench.core.seeds import seed32, stream
from simbench.methods.culture_features import check_groups
from simbench.methods.features import compress, noise_level

_CHECK_EVERY = 25  # steps between two looks at the held-out loss
_HELD_OUT = 0.15  # share of the cultures that stop the training
_BATCH = 256  # traces encoded at a time
Loss = Callable[[], torch.Tensor]


@dataclass(repr=False, eq=False)
class LearnedTransformer(TransformerMixin, BaseEstimator):
    """A network from traces to latents, trained without labels.

    A subclass has a `seed_name` and says what its network is (`_network`) and how it trains
    (`_train`). It may encode in another way than by a call of the network (`_encode`), and scale
    traces by something else than their noise (`_learn_scaling`, `_scaled`).

    Parameters
    ----------
    n_components
        Latents per neuron.
    random_state
        Seed of the start and of the training; None is 0.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.

    Attributes
    ----------
    network_ : torch.nn.Module
    scaling_ : dict
        Numbers by which traces are scaled, learned from the training traces.
    """

    n_components: int = 8
    _: KW_ONLY
    random_state: int | None = 0
    device: str = "auto"

    seed_name: ClassVar[str]
    """Name of the random streams. It stays when the class is renamed, so latents stay."""
    any_length: ClassVar[bool] = False
    """Whether ``transform`` takes other numbers of frames than those of the training traces."""

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Train on dF/F (n_neurons, n_frames).

        Whole ``groups`` (cultures) are kept aside to stop the training.
        """
        X = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        groups = check_groups(groups, len(X))
        self.scaling_ = self._learn_scaling(X)
        with quiet_torch(self.random_state, self.device) as device:
            self.network_: Any = self._network().to(device)
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
        """Write weights and parameters to one safetensors file, which holds no code."""
        from safetensors.torch import save

        check_is_fitted(self, "network_")
        about = {
            "method": self.seed_name,
            "parameters": self.get_params(),
            "scaling": self.scaling_,
            "n_features_in": self.n_features_in_,
        }
        weights = {name: w.cpu().contiguous() for name, w in self.network_.state_dict().items()}
        write_bytes(
            Path(path), save(weights, {"simbench": json.dumps(about, default=np.generic.item)})
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        from safetensors import safe_open

        path = Path(path)
        with reading(path), safe_open(path, "pt") as file, quiet_torch(0, "cpu"):
            about = json.loads(file.metadata()["simbench"])
            if about["method"] != cls.seed_name:
                raise SimbenchError(f"{path}: holds {about['method']}, expected {cls.seed_name}")
            method = cls(**about["parameters"])
            method.scaling_, method.n_features_in_ = about["scaling"], about["n_features_in"]
            method.network_ = method._network()
            weights = {name: file.get_tensor(name) for name in method.network_.state_dict()}
            method.network_.load_state_dict(weights)
        method.network_.eval()
        return method

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _prepared(self, X: Any) -> np.ndarray:
        """Traces for a fitted method, checked and scaled."""
        check_is_fitted(self, "network_")
        if self.any_length:
            X = check_array(X, dtype=np.float32, estimator=self)
        else:
            X = validate_data(self, X, dtype=np.float32, reset=False)
        return self._scaled(X)

    def _learn_scaling(self, X: np.ndarray) -> dict[str, float]:
        """Typical s.d. of the frame noise in dF/F, the one scale of all traces."""
        return {"noise": noise_level(X)}

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return compress(X, self.scaling_["noise"])

    def _network(self) -> nn.Module:
        raise NotImplementedError

    def _train(self, X: np.ndarray, groups: Any, device: torch.device) -> None:
        raise NotImplementedError

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network_(x)

    def _apply(self, function: Callable[[torch.Tensor], torch.Tensor], X: np.ndarray) -> np.ndarray:
        with quiet_torch(self.random_state, self.device) as device:
            self.network_.to(device)
            return in_batches(function, X, _BATCH, device)

    def _rng(self, purpose: str) -> np.random.Generator:
        return stream(self.random_state or 0, self.seed_name, purpose)


@contextmanager
def quiet_torch(random_state: int | None, device: str) -> Iterator[torch.device]:
    """Seeded, single-threaded torch; yields the device, leaves the global state as it was."""
    found = resolve_device(device)
    devices = [found] if found.type == "cuda" else []
    with one_torch_thread(), torch.random.fork_rng(devices):
        torch.manual_seed(seed32(random_state or 0, "torch"))
        yield found


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread, so that sums do not depend on the machine."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def resolve_device(device: str) -> torch.device:
    """``auto`` is a GPU if there is one; else the device that torch knows under that name."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda" if n_gpus else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise SimbenchError(f"unknown device '{device}'; allowed: auto, cpu, cuda") from None
    if found.type == "cuda" and (found.index or 0) >= n_gpus:
        raise SimbenchError(f"device '{device}': torch finds {n_gpus} GPUs; allowed: auto, cpu")
    return found


def in_batches(
    function: Callable[[torch.Tensor], torch.Tensor], X: np.ndarray, size: int, device: torch.device
) -> np.ndarray:
    """Apply ``function`` to rows of ``X``, ``size`` at a time, without gradients."""
    with torch.no_grad():
        parts = [
            function(torch.from_numpy(X[i : i + size]).to(device)).cpu().numpy()
            for i in range(0, len(X), size)
        ]
    return np.concatenate(parts)


def draw(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """One draw from a Gaussian posterior, in the shape of its mean."""
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def kl_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Nats by which each latent's posterior differs from the standard normal distribution."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)


class Division:
    """Neurons that train, and neurons that stop the training: whole cultures where they are known.

    Parameters
    ----------
    groups : array_like or None
        Culture of each of the ``n_neurons``.
    rng : Generator
        Draws the groups that stop.
    share : float
        Of the groups (neurons, if there are no groups) that stop; never all of them, and none if
        there is only one.

    Attributes
    ----------
    trains, stops : ndarray of int
        Indices of neurons.
    """

    def __init__(
        self, n_neurons: int, groups: Any, rng: np.random.Generator, share: float = _HELD_OUT
    ) -> None:
        divided = np.arange(n_neurons) if groups is None else np.asarray(groups)
        names = np.unique(divided)
        n_held = min(len(names) - 1, max(1, round(share * len(names))))
        held = np.isin(divided, rng.permutation(names)[:n_held])
        self.trains, self.stops = np.flatnonzero(~held), np.flatnonzero(held)
        self.groups = np.zeros(n_neurons, dtype=int) if groups is None else divided

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """At most ``size`` training neurons, all of one group that is drawn at random."""
        groups = self.groups[self.trains]
        chosen = rng.choice(np.unique(groups))
        return rng.permutation(self.trains[groups == chosen])[:size]

    def stopping_groups(self) -> list[np.ndarray]:
        """Neurons of each group that stops the training."""
        groups = self.groups[self.stops]
        return [self.stops[groups == name] for name in np.unique(groups)]


class BestWeights:
    """Keeps the weights of the lowest loss; tells when patience is over."""

    def __init__(self, model: nn.Module, patience: int, min_improvement: float = 0.0) -> None:
        self.model, self.patience, self.min_improvement = model, patience, min_improvement
        self.loss, self.waited, self.weights = np.inf, 0, deepcopy(model.state_dict())

    def update(self, loss: float) -> bool:
        """Take note of a held-out loss; True when training should stop."""
        self.waited += 1
        if loss < self.loss - self.min_improvement:
            self.loss, self.waited, self.weights = loss, 0, deepcopy(self.model.state_dict())
        return self.waited >= self.patience

    def restore(self) -> None:
        """Give the model the best weights back."""
        self.model.load_state_dict(self.weights)


@dataclass(frozen=True)
class Course:
    """How a training runs.

    Parameters
    ----------
    n_steps
        Gradient steps at most.
    learning_rate
        Of AdamW; it rises over the first tenth of the steps and falls to zero after.
    patience
        Checks (one every 25 steps) without improvement before training stops.
    """

    n_steps: int
    learning_rate: float
    patience: int
    weight_decay: float = 1e-4


def train(
    network: nn.Module, course: Course, loss: Callable[[int], torch.Tensor], checks: Sequence[Loss]
) -> None:
    """Minimise a loss; keep the weights that were best on held-out cultures.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    course : Course
        Steps, learning rate and patience.
    loss : callable
        Training loss of a step, given its number from 0.
    checks : sequence of callable
        Held-out losses, whose mean counts; without any, training runs to its end.
    """
    best = BestWeights(network, course.patience)
    optimizer = torch.optim.AdamW(
        network.parameters(), course.learning_rate, weight_decay=course.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, course.learning_rate, total_steps=max(course.n_steps + 1, 11), pct_start=0.1
    )
    for step in track(range(course.n_steps), "training"):
        network.train()
        optimizer.zero_grad()
        loss(step).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if checks and ((step + 1) % _CHECK_EVERY == 0 or step + 1 == course.n_steps):
            network.eval()
            with torch.no_grad():
                held_out_loss = float(np.mean([float(check()) for check in checks]))
            if best.update(held_out_loss):
                break
    if checks:
        best.restore()
