import copy
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench import SimbenchError, load_scenario
from simbench.core.files import validated
from simbench.data.simulation import recording_folders, recording_units
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.presets import CULTURES
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import available_scenarios

RAW = tomllib.loads((Path(__file__).parents[1] / "tiny.toml").read_text())


def changed(path, value):
    data = copy.deepcopy(RAW)
    *parents, leaf = path.split(".")
    table = data
    for parent in parents:
        table = table.setdefault(parent, {})
    table[leaf] = value
    return data


def test_every_shipped_scenario_loads_under_its_own_name():
    for name in available_scenarios():
        assert load_scenario(name).name == name


def test_quickstart_is_what_it_promises():
    scenario = load_scenario("quickstart")
    culture = scenario.culture
    assert scenario.replicates * len(scenario.conditions) >= 12
    assert {"RS", "IB", "CH"} <= set(culture.excitatory_types)
    assert culture.wiring.topology == "flat"
    assert culture.inhibitory_fraction > 0
    assert culture.synapses.depression > 0
    assert culture.duration_s >= 60
    assert scenario.imaging.frame_rate_hz == 20
    assert scenario.imaging.indicator == "GCaMP6s"
    assert scenario.imaging.nu
    assert scenario.n_test * 2 == scenario.replicates
    assert scenario.targets == ["firing_type", "in_degree"]


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("culture.n_neuron", 3, "unknown key 'culture.n_neuron'"),
        ("colour", "red", "unknown key 'colour'"),
        ("culture.duration_s", -1.0, "culture.duration_s = -1.0"),
        ("culture.duration_s", "long", "culture.duration_s = 'long'"),
        ("culture.duration_s", float("inf"), "culture.duration_s = inf"),
        ("culture.n_neurons", 2.5, "culture.n_neurons = 2.5"),
        ("culture.dt_ms", 1e-9, "10.5 s in steps of 1e-09 ms; allowed: up to 1e\\+09 steps"),
        ("culture.settle_s", 1e300, "allowed: up to 1e\\+09 steps"),
        ("culture.wiring.axon_length_mm", 1e300, "less than or equal to 1000"),
        ("culture.duration_s", 1e12, "24 neurons x 1e\\+12 s x 20 Hz; allowed: up to 1e\\+10"),
        ("culture.n_neurons", 10**400, "input should be less than or equal to 10000000"),
        ("replicates", 10**400, "input should be less than or equal to 1000000"),
        ("culture.excitatory_types", {"RS": 0.5, "IB": 0.4}, "add up to 0.9"),
        ("culture.excitatory_types", {"XX": 1.0}, "unknown firing type 'XX'; allowed: .*RS"),
        ("culture.dt_ms", 2.0, "dt_ms"),
        ("culture.synapses", {"decay_ms": 0.4}, "synapses.decay_ms: 0.4 ms is shorter than a step"),
        ("culture.synapses", {"recovery_s": 5e-4}, "recovery_s: 0.5 ms is .* at least the 1 ms of"),
        ("culture.synapses", {"slow_share": 0.1, "slow_decay_ms": 0.9}, "slow_decay_ms: 0.9 ms is"),
        ("imaging.saturation", float("inf"), "imaging.saturation = inf"),
        ("culture.wiring.topology", "square", "culture.wiring.topology = 'square'.*'squares'"),
        ("culture.wiring.topology", "random", "needs the key 'mean_in_degree'"),
        ("imaging.frame_rate_hz", 5000.0, "above the simulation's 1000 Hz"),
        ("imaging.photons_per_s", 1e4, "not both"),
        ("targets", ["mood"], "unknown label 'mood'"),
        ("targets", [], "at least one label"),
        ("split", {"test_fraction": 0.01}, "leaves none to train or none to test"),
        ("axes", {"culture.colour": [1]}, "unknown key 'culture.colour'"),
        ("axes", {"culture.duration_s": [5.0, -5.0]}, "culture.duration_s = -5.0"),
        ("axes", {"imaging.frame_rate_hz": [5000.0]}, "= 5000 is above the simulation's 1000 Hz"),
        ("axes", {"culture.duration_s": [0.01]}, "culture.duration_s = 0.01: 0.2 frames; at least"),
        ("axes", {"culture.duration_s": [10.0, 20.0]}, "axes: cultures must share duration_s"),
        ("axes", {"imaging.nu": []}, "axes.imaging.nu = .*: list should have at least 1 item"),
        ("axes", {"imaging.nu": [1.0, 2.0, 1.0]}, "axes.imaging.nu: duplicate '1.0'"),
        ("axes", {"imaging.nu and imaging.haze": [1.0]}, "imaging.haze: 1.0; allowed: lists of 2"),
        ("axes", {"imaging.nu and imaging.haze": [[1.0, 0.1, 2.0]]}, "allowed: lists of 2 values"),
        ("axes", {"imaging.nu and imaging.haze": [[1.0, 0.1], [1.0, 0.2]]}, "duplicate '1.0'"),
        ("levels", {"imaging.nu": []}, "levels.imaging.nu = .*: list should have at least 1 item"),
        ("levels", {"imaging.nu": [1.0, 1.0]}, "levels.imaging.nu: duplicate '1.0'"),
        ("levels", {"culture.duration_s": [10.0, 0.01]}, "0.2 frames"),
        ("levels", {"version": [1, 2]}, "levels: 'version' can't vary; allowed: keys of culture"),
        ("levels", {"name": ["a", "b"]}, "levels: 'name' can't vary"),
        ("levels", {"replicates": [4, 6]}, "levels: 'replicates' can't vary"),
        ("levels", {"imaging.nu, split.test_fraction": [0.5]}, "'split.test_fraction' can't vary"),
        ("targets", ["a", "a"], "targets: duplicate 'a'"),
        ("targets", ["topology"], "targets: 'topology' is 'flat' in all training cultures"),
        ("targets", ["condition"], "targets: 'condition' is 'tiny' in all training cultures"),
        ("nuisances", ["culture", "culture"], "nuisances: duplicate 'culture'"),
        ("protocols", ["latents", "latents"], "protocols: duplicate 'latents'"),
        ("name", "Two Words", "name = 'Two Words'"),
    ],
)
def test_impossible_scenarios_are_refused_in_one_line(path, value, complaint):
    with pytest.raises(SimbenchError, match=complaint) as caught:
        validated(Scenario, changed(path, value))
    assert "\n" not in str(caught.value)


