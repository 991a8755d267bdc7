"""The scenario that lies beside its rows, so that they can be made again without its file."""

from pathlib import Path

from simbench.core.errors import SimbenchError
from simbench.core.files import read_json, write_text
from simbench.scenario.recipes import read_recipe
from simbench.scenario.scenario import Scenario

SCENARIO_FILE = "scenario.json"


def keep_scenario(scenario: Scenario, folder: Path) -> None:
    """Leave a scenario in the folder of its rows."""
    write_text(folder / SCENARIO_FILE, scenario.model_dump_json(indent=1))


def read_kept_scenario(folder: Path) -> Scenario:
    """The scenario that was left in a folder.

    Raises
    ------
    SimbenchError
        If its file is missing, or does not hold a scenario.
    """
    path = folder / SCENARIO_FILE
    data = read_json(path)
    try:
        scenario: Scenario = read_recipe(Scenario, data)
    except SimbenchError as error:
        raise SimbenchError(f"{path}: {error}") from None
    return scenario
