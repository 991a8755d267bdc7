"""The ceiling of what traces hold: a small network that learns the training cultures' labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from simbench.core.seeds import stream
from simbench.data.dataset import Dataset
from simbench.methods.contrastive import PooledEncoder
from simbench.methods.controls.control import Control
from simbench.methods.features import TraceSpectrum, compress, noise_level
from simbench.methods.learned import Course, in_batches, quiet_torch, train
from simbench.methods.windowed_pca import culture_folds
from simbench.scenario.labels import is_class

_LOG_NEVER = np.log(1e-4)
"""Score of a class that the linear model has not seen."""


class Answers:
    """Labels as a network gives them back: scores of classes, standardised numbers.

    Parameters
    ----------
    labels : DataFrame, one row per neuron
        Of the training cultures only.
    names : sequence of str
        Columns to learn.
    """

    def __init__(self, labels: pd.DataFrame, names: Sequence[str]) -> None:
        self.parts = [self._encode(labels[name], is_class(labels, name)) for name in names]
        self.sizes = [int(part.max()) + 1 if part.ndim == 1 else 1 for part in self.parts]

    @staticmethod
    def _encode(column: pd.Series, is_class: bool) -> np.ndarray:
        if is_class:
            return np.unique(column.to_numpy(dtype=str), return_inverse=True)[1]
        values = column.to_numpy(dtype=np.float32)[:, None]
        return (values - np.nanmean(values)) / (np.nanstd(values) or 1)

    def loss(self, outputs: torch.Tensor, neurons: np.ndarray) -> torch.Tensor:
        """Mean over labels of the cross-entropy (classes weigh the same) or the squared error."""
        losses = []
        for output, part, size in zip(outputs.split(self.sizes, 1), self.parts, self.sizes):
            answer = torch.from_numpy(part[neurons]).to(outputs.device)
            if part.ndim == 1:
                weight = len(part) / np.maximum(1, np.bincount(part, minlength=size)) / size
                weights = torch.tensor(weight, dtype=torch.float32, device=outputs.device)
                losses.append(F.cross_entropy(output, answer, weights, label_smoothing=0.05))
            else:
                known = ~torch.isnan(answer)
                losses.append(((output - answer)[known] ** 2).sum() / max(1, len(neurons)))
        return torch.stack(losses).mean()

    def scores(self, outputs: torch.Tensor) -> torch.Tensor:
        """Log probabilities of the classes, predicted numbers."""
        pairs = zip(outputs.split(self.sizes, 1), self.parts)
        return torch.cat([x.log_softmax(1) if p.ndim == 1 else x for x, p in pairs], dim=1)


class LinearModel:
    """Logistic regression of every class, ridge regression of every number.

    Parameters
    ----------
    answers : Answers
    neurons : ndarray of int
        Whose answers are learned.
    features : ndarray, shape (n_neurons, n_features)
        Of these neurons.
    """

    def __init__(self, answers: Answers, neurons: np.ndarray, features: np.ndarray) -> None:
        self.answers, self.models = answers, []
        for answer in (part[neurons] for part in answers.parts):
            known = np.isfinite(answer.reshape(len(answer), -1)[:, 0])
            model = RidgeCV(np.logspace(-1, 5, 7))
            if answer.ndim == 1:
                model = LogisticRegression(class_weight="balanced", max_iter=500)
            pipeline = make_pipeline(StandardScaler(), model)
            self.models.append(pipeline.fit(features[known], answer[known]))

    def scores(self, features: np.ndarray) -> np.ndarray:
        """What `Answers.scores` gives for a network: (n_neurons, n_outputs)."""
        columns = []
        for model, part, size in zip(self.models, self.answers.parts, self.answers.sizes):
            if part.ndim == 1:
                log_p = np.full((len(features), size), _LOG_NEVER)
                log_p[:, model.classes_] = model.predict_log_proba(features).clip(_LOG_NEVER)
                columns.append(log_p)
            else:
                columns.append(model.predict(features).reshape(-1, 1))
        return np.column_stack(columns)


class _Network(nn.Module):
    """A pooled encoder of the trace beside a dense one of its spectrum and quantiles."""

    def __init__(self, n_described: int, n_outputs: int, width: int) -> None:
        super().__init__()
        self.encoder = PooledEncoder(2 * width, width, dropout=0.2)
        self.described = nn.Sequential(nn.Linear(n_described, 2 * width), nn.GELU())
        self.join = nn.Sequential(nn.Dropout(0.3), nn.Linear(4 * width, n_outputs))

    def forward(self, x: torch.Tensor, described: torch.Tensor) -> torch.Tensor:
        return self.join(torch.cat([self.encoder(x), self.described(described)], dim=1))


@dataclass(kw_only=True, repr=False, eq=False)
class Supervised(Control):
    """Models that learn the scenario's targets from the training cultures; latents are outputs.

    A network (convolutions of the trace pooled over time, and the features of `TraceSpectrum`) and
    a linear model of the same features; their outputs are averaged. There is one pair per fold of
    the training cultures. It gives the outputs of the fold that it was not trained on, so that
    these are no better than those of unseen cultures. The outputs of the test cultures are means
    over folds. Labels of test cultures are never seen.

    Parameters
    ----------
    random_state
        Seed of the start and of the training; None is 0.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    n_folds
        Of the training cultures.
    crop
        Share of the recording that each step sees of a neuron.
    width
        Channels of the first convolution.
    n_steps
        Gradient steps at most.
    batch_size
        Neurons per step.
    learning_rate
        Highest rate of a one-cycle schedule.
    patience
        Checks of the held-out loss without improvement before training stops.
    """

    random_state: int | None = 0
    device: str = "auto"
    n_folds: int = 4
    crop: float = 0.25
    width: int = 16
    n_steps: int = 400
    batch_size: int = 64
    learning_rate: float = 3e-3
    patience: int = 5

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Log probabilities of classes and predicted numbers, shape (n_neurons, n_outputs)."""
        names = dataset.scenario.targets if dataset.scenario else ("firing_type",)
        learns = ~dataset.test_neurons
        answers = Answers(dataset.labels[learns], names)
        X, culture = dataset.traces(), dataset.culture
        return self.embed_traces(X, culture, learns, answers, dataset.frame_rate)

    def embed_traces(
        self, X: np.ndarray, culture: np.ndarray, learns: np.ndarray, answers: Answers,
        frame_rate: float,
    ) -> np.ndarray:  # fmt: skip
        """Outputs for dF/F (n_neurons, n_frames); ``learns`` marks the neurons with answers."""
        features = TraceSpectrum(frame_rate).fit(X[learns]).transform(X)
        X, described = compress(X, noise_level(X[learns])), _whitened(features, learns)
        n_outputs = sum(answers.sizes)
        outputs = np.zeros((len(X), n_outputs))
        known, new = np.flatnonzero(learns), np.flatnonzero(~learns)
        folds = culture_folds(culture[known], len(known), self.n_folds)
        with quiet_torch(self.random_state, self.device) as device:
            traces = torch.from_numpy(X[known]).to(device)
            descriptions = torch.from_numpy(described[known]).to(device)
            for fold, (trains, stops) in enumerate(folds):
                network = _Network(described.shape[1], n_outputs, self.width).to(device)
                rng = stream(self.random_state or 0, "supervised", fold)
                self._train(network, traces, descriptions, answers, trains, stops, rng)
                linear = LinearModel(answers, trains, features[known[trains]])
                for rows, weight in ((known[stops], 1), (new, 1 / len(folds))):
                    if len(rows):
                        said = _scores(network, X[rows], described[rows], answers, device)
                        outputs[rows] += weight * (said + linear.scores(features[rows])) / 2
        return outputs

    def _train(
        self, network: _Network, X: torch.Tensor, described: torch.Tensor, answers: Answers,
        trains: np.ndarray, stops: np.ndarray, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        length = max(1, round(self.crop * X.shape[1]))

        def loss(step: int) -> torch.Tensor:
            chosen = rng.choice(trains, self.batch_size)
            start = int(rng.integers(0, X.shape[1] - length + 1))
            outputs = network(X[chosen, start : start + length], described[chosen])
            return answers.loss(outputs, chosen)

        def check() -> torch.Tensor:
            return answers.loss(network(X[stops], described[stops]), stops)

        course = Course(self.n_steps, self.learning_rate, self.patience, weight_decay=0.02)
        train(network, course, loss, [check])


def _scores(
    network: _Network, X: np.ndarray, described: np.ndarray, answers: Answers, device: torch.device
) -> np.ndarray:
    network.eval()
    n_frames = X.shape[1]
    return in_batches(
        lambda both: answers.scores(network(both[:, :n_frames], both[:, n_frames:])),
        np.column_stack((X, described)), 128, device,
    )  # fmt: skip


def _whitened(Z: np.ndarray, learns: np.ndarray) -> np.ndarray:
    """Uncorrelated columns with s.d. 1 over the training neurons, at most 5, as float32."""
    whitening = make_pipeline(StandardScaler(), PCA(1 - 1e-6, whiten=True)).fit(Z[learns])
    return np.clip(whitening.transform(Z), -5, 5).astype(np.float32)
