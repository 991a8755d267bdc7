"""The scoring at its extremes: perfect, random, constant, permuted, duplicated, rotated."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ortho_group
from threadpoolctl import threadpool_info, threadpool_limits

from simbench import Dataset, Recording, SimbenchError, SpikeTrains, evaluate, load_scenario
from simbench.data.recording import Truth
from simbench.scoring import evaluate as evaluate_module
from simbench.scoring.checks import check_latents
from simbench.scoring.evaluate import score
from simbench.scoring.latent_rows import is_of_recordings, labelled_neurons
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.targets import read_targets

N_CULTURES, N = 10, 40


@pytest.fixture(scope="module")
def dataset():
    """Labels by hand: two types, an in-degree around the type's mean, and a rate per culture."""
    rng = np.random.default_rng(0)
    recordings = []
    for index in range(N_CULTURES):
        kinds = rng.permutation(np.repeat(["RS", "CH"], N // 2))
        degree = rng.poisson(10, N) + 20 * (kinds == "CH")
        labels = pd.DataFrame(
            {"culture": f"culture-{index}", "firing_type": kinds, "in_degree": degree}
        )
        counts = rng.poisson(np.where(kinds == "CH", 40, 10))
        spikes = SpikeTrains.from_events(
            np.repeat(np.arange(N), counts), rng.uniform(0, 10, counts.sum()), N, 10.0
        )
        traces = np.ones((N, 20), dtype=np.float32)
        truth = Truth(labels, spikes, None, traces, {})
        recordings.append(Recording(f"r{index}", traces, 2.0, lambda truth=truth: truth))
    return Dataset(tuple(recordings), np.arange(N_CULTURES) >= N_CULTURES // 2)


def scores(latents, dataset, target, split="culture"):
    table = score(latents, dataset, [target], ["linear"])
    return float(table.loc[table["split"] == split, "value"].iloc[0])


def perfect(dataset):
    labels = dataset.labels
    residual = labels["in_degree"] - 20 * (labels["firing_type"] == "CH")
    return np.column_stack((labels["firing_type"] == "CH", residual)).astype(float)


def test_perfect_latents_score_one(dataset):
    assert scores(perfect(dataset), dataset, "firing_type") == 1
    assert scores(perfect(dataset), dataset, "in_degree") > 0.99


def test_random_latents_score_chance(dataset):
    latents = np.random.default_rng(1).standard_normal((len(dataset.labels), 4))
    assert scores(latents, dataset, "firing_type") == pytest.approx(0.5, abs=0.1)
    assert scores(latents, dataset, "in_degree") == pytest.approx(0, abs=0.1)


def test_constant_latents_score_chance(dataset):
    latents = np.full((len(dataset.labels), 3), 7.0)
    assert scores(latents, dataset, "firing_type") == 0.5
    assert scores(latents, dataset, "in_degree") == pytest.approx(0, abs=0.02)


def test_permuted_neurons_score_chance(dataset):
    order = np.random.default_rng(2).permutation(len(dataset.labels))
    assert scores(perfect(dataset)[order], dataset, "firing_type") == pytest.approx(0.5, abs=0.1)


def test_rotation_scale_and_duplication_change_nothing_much(dataset):
    rng = np.random.default_rng(3)
    latents = perfect(dataset) + rng.normal(0, 0.7, (len(dataset.labels), 2))
    plain = scores(latents, dataset, "firing_type")
    rotated = latents @ ortho_group.rvs(2, random_state=0)
    assert scores(rotated, dataset, "firing_type") == pytest.approx(plain, abs=0.03)
    assert scores(1e6 * latents + 5, dataset, "firing_type") == pytest.approx(plain, abs=1e-9)
    doubled = np.column_stack((latents, latents))
    assert scores(doubled, dataset, "firing_type") == pytest.approx(plain, abs=0.03)


def test_knowing_the_type_alone_scores_nothing_on_a_number(dataset):
    """Pooled over types the in-degree is mostly the type; within type it must not count."""
    latents = (dataset.labels["firing_type"] == "CH").to_numpy(float)[:, None]
    pooled = np.corrcoef(latents[:, 0], dataset.labels["in_degree"])[0, 1] ** 2
    assert pooled > 0.7
    assert scores(latents, dataset, "in_degree") == pytest.approx(0, abs=0.03)


def test_recognising_the_culture_pays_only_in_the_split_by_neuron():
    """A label that is constant in a culture can be read off a culture fingerprint, and only
    the split by culture sees that nothing was understood."""
    rng = np.random.default_rng(4)
    recordings = []
    for index in range(12):
        labels = pd.DataFrame({"firing_type": np.repeat(["RS", "CH"][index % 2], N)})
        truth = Truth(labels, None, None, None, {})
        recordings.append(Recording(f"r{index}", np.ones((N, 4)), 1.0, lambda truth=truth: truth))
    dataset = Dataset(tuple(recordings), np.arange(12) >= 6)
    fingerprint = rng.standard_normal((12, 16))[dataset.culture]
    latents = fingerprint + 0.01 * rng.standard_normal(fingerprint.shape)
    assert scores(latents, dataset, "firing_type", "neuron") > 0.95
    assert scores(latents, dataset, "firing_type", "culture") < 0.85


def test_recovery_places_the_score_between_floor_and_ceiling(dataset):
    table = evaluate(perfect(dataset), dataset, ["firing_type"], ["linear"])
    table = table[table["metric"] == "balanced_accuracy"]
    assert set(table["split"]) == {"culture", "neuron"}
    expected = (table["value"] - table["chance"]) / (table["ceiling"] - table["chance"])
    np.testing.assert_allclose(table["recovery"], expected)
    assert (table["chance"] < 0.65).all()
    assert (table["ceiling"] > 0.9).all()
    assert table["per_culture"].map(len).eq(N_CULTURES // 2)[table["split"] == "culture"].all()


@pytest.mark.parametrize(
    ("latents", "complaint"),
    [
        (np.zeros(400), r"shape \(400,\); expected \(400, n_components\)"),
        (np.zeros((399, 2)), r"shape \(399, 2\)"),
        (np.zeros((400, 0)), r"shape \(400, 0\)"),
        (np.full((400, 2), np.nan), "800 values are not finite"),
        (np.full((400, 2), np.inf), "not finite"),
        (np.zeros((400, 2), complex), "type complex128"),
        (np.full((400, 2), "a"), "type <U1"),
        (np.full((400, 2), None), "type object"),
    ],
)
def test_wrong_latents_are_refused(latents, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        check_latents(latents, 400)


def test_huge_latents_end_in_a_score_or_a_refusal(dataset):
    assert scores(perfect(dataset) * 1e90, dataset, "firing_type") == 1
    with pytest.raises(SimbenchError, match="allowed: up to 1e"):
        evaluate(perfect(dataset) * 1e150, dataset, ["firing_type"])


def test_every_row_is_of_a_registered_metric_and_within_its_bounds(dataset):
    latents = perfect(dataset) + np.random.default_rng(6).normal(size=(len(dataset.labels), 2))
    nuisances = {"nuisances": ["culture", "firing_type", "in_degree"]}
    scenario = load_scenario("quickstart").model_copy(update=nuisances)
    of_scenario = replace(dataset, scenario=scenario)
    table = score(latents, of_scenario, ["firing_type", "in_degree"])
    assert not table.duplicated(["target", "metric", "probe", "split"]).any()
    for row in table.itertuples():
        metric = METRICS[row.metric]
        assert metric.low - 1e-9 <= row.value <= metric.high + 1e-9
    others = ("trace", "replication", "class of a culture")
    of_latents = {name for name, m in METRICS.items() if m.group not in others}
    assert of_latents == set(table["metric"])


def all_targets(latents, dataset):
    table = score(latents, dataset, ["firing_type", "in_degree"], ["linear"])
    return table[table["target"] == "all targets"].set_index("metric")["value"]


def test_latents_that_are_the_targets_line_up_with_all_of_them(dataset):
    values = all_targets(perfect(dataset) / [0.5, 3], dataset)
    assert (values[["disentanglement", "completeness", "informativeness"]] > 0.9).all()
    assert (values[["truth_r2", "cka"]] > 0.95).all()


def test_noise_lines_up_with_nothing(dataset):
    latents = np.random.default_rng(7).normal(size=(len(dataset.labels), 3))
    values = all_targets(latents, dataset)
    assert (values.drop(["disentanglement", "completeness"]).abs() < 0.15).all()


def test_rotation_hides_the_targets_from_single_latents_only(dataset):
    latents = perfect(dataset) / [0.5, 3]
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    straight, rotated = all_targets(latents, dataset), all_targets(latents @ turn, dataset)
    assert rotated["disentanglement"] < straight["disentanglement"] - 0.3
    assert rotated["truth_r2"] == pytest.approx(straight["truth_r2"], abs=0.01)


def test_the_type_is_not_counted_twice(dataset):
    """In-degree is mostly the type here; latents that know the type alone hold one target."""
    latents = (dataset.labels["firing_type"] == "CH").to_numpy(float)[:, None]
    assert all_targets(latents, dataset)["informativeness"] == pytest.approx(0.5, abs=0.03)


def test_unknown_targets_are_refused(dataset):
    with pytest.raises(SimbenchError, match="unknown target 'mood'; allowed: .*firing_type"):
        evaluate(perfect(dataset), dataset, ["mood"])
    with pytest.raises(SimbenchError, match="name the targets"):
        evaluate(perfect(dataset), dataset)


@pytest.mark.parametrize(
    ("targets", "probes", "complaint"),
    [
        ([], ["linear"], "no targets; needed is at least one"),
        (["in_degree", "in_degree"], ["linear"], "duplicate target 'in_degree'"),
        (["in_degree"], ["nope"], "unknown probe 'nope'; allowed: linear, nonlinear"),
        (["in_degree"], ["linear", "linear"], "duplicate probe 'linear'"),
    ],
)
def test_nonsense_is_refused(dataset, targets, probes, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        evaluate(perfect(dataset), dataset, targets, probes)


def test_datasets_that_cannot_be_scored_are_refused(dataset):
    latents = perfect(dataset)
    for test in (np.zeros(N_CULTURES, bool), np.ones(N_CULTURES, bool)):
        with pytest.raises(SimbenchError, match="needs training cultures and test cultures"):
            evaluate(latents, replace(dataset, test=test), ["firing_type"])
    one_type = replace(dataset)
    object.__setattr__(one_type, "labels", dataset.labels.assign(firing_type="RS"))
    with pytest.raises(SimbenchError, match="'firing_type' is 'RS' in all training cultures"):
        evaluate(latents, one_type, ["firing_type"])


def with_labels(dataset, **columns):
    changed = replace(dataset)
    object.__setattr__(changed, "labels", dataset.labels.assign(**columns))
    return changed


def test_a_number_that_never_varies_is_refused(dataset):
    same = with_labels(dataset, in_degree=6)
    with pytest.raises(SimbenchError, match="'in_degree' is 6 in all training cultures; .* values"):
        evaluate(perfect(dataset), same, ["in_degree"])


def test_where_a_probe_sees_one_class_it_names_that(dataset):
    """One neuron of another kind on each side: most splits by neuron train on one class."""
    kinds = np.full(len(dataset.labels), "RS")
    kinds[[0, -1]] = "CH"
    rare = with_labels(dataset, firing_type=kinds)
    table = score(perfect(dataset), rare, ["firing_type"])
    table = table[table["metric"] == "balanced_accuracy"].set_index(["probe", "split"])["value"]
    assert table.between(0, 1).all()
    assert len(table) == 4


def test_few_labelled_cultures_hold_all_classes_where_each_has_one(dataset):
    kinds = np.where(dataset.culture % 2, "RS", "CH")
    scenario = load_scenario("quickstart").model_copy(update={"labelled_cultures": 2})
    pure = replace(with_labels(dataset, firing_type=kinds), scenario=scenario)
    object.__setattr__(pure, "labels", dataset.labels.assign(firing_type=kinds))
    (target,) = read_targets(pure, ["firing_type"])
    for chosen in labelled_neurons(pure, target):
        assert set(kinds[chosen]) == {"RS", "CH"}


@pytest.mark.parametrize("lacking", [[], [0], [0, 7]])
def test_a_number_of_recordings_is_scored_at_once_even_if_some_lack_it(dataset, lacking):
    age = dataset.culture.astype(float)
    age[np.isin(dataset.culture, lacking)] = np.nan
    (target,) = read_targets(with_labels(dataset, age=age), ["age"])
    assert is_of_recordings(dataset, target)


def test_without_firing_types_numbers_are_scored_within_nothing(dataset):
    no_type = replace(dataset)
    object.__setattr__(no_type, "labels", dataset.labels.drop(columns="firing_type"))
    (target,) = read_targets(no_type, ["in_degree"])
    train = ~no_type.test_neurons
    plain = target.label - target.label[train].mean()
    np.testing.assert_allclose(target.answer(train), plain)
    assert len(evaluate(perfect(dataset), no_type, ["in_degree"]))


def test_a_scenario_without_targets_is_refused_in_one_line(dataset):
    nothing = {"targets": [], "protocols": ["reconstruction"]}
    scenario = load_scenario("quickstart").model_copy(update=nothing)
    with pytest.raises(SimbenchError, match="no targets"):
        evaluate(perfect(dataset), replace(dataset, scenario=scenario))


def test_neurons_without_a_label_are_left_out(dataset):
    gaps = perfect(dataset).copy()
    labels = dataset.labels.assign(isi_cv=gaps[:, 1])
    labels.loc[::3, "isi_cv"] = np.nan
    object.__setattr__(dataset, "labels", labels)
    assert scores(gaps, dataset, "isi_cv") > 0.99


@pytest.mark.parametrize("n_known", [1, 2, 3, 5])
def test_a_label_of_very_few_neurons_ends_in_scores(dataset, n_known):
    first = [np.flatnonzero(dataset.test_neurons == side)[:n_known] for side in (False, True)]
    known = np.zeros(len(dataset.labels), dtype=bool)
    known[np.concatenate([*first, np.flatnonzero(~dataset.test_neurons)[-1:]])] = True
    own = np.where(known, np.arange(len(known)), np.nan)
    rows = evaluate(perfect(dataset), with_labels(dataset, own=own), ["own"])
    assert "culture" in set(rows.loc[rows["target"] == "own", "split"])


def test_culture_fingerprints_are_seen_beside_the_score(dataset):
    rng = np.random.default_rng(8)
    fingerprint = rng.standard_normal((N_CULTURES, 4))[dataset.culture]
    noise = rng.standard_normal((len(dataset.labels), 4))
    seen = {}
    for name, latents in {"fingerprint": fingerprint + 0.1 * noise, "noise": noise}.items():
        table = score(latents, dataset, ["firing_type"], ["linear"]).set_index("metric")["value"]
        seen[name] = table["culture_accuracy"]
    assert seen["fingerprint"] > 0.95
    assert seen["noise"] < 0.4


def test_a_test_culture_without_the_label_keeps_its_place(dataset):
    sixth = dataset.recordings[6]
    labels = sixth.truth.labels.assign(in_degree=np.nan)
    bare = Recording("r6", sixth.fluorescence, 2.0, lambda: replace(sixth.truth, labels=labels))
    recordings = (*dataset.recordings[:6], bare, *dataset.recordings[7:])
    table = score(perfect(dataset), replace(dataset, recordings=recordings), ["in_degree"])
    table = table[table["metric"] == "within_type_r2"].set_index(["probe", "split"])
    values = np.array(table.loc[("linear", "culture"), "per_culture"])
    assert np.isnan(values).tolist() == [False, True, False, False, False]
    assert table.loc[("linear", "culture"), "value"] == pytest.approx(np.nanmean(values))
    assert np.flatnonzero(np.isnan(table.loc[("linear", "neuron"), "per_culture"])).tolist() == [6]


def test_one_thread_scores_so_that_sums_are_those_of_a_run(dataset, monkeypatch):
    seen = set()

    def rows(*_):
        seen.update(pool["num_threads"] for pool in threadpool_info())
        return []

    monkeypatch.setattr(evaluate_module, "rows_of_latents", rows)
    with threadpool_limits(2):
        rows()
        assert seen == {2}
        seen.clear()
        score(np.zeros((len(dataset.labels), 1)), dataset, ["firing_type"])
    assert seen == {1}
