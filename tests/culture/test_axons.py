import numpy as np
import pytest
from plain import grow_plain

from simbench.core.errors import SimbenchError
from simbench.culture.axons import advance, crossing_probability, grow, grow_axons, meet_walls
from simbench.culture.growth import build_culture
from simbench.culture.substrate import make_substrate
from simbench.culture.wiring import dish_radius_mm, place_somata
from simbench.scenario.culture_recipe import CultureRecipe, WiringRecipe


def draw(topology, seed, n=200, length=0.1):
    recipe = CultureRecipe(n_neurons=n)
    wiring = WiringRecipe(topology=topology)
    rng = np.random.default_rng(seed)
    positions = place_somata(recipe, rng)
    substrate = make_substrate(wiring, dish_radius_mm(recipe), rng)
    lengths = length * np.sqrt(-2 * np.log1p(-rng.random(n)))
    radii, headings = rng.normal(0.15, 0.02, n), rng.uniform(0, 2 * np.pi, n)
    width = substrate.width_mm
    return positions + width / 2, lengths, radii, headings, substrate.heights_mm, width


def low(positions, heights, width):
    cell = (positions / width * np.array(heights.shape[::-1])).astype(int)
    return heights[cell[:, 1], cell[:, 0]] == 0


@pytest.mark.parametrize(
    ("n_dishes", "n", "tolerance"),
    [(1, 130, 0.08), pytest.param(5, 250, 0.03, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "topology", ["flat", "tracks", pytest.param("squares", marks=pytest.mark.slow)]
)
def test_compiled_growth_agrees_with_the_plain_loop(topology, n_dishes, n, tolerance):
    """Degree, link length, and links that cross between low and raised ground."""
    found = {"plain": [], "compiled": []}
    for seed in range(n_dishes):
        dish = draw(topology, seed, n)
        links = grow_plain(*dish, np.random.default_rng(seed))
        edges = {
            "plain": np.array(sorted(links)).T,
            "compiled": grow(*dish, np.random.default_rng(seed + 50)),
        }
        positions, heights, width = dish[0], dish[4], dish[5]
        ground = low(positions, heights, width)
        for name, (pre, post) in edges.items():
            length = np.linalg.norm(positions[pre] - positions[post], axis=1)
            crossing = np.mean(ground[pre] != ground[post])
            found[name].append([len(pre) / n, length.mean(), length.std(), crossing])
    plain, compiled = np.mean(found["plain"], axis=0), np.mean(found["compiled"], axis=0)
    np.testing.assert_allclose(compiled[:3], plain[:3], rtol=tolerance)
    assert compiled[3] == pytest.approx(plain[3], abs=tolerance)


def test_flat_growth_without_turns_makes_the_very_links_of_the_plain_loop():
    """On flat ground only the turns are random; with the same stream all links are the same."""
    dish = draw("flat", 4, n=200, length=0.05)
    far_rim = np.zeros_like(dish[4])
    dish = (dish[0] + 1, *dish[1:4], far_rim, dish[5] + 2)
    links = grow_plain(*dish, np.random.default_rng(9))
    pre, post = grow(*dish, np.random.default_rng(9))
    assert set(zip(pre.tolist(), post.tolist())) == links


def test_the_seed_papers_dish_has_its_number_of_links():
    """2250 neurons on 3 mm, axons of 0.1 mm, half of the links kept: about 37,900 links.

    The paper's dish is one cell narrower than its 3 mm; the grid here covers all of it.
    """
    recipe = CultureRecipe(density_per_mm2=2250 / (np.pi * 1.47**2))
    anatomy = build_culture(recipe, seed=0)
    assert anatomy.wiring.links.nnz == pytest.approx(37_900, rel=0.03)


def test_tracks_lower_the_in_degree():
    degree = {
        topology: build_culture(
            CultureRecipe(n_neurons=1000, wiring=WiringRecipe(topology=topology)), 1
        ).wiring.links.nnz
        for topology in ("flat", "tracks", "squares")
    }
    assert degree["tracks"] == pytest.approx(degree["flat"] * 9.5 / 17, rel=0.15)
    assert degree["squares"] < 0.8 * degree["flat"]


def test_crossing_probabilities_are_the_measured_ones():
    assert crossing_probability(0.0) == 1
    assert crossing_probability(0.1) == pytest.approx(0.00045)
    assert crossing_probability(-0.1) == pytest.approx(0.0033)
    assert crossing_probability(0.075) == pytest.approx((0.0007 + 0.00045) / 2)
    assert crossing_probability(0.8) == crossing_probability(-0.8) == 0
    assert crossing_probability(np.inf) == crossing_probability(-np.inf) == 0


def test_a_wall_of_no_probability_turns_every_line_and_a_flat_map_none():
    heights = np.zeros((4, 4))
    heights[:, 2] = 5.0
    rng = np.random.default_rng(0)
    assert meet_walls(0.1, 2.0, 3.9, 2.1, heights, 4.0, rng)[0] == 1
    assert meet_walls(0.1, 0.3, 1.9, 3.7, heights, 4.0, rng)[0] == 0
    assert meet_walls(0.1, 2.0, 4.2, 2.1, np.zeros((4, 4)), 4.0, rng)[0] == 1  # out of the grid


def test_walls_met_at_thirty_degrees_or_less_are_never_crossed():
    """A step that is crossed half of the time from straight ahead."""
    heights = np.zeros((2, 2))
    heights[:, 1] = 0.025  # probability about one half, up
    rng = np.random.default_rng(0)

    def share(angle):
        dx, dy = 0.5 * np.sin(angle), 0.5 * np.cos(angle)
        return np.mean(
            [
                meet_walls(0.9, 0.1, 0.9 + dx, 0.1 + dy, heights, 2.0, rng)[0] == 0
                for _ in range(2000)
            ]
        )

    assert share(np.radians(29)) == 0
    assert share(np.radians(90)) == pytest.approx(0.5, abs=0.04)
    assert share(np.radians(31)) == pytest.approx(0.5, abs=0.04)


def test_no_axon_leaves_the_dish():
    """Tips that start near the rim of a dish without height steps, 4 mm long each."""
    positions, _, _, headings, heights, width = draw("flat", 2, n=100)
    rim = np.argsort(np.linalg.norm(positions - width / 2, axis=1))[-20:]
    rng = np.random.default_rng(0)
    for (x, y), heading in zip(positions[rim], headings[rim]):
        for _ in range(4000):
            x, y, heading, length = advance(x, y, heading, 1.0, heights, width, rng)
            assert length == 1
            assert heights[int(y / width * len(heights)), int(x / width * len(heights))] == 0
            heading += rng.normal(0, 0.1)


def test_a_height_map_from_an_array_and_from_an_image_is_the_same_ground(tmp_path):
    from PIL import Image

    grey = np.zeros((60, 60), dtype=np.uint8)
    grey[:20] = 255
    Image.fromarray(grey).save(tmp_path / "map.png")
    np.save(tmp_path / "map.npy", 0.1 * grey / 255)
    rng = np.random.default_rng(0)
    maps = [
        make_substrate(
            WiringRecipe(topology="height-map", height_map=str(tmp_path / name)), 1.0, rng
        )
        for name in ("map.png", "map.npy")
    ]
    np.testing.assert_allclose(maps[0].heights_mm, maps[1].heights_mm)
    assert maps[0].heights_mm[50, 30] == pytest.approx(0.1)  # the image's top is the largest y
    assert maps[0].heights_mm[10, 30] == 0
    assert np.isinf(maps[0].heights_mm[0, 0])


@pytest.mark.parametrize("name", ["map.tif", "map.png"])
def test_a_height_map_of_16_bits_keeps_its_heights(tmp_path, name):
    from PIL import Image

    grey = np.array([[0, 255], [1000, 65535]], dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / name)
    wiring = WiringRecipe(topology="height-map", height_map=str(tmp_path / name))
    found = make_substrate(wiring, 1.0, np.random.default_rng(0)).heights_mm
    np.testing.assert_allclose(found, wiring.feature_height_mm * grey[::-1] / 65535)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_an_image_without_a_white_is_one_clear_error(tmp_path, kind):
    from PIL import Image

    Image.fromarray(np.full((4, 4), 300, dtype=kind)).save(tmp_path / "map.tif")
    wiring = WiringRecipe(topology="height-map", height_map=str(tmp_path / "map.tif"))
    with pytest.raises(SimbenchError, match=r"map.tif': an image of floats .* as \.npy$"):
        make_substrate(wiring, 1.0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        (np.array([[0, -1.0], [0, 0]]), "heights must be finite and at least 0"),
        (np.array([[0, np.nan], [0, 0]]), "heights must be finite"),
        (np.zeros(5), "allowed: 2-D"),
        (np.array([["a", "b"], ["c", "d"]]), "not an array of numbers"),
    ],
)
def test_an_impossible_height_map_is_one_clear_error(tmp_path, heights, message):
    np.save(tmp_path / "map.npy", heights)
    wiring = WiringRecipe(topology="height-map", height_map=str(tmp_path / "map.npy"))
    with pytest.raises(SimbenchError, match=message) as error:
        make_substrate(wiring, 1.0, np.random.default_rng(0))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["map.npy", "map.png"])
