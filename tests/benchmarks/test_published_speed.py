"""The published AVAE with its LSTMs against the part of it that acts, side by side in one run.

An epoch is 256 traces, one published batch. At the published 15,000 samples a trace the decoder's
recurrent weights alone are 900 M, none of which one time step uses; with gradients and Adam's
states they take 14 GB, so that there the weights are only counted. Epochs are timed at 3,000
samples. Run on one core:
``OMP_NUM_THREADS=1 pytest tests/benchmarks/test_published_speed.py -s``.
"""

import time

import pytest
import torch
from torch import nn

from simbench.methods.avae.published_network import GatedVAE

N_TRACES, TIMED_SAMPLES, PUBLISHED_SAMPLES = 256, 3_000, 15_000
PAIRS = [(2, 32), (4, 64), (8, 128), (16, 256)]  # latents, hidden units


class PublishedVAE(nn.Module):
    """LSTM, two linear maps; linear map, LSTM: each trace is handed over as one time step."""

    def __init__(self, n_frames: int, n_hidden: int, n_latents: int) -> None:
        super().__init__()
        self.encoder = nn.LSTM(n_frames, n_hidden, batch_first=True)
        self.mean = nn.Linear(n_hidden, n_latents)
        self.log_variance = nn.Linear(n_hidden, n_latents)
        self.spread = nn.Linear(n_latents, n_hidden)
        self.decoder = nn.LSTM(n_hidden, n_frames, batch_first=True)

    def loss(self, x: torch.Tensor, beta: float) -> torch.Tensor:
        h = self.encoder(x[:, None])[0][:, 0]
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        error = ((self.decoder(self.spread(z)[:, None])[0][:, 0] - x) ** 2).sum()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return (error + beta * kl) / len(x)


def n_weights(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def trainer(network: nn.Module):
    """A function that trains for one epoch: clipped gradients, Adam."""
    optimizer = torch.optim.Adam(network.parameters(), 5e-4, eps=1e-6)
    x = torch.rand(N_TRACES, TIMED_SAMPLES) - 0.5

    def epoch() -> None:
        optimizer.zero_grad()
        network.loss(x, 1.0).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    epoch()  # Adam makes its states
    return epoch


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize(("n_latents", "n_hidden"), PAIRS)
def test_weights_at_the_published_length(n_latents, n_hidden):
    with torch.device("meta"):  # counted, not made
        published, acting = (
            n_weights(form(PUBLISHED_SAMPLES, n_hidden, n_latents))
            for form in (PublishedVAE, GatedVAE)
        )
    print(f"{n_hidden} hidden: {published / 1e6:.0f} M weights, {published / acting:.0f} to 1")
    assert 903e6 < published < 932e6
    assert published > 20 * acting


@pytest.mark.parametrize(("n_latents", "n_hidden"), PAIRS)
def test_epoch(benchmark, n_latents, n_hidden):
    """The time is that of the acting part; the ratios say how the published form compares."""
    torch.manual_seed(0)
    published, acting = (
        form(TIMED_SAMPLES, n_hidden, n_latents) for form in (PublishedVAE, GatedVAE)
    )
    weights = n_weights(published) / n_weights(acting)
    slow, fast = trainer(published), trainer(acting)
    benchmark.pedantic(fast, rounds=5)
    times = [(seconds(slow), seconds(fast)) for _ in range(3)]
    speed = min(a for a, _ in times) / min(b for _, b in times)
    benchmark.extra_info |= {"weights_ratio": round(weights, 1), "speed_ratio": round(speed, 1)}
    print(f"{n_hidden} hidden: {weights:.1f} times the weights, {speed:.1f} times the time")
    # the acting part grows with the hidden units, the idle part only with the samples
    assert weights > (20 if n_hidden <= 64 else 9)
