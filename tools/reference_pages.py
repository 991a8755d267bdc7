"""Pages of the reference, made from the code: nothing of them is written by hand.

python tools/reference_pages.py FOLDER    # writes them, to look at
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter
from typer.cli import get_docs_for_click

import simbench
from simbench import submission
from simbench.benchmark.rows import Row
from simbench.cli import app
from simbench.cli.listing import TABLES
from simbench.core.text import markdown_table
from simbench.methods.catalogue import METHODS
from simbench.scenario.json_schema import scenario_schema
from simbench.scenario.presets import CAMERAS, CULTURES

_TABLE_OF = {"Scenario": "", "SplitRecipe": "split", "CultureRecipe": "culture",
             "WiringRecipe": "culture.wiring", "SynapseRecipe": "culture.synapses",
             "FiringTypeRecipe": "culture.custom_types.NAME", "ImagingRecipe": "imaging",
             "IndicatorRecipe": "imaging.indicator", "RecordingsRecipe": "recordings"}  # fmt: skip
"""Where in a scenario file the keys of a recipe stand, in the order of the page."""


_LISTED = ("scenarios", "metrics", "labels", "indicators")


def pages() -> dict[str, str]:
    """Markdown of each page by the name of its file, and the schema for editors."""
    return {
        "python.md": python_page(),
        "command-line.md": command_line_page(),
        "scenario.md": scenario_page(),
        "scenario.schema.json": json.dumps(scenario_schema(), indent=1),
        "methods.md": methods_page(),
        "rows.md": rows_page(),
        **{f"{name}.md": table_page(name) for name in _LISTED},
    }


def python_page() -> str:
    """Public names of `simbench` and of `simbench.submission`, for mkdocstrings to fill."""
    places = {f"simbench.{name}": f"{home}.{name}" for name, home in simbench._DEFINED_IN.items()}
    places |= {
        f"simbench.submission.{name}": f"{getattr(submission, name).__module__}.{name}"
        for name in submission.__all__
    }
    text = "# Python\n\nThe names below are public: what they take and give changes with a new\n"
    text += "version only. All others may change.\n\n"
    for name, place in places.items():
        text += f"::: {place}\n    options:\n      heading: {name}\n\n"
    return text


def command_line_page() -> str:
    """Every command with its options, as `--help` says them."""
    command = typer.main.get_command(app)
    context = command.make_context("simbench", ["--help"], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, name="simbench")
    return "# Command line\n\n" + text.replace("# `simbench`\n", "", 1)


def scenario_page() -> str:
    """Every key of a scenario file, from the JSON schema."""
    schema = scenario_schema()
    recipes = {"Scenario": schema} | schema["$defs"]
    text = (
        "# Scenario files\n\nA scenario is a TOML file. These are all its keys, with their units "
        "and the values that they have where a file doesn't say. A default that no publication "
        "gives is *chosen*. [scenario.schema.json](scenario.schema.json) says the same to editors; "
        "see [Write a scenario](../how-to/write-a-scenario.md).\n\n"
    )
    for recipe, place in _TABLE_OF.items():
        text += f"## {f'[{place}]' if place else 'At the top'}\n\n"
        text += f"{recipes[recipe]['description']}\n\n"
        text += markdown_table(
            ["key", "unit", "default", "allowed", "meaning", "source of the default"],
            keys_of(recipes[recipe]), n_text=6,
        )  # fmt: skip
        text += "\n"
    for title, presets in {"culture": CULTURES, "imaging": CAMERAS}.items():
        lines = [[name, _code(values)] for name, values in presets.items()]
        text += f"## Presets of {title}\n\nValues of keys that a file with the preset lacks.\n\n"
        text += markdown_table(["preset", "values"], lines, n_text=2) + "\n"
    return text


def keys_of(recipe: dict[str, Any]) -> Iterator[list[str]]:
    """Lines of the table of a recipe's keys."""
    needed = recipe.get("required", ())
    for name, key in recipe["properties"].items():
        default = "needed" if name in needed else _code(_shown_default(key))
        yield [
            f"`{name}`", key.get("unit", ""), default, " or ".join(kinds(key)),
            key.get("description", ""), key.get("source", ""),
        ]  # fmt: skip


def kinds(key: dict[str, Any]) -> list[str]:
    """What a key of the schema may hold, in words."""
    if "$ref" in key:
        return ["table"]
    if "anyOf" in key or "oneOf" in key:
        parts = key.get("anyOf") or key["oneOf"]
        return [kind for part in parts if part.get("type") != "null" for kind in kinds(part)]
    if "enum" in key:
        return [_code(value) for value in key["enum"]]
    if "const" in key:
        return [_code(key["const"])]
    if key.get("type") == "array":
        return [f"list of {' or '.join(kinds(key['items'])) or 'values'}"]
    names = {"integer": "whole number", "boolean": "true or false", "string": "text",
             "object": "table"}  # fmt: skip
    words = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}",
             "exclusiveMaximum": "below {}"}  # fmt: skip
    told = [w for w in words if w in key and f"exclusive{w.capitalize()}" not in key]
    bounds = " ".join(words[word].format(f"{key[word]:g}") for word in told)
    kind = key.get("type", "")
    return [f"{names.get(kind, kind)} {bounds}".strip()] if kind else []


def _shown_default(key: dict[str, Any]) -> Any:
    default = key.get("default")
    return "..." if "$ref" in key else default


def _code(value: Any) -> str:
    if value is None or value == "...":
        return "" if value is None else "its own"
    return f"`{json.dumps(value)}`"


def methods_page() -> str:
    """All methods of simbench by family."""
    text = (
        "# Methods\n\nGiven to `simbench run -m`. A method's settings may follow its name, as in "
        "`avae[window_s=20, beta=0]`. `-m all` takes every one that is installed, but those marked "
        "*only if named*.\n\n"
    )
    families: dict[str, list[list[str]]] = {}
    for name, entry in METHODS.items():
        notes = [f"needs `{entry.needs}`"] if entry.needs else []
        notes += ["only if named"] if entry.only_if_named else []
        notes += ["by default"] if entry.default else []
        line = [f"`{name}`", entry.summary, entry.source, ", ".join(notes)]
        families.setdefault(entry.family, []).append(line)
    for family, lines in families.items():
        text += f"## {family}\n\n"
        text += markdown_table(["method", "what it is", "source", "run"], lines, n_text=4) + "\n"
    return text


def rows_page() -> str:
    """Columns of the rows, from their schema."""
    schema = TypeAdapter(Row).json_schema()
    text = (
        "# Rows\n\nA run writes `rows.jsonl.gz`: one JSON object a line, one line per scenario, "
        "level, seed, method, target, metric, probe and split. `simbench.read_rows` and "
        "`pandas.read_json(file, lines=True)` read it.\n\n"
    )
    lines = [
        [f"`{name}`", " or ".join(kinds(key)), key.get("description", "")]
        for name, key in schema["properties"].items()
    ]
    return text + markdown_table(["column", "kind", "meaning"], lines, n_text=3)


def table_page(name: str) -> str:
    """What `simbench list` prints of a kind."""
    header, lines = TABLES[name]()
    text = f"# {name.capitalize()}\n\nAs `simbench list {name}` prints them.\n\n"
    shown = ([f"`{first}`", *rest] for first, *rest in lines)
    return text + markdown_table(header, shown, n_text=len(header))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in pages().items():
        (folder / file_name).write_text(content, encoding="utf-8")
