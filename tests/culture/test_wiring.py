import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from simbench.core.errors import SimbenchError
from simbench.culture import graphs
from simbench.culture.growth import build_culture
from simbench.culture.neuron_labels import clustering
from simbench.culture.wiring import draw_weights, link_delays_ms, place_somata
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe, WiringRecipe

GRAPHS = ("random", "small-world", "scale-free", "modular", "distance")
TOPOLOGIES = ("flat", "tracks", "squares", *GRAPHS)


def build(topology, n=400, degree=10.0, seed=0, **wiring):
    recipe = WiringRecipe(topology=topology, mean_in_degree=degree, **wiring)
    return build_culture(CultureRecipe(n_neurons=n, wiring=recipe), seed)


def in_degrees(links):
    return np.bincount(links.indices, minlength=links.shape[0])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TOPOLOGIES), st.integers(20, 120), st.floats(0.5, 4.5), st.integers(0, 10))
def test_every_topology_reaches_its_mean_in_degree_without_self_links(topology, n, degree, seed):
    anatomy = build(topology, n, degree, seed)
    links = anatomy.wiring.links
    assert links.nnz == round(degree * n)
    assert links.diagonal().sum() == 0
    assert links.data.all()
    assert links.has_canonical_format


@pytest.mark.parametrize("topology", GRAPHS)
def test_an_in_degree_that_makes_no_link_is_a_culture_without_links(topology):
    wiring = build(topology, n=40, degree=0.01).wiring
    assert wiring.links.shape == (40, 40)
    assert wiring.links.nnz == 0
    sizes = np.bincount(wiring.module)
    assert sizes.tolist() == ([10] * 4 if topology == "modular" else [40])


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_neuron_has_weights_of_both_signs(topology):
    anatomy = build(topology)
    weights, inhibitory = anatomy.weights.toarray(), anatomy.firing.inhibitory
    assert (weights[inhibitory] <= 0).all()
    assert (weights[~inhibitory] >= 0).all()
    assert (weights < 0).any(axis=1).sum() == pytest.approx(inhibitory.sum(), abs=5)


def test_weights_have_the_published_means_and_spread():
    links = sparse.csr_array(np.ones((300, 300), dtype=bool))
    inhibitory = np.arange(300) < 60
    weights = draw_weights(links, inhibitory, SynapseRecipe(), np.random.default_rng(0)).toarray()
    assert weights[60:].mean() == pytest.approx(6, rel=0.01)
    assert weights[:60].mean() == pytest.approx(-12, rel=0.01)
    assert weights[60:].std() == pytest.approx(0.6, rel=0.02)


def test_random_in_degrees_are_hypergeometric():
    """Links without replacement among n(n-1) pairs; almost binomial."""
    n, degree = 2000, 12.0
    found = in_degrees(build("random", n, degree).wiring.links)
    law = stats.hypergeom(n * (n - 1), n - 1, round(degree * n))
    values = np.arange(4, 22)
    seen = np.array([(found == k).sum() for k in values])
    expected = n * law.pmf(values)
    p = stats.chisquare(np.append(seen, n - seen.sum()), np.append(expected, n - expected.sum()))
    assert p.pvalue > 0.001


def test_scale_free_degrees_follow_preferential_attachment():
    """Degrees before directions: P(k) = 2m(m+1) / (k(k+1)(k+2)) (Bollobas et al. 2001)."""
    n, m = 4000, 5
    links = build("scale-free", n, m * (n - m) / n).wiring.links
    degree = in_degrees(links) + np.diff(links.indptr)
    for k in (5, 6, 8, 10, 20):
        exact = m * (m + 1) / (k * (k + 1))  # the tail: P(degree >= k)
        assert np.mean(degree >= k) == pytest.approx(exact, rel=0.1)
    assert degree.max() > 60
    half = in_degrees(links)[degree > 40].sum() / degree[degree > 40].sum()
    assert half == pytest.approx(0.5, abs=0.05)


