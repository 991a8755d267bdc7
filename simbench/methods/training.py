"""What the learned methods share: a quiet torch, early stopping, weights without pickle."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simbench.core.errors import SimbenchError
from simbench.core.seeds import seed32


@contextmanager
def quiet_torch(random_state: int | None, device: torch.device) -> Iterator[None]:
    """Seeded, single-threaded torch that leaves the global state as it was found."""
    n_threads = torch.get_num_threads()
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed32(random_state or 0, "torch"))
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


def resolve_device(device: str) -> torch.device:
    """``auto`` takes a GPU if there is one; else the device that torch knows under that name.

    Raises
    ------
    SimbenchError
        If torch knows no such device, or finds none in this machine.
    """
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


def held_out(
    groups: np.ndarray | None, n: int, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Mark whole groups (neurons, if there are no groups) for early stopping.

    Returns
    -------
    ndarray of bool, shape (n,)
        About ``fraction`` of the groups; never all of them, none if there is only one.
    """
    labels = np.arange(n) if groups is None else np.asarray(groups)
    names = np.unique(labels)
    n_held = min(len(names) - 1, max(1, round(fraction * len(names))))
    return np.isin(labels, rng.permutation(names)[:n_held])


class BestWeights:
    """Keeps the weights of the lowest loss; tells when patience is over."""

    def __init__(self, model: torch.nn.Module, patience: int, min_improvement: float = 0.0) -> None:
        self.model, self.patience, self.min_improvement = model, patience, min_improvement
        self.loss, self.waited = np.inf, 0
        self.weights = {k: v.clone() for k, v in model.state_dict().items()}

    def update(self, loss: float) -> bool:
        """Take note of a held-out loss; True when training should stop."""
        if loss < self.loss - self.min_improvement:
            self.loss, self.waited = loss, 0
            self.weights = {k: v.clone() for k, v in self.model.state_dict().items()}
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self) -> None:
        self.model.load_state_dict(self.weights)


def in_batches(
    function: Callable[[torch.Tensor], torch.Tensor], X: np.ndarray, size: int, device: torch.device
) -> np.ndarray:
    """Apply ``function`` to rows of ``X``, some at a time, without gradients."""
    with torch.no_grad():
        parts = [
            function(torch.from_numpy(X[i : i + size]).to(device)).cpu().numpy()
            for i in range(0, len(X), size)
        ]
    return np.concatenate(parts)


def save_weights(path: str | Path, about: dict[str, Any], model: torch.nn.Module) -> None:
    """Write parameters (JSON) and weights (arrays) to one ``.npz`` file, nothing pickled."""
    arrays = {f"weight/{k}": v.cpu().numpy() for k, v in model.state_dict().items()}
    with Path(path).open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


def read_weights(path: str | Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read what `save_weights` wrote.

    Raises
    ------
    SimbenchError
        If the file is not there or not of this form.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            names = [name for name in file.files if name.startswith("weight/")]
            weights = {n.removeprefix("weight/"): torch.from_numpy(file[n]) for n in names}
    except (OSError, KeyError, ValueError) as error:
        raise SimbenchError(f"{path}: not the saved weights of a method ({error})") from None
    return about, weights
