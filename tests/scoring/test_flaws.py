"""Each published flaw of scoring, on data where it shows, against the scoring that avoids it.

Numbers as in the list of flaws of arXiv 2501.14615's code. Flaw 1 (the LSTM that sees one time
step) is one of the network and is tested with it.
"""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from simbench.data.published_traces import published_scale
from simbench.data.splits import neuron_split
from simbench.scenario.labels import LABELS
from simbench.scoring.clustering import kmeans_ari
from simbench.scoring.probes import (
    balanced_accuracy,
    read,
    within_type_r2,
)
from simbench.scoring.published_protocol import published_ari, published_mse
from simbench.scoring.targets import Target
from simbench.scoring.trace_metrics import reconstruction_skill

TYPES = np.array(["RS", "IB", "CH"])


def held_out(latents, label, culture, probe="linear", split="culture"):
    """Balanced accuracy of a probe, by culture (every second one tests) or by neuron."""
    by_culture = np.isin(culture, np.unique(culture)[::2])
    train = by_culture if split == "culture" else ~neuron_split(len(label), 0.5)
    groups = culture if split == "culture" else np.arange(len(label))
    predicted = read(latents, label, train, ~train, groups, probe, is_class=True).predicted
    return balanced_accuracy(label[~train], predicted)


def test_flaw_2_eps_tuned_on_labels_finds_structure_in_noise():
    rng = np.random.default_rng(0)
    labels = np.repeat(TYPES, [90, 30, 30])
    tuned, fixed = [], []
    for _ in range(16):
        latents = 0.3 * rng.normal(size=(150, 2))
        tuned.append(published_ari(latents, labels, "avae"))
        fixed.append(kmeans_ari(latents, labels))
    assert min(tuned) >= 0
    assert np.mean(tuned) > 0.02
    assert abs(np.mean(fixed)) < 0.02


def test_flaw_2_ranges_of_eps_decide_who_wins_and_label_free_clusters_do_not_care():
    """The same latents in two units, one for each family's range."""
    rng = np.random.default_rng(1)
    labels = np.repeat(TYPES, 80)
    latents = 5 * np.eye(3)[np.repeat(np.arange(3), 80)] + 0.8 * rng.normal(size=(240, 3))
    assert published_ari(latents, labels, "pca") > 0.5
    assert published_ari(latents, labels, "avae") < 0.1
    assert np.ptp([kmeans_ari(unit * latents, labels) for unit in (0.01, 1, 100)]) < 1e-9


@pytest.fixture(scope="module")
def traces():
    """Three types that differ in how their traces look, 16 cultures, at rising noise."""
    rng = np.random.default_rng(2)
    kind = np.arange(480) % 3
    culture = np.arange(480) // 30
    shape = rng.normal(size=(3, 100))
    clean = shape[kind] + 0.3 * rng.normal(size=(480, 100))
    noise = rng.normal(size=(480, 100))
    return clean, {sigma: clean + sigma * noise for sigma in (0.5, 2.5, 12.0)}, kind, culture


def test_flaw_3_clean_traces_make_a_score_that_no_noise_can_lower(traces):
    clean, noisy, kind, culture = traces
    label = TYPES[kind]
    published, honest = [], []
    for sigma in (0.5, 12.0):
        published.append(
            published_ari(5 * PCA(4).fit_transform(published_scale(clean)), label, "pca")
        )
        train = culture % 2 == 0
        latents = PCA(4).fit(noisy[sigma][train]).transform(noisy[sigma])
        honest.append(held_out(latents, label, culture))
    assert np.ptp(published) == 0
    assert honest[0] > 0.95
    assert honest[0] > honest[-1] + 0.2


def test_flaw_4_two_scalings_punish_a_perfect_reconstruction(traces):
    clean, noisy, _, _ = traces
    errors = [published_mse(clean, clean, noisy[sigma]) for sigma in noisy]
    assert 0 < errors[0] < errors[1] < errors[2]
    for sigma in noisy:
        assert reconstruction_skill(clean, clean, noisy[sigma]) == 1


def test_flaw_4_two_scalings_prefer_a_wrong_reconstruction(traces):
    """Stretch the clean trace by the noise: nobody wants it, and it wins."""
    clean, noisy, _, _ = traces
    seen = noisy[2.5]
    stretched = (published_scale(clean) + 0.5) * np.ptp(seen) + seen.min()
    assert published_mse(stretched, clean, seen) < 1e-12 < published_mse(clean, clean, seen)
    assert reconstruction_skill(stretched, clean, seen) < 0


@pytest.fixture(scope="module")
def fingerprints():
    """One type a culture; latents that know the culture and nothing else."""
    rng = np.random.default_rng(3)
    culture = np.repeat(np.arange(18), 30)
    latents = 3 * rng.normal(size=(18, 12))[culture] + rng.normal(size=(540, 12))
    return latents, TYPES[culture // 2 % 3], culture


@pytest.mark.parametrize("probe", ["linear", "nonlinear"])
def test_flaw_5_a_neuron_split_rewards_knowing_the_culture(fingerprints, probe):
    latents, label, culture = fingerprints
    assert held_out(latents, label, culture, probe, "neuron") > 0.9
    assert held_out(latents, label, culture, probe, "culture") < 0.7


def test_flaw_6_a_type_mean_does_not_pass_for_a_parameter():
    """c is set by the type plus noise; the latents know the type perfectly, of c nothing more."""
    rng = np.random.default_rng(4)
    kind, culture = rng.integers(0, 3, 600), np.arange(600) // 30
    c = np.array([-65.0, -55.0, -50.0])[kind] + rng.normal(size=600)
    latents = np.eye(3)[kind] + 0.01 * rng.normal(size=(600, 3))
    train = culture % 2 == 0
    target = Target("c", False, c, TYPES[kind])
    pooled = read(latents, c, train, ~train, culture, "linear", False).predicted
    assert np.corrcoef(pooled, c[~train])[0, 1] > 0.9
    answer = target.answer(train)
    for probe in ("linear", "nonlinear"):
        predicted = read(latents, answer, train, ~train, culture, probe, False).predicted
        assert within_type_r2(answer[~train], predicted) < 0.05
    knowing = np.column_stack([latents, c])
    predicted = read(knowing, answer, train, ~train, culture, "linear", False).predicted
    assert within_type_r2(answer[~train], predicted) > 0.9


def test_flaw_7_topology_is_a_label_that_can_be_scored_and_missed():
    rng = np.random.default_rng(5)
    culture = np.repeat(np.arange(16), 20)
    topology = np.array(["flat", "tracks"])[culture // 2 % 2]
    assert LABELS["topology"].kind == "class"
    signal = (topology == "flat")[:, None] + 0.2 * rng.normal(size=(320, 4))
    noise = rng.normal(size=(320, 4))
    assert held_out(signal, topology, culture) > 0.95
    assert held_out(noise, topology, culture) == pytest.approx(0.5, abs=0.12)
