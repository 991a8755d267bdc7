"""The reference has all that the code knows."""

import sys
from pathlib import Path

import pytest
import typer

import simbench
from simbench import submission
from simbench.benchmark.rows import COLUMNS
from simbench.cli import app
from simbench.methods.catalogue import METHODS
from simbench.scenario.culture_recipe import CultureRecipe, SynapseRecipe, WiringRecipe
from simbench.scenario.imaging_recipe import ImagingRecipe, IndicatorRecipe
from simbench.scenario.labels import LABELS
from simbench.scenario.presets import INDICATOR_NAMES
from simbench.scenario.scenario import Scenario
from simbench.scoring.metric_catalogue import METRICS

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import reference_pages

RECIPES = (Scenario, CultureRecipe, WiringRecipe, SynapseRecipe, ImagingRecipe, IndicatorRecipe)


@pytest.fixture(scope="module")
def pages():
    return reference_pages.pages()


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("labels.md", LABELS), ("metrics.md", METRICS), ("methods.md", METHODS),
        ("indicators.md", INDICATOR_NAMES), ("rows.md", COLUMNS),
        ("scenario.md", [key for recipe in RECIPES for key in recipe.model_fields]),
    ],
)  # fmt: skip
def test_every_name_is_there(pages, page, names):
    missing = [name for name in names if f"| `{name}` |" not in pages[page]]
    assert not missing


def test_keys_of_scenarios_have_unit_default_and_source(pages):
    line = next(x for x in pages["scenario.md"].splitlines() if x.startswith("| `density_per_mm2`"))
    _, _, unit, default, allowed, _, source, _ = (cell.strip() for cell in line.split("|"))
    assert (unit, default, allowed) == ("1/mm^2", "`250.0`", "number above 0")
    assert source


def test_every_public_name_and_every_command_are_there(pages):
    public = [f"simbench.{name}" for name in simbench.__all__ if name != "__version__"]
    public += [f"simbench.submission.{name}" for name in submission.__all__]
    assert not [name for name in public if f"heading: {name}\n" not in pages["python.md"]]
    commands = typer.main.get_command(app).commands
    assert not [c for c in commands if f"## `simbench {c}`" not in pages["command-line.md"]]