def test_small_world_without_rewiring_clusters_like_discs_on_the_plane():
    """Two discs a random step within one radius apart share 1 - 3 sqrt(3) / (4 pi) of their area
    (Dall & Christensen 2002); all rewired, it is as random as a random graph."""
    dish = build("small-world", 3000, 120.0, rewiring=0.0)
    middle = np.linalg.norm(dish.positions_mm, axis=1) < 1.0
    assert clustering(dish.wiring.links)[middle].mean() == pytest.approx(0.5865, abs=0.012)
    random = clustering(build("small-world", 1500, 20.0, rewiring=1.0).wiring.links)
    assert random.mean() == pytest.approx(20 / 1500, rel=0.1)
    regular, some = (
        clustering(build("small-world", 1500, 20.0, rewiring=p).wiring.links).mean()
        for p in (0.0, 0.1)
    )
    assert some / regular == pytest.approx(0.9**3, rel=0.05)  # Barrat & Weigt 2000


def test_small_world_in_degrees_are_binomial_when_all_is_rewired():
    links = build("small-world", 2000, 10.0, rewiring=1.0).wiring.links
    assert set(np.diff(links.indptr)) == {10}
    assert in_degrees(links).var() == pytest.approx(10 * (1 - 10 / 2000), rel=0.1)


def test_modules_are_equal_and_hold_their_share_of_links():
    anatomy = build("modular", 402, 10.0, n_modules=4, within_module=0.7)
    module = anatomy.wiring.module
    assert set(np.bincount(module)) <= {100, 101}
    edges = anatomy.wiring.links.tocoo()
    assert np.mean(module[edges.row] == module[edges.col]) == pytest.approx(0.7, abs=0.001)


def test_links_by_distance_follow_the_exponential_kernel():
    """Links over available pairs, by distance: an exponential with the length constant."""
    anatomy = build("distance", 2000, 4.0, length_constant_mm=0.25)
    position, edges = anatomy.positions_mm, anatomy.wiring.links.tocoo()
    edge = np.linspace(0, 1.5, 16)
    all_pairs = np.linalg.norm(position[:, None] - position, axis=-1)[~np.eye(2000, dtype=bool)]
    linked = np.linalg.norm(position[edges.row] - position[edges.col], axis=1)
    share = np.histogram(linked, edge)[0] / np.histogram(all_pairs, edge)[0]
    slope = np.polyfit((edge[1:] + edge[:-1])[:12] / 2, np.log(share[:12]), 1)[0]
    assert slope == pytest.approx(-1 / 0.25, rel=0.08)


def test_pairs_within_and_between_modules_are_uniform():
    """Every ordered pair is equally likely, against all pairs listed one by one."""
    module = np.array([0, 1, 0, 2, 1, 0, 2, 1])
    rng = np.random.default_rng(0)
    for draw, same in ((graphs._pairs_within, True), (graphs._pairs_between, False)):
        allowed = (module[:, None] == module) == same
        np.fill_diagonal(allowed, False)
        counts = {(int(i), int(j)): 0 for i, j in zip(*np.nonzero(allowed))}
        for _ in range(3000):
            for pair in zip(*draw(module, 3, rng)):
                counts[tuple(map(int, pair))] += 1
        assert len(counts) == allowed.sum()
        assert stats.chisquare(list(counts.values())).pvalue > 0.001


def test_clustering_is_that_of_networkx():
    links = build("distance", 80, 8.0).wiring.links
    expected = nx.clustering(nx.from_scipy_sparse_array(links, create_using=nx.DiGraph))
    np.testing.assert_allclose(clustering(links), [expected[i] for i in range(80)])


def test_delays_are_distance_over_velocity():
    weights = sparse.csr_array(([1.0, 2.0], ([0, 1], [1, 2])), shape=(3, 3))
    positions = np.array([[0, 0], [3.0, 4.0], [3.0, 5.0]])
    np.testing.assert_allclose(link_delays_ms(weights, positions, 0.5), [10.0, 2.0])
    assert link_delays_ms(weights, positions, None) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 300), st.floats(0, 20))
def test_somata_keep_their_distance_on_the_dish(n, spacing):
    recipe = CultureRecipe(n_neurons=n, min_spacing_um=spacing)
    positions = place_somata(recipe, np.random.default_rng(n))
    gap = np.linalg.norm(positions[:, None] - positions, axis=-1)[~np.eye(n, dtype=bool)]
    assert gap.min() >= spacing / 1000
    assert np.linalg.norm(positions, axis=1).max() <= np.sqrt(n / 250 / np.pi) + 1e-12