@pytest.mark.parametrize("content", [b"", b"no map", b"\x93NUMPY\x01\x00"])
def test_a_damaged_height_map_is_one_clear_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    wiring = WiringRecipe(topology="height-map", height_map=str(tmp_path / name))
    with pytest.raises(SimbenchError, match=f"wiring.height_map = '.*{name}': truncated or not"):
        make_substrate(wiring, 1.0, np.random.default_rng(0))


def test_a_missing_height_map_is_one_clear_error():
    for name in ("nowhere.npy", "nowhere.png", "map.txt"):
        wiring = WiringRecipe(topology="height-map", height_map=name)
        with pytest.raises(SimbenchError, match="wiring.height_map"):
            make_substrate(wiring, 1.0, np.random.default_rng(0))


def test_positions_do_not_change_when_axons_grow():
    dish = draw("flat", 0, n=50)
    before = dish[0].copy()
    grow(*dish, np.random.default_rng(0))
    np.testing.assert_array_equal(dish[0], before)


def test_longer_axons_find_more_links():
    recipe = CultureRecipe(n_neurons=300)
    rng = np.random.default_rng(0)
    positions = place_somata(recipe, rng)
    substrate = make_substrate(recipe.wiring, dish_radius_mm(recipe), rng)
    counts = [
        grow_axons(positions, recipe.wiring, substrate, np.random.default_rng(0), length).nnz
        for length in (0.05, 0.1, 0.3)
    ]
    assert counts[0] < counts[1] < counts[2]
