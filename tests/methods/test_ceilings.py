"""The ceilings: what is left of spikes by frame and without the population; a taught network."""

import numpy as np
import pandas as pd
import pytest
import torch

from simbench import SimbenchError, SpikeTrains
from simbench.benchmark.plan import plan
from simbench.benchmark.run import run
from simbench.board.leaderboard import leaderboard
from simbench.data.reference_latents import spike_latents
from simbench.methods.avae.encoder_decoder import mixture_cdf
from simbench.methods.controls.taught import (
    TEACHING_SEED,
    Questions,
    TracesTaught,
    mixture_of,
    posterior_moments,
    teaching_scenario,
)
from simbench.methods.registry import get_method
from simbench.report.result_tables import write_tables
from simbench.scenario.scenario_file import load_scenario


def test_counts_by_frame_forget_when_in_the_frame_spikes_came():
    spikes = SpikeTrains.from_events(
        np.array([0, 0, 0, 1, 1]), np.array([0.01, 0.02, 0.31, 0.10, 0.999]), 2, 1.0
    )
    counted = spikes.counted(10.0)
    np.testing.assert_allclose(counted.times, [0.025, 0.075, 0.35, 0.15, 0.95])
    np.testing.assert_array_equal(counted.offsets, spikes.offsets)
    moved = SpikeTrains(np.array([0.05, 0.09, 0.39, 0.19, 0.9]), spikes.offsets, 1.0)
    np.testing.assert_array_equal(moved.counted(10.0).times, counted.times)


@pytest.mark.parametrize("frame_rate", [5, 10, 20, 50, 100, 200])
def test_a_spike_at_the_border_of_two_frames_belongs_to_the_later(frame_rate):
    """Spike times are whole steps of 0.1 ms: which frame holds them is told by whole numbers."""
    steps = np.arange(20_000)
    spikes = SpikeTrains(steps * 0.1 / 1000, np.array([0, len(steps)]), 2.0)
    expected = steps * frame_rate // 10_000
    np.testing.assert_array_equal(spikes.frames(frame_rate), expected)
    counted = np.floor(spikes.counted(frame_rate).times * frame_rate)
    np.testing.assert_array_equal(counted, expected)


def test_ceilings_hold_what_their_names_say(tiny_dataset):
    whole, own = spike_latents(tiny_dataset), spike_latents(tiny_dataset, population=False)
    frames = spike_latents(tiny_dataset, by_frame=True)
    assert own.shape[1] < whole.shape[1] == frames.shape[1]
    assert not np.allclose(whole, frames)
    for name, expected in (("spikes", whole), ("spikes-own", own), ("spikes-frames", frames)):
        np.testing.assert_array_equal(get_method(name).embed(tiny_dataset), expected)


def test_own_spikes_do_not_depend_on_the_population(tiny_dataset):
    """Statistics of a neuron alone are those that it has beside others, shrinkage apart."""
    from simbench.culture.spike_statistics import spike_statistics
    from simbench.data.recording import true_spikes

    spikes = true_spikes(tiny_dataset.recordings[0])
    neuron = int(np.argmax(spikes.counts))
    alone = SpikeTrains(spikes[neuron], np.array([0, len(spikes[neuron])]), spikes.duration)
    names = [c for c in spike_statistics(spikes) if c.startswith(("log_isi_q", "log_rate"))]
    np.testing.assert_allclose(
        spike_statistics(alone)[names].iloc[0], spike_statistics(spikes)[names].iloc[neuron]
    )


def test_cultures_that_teach_are_no_cultures_of_a_board(tiny):
    taught = teaching_scenario(tiny, 10)
    assert taught.replicates * len(taught.conditions) >= 10
    assert TEACHING_SEED > 10**6
    few = list(load_scenario("label-efficiency").at_levels.values())[-1]
    assert few.labelled_cultures > 20
    assert teaching_scenario(few, 20).labelled_cultures is None
    assert [c.model_dump() for c in taught.conditions] == [c.model_dump() for c in tiny.conditions]


