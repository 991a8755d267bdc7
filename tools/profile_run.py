"""Processor time of `simbench run all -m all --seed 1` by station, method and metric.

python tools/profile_run.py OUT.csv [SCENARIO ...]    # all scenarios, resumes
python tools/profile_run.py OUT.csv --table           # the table of what was measured

Everything runs in this process, on one core, from an empty cache, so that each second belongs to
one station.
"""

import argparse
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from simbench import load_scenario
from simbench.benchmark import run as runner
from simbench.benchmark.plan import plan
from simbench.core.text import duration, markdown_table
from simbench.data import simulation
from simbench.methods.embedding import make_latents
from simbench.report.results_folder import write_results
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import available_scenarios
from simbench.scoring import latent_rows
from simbench.scoring.metric_registry import Metric

SEED = 1
COLUMNS = ["scenario", "station", "part", "seconds"]


class Clock:
    """Processor seconds by station and part. An inner part is taken off the outer one."""

    def __init__(self) -> None:
        self.seconds: Counter[tuple[str, str]] = Counter()
        self._inner = [0.0]

    @contextmanager
    def part(self, station: str, part: str) -> Iterator[None]:
        start = time.process_time()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.process_time() - start
            self.seconds[station, part] += spent - self._inner.pop()
            self._inner[-1] += spent

    def timed(self, station: str, function: Callable, name: Callable[..., str]) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.part(station, name(*args)):
                return function(*args, **kwargs)

        return call


def profile(scenario: Scenario) -> Counter[tuple[str, str]]:
    """Seconds of all methods on a scenario, by (station, part)."""
    clock = Clock()
    timed: list[tuple[Any, str, str, Callable[..., str]]] = [
        (simulation, "fill_cache", "simulate", _nothing),
        (runner, "simulate", "image", _nothing),
        (runner, "trace_folders", "dF/F", _nothing),
        (Metric, "__call__", "score", lambda metric: metric.name),
        (latent_rows, "read", "score", lambda *arguments: arguments[5]),
        (latent_rows, "dci", "score", lambda *_: "dci"),
    ]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {"SIMBENCH_CACHE": folder}))
        stack.enter_context(patch.object(runner, "_alone", _here(clock)))
        for home, function, station, part in timed:
            call = clock.timed(station, getattr(home, function), part)
            stack.enter_context(patch.object(home, function, call))
        rows = runner.run(plan([scenario], ["all"], [SEED]))
        with clock.part("report", ""):
            write_results(Path(folder) / "results", rows, scenario, SEED)
    return clock.seconds


def _nothing(*_: Any) -> str:
    return ""


def _here(clock: Clock) -> Callable:
    """Run a station's jobs in this process."""

    def alone(what: str, _: Callable, jobs: dict, **__: Any) -> dict:
        failed = {}
        for unit, job in jobs.items():
            function = make_latents if what == "fit" else runner.score_unit
            part = unit.method if what == "fit" else "other"
            with clock.part(what, part), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    function(*job)
                except Exception as error:
                    failed[unit] = error
        return failed

    return alone


def table(found: pd.DataFrame) -> str:
    """Stations, and the twenty parts that take longest, as Markdown."""
    total = found["seconds"].sum()

    def lines(names: list[str], most: int) -> list[tuple[str, ...]]:
        sums = found.groupby(names)["seconds"].sum().nlargest(most)
        keys = [key if isinstance(key, tuple) else (key,) for key in sums.index]
        return [
            (" ".join(key).strip(), duration(s), f"{100 * s / total:.1f} %")
            for key, s in zip(keys, sums)
        ]

    header = ("station", "one core", "share")
    both = [("**all**", duration(total), "100 %"), *lines(["station"], 9)]
    return (
        markdown_table(header, both) + "\n" + markdown_table(header, lines(["station", "part"], 20))
    )


def main() -> None:
    """Measure what is missing in the file, or print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("scenarios", nargs="*", default=list(available_scenarios()))
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    found = pd.read_csv(asked.file) if asked.file.exists() else pd.DataFrame(columns=COLUMNS)
    for name in [] if asked.table else asked.scenarios:
        if name not in set(found["scenario"]):
            seconds = profile(load_scenario(name))
            new = [(name, *key, round(s, 3)) for key, s in seconds.items()]
            parts = [found, pd.DataFrame(new, columns=COLUMNS)]
            found = pd.concat(parts if len(found) else parts[1:], ignore_index=True)
            found.to_csv(asked.file, index=False)
    print(table(found.fillna("")))


if __name__ == "__main__":
    main()
