"""Editors are told of every key what the models say."""

import json
import tomllib

import pytest

from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.json_schema import UNITS, scenario_schema
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import available_scenarios

SHIPPED = available_scenarios()


@pytest.fixture(scope="module")
def check():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(json.dumps(scenario_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_valid(check, name):
    assert check(tomllib.loads(SHIPPED[name].read_text("utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        {"mood": 1}, {"replicates": "many"}, {"replicates": -1}, {"name": "No Name"},
        {"culture": {"n_neurons": 1}}, {"culture": {"wiring": {"topology": "star"}}},
        {"imaging": {"exposure": 1.5}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_scenario_is_marked(check, change):
    data = tomllib.loads(SHIPPED["quickstart"].read_text("utf-8"))
    assert not check(data | change)


def test_keys_have_units_and_sources():
    schema = scenario_schema()
    assert set(schema["properties"]) == set(Scenario.model_fields)
    culture = schema["$defs"]["CultureRecipe"]["properties"]
    assert set(culture) == set(CultureRecipe.model_fields)
    assert culture["density_per_mm2"]["unit"] == "1/mm^2"
    assert culture["density_per_mm2"]["source"]
    assert "unit" not in culture["n_neurons"]
    wiring = schema["$defs"]["WiringRecipe"]["properties"]
    assert [wiring[k]["unit"] for k in ("axon_length_mm", "feature_um")] == ["mm", "um"]
    names = {name for recipe in schema["$defs"].values() for name in recipe["properties"]}
    names |= set(schema["properties"])
    assert not [end for end in UNITS if not any(name.endswith(end) for name in names)]