@pytest.fixture(scope="module")
def answers(tiny, tiny_dataset):
    return TracesTaught(n_cultures=4, n_steps=20, width=4, device="cpu").embed(tiny_dataset)


def test_a_taught_network_answers_every_target(tiny, tiny_dataset, answers):
    labels, names = tiny_dataset.labels, tiny.targets
    n_columns = sum(labels[n].nunique() if labels[n].dtype == object else 2 for n in names)
    assert answers.shape[0] == len(labels)
    assert answers.shape[1] >= n_columns
    assert np.isfinite(answers).all()


def test_it_never_looks_at_the_labels_at_hand(tiny_dataset, answers, monkeypatch):
    wrong = tiny_dataset.labels.sample(frac=1, random_state=0).reset_index(drop=True)
    blind = type(tiny_dataset)(
        tiny_dataset.recordings, tiny_dataset.test, tiny_dataset.scenario, tiny_dataset.seed
    )
    object.__setattr__(blind, "labels", wrong)
    again = TracesTaught(n_cultures=4, n_steps=20, width=4, device="cpu").embed(blind)
    np.testing.assert_array_equal(again, answers)


@pytest.mark.slow
def test_the_learning_curve_is_drawn_from_rows(tiny, tmp_path):
    names = [f"traces-taught[n_cultures={n}, n_steps=10, width=4, device=cpu]" for n in (4, 8)]
    rows = run(plan([tiny], names, [1]))
    assert (rows["status"] == "ok").all()
    write_tables(tmp_path, rows, tiny)
    assert (tmp_path / "taught.svg").is_file()
    curve = pd.read_csv(tmp_path / "taught.csv").set_index(["target", "level"])["score"]
    assert list(curve["firing_type"].index) == [4, 8]
    board = leaderboard(rows).table
    for name, n in zip(names, (4, 8)):
        for target in tiny.targets:
            assert curve[target, n] == pytest.approx(board.loc[name, (target, "score")], abs=1e-5)


def test_recordings_of_others_cannot_teach(tiny_dataset):
    from dataclasses import replace

    with pytest.raises(SimbenchError, match="needs a simulated scenario"):
        TracesTaught().embed(replace(tiny_dataset, scenario=None))


def test_the_posterior_of_a_number_is_calibrated():
    """y = x + noise: mean x, s.d. that of the noise, and the true value anywhere in it alike."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000).astype(np.float32)
    noise = np.where(x > 0, 0.2, 0.8)  # wider below zero
    y = x + noise * rng.normal(size=len(x))
    questions = Questions(pd.DataFrame({"d": y}), ["d"])
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(1, 64), torch.nn.GELU(), torch.nn.Linear(64, questions.sizes[0])
    )
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    inputs, train = torch.from_numpy(x)[:, None], np.arange(2000)
    for _ in range(400):
        optimizer.zero_grad()
        questions.loss(network(inputs[train]), train).backward()
        optimizer.step()
    mixture = mixture_of(network(inputs[2000:]).detach())
    truth = torch.from_numpy(questions.answers[0][2000:])
    place = mixture_cdf(truth, mixture).numpy()
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.mean(place < level) == pytest.approx(level, abs=0.04)
    mean, sd = (values.numpy() for values in posterior_moments(mixture))
    unit = y.std()
    side = x[2000:] > 0
    assert np.median(sd[side]) * unit == pytest.approx(0.2, abs=0.08)
    assert np.median(sd[~side]) * unit == pytest.approx(0.8, abs=0.12)
    best_r2 = 1 - np.mean(sd**2)  # what the posterior leaves open
    reached = 1 - np.mean((truth.numpy() - mean) ** 2) / np.var(truth.numpy())
    assert reached == pytest.approx(best_r2, abs=0.03)
