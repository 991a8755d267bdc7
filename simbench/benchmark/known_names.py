"""Tables of the scenarios and methods that simbench knows by name."""

import pandas as pd

from simbench.methods.registry import known_methods
from simbench.scenario.scenario_file import available_scenarios, load_scenario


def list_scenarios() -> pd.DataFrame:
    """Scenarios that come with simbench: cultures of a run, targets, and the question.

    Returns
    -------
    DataFrame, indexed by name
        ``cultures`` is "recorded" where recordings of others take their place.
    """
    rows = {}
    for s in map(load_scenario, available_scenarios()):
        question = s.question.split(". ")[0].split("? ")[0].replace("\n", " ").strip()
        cultures = "recorded" if s.recordings else str(s.replicates * len(s.conditions))
        rows[s.name] = {
            "cultures": cultures, "targets": ", ".join(s.targets), "question": question
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenario")


def list_methods() -> pd.DataFrame:
    """Methods of simbench and of installed packages: family, what it is, source, settings tried.

    Returns
    -------
    DataFrame, indexed by name
    """
    rows = {
        name: {
            "family": entry.family, "what it is": entry.description, "source": entry.source,
            "settings tried": "not counted" if entry.settings_tried is None
            else str(entry.settings_tried),
            "installed": entry.is_available,
        }
        for name, entry in known_methods().items()
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