def test_a_key_is_an_axis_or_a_level():
    noise = {"imaging.nu": [0.5, 2.0]}
    with pytest.raises(SimbenchError, match="axes and levels: duplicate 'imaging.nu'"):
        validated(Scenario, RAW | {"axes": noise, "levels": noise})


@pytest.mark.parametrize(
    ("culture", "target"),
    [
        ({"inhibitory_fraction": 0.0}, "inhibitory"),
        ({"inhibitory_fraction": 0.0, "excitatory_types": {"RS": 1.0, "CH": 0.0}}, "firing_type"),
        ({"inhibitory_fraction": 1.0, "inhibitory_types": {"RS": 1.0}}, "firing_type"),
    ],
)
def test_a_target_of_one_class_is_refused(culture, target):
    data = changed("targets", [target]) | {"culture": RAW["culture"] | culture}
    with pytest.raises(SimbenchError, match=f"targets: '{target}' is .* a target needs two"):
        validated(Scenario, data)
    assert validated(Scenario, data | {"targets": [], "protocols": ["reconstruction"]})
    assert validated(Scenario, data | {"culture": RAW["culture"]})


def test_a_target_that_varies_between_conditions_is_no_target_of_one_class():
    topologies = ["flat", "tracks"]
    data = changed("axes", {"culture.wiring.topology": topologies}) | {"targets": ["topology"]}
    assert validated(Scenario, data).targets == ["topology"]
    one_is_trained = {"train_with": {"culture.wiring.topology": "flat"}}
    with pytest.raises(SimbenchError, match="'topology' is 'flat' in all training cultures"):
        validated(Scenario, data | {"split": one_is_trained})


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
        ),
        max_leaves=5,
    ),
    st.sampled_from([*RAW, *(f"culture.{key}" for key in RAW["culture"]), "imaging.nu"]),
)
def test_any_value_anywhere_is_accepted_or_refused_in_one_line(value, path):
    try:
        validated(Scenario, changed(path, value))
    except SimbenchError as error:
        assert "\n" not in str(error)