def test_somata_that_do_not_fit_are_an_error():
    for spacing in (80.0, 1e300):
        recipe = CultureRecipe(n_neurons=500, min_spacing_um=spacing)
        with pytest.raises(SimbenchError, match="min_spacing_um = .*: 500 somata do not fit"):
            place_somata(recipe, np.random.default_rng(0))


@pytest.mark.parametrize("key", [{"density_per_mm2": 1e-300}, {"wiring": {"feature_um": 1e-9}}])
def test_a_dish_of_too_many_features_is_an_error(key):
    with pytest.raises(SimbenchError, match="feature_um = .* allowed: at most 2000 features"):
        build_culture(CultureRecipe(n_neurons=10, **key), seed=0, index=0)


@pytest.mark.parametrize(
    ("topology", "degree", "most"),
    [("random", 60, "49"), ("scale-free", 20, "12.5"), ("modular", 20, "14"), ("tracks", 49, "")],
)
def test_an_impossible_in_degree_says_what_is_possible(topology, degree, most):
    with pytest.raises(SimbenchError, match=f"allowed: at most {most}") as error:
        build(topology, 50, float(degree))
    assert "\n" not in str(error.value)


def custom(path, **more):
    return CultureRecipe(
        n_neurons=4, wiring=WiringRecipe(topology="custom", edges=str(path), **more)
    )


def test_a_signed_edge_list_sets_weights_and_signs(tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post,weight\n0,1,6.5\n0,2,5.5\n3,0,-11\n")
    anatomy = build_culture(custom(tmp_path / "edges.csv"), 0)
    expected = np.zeros((4, 4))
    expected[0, 1], expected[0, 2], expected[3, 0] = 6.5, 5.5, -11
    np.testing.assert_array_equal(anatomy.weights.toarray(), expected)
    assert anatomy.firing.inhibitory.tolist() == [False, False, False, True]
    assert anatomy.firing.firing_type.tolist() == ["RS", "RS", "RS", "FS"]


def test_links_without_weights_get_them_drawn(tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post\n0,1\n0,2\n3,0\n")
    links = sparse.csr_array(build_culture(custom(tmp_path / "edges.csv"), 0).wiring.links)
    sparse.save_npz(tmp_path / "links.npz", links)
    for name in ("edges.csv", "links.npz"):
        anatomy = build_culture(custom(tmp_path / name), 0)
        assert anatomy.weights.nnz == 3
        assert (np.abs(anatomy.weights.data) > 3).all()


@pytest.mark.parametrize("columns", ["pre,post", "pre,post,weight"])
def test_an_edge_list_without_edges_is_a_culture_without_links(tmp_path, columns):
    (tmp_path / "edges.csv").write_text(f"{columns}\n")
    anatomy = build_culture(custom(tmp_path / "edges.csv"), 0)
    assert anatomy.weights.shape == (4, 4)
    assert anatomy.weights.nnz == anatomy.wiring.links.nnz == 0


def test_a_custom_wiring_is_thinned_to_its_in_degree(tmp_path):
    links = ~np.eye(4, dtype=bool)
    sparse.save_npz(tmp_path / "all.npz", sparse.csr_array(links))
    assert build_culture(custom(tmp_path / "all.npz", mean_in_degree=2.0), 0).weights.nnz == 8
    (tmp_path / "few.csv").write_text("pre,post\n0,1\n")
    with pytest.raises(SimbenchError, match=r"at most 0.25 \(the links in"):
        build_culture(custom(tmp_path / "few.csv", mean_in_degree=2.0), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pre,post\n0,4\n", r"whole numbers in 0..3"),
        ("pre,post\n0.5,1\n", r"whole numbers in 0..3"),
        ("pre,post\n2,2\n", "neuron 2 links to itself"),
        ("pre,post\n0,1\n0,1\n", "0 -> 1 is a duplicate"),
        ("pre,post,weight\n0,1,2\n0,2,-2\n", "row 0 has weights of both signs"),
        ("pre,post,weight\n0,1,inf\n", "a weight is not finite"),
        ("from,to\n0,1\n", r"allowed: pre,post\[,weight\]"),
        ("", "edges.csv"),
    ],
)
def test_a_bad_edge_list_is_one_clear_error(tmp_path, text, message):
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(SimbenchError, match=message) as error:
        build_culture(custom(tmp_path / "edges.csv"), 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones(4), r"shape \(4,\); allowed is a square matrix"),
        (np.ones((4, 3)), r"shape \(4, 3\); allowed is a square matrix"),
        (np.zeros((3, 3)), "3 neurons; the culture has n_neurons = 4"),
        (np.eye(4), "neuron 0 links to itself"),
    ],
)
def test_a_bad_matrix_is_one_clear_error(tmp_path, matrix, message):
    sparse.save_npz(tmp_path / "matrix.npz", sparse.coo_array(matrix))
    with pytest.raises(SimbenchError, match=message):
        build_culture(custom(tmp_path / "matrix.npz"), 0)


