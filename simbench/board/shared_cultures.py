"""Which scenarios see the same cultures: such scenarios count as one witness."""

from collections.abc import Iterable

import networkx as nx

from simbench.core.files import digest_of
from simbench.data.simulation import recording_units
from simbench.scenario.scenario import Scenario


def culture_sets(scenarios: Iterable[Scenario]) -> dict[str, str]:
    """Name of each scenario's set of cultures: that of the scenario which has most of them.

    Scenarios are of one set if any culture of one is a culture of the other, whatever its optics
    and however long it was recorded: with the same recipe, number and seed go the same neurons,
    wiring and noise.

    Parameters
    ----------
    scenarios : iterable of Scenario
        With a name each.
    """
    graph, sizes = nx.Graph(), {}
    for scenario in scenarios:
        cultures = {
            (digest_of(condition.culture.canonical() | {"duration_s": None}), index)
            for plain in scenario.at_levels.values()
            for index, condition in recording_units(plain)
        }
        sizes[scenario.name] = len(cultures)
        graph.add_node(scenario.name)
        graph.add_edges_from((scenario.name, culture) for culture in cultures)
    sets: dict[str, str] = {}
    for part in nx.connected_components(graph):
        names = [name for name in sizes if name in part]
        sets |= dict.fromkeys(names, max(names, key=sizes.__getitem__))
    return sets
