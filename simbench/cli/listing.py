"""What simbench knows by name (`simbench list`), and what a scenario file may hold."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

import simbench
from simbench.cli.common import app
from simbench.core.console import print_table

Table = tuple[list[str], list[list[str]]]


@app.command("list", epilog="Example: simbench list methods")
def list_(
    what: Annotated[
        Literal["scenarios", "methods", "metrics", "indicators", "labels"] | None,
        typer.Argument(help="All, if left out."),
    ] = None,
) -> None:
    """List scenarios, methods, metrics, indicators and labels."""
    for name in [what] if what else TABLES:
        print_table(name, *TABLES[name]())


@app.command(epilog="Example: simbench schema -o scenario.schema.json")
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; default: print it.")
    ] = None,
) -> None:
    """Give the JSON schema of scenario files, by which editors complete and check them."""
    from simbench.core.files import write_text
    from simbench.scenario.json_schema import scenario_schema

    text = json.dumps(scenario_schema(), indent=1) + "\n"
    if out:
        write_text(out, text)
    typer.echo(str(out) if out else text, nl=bool(out))


def _scenarios() -> Table:
    table = simbench.list_scenarios().reset_index()
    return list(table), table.to_numpy().tolist()


def _methods() -> Table:
    table = simbench.list_methods().drop(columns="installed").reset_index()
    return list(table), table.to_numpy().tolist()


def _metrics() -> Table:
    from simbench.scoring.metric_catalogue import METRICS

    return ["metric", "of", "better", "from", "to", "chance", "meaning", "source"], [
        [m.name, m.group, m.direction, f"{m.low:g}", f"{m.high:g}",
         "" if m.chance is None else f"{m.chance:g}", m.meaning, m.source]
        for m in sorted(METRICS.values(), key=lambda metric: metric.group)
    ]  # fmt: skip


def _indicators() -> Table:
    from simbench.imaging.indicators import describe_indicators

    header = ["indicator", "family", "dF/F of one spike", "half-rise (ms)", "peak (ms)",
              "half-decay (ms)", "source"]  # fmt: skip
    return header, [
        [row.name, row.family, f"{row.amplitude:.3g}", f"{row.half_rise_ms:.3g}",
         f"{row.time_to_peak_ms:.3g}", f"{row.half_decay_ms:.3g}", row.source]
        for row in describe_indicators().itertuples(index=False)
    ]  # fmt: skip


def _labels() -> Table:
    from simbench.scenario.labels import LABELS

    rows = [[name, label.kind, label.unit, label.meaning] for name, label in LABELS.items()]
    return ["label", "kind", "unit", "meaning"], rows


TABLES = {
    "scenarios": _scenarios, "methods": _methods, "metrics": _metrics, "indicators": _indicators,
    "labels": _labels,
}  # fmt: skip
"""Header and lines of each table, made when it is asked for."""
