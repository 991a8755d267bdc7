"""Plan: which method is run on which scenario, at which level, with which seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.parallel import prepare_processes
from simbench.core.seeds import seed32
from simbench.data.recorded import recorded_index
from simbench.data.simulation import recording_folders
from simbench.data.splits import held_out_recordings
from simbench.methods.catalogue import CEILING, FLOOR, METHODS
from simbench.methods.registry import (
    ALL,
    check_name,
    expand_names,
    find_entry,
    identity,
    lacks_torch,
    split_settings,
)
from simbench.scenario.scenario import Scenario

UNTRAINED = "untrained"
CONTROLS = (FLOOR, CEILING, "trace-stats", UNTRAINED)
"""Methods that stand in every table of latents."""
LINEAR_REFERENCE = "windowed-pca"
"""Stands in every table of reconstructions within a budget."""
_OF_SPIKES = {name for name in METHODS if name.startswith(CEILING)}
_PRELOAD = ("simbench.methods.embedding", "simbench.scoring.protocols")


@dataclass(frozen=True)
class Unit:
    """One method on one scenario (at one of its levels) with one seed."""

    scenario: Scenario
    seed: int
    method: str
    level: str = ""
    fold: int = 0
    """Which cultures test, where methods are cross-fitted."""
    training: int = 0
    """How often the method was trained on the same data before."""

    @property
    def method_seed(self) -> int:
        """Seed of the method. It says nothing of the seed of the data."""
        return seed32(0, "method", self.fold, self.training)

    @property
    def whole(self) -> "Unit":
        """The unit of all folds and trainings, whose rows stand in tables."""
        return replace(self, fold=0, training=0)

    @cached_property
    def latents_folder(self) -> Path:
        """Where the cache holds, or will hold, what the method makes of the traces."""
        scenario = self.scenario
        recordings = [folder.name for folder in recording_folders(scenario, self.seed)]
        asked = {"n_components", "latents_per_minute", "protocols"}
        key = [
            recordings, held_out_recordings(scenario, self.seed, self.fold).tolist(), self.seed,
            self.method, identity(self.method), self.method_seed,
            scenario.model_dump(mode="json", include=asked),
            # a control may read which labels are asked for
            scenario.digest() if find_entry(self.method).is_control else None,
        ]  # fmt: skip
        return cache.entry("latents", key)

    @cached_property
    def scores_folder(self) -> Path:
        """Where the cache holds, or will hold, the scores of that."""
        return cache.entry("scores", [self.latents_folder.name, self.scenario.digest(), self.seed])

    @property
    def is_cached(self) -> bool:
        return self.scores_folder.is_dir()


def plan(
    scenarios: Iterable[Scenario], methods: Sequence[str] = (), seeds: Sequence[int] = (0,),
    trainings: int = 1,
) -> list[Unit]:  # fmt: skip
    """All units of a run, in order: every method on every level of every scenario, seed by seed.

    Where latents are scored, the controls are always among them: without floor and ceiling no
    score can be placed, and without the amplitudes and the untrained encoder none can be judged.
    Where a reconstruction has a budget, the linear one is. Of recordings whose spikes are unknown
    there are no statistics of them, and the ceiling is a perfect score. Without PyTorch, networks
    that were not asked for by name are left out (`networks_left_out`).

    Parameters
    ----------
    scenarios : iterable of Scenario
    methods : sequence of str
        See `expand_names`.
    seeds : sequence of int
    trainings : int
        How often networks, and methods from outside, are trained on the data of the first seed.
        What a training draws is a part of a score's uncertainty.
    """
    if trainings < 1:
        raise SimbenchError(f"trainings = {trainings}; allowed: 1 or more")
    seeds = list(dict.fromkeys(seeds))
    units = [
        Unit(at_level, seed, name, level, fold, training)
        for scenario in scenarios
        for seed in seeds
        for level, at_level in scenario.at_levels.items()
        for name in _methods_of(at_level, methods)
        if name in methods or not lacks_torch(name)
        if split_settings(name)[0] not in _OF_SPIKES or knows_spikes(at_level, seed)
        for training in range(trainings if seed == seeds[0] and find_entry(name).is_drawn else 1)
        for fold in range(at_level.n_folds)
    ]
    for name in dict.fromkeys(unit.method for unit in units):
        check_name(name)
    return units


def prepare(units: Sequence[Unit]) -> None:
    """Let the fits and scorings that are to come import their modules while cultures grow."""
    missing = [unit for unit in units if not unit.is_cached]
    drawn = {unit.method for unit in missing if find_entry(unit.method).is_drawn}
    if missing:
        networks = ("torch",) if drawn else ()
        training = ("torch._dynamo",) if drawn - {UNTRAINED} else ()  # optimizers bring it along
        prepare_processes(_PRELOAD + networks + training)


def networks_left_out(scenarios: Iterable[Scenario], methods: Sequence[str] = ()) -> list[str]:
    """Methods of such a plan that are not in it for want of PyTorch; none where it is installed."""
    names = chain.from_iterable(_methods_of(scenario, methods) for scenario in scenarios)
    return [name for name in dict.fromkeys(names) if name not in methods and lacks_torch(name)]


def knows_spikes(scenario: Scenario, seed: int) -> bool:
    """Whether the spikes behind all traces of a scenario are known."""
    return scenario.recordings is None or recorded_index(scenario, seed).has_spikes


def _methods_of(scenario: Scenario, asked: Sequence[str]) -> list[str]:
    """Methods asked for, or those of the scenario, behind those that stand in every table."""
    if not asked:
        asked = scenario.methods
    elif ALL in asked:
        everything = [*(scenario.methods or [ALL]), *scenario.variants]
        asked = [part for name in asked for part in (everything if name == ALL else [name])]
    always = list(CONTROLS) if "latents" in scenario.protocols else []
    if "reconstruction" in scenario.protocols and scenario.latents_per_minute is not None:
        always.append(LINEAR_REFERENCE)
    return list(dict.fromkeys([*always, *expand_names(asked, with_networks=True)]))
