"""The reference has all that the code knows."""

import re
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

PURE_NUMBER = re.compile(
    "share|relative|logarithm|probability|number of|ratio|exponent|times their|baselines|units of"
    "|same units|1/ms",
    re.IGNORECASE,
)


def lines_of(page):
    """Lines of the tables of a page with a column of meanings, each by the names of its columns."""
    header, found = None, []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            header = None
        elif header is None:
            header = cells
        elif "meaning" in header and set(line) - set("| -"):
            found.append(dict(zip(header, cells, strict=True)))
    return found


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


def test_no_meaning_is_empty(pages):
    tables = [lines_of(page) for page in pages.values()]
    lines = [line for table in tables for line in table if "meaning" in line]
    assert any("`drift_time_s`" in line.values() for line in lines)
    assert any("`scenario_version`" in line.values() for line in lines)
    assert not [line for line in lines if not line["meaning"]]


def test_every_number_of_a_scenario_has_a_unit_or_says_that_it_has_none(pages):
    numbers = [
        line for line in lines_of(pages["scenario.md"]) if "number" in line["allowed"].split()
    ]
    numbers = [line for line in numbers if not line["allowed"].startswith("whole")]  # counts
    assert len(numbers) > len(ImagingRecipe.model_fields)
    assert not [
        line for line in numbers if not line["unit"] and not PURE_NUMBER.search(line["meaning"])
    ]


def test_every_default_that_is_not_off_has_a_source(pages):
    off = {"", "needed", "its own", "`0`", "`0.0`", "`false`", "`{}`", "`[]`"}
    given = [line for line in lines_of(pages["scenario.md"]) if line["default"] not in off]
    assert not [line for line in given if not line["source of the default"]]


def test_every_public_name_and_every_command_are_there(pages):
    public = [f"simbench.{name}" for name in simbench.__all__ if name != "__version__"]
    public += [f"simbench.submission.{name}" for name in submission.__all__]
    assert not [name for name in public if f"heading: {name}\n" not in pages["python.md"]]
    commands = typer.main.get_command(app).commands
    assert not [c for c in commands if f"## `simbench {c}`" not in pages["command-line.md"]]
