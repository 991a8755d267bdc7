"""A run in shares on many machines: each does its units, and their results become the rows."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from simbench import __version__
from simbench.benchmark.folds_and_trainings import joined
from simbench.benchmark.plan import Unit
from simbench.benchmark.rows import read_text, rows_of_units
from simbench.core.errors import SimbenchError
from simbench.core.files import digest_of, reading, validated, write_bytes
from simbench.scenario.scenario import Scenario
from simbench.scoring import VERSION

SHARDS = "shards"
"""Folder of the shares of a run, in its results folder."""
_VERSIONS = [__version__, VERSION]
_PARTS = ("seed", "method", "level", "fold", "training")


class Shard(NamedTuple):
    """Share ``number`` (from 1) of ``total``."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "3/64"."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        shard = cls(*map(int, found.groups())) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.total:
            raise SimbenchError(f"--shard {text}: allowed: 1/N to N/N, as 3/64")
        return shard

    def of(self, units: Sequence[Unit]) -> list[Unit]:
        """The units of this share: which they are depends on each unit alone."""
        mine = self.number - 1
        return [unit for unit in units if int(digest_of(_about(unit)), 16) % self.total == mine]


def _about(unit: Unit) -> dict[str, Any]:
    return {"scenario": unit.scenario.digest()} | {name: getattr(unit, name) for name in _PARTS}


def write_shard(
    folder: Path, shard: Shard, scenario: Scenario, plan: Sequence[Unit],
    results: Mapping[Unit, Mapping[str, Any]],
) -> Path:  # fmt: skip
    """Write the results of a share of a plan into the results folder of its scenario."""
    place = {unit: number for number, unit in enumerate(plan)}
    content = {
        "shard": list(shard),
        "versions": _VERSIONS,
        "scenario": scenario.model_dump(mode="json"),
        "plan": [{name: getattr(unit, name) for name in _PARTS} for unit in plan],
        "results": [[place[unit], result] for unit, result in results.items()],
    }
    path = folder / SHARDS / f"{shard.number}-of-{shard.total}.json.gz"
    write_bytes(path, gzip.compress(json.dumps(content).encode(), mtime=0))
    return path


def collect(folder: Path) -> tuple[pd.DataFrame, Scenario, int]:
    """Rows of a run from its shares, those that one run would have made; scenario; first seed.

    Parameters
    ----------
    folder : Path
        Results folder of a scenario, into which all shares were written.

    Raises
    ------
    SimbenchError
        If a share is missing, or two are not of one run.
    """
    paths = sorted((folder / SHARDS).glob("*.json.gz"))
    if not paths:
        raise SimbenchError(f"{folder / SHARDS}: no shares; `simbench run --shard 1/N` makes one")
    shares = [_read_share(path) for path in paths]
    (first, *others) = shares
    for path, other in zip(paths[1:], others):
        same = all(other[key] == first[key] for key in ("scenario", "plan", "versions"))
        if not same or other["shard"][1] != first["shard"][1]:
            raise SimbenchError(
                f"{path}: of another run than {paths[0].name}; delete the shares of one of them"
            )
    if first["versions"] != _VERSIONS:
        raise SimbenchError(
            f"{paths[0]}: made by simbench {first['versions'][0]}; this is {__version__}, whose "
            "scores may differ: make the shares again"
        )
    lacking = {*range(1, first["shard"][1] + 1)} - {share["shard"][0] for share in shares}
    if lacking:
        raise SimbenchError(
            f"{folder / SHARDS}: lacks {', '.join(map(str, sorted(lacking)))} "
            f"of {first['shard'][1]} shares"
        )
    scenario = validated(Scenario, first["scenario"], str(paths[0]))
    with reading(folder / SHARDS):
        plan = [Unit(scenario.at_levels[about["level"]], **about) for about in first["plan"]]
        done = {number: result for share in shares for number, result in share["results"]}
        results = {unit: done[number] for number, unit in enumerate(plan)}
        return rows_of_units(joined(results)), scenario, plan[0].seed


def _read_share(path: Path) -> dict[str, Any]:
    text = read_text(path)
    with reading(path):
        share = json.loads(text)
        number, total = share["shard"]
        known = {"scenario", "plan", "versions", "results"}
        if not 1 <= number <= total or not known <= share.keys():
            raise ValueError("not a share")
        return dict(share)