def test_joined_keys_of_an_axis_take_the_same_value(tiny):
    types = [{"RS": 1.0}, {"CH": 1.0}]
    axes = {"culture.excitatory_types, culture.inhibitory_types": types}
    scenario = tiny.model_copy(update={"axes": axes})
    assert [condition.name for condition in scenario.conditions] == ["RS", "CH"]
    for condition, shares in zip(scenario.conditions, types):
        culture = condition.culture
        assert culture.excitatory_types == culture.inhibitory_types == shares


def test_keys_joined_by_and_take_one_value_each(tiny):
    pairs = [["flat", 2.0], ["tracks", 3.0]]
    axes = {"culture.wiring.topology and culture.noise_sigma": pairs, "imaging.nu": [0.5, 1.0]}
    conditions = tiny.model_copy(update={"axes": axes}).conditions
    names = ["flat, 0.5", "flat, 1.0", "tracks, 0.5", "tracks, 1.0"]
    assert [condition.name for condition in conditions] == names
    for condition, pair in zip(conditions[::2], pairs):
        assert [condition.culture.wiring.topology, condition.culture.noise_sigma] == pair


def test_axes_expand_to_the_grid_of_their_values():
    grid = {"culture.noise_sigma": [2.0, 3.0], "imaging.nu": [0.5, 1.0, 2.0]}
    conditions = validated(Scenario, changed("axes", grid)).conditions
    assert [(c.culture.noise_sigma, c.imaging.nu) for c in conditions] == [
        (sigma, nu) for sigma in (2.0, 3.0) for nu in (0.5, 1.0, 2.0)
    ]
    assert len({c.name for c in conditions}) == 6


def test_digest_follows_the_content_and_not_the_question():
    digest = validated(Scenario, RAW).digest()
    assert validated(Scenario, changed("question", "Another?")).digest() == digest
    assert validated(Scenario, changed("culture.duration_s", 11.0)).digest() != digest
    assert validated(Scenario, dict(reversed(RAW.items()))).digest() == digest


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "not valid TOML"),
        ("", "missing key 'name'"),
        (b"\xff", "not valid TOML"),
        pytest.param(f"version = {'9' * 5000}", "not valid TOML", id="long"),
        pytest.param(f"a = {'[' * 100_000}", "not valid TOML", id="deep"),
    ],
)
def test_broken_files_are_refused_by_name(tmp_path, text, complaint):
    path = tmp_path / "broken.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SimbenchError, match=f"broken.toml: {complaint}"):
        load_scenario(path)


def test_missing_files_and_unknown_names_are_refused(tmp_path):
    with pytest.raises(SimbenchError, match="cannot be read"):
        load_scenario(tmp_path / "absent.toml")
    with pytest.raises(SimbenchError, match="unknown scenario 'nope'; known: .*quickstart"):
        load_scenario("nope")


def test_a_copy_with_other_values_takes_nothing_derived_along():
    scenario = validated(Scenario, RAW)
    before = scenario.digest(), scenario.conditions
    longer = scenario.culture.model_copy(update={"duration_s": 20.0})
    copied = scenario.model_copy(update={"culture": longer})
    assert copied.digest() != before[0]
    assert copied.conditions[0].culture.duration_s == 20
    assert scenario.conditions == before[1]
    with pytest.raises(SimbenchError, match="leaves none to train"):
        scenario.model_copy(update={"split": {"test_fraction": 0.01}})


def test_levels_are_problems_of_their_own():
    scenario = validated(Scenario, changed("levels", {"imaging.nu": [0.5, 2.0]}))
    assert list(scenario.at_levels) == ["0.5", "2.0"]
    assert [level.imaging.nu for level in scenario.at_levels.values()] == [0.5, 2.0]
    assert all(not level.levels for level in scenario.at_levels.values())
    assert list(validated(Scenario, RAW).at_levels) == [""]


