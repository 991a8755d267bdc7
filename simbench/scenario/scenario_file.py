"""Scenarios in files: those shipped, TOML files of users, and the copy kept with rows."""

import tomllib
from pathlib import Path

from simbench.core.errors import SimbenchError
from simbench.core.files import read_model, validated, write_text
from simbench.scenario.scenario import Scenario

SCENARIO_FILE = "scenario.json"
_SHIPPED = Path(__file__).parents[1] / "scenarios"


def available_scenarios() -> dict[str, Path]:
    """Names and files of the scenarios that come with simbench."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.toml"))}


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario by name or from a TOML file.

    Parameters
    ----------
    source : str or Path
        Name of a shipped scenario (`simbench list scenarios`) or path of a ``.toml`` file.
    """
    path = Path(source)
    if path.suffix != ".toml":
        shipped = available_scenarios()
        if str(source) not in shipped:
            raise SimbenchError(
                f"unknown scenario '{source}'; known: {', '.join(shipped)}, or a .toml file"
            )
        path = shipped[str(source)]
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SimbenchError(f"scenario {path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # also numbers too long, tables too deep
        raise SimbenchError(f"scenario {path}: not valid TOML: {error}") from None
    return validated(Scenario, data, f"scenario {path}")


def write_scenario(scenario: Scenario, folder: Path) -> None:
    """Write a scenario to the folder of its rows, so that they can be made again."""
    write_text(folder / SCENARIO_FILE, scenario.model_dump_json(indent=1))


def read_scenario(folder: Path) -> Scenario:
    """Read the scenario from a folder of rows."""
    return read_model(folder / SCENARIO_FILE, Scenario)
