"""Which scenarios see the same cultures, or cultures of the same wiring: they count as one."""

from collections.abc import Iterable
from typing import Any, Literal

import networkx as nx

from simbench.core.files import digest_of
from simbench.data.simulation import recording_units
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.scenario import Scenario

_OF_WIRING = ("n_neurons", "density_per_mm2", "min_spacing_um", "wiring")


def culture_sets(
    scenarios: Iterable[Scenario], same: Literal["culture", "wiring"] = "culture"
) -> dict[str, str]:
    """Name of each scenario's set of cultures: that of the scenario which has most of them.

    Scenarios are of one set if any culture of one is a culture of the other, whatever its optics
    and however long it was recorded: with the same recipe, number and seed go the same neurons,
    wiring and noise. If it is enough that the wiring is the same, they are of one set where the
    neurons of a culture lie at the same places, with the same links, but differ in type or drive.
    Scenarios of recordings are of one set where they read the same folder.

    Parameters
    ----------
    scenarios : iterable of Scenario
        With a name each.
    same : {"culture", "wiring"}
    """
    graph, sizes = nx.Graph(), {}
    for scenario in scenarios:
        cultures = {
            (digest_of(_drawn_from(condition.culture, same)), index)
            for plain in scenario.at_levels.values()
            for index, condition in recording_units(plain)
        }
        if scenario.recordings:
            cultures = {(scenario.recordings.folder, 0)}
        sizes[scenario.name] = len(cultures)
        graph.add_node(scenario.name)
        graph.add_edges_from((scenario.name, culture) for culture in cultures)
    sets: dict[str, str] = {}
    for part in nx.connected_components(graph):
        names = [name for name in sizes if name in part]
        sets |= dict.fromkeys(names, max(names, key=sizes.__getitem__))
    return sets


def _drawn_from(recipe: CultureRecipe, same: str) -> dict[str, Any]:
    """What of a recipe, with seed and number, says which culture or wiring is drawn."""
    keys = recipe.canonical() | {"duration_s": None}
    return keys if same == "culture" else {key: keys[key] for key in _OF_WIRING}
