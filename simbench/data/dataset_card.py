"""The README of a dataset folder: its contents, how they were made, and what columns mean."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from simbench import __version__
from simbench.core.text import markdown_table, number, span
from simbench.data.provenance import fluorescence_unit
from simbench.data.real_cultures import (
    SOURCE,
    STATISTICS,
    beside_real,
    mean_summary,
    nearest_region,
)
from simbench.data.recording import Recording
from simbench.scenario.labels import LABELS
from simbench.scenario.scenario import Scenario

_RIGHTS = {
    "source": ("source", "not told"),
    "license": ("licence", "not told: ask the source before you pass the data on"),
    "citation": ("to cite", "not told: ask the source"),
}
_MOST_FILES = 10
_NAMED = ("given", "made", "fluorescence_unit", *_RIGHTS)


def dataset_card(
    recordings: Sequence[Recording],
    n_test: int,
    simulated: bool,
    scenario: Scenario | None,
    seed: int | None,
    origin: dict[str, Any] | None,
    columns: Iterable[str],
    contents: str | None,
) -> str:
    """Write the card of a dataset, in Markdown.

    Parameters
    ----------
    n_test : int
        Recordings for testing.
    simulated : bool
        Whether nothing came from elsewhere.
    origin : dict or None
        How a dataset without a scenario was made.
    columns : iterable of str
        Columns of the label tables, each once; none if the dataset is blinded.
    contents : str or None
        What the folder of an export holds; None for a dataset folder.
    """
    blinded = recordings[0].load_truth is None
    region, activity = ("", "") if blinded else _activity(recordings, scenario)
    told = {key: " ".join(str((origin or {}).get(key) or "").split()) for key in _RIGHTS}
    rights = [(name, told[key] or unknown) for key, (name, unknown) in _RIGHTS.items()]
    card = render(
        "README.md",
        title=f"{scenario.name}, version {scenario.version}" if scenario else "Calcium recordings",
        version=__version__,
        scenario=scenario,
        seed=seed,
        simulated=simulated,
        blinded=blinded,
        origin=origin or {},
        license=json.dumps(told["license"]) if told["license"] else "",
        facts=_facts(recordings, n_test, "culture" if simulated else "culture or animal"),
        recipe=_recipe(scenario, seed, origin),
        contents=contents,
        unit=fluorescence_unit(origin),
        columns=_columns(columns),
        region=region,
        real_source=SOURCE,
        activity=activity,
        rights=markdown_table(("", ""), rights, 2),
    )
    return re.sub(r"\n{3,}", "\n\n", card)


def render(template: str, **values: Any) -> str:
    """A template of this folder, filled in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("simbench.data"), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template).render(**values)


def _facts(recordings: Sequence[Recording], n_test: int, of: str) -> str:
    n_groups = len({r.group for r in recordings})
    shared = f"one per {of}" if n_groups == len(recordings) else f"of {n_groups} groups ({of})"
    sizes = ((r.fluorescence.shape[1], r.frame_rate, r.duration_s) for r in recordings)
    n_frames, rate, seconds = map(span, zip(*sizes))
    facts = {
        "recordings": f"{len(recordings)}, {shared}; for testing: {n_test}",
        "neurons": f"{sum(r.n_neurons for r in recordings)}",
        "frames": f"{n_frames} at {rate} Hz ({seconds} s)",
    }
    return markdown_table(("", ""), facts.items(), 2)


def _recipe(scenario: Scenario | None, seed: int | None, origin: dict[str, Any] | None) -> str:
    more = {key: value for key, value in (origin or {}).items() if key not in _NAMED}
    if scenario is None or scenario.recordings is not None:
        asked = {"targets", "nuisances", "split", "recordings", "imaging"}
        how = (scenario.model_dump(mode="json", include=asked) if scenario else {}) | more
        if len(how.get("files", ())) > _MOST_FILES:
            how["files"] = f"{len(how['files'])}, with their SHA-256 in the manifest"
        if not how:
            return "The recipe is withheld, so that the traces can be used blindly."
        imaged = "imaging" in how
        told = "Spikes from elsewhere were imaged through the simulated optics of simbench.\n\n"
        return f"{told * imaged}{markdown_table(('key', 'value'), _flat(how), 2)}"
    keys = ("targets", "nuisances", "split", "culture", "imaging", "axes")
    data = scenario.model_dump(mode="json")
    set_keys = {key: data[key] for key in keys} | more
    return (
        f"Networks of Izhikevich neurons were simulated with Brian2 and imaged through a model "
        f"of indicator and camera: {scenario.replicates} cultures of each condition, "
        f"seed {seed}. Keys as in a scenario file; only what is set is listed.\n\n"
        f"{markdown_table(('key', 'value'), _flat(set_keys), 2)}"
    )


def _flat(data: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in data.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        elif value is not None and value != {}:
            rows.append((f"`{prefix}{key}`", str(value)))
    return rows


def _activity(recordings: Sequence[Recording], scenario: Scenario | None) -> tuple[str, str]:
    """Region of real cultures and how far these are from them; none where cells were recorded."""
    summaries = [r.read_truth().summary for r in recordings]
    if not all("network_spike_share" in summary for summary in summaries):
        return "", ""
    mean = mean_summary(summaries)
    preset = scenario.culture.preset if scenario and scenario.culture else None
    region = preset or nearest_region(mean)
    rows = [
        (STATISTICS[row.statistic], number(row.value, ".2g"), f"{row.p5:.2g} to {row.p95:.2g}",
         number(row.distance, "+.1f"))
        for row in beside_real(mean, region).itertuples()
    ]  # fmt: skip
    return region, markdown_table(("statistic", "here", "real, 5 to 95 %", "distance"), rows)


def _columns(names: Iterable[str]) -> str:
    rows = []
    for name in names:
        label = LABELS.get(name)
        cells = (label.unit, label.kind, label.meaning) if label else ("", "", "own label")
        rows.append((f"`{name}`", *cells))
    return markdown_table(("column", "unit", "kind", "meaning"), rows, 4)