def test_a_missing_or_foreign_file_is_one_clear_error(tmp_path):
    (tmp_path / "broken.npz").write_text("no zip")
    for name in ("nowhere.csv", "nowhere.npz", "broken.npz", "edges.txt"):
        with pytest.raises(SimbenchError, match=f"wiring.edges = '.*{name}'") as error:
            build_culture(custom(tmp_path / name), 0)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("n_bytes", [0, 30, -30])
def test_a_truncated_matrix_is_one_clear_error(tmp_path, n_bytes):
    path = tmp_path / "matrix.npz"
    sparse.save_npz(path, sparse.csr_array(np.ones((4, 4)) - np.eye(4)))
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(SimbenchError, match="wiring.edges = '.*matrix.npz': truncated") as error:
        build_culture(custom(path), 0)
    assert "\n" not in str(error.value)


def test_the_cache_knows_the_content_of_a_file(tmp_path):
    recipe = custom(tmp_path / "edges.csv").wiring
    (tmp_path / "edges.csv").write_text("pre,post\n0,1\n")
    before = recipe.file_digest()
    (tmp_path / "edges.csv").write_text("pre,post\n0,2\n")
    assert recipe.file_digest() != before
    assert WiringRecipe().file_digest() is None


def test_lognormal_weights_of_excitation_keep_their_mean_and_have_their_spread():
    links = sparse.csr_array(np.ones((400, 400), dtype=bool))
    recipe = SynapseRecipe(weight_log_sd=0.8)
    weights = draw_weights(links, np.arange(400) < 80, recipe, np.random.default_rng(0)).toarray()
    assert weights[80:].mean() == pytest.approx(6, rel=0.02)
    logs = np.log(weights[80:])
    assert logs.std() == pytest.approx(0.8, rel=0.01)
    assert stats.skew(logs.ravel()) == pytest.approx(0, abs=0.05)
    assert weights[:80].mean() == pytest.approx(-12, rel=0.01)
    assert weights[:80].std() == pytest.approx(12 * recipe.weight_jitter, rel=0.03)


def test_a_largest_weight_cuts_the_tail_and_keeps_the_mean():
    links = sparse.csr_array(np.ones((600, 600), dtype=bool))
    recipe = SynapseRecipe(excitatory_weight=3.0, weight_log_sd=1.5, largest_weight=10.0)
    free = recipe.model_copy(update={"largest_weight": None})
    nobody = np.zeros(600, dtype=bool)
    bounded, unbounded = (
        draw_weights(links, nobody, some, np.random.default_rng(0)).data for some in (recipe, free)
    )
    assert bounded.mean() == pytest.approx(3.0, rel=0.02)
    kept = bounded < bounded.max()
    assert 0.97 < kept.mean() < 1
    ratio = bounded[kept] / unbounded[kept]
    assert ratio == pytest.approx(np.full(kept.sum(), ratio[0]))  # scaled, all alike
    assert bounded.max() / ratio[0] == pytest.approx(30.0)
    assert unbounded.max() > 3 * bounded.max()