def test_digest_follows_the_content_of_a_wiring_file(tmp_path):
    path = tmp_path / "edges.csv"
    wiring = {"topology": "custom", "edges": str(path)}
    digests = set()
    for text in ("pre,post\n0,1\n", "pre,post\n1,0\n"):
        path.write_text(text)
        digests.add(validated(Scenario, changed("culture.wiring", wiring)).digest())
    assert len(digests) == 2
    path.unlink()
    with pytest.raises(SimbenchError, match="cannot be read"):
        validated(Scenario, changed("culture.wiring", wiring)).digest()


def test_training_cultures_can_differ_from_test_cultures():
    changes = {"split": {"train_with": {"imaging.indicator": "GCaMP6f"}}}
    levels = {"levels": {"imaging.indicator": ["GCaMP6f", "jGCaMP8m"]}}
    scenario = validated(Scenario, RAW | changes | levels)
    for indicator, level in scenario.at_levels.items():
        units = recording_units(level)
        seen = [condition.imaging.indicator for _, condition in units]
        n_train = level.replicates - level.n_test
        assert seen == ["GCaMP6f"] * n_train + [indicator] * level.n_test
        assert [index for index, _ in units] == list(range(level.replicates))
    same, other = (recording_folders(level, 0) for level in scenario.at_levels.values())
    assert same[:n_train] == other[:n_train]
    assert not set(same[n_train:]) & set(other[n_train:])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"imaging.colour": "red"}, "split.train_with: unknown key 'imaging.colour'"),
        ({"imaging.indicator": "X"}, "unknown 'X'; allowed: GCaMP6s"),
        ({"imaging.frame_rate_hz": 5.0}, "must share duration_s and frame_rate_hz"),
        ({"culture.duration_s": 5.0}, "must share duration_s and frame_rate_hz"),
    ],
)
def test_impossible_transfers_are_refused(changes, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        validated(Scenario, changed("split", {"train_with": changes}))


def test_a_preset_is_no_axis_for_it_would_change_nothing():
    with pytest.raises(SimbenchError, match="a preset can't vary"):
        validated(Scenario, changed("levels", {"imaging.preset": ["ideal", "harsh"]}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("culture.synapses.weight_log_sd", 0.5),
        ("culture.synapses.slow_share", 0.2),
        ("culture.synapses.slow_decay_ms", 50.0),
        ("culture.drive_log_sd", 0.5),
    ],
)
def test_a_key_that_came_later_is_in_the_digest_only_where_it_is_used(key, value):
    scenario = load_scenario("firing-types-classic")
    data = scenario.model_dump(mode="json")
    *parents, leaf = key.split(".")
    table = data
    for parent in parents:
        table = table[parent]
    assert leaf in table
    assert leaf not in str(scenario.canonical())
    assert validated(Scenario, data).digest() == scenario.digest()
    table[leaf] = value
    assert validated(Scenario, data).digest() != scenario.digest()


@pytest.mark.parametrize("name", ["cortical", "hippocampal"])
def test_a_culture_preset_gives_the_values_of_missing_keys(name):
    plain = CultureRecipe.model_validate({"preset": name})
    preset = CULTURES[name]
    assert plain.noise_sigma == preset["noise_sigma"]
    assert plain.excitatory_types == preset["excitatory_types"]
    assert plain.synapses.weight_log_sd == preset["synapses"]["weight_log_sd"]
    own = CultureRecipe.model_validate(
        {"preset": name, "noise_sigma": 2.0, "synapses": {"decay_ms": 7.0}}
    )
    assert (own.noise_sigma, own.synapses.decay_ms) == (2.0, 7.0)
    assert own.synapses.weight_log_sd == plain.synapses.weight_log_sd
    assert validated(CultureRecipe, own.model_dump(mode="json")) == own


def test_an_unknown_culture_preset_is_refused():
    with pytest.raises(SimbenchError, match="'cortical' or 'hippocampal'"):
        validated(Scenario, changed("culture", {"preset": "thalamic"}))
