"""What traces hold: a network that was taught the labels of many more cultures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from simbench.core.errors import SimbenchError
from simbench.core.seeds import seed32, stream
from simbench.data.dataset import Dataset
from simbench.data.simulation import simulate
from simbench.methods.avae.encoder_decoder import Mixture, mixture_nll
from simbench.methods.contrastive import PooledEncoder
from simbench.methods.controls.control import Control
from simbench.methods.culture_features import PARTS, Describer, means
from simbench.methods.features import compress
from simbench.methods.learned import Course, in_batches, quiet_torch, train
from simbench.methods.population import others_mean
from simbench.scenario.labels import is_class
from simbench.scenario.scenario import Scenario

TEACHING_SEED = seed32(0, "traces-taught")
"""Of the cultures that teach: no board has it."""
_N_PARTS = 4
_CLIP_SD = 5.0
_HELD_OUT = 0.1
_CULTURES_PER_STEP = 16
_N_CHECKED = 2000  # neurons of held-out cultures


class Questions:
    """The targets of a scenario, as a network is asked for them.

    Of a class the answer is the log probability of each kind; of a number the deviation from its
    firing type's mean in standard deviations, as a mixture of Gaussians: its posterior.

    Parameters
    ----------
    labels : DataFrame, one row per neuron
        Of the cultures that teach.
    names : sequence of str
    """

    def __init__(self, labels: pd.DataFrame, names: Sequence[str]) -> None:
        self.answers = [self._answer(labels, name) for name in names]
        self.sizes = [a.max() + 1 if a.dtype.kind == "i" else 3 * _N_PARTS for a in self.answers]

    @staticmethod
    def _answer(labels: pd.DataFrame, name: str) -> np.ndarray:
        if is_class(labels, name):
            return np.unique(labels[name].astype(str), return_inverse=True)[1].astype(np.int64)
        values = labels[name].astype(float)
        if "firing_type" in labels:
            values = values - values.groupby(labels["firing_type"]).transform("mean")
        return (values / (values.std() or 1)).to_numpy(dtype=np.float32)

    def loss(self, outputs: torch.Tensor, neurons: np.ndarray) -> torch.Tensor:
        """Mean over labels of the cross-entropy (classes weigh the same) or of a number's NLL."""
        losses = []
        for output, answer, size in zip(outputs.split(self.sizes, 1), self.answers, self.sizes):
            asked = torch.from_numpy(answer[neurons]).to(output.device)
            if answer.dtype.kind == "i":
                share = np.bincount(answer, minlength=size) / len(answer)
                weight = torch.tensor(1 / (size * np.maximum(share, 1e-9)), dtype=torch.float32)
                losses.append(F.cross_entropy(output, asked, weight.to(output.device)))
            else:
                known = ~torch.isnan(asked)
                nll = mixture_nll(asked[known], mixture_of(output[known]))
                losses.append(nll.sum() / max(1, len(neurons)))
        return torch.stack(losses).mean()

    def latents(self, outputs: torch.Tensor) -> torch.Tensor:
        """Log probabilities of classes; mean and s.d. of the posterior of numbers."""
        columns = []
        for output, answer in zip(outputs.split(self.sizes, 1), self.answers):
            if answer.dtype.kind == "i":
                columns.append(output.log_softmax(1))
            else:
                columns.append(torch.stack(posterior_moments(mixture_of(output)), dim=1))
        return torch.cat(columns, dim=1)


def mixture_of(output: torch.Tensor) -> Mixture:
    """Mixture of Gaussians of outputs, shape (n, 3 n_parts)."""
    log_weight, mean, log_sd = output.chunk(3, dim=1)
    return log_weight.log_softmax(dim=1), mean, log_sd.clamp(-4, 3)


