"""What a hostile reader found in the scoring, on data where each fault would show."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simbench import Dataset, Recording, load_scenario
from simbench.benchmark.plan import Unit
from simbench.data.recording import Truth
from simbench.data.splits import neuron_split
from simbench.scoring.evaluate import evaluate, score
from simbench.scoring.latent_rows import labelled_neurons
from simbench.scoring.probes import read
from simbench.scoring.statistics import vote_p
from simbench.scoring.targets import read_targets

N_CULTURES, N = 24, 20
CULTURE = np.repeat(np.arange(N_CULTURES), N)
TOPOLOGY = np.array(["flat", "tracks"])[CULTURE % 2]  # conditions take turns


def cultures(topology=TOPOLOGY, **labels):
    """A dataset of cultures whose second half tests."""
    recordings = []
    for index in range(N_CULTURES):
        mine = index == CULTURE
        table = pd.DataFrame({"culture": f"c{index}", "topology": topology[mine]})
        table = table.assign(**{name: values[mine] for name, values in labels.items()})
        truth = Truth(table, None, None, None, {})
        recordings.append(Recording(f"r{index}", np.ones((N, 4)), 1.0, lambda truth=truth: truth))
    return Dataset(tuple(recordings), np.arange(N_CULTURES) >= N_CULTURES // 2)


def test_neurons_of_a_culture_vote_for_its_class():
    """55 % of the neurons of each culture are right: as votes, nearly all cultures are."""
    rng = np.random.default_rng(1)
    is_right = np.concatenate([rng.permutation(N) < 0.6 * N for _ in range(N_CULTURES)])
    said = np.where(is_right, TOPOLOGY == "flat", TOPOLOGY != "flat").astype(float)
    table = score(said[:, None], cultures(), ["topology"], ["linear"])
    row = table[(table["metric"] == "vote_accuracy") & (table["split"] == "culture")].iloc[0]
    assert row["value"] == 1
    assert row["chance"] == 0.5
    assert "balanced_accuracy" not in set(table["metric"])
    assert row["confusion"]["flat"]["flat"] == pytest.approx(0.6)


def test_half_a_vote_is_half_right():
    table = score(np.zeros((len(CULTURE), 1)), cultures(), ["topology"], ["linear"])
    row = table[(table["metric"] == "vote_accuracy") & (table["split"] == "culture")].iloc[0]
    assert row["value"] == 0.5


@pytest.mark.parametrize(
    ("n_right", "n", "p"), [(55, 60, 5.04e-12), (17, 60, 0.9999), (5, 5, 1 / 32)]
)
def test_votes_have_an_exact_p(n_right, n, p):
    assert vote_p(np.arange(n) < n_right, 0.5) == pytest.approx(p, rel=0.01)


def test_the_leakage_gap_is_a_mean_of_ten_splits():
    kind = np.where(np.random.default_rng(2).random(len(CULTURE)) < 0.5, "RS", "CH")
    noise = np.random.default_rng(3).normal(size=(len(CULTURE), 4))
    table = score(noise, cultures(firing_type=kind), ["firing_type"], ["linear"])
    row = table[table["split"] == "neuron"].iloc[0]
    alone, strength, values = np.arange(len(CULTURE)), None, []
    for draw in range(10):
        test = neuron_split(len(CULTURE), 0.5, draw)
        reading = read(noise, kind, ~test, test, alone, "linear", True, strength)
        strength = reading.strength
        hits = pd.Series(reading.predicted == kind[test])
        values.append(hits.groupby([CULTURE[test], kind[test]]).mean().groupby(level=0).mean())
    means = [value.mean() for value in values]
    assert row["value"] == pytest.approx(np.mean(means))
    assert np.std(means) > 0.005  # a single split is a lottery


def test_bits_of_perfect_useless_and_half_known_classes():
    rng = np.random.default_rng(4)
    kind = np.array(["RS", "IB", "CH", "FS"])[rng.integers(0, 4, len(CULTURE))]
    data = cultures(firing_type=kind)
    noise = rng.normal(size=(len(CULTURE), 3))

    def bits(latents):
        table = score(latents, data, ["firing_type"], ["linear"])
        return table.loc[table["metric"] == "information_bits", "value"].item()

    assert bits(np.eye(4)[np.unique(kind, return_inverse=True)[1]]) == pytest.approx(2, abs=0.05)
    assert bits(noise) == pytest.approx(0, abs=0.05)
    pair = np.isin(kind, ["RS", "IB"]).astype(float)[:, None]  # one of two bits
    assert bits(pair) == pytest.approx(1, abs=0.05)


def test_overconfident_latents_are_calibrated():
    """Right in some of the cases at a distance that says certain: the bits are those of some."""
    rng = np.random.default_rng(5)
    kind = np.where(rng.random(len(CULTURE)) < 0.5, "RS", "CH")
    said = np.where(rng.random(len(CULTURE)) < 0.75, kind == "RS", kind != "RS")
    table = score(100.0 * said[:, None], cultures(firing_type=kind), ["firing_type"], ["linear"])
    is_right, train = said == (kind == "RS"), CULTURE < N_CULTURES // 2
    q = is_right[train].mean()
    hits = pd.Series(np.where(is_right, np.log2(q), np.log2(1 - q)))[~train]
    by_class = hits.groupby([CULTURE[~train], kind[~train]]).mean()
    expected = 1 + by_class.groupby(level=0).mean().mean()
    bits = table.loc[table["metric"] == "information_bits", "value"].item()
    assert bits == pytest.approx(expected, abs=0.06)
    assert bits > 0  # uncalibrated, far below: said to be certain, and often wrong


def test_the_floor_of_a_vote_is_no_draw_of_random_latents():
    rng = np.random.default_rng(6)
    table = evaluate(rng.normal(size=(len(CULTURE), 4)), cultures(), ["topology"], ["linear"])
    assert table.loc[table["metric"] == "vote_accuracy", "chance"].iloc[0] == 0.5


def test_few_labelled_cultures_are_drawn_evenly_and_ten_times():
    scenario = load_scenario("tracks").model_copy(update={"labelled_cultures": 4})
    data = replace(cultures(), scenario=scenario)
    (target,) = read_targets(data, ["topology"])
    draws = list(labelled_neurons(data, target))
    assert len(draws) == len({tuple(draw) for draw in draws}) == 10
    for draw in draws:
        assert not (draw & data.test_neurons).any()
        names, counts = np.unique(TOPOLOGY[draw], return_counts=True)
        assert counts.tolist() == [2 * N, 2 * N]
        assert names.tolist() == ["flat", "tracks"]


def test_more_labels_help():
    rng = np.random.default_rng(7)
    kind = np.where(rng.random(len(CULTURE)) < 0.5, "RS", "CH")
    latents = np.column_stack([(kind == "RS") + rng.normal(size=len(kind)),
                               rng.normal(size=(len(kind), 40))])  # fmt: skip
    scenario = load_scenario("label-efficiency")
    values = []
    for n in (2, 12):
        plain = scenario.model_copy(update={"labelled_cultures": n, "levels": {}})
        data = replace(cultures(firing_type=kind), scenario=plain)
        table = score(latents, data, ["firing_type"], ["linear"])
        assert "neuron" not in set(table["split"])
        values.append(table.loc[table["metric"] == "balanced_accuracy", "value"].item())
    assert values[1] > values[0] + 0.03


def test_levels_of_labels_share_one_fit():
    scenario = load_scenario("label-efficiency")
    units = [Unit(level, 1, "pca", name) for name, level in scenario.at_levels.items()]
    assert len(units) == 5
    assert len({unit.latents_folder for unit in units}) == 1
    assert len({unit.scores_folder for unit in units}) == 5
    assert scenario.n_test == 60