def posterior_moments(mixture: Mixture) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and s.d. of mixtures, shape (n,) each."""
    weight, mean, variance = mixture[0].exp(), mixture[1], (2 * mixture[2]).exp()
    first = (weight * mean).sum(dim=1)
    return first, ((weight * (variance + mean**2)).sum(dim=1) - first**2).clamp_min(0).sqrt()


class _Network(nn.Module):
    """A pooled encoder of trace and population beside a dense one of the statistics."""

    def __init__(self, n_statistics: int, n_outputs: int, width: int) -> None:
        super().__init__()
        self.encoder = PooledEncoder(4 * width, width, dropout=0.2, n_channels=2)
        self.dense = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(n_statistics, 256), nn.GELU(), nn.Dropout(0.3)
        )
        self.skip = nn.Linear(n_statistics, n_outputs)
        self.join = nn.Linear(256 + 4 * width, n_outputs)

    def forward(self, traces: torch.Tensor, statistics: torch.Tensor) -> torch.Tensor:
        h = torch.cat([self.encoder(traces), self.dense(statistics)], dim=1)
        return self.skip(statistics) + self.join(h)


@dataclass(kw_only=True, repr=False, eq=False)
class TracesTaught(Control):
    """A network taught on cultures of its own, then frozen; latents are its answers.

    It sees the trace, the mean of the other neurons of the culture, and all hand-made statistics of
    both, as they are and less their culture's mean. The cultures that teach are those of the
    scenario's test conditions, simulated with a seed that no board has: as many as ``n_cultures``.
    Labels of the dataset at hand are never seen.

    Parameters
    ----------
    n_cultures
        Cultures that teach, over all conditions.
    n_steps
        Gradient steps.
    width
        Channels of the first convolution.
    batch_size
        Neurons per step, of sixteen cultures.
    crop
        Share of the recording that each step sees of a neuron.
    learning_rate
        Highest rate of a one-cycle schedule.
    random_state
        Seed of the start and of the training; None is 0.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    """

    n_cultures: int = 320
    n_steps: int = 2500
    width: int = 12
    batch_size: int = 192
    crop: float = 0.3
    learning_rate: float = 2e-3
    random_state: int | None = 0
    device: str = "auto"

    def embed(self, dataset: Dataset) -> np.ndarray:
        """Log probabilities of classes; posterior mean and s.d. of numbers, in s.d."""
        scenario = dataset.scenario
        if scenario is None or scenario.recordings is not None:
            raise SimbenchError("traces-taught: needs a simulated scenario to make cultures of")
        taught = simulate(teaching_scenario(scenario, self.n_cultures), TEACHING_SEED)
        return self.answers(taught, dataset, scenario.targets)

    def answers(self, taught: Dataset, dataset: Dataset, names: Sequence[str]) -> np.ndarray:
        """What the network says of a dataset after it was taught on another."""
        first = np.concatenate([r.dff for r in taught.recordings[:20]])
        describer = Describer.learn(PARTS, taught.frame_rate, first)
        (seen, values), (new, new_values) = (_seen(data, describer) for data in (taught, dataset))
        mean = means(values)
        spread = np.nanstd(values, axis=0)
        spread[spread < 1e-6] = np.inf
        z, new_z = (
            np.clip(np.nan_to_num((x - mean) / spread), -_CLIP_SD, _CLIP_SD).astype(np.float32)
            for x in (values, new_values)
        )
        questions = Questions(taught.labels, names)
        with quiet_torch(self.random_state, self.device) as device:
            network = _Network(len(mean), int(sum(questions.sizes)), self.width).to(device)
            self._train(network, seen, z, taught.recording, questions, device)
            network.eval()
            n_frames = new.shape[2]

            def answer(both: torch.Tensor) -> torch.Tensor:
                traces, statistics = both[:, : 2 * n_frames], both[:, 2 * n_frames :]
                return questions.latents(network(traces.unflatten(1, (2, n_frames)), statistics))

            flat = new.reshape(len(new_z), -1)
            return in_batches(answer, np.column_stack((flat, new_z)), 128, device)

    def _train(
        self, network: _Network, traces: np.ndarray, z: np.ndarray, culture: np.ndarray,
        questions: Questions, device: torch.device,
    ) -> None:  # fmt: skip
        rng = stream(self.random_state or 0, "traces-taught")
        cultures = rng.permutation(np.unique(culture))
        n_checked = max(1, round(_HELD_OUT * len(cultures)))
        by_culture = {c: np.flatnonzero(culture == c) for c in cultures}
        n_frames = traces.shape[2]
        length = max(1, round(self.crop * n_frames))

        def outputs(neurons: np.ndarray, start: int) -> torch.Tensor:
            crop = np.ascontiguousarray(traces[neurons, :, start : start + length])
            return network(*(torch.from_numpy(x).to(device) for x in (crop, z[neurons])))

        def loss(step: int) -> torch.Tensor:
            chosen = rng.choice(cultures[n_checked:], _CULTURES_PER_STEP)
            neurons = np.concatenate(
                [rng.choice(by_culture[c], self.batch_size // _CULTURES_PER_STEP) for c in chosen]
            )
            start = int(rng.integers(0, n_frames - length + 1))
            return questions.loss(outputs(neurons, start), neurons)

        checked = np.concatenate([by_culture[c] for c in cultures[:n_checked]])[:_N_CHECKED]

        def check() -> torch.Tensor:
            return questions.loss(outputs(checked, (n_frames - length) // 2), checked)

        course = Course(self.n_steps, self.learning_rate, patience=self.n_steps, weight_decay=0.02)
        train(network, course, loss, [check])


def teaching_scenario(scenario: Scenario, n_cultures: int) -> Scenario:
    """The scenario's test conditions with so many cultures, and nothing that is scored."""
    replicates = max(2, -(-n_cultures // len(scenario.conditions)))
    changes = {"replicates": replicates, "split": {}, "labelled_cultures": None}
    return scenario.model_copy(update=changes)


def _seen(dataset: Dataset, describer: Describer) -> tuple[np.ndarray, np.ndarray]:
    """Trace and population (n_neurons, 2, n_frames), and statistics (n_neurons, n_statistics)."""
    traces, statistics = [], []
    for recording in dataset.recordings:
        own = compress(recording.dff, describer.noise)
        traces.append(np.stack([own, others_mean(own)], axis=1).astype(np.float32))
        values = describer.describe(recording.dff, np.zeros(len(own), dtype=int))
        statistics.append(np.column_stack([values, values - means(values)]))
    return np.concatenate(traces), np.concatenate(statistics)
