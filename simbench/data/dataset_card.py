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

_CARD = """\
---
{front}
---
# {title}

{kind}
{question}
{facts}

## How it was made

{recipe}

## What is in it

{contents}
{columns}
{activity}
## Licence and citation

{rights}
"""

_SIMULATED_FRONT = """\
license: cc-by-4.0
tags: [calcium-imaging, neuroscience, simulation, spike-trains, benchmark]"""
_SIMULATED = """\
**Simulated data: no animal, no tissue, no microscope.** {kind} made with simbench {version}."""
_SIMULATED_RIGHTS = """\
The data are licensed under [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/).
Please cite them as:

> The simbench maintainers. {title}. Simulated with simbench {version}{identity}."""
_RIGHTS = {
    "source": ("source", "not told"),
    "license": ("licence", "not told: ask the source before you pass the data on"),
    "citation": ("to cite", "not told: ask the source"),
}
_ACTIVITY = """## Beside real cultures

Means over the recordings, beside {region} cultures of days 14 to 28 in vitro ({source}). Distance:
0 is the median of real recordings, -1 their 5th percentile, 1 the 95th.

{table}"""
_MOST_FILES = 10
_NAMED = ("given", "made", "fluorescence_unit", *_RIGHTS)

_FILES = """\
One folder per recording, and `manifest.json` with recipe, seed, versions and the SHA-256 of every
file. Read it with `simbench.Dataset.load(folder)`, or with numpy, scipy and pandas:

| file | content |
|---|---|
| `fluorescence.npy` | float32, neurons x frames: {unit} |
| `recording.json` | frame rate in Hz, numbers about the culture as a whole, checksums |
"""

_TRUTH_FILES = """\
| `labels.csv` | one row per neuron, in the order of the traces; columns below |
| `spikes.npz` | if known: `times` in s, neuron after neuron; spikes of neuron i are \
`times[offsets[i]:offsets[i + 1]]`; `duration` in s |
| `clean_dff.npy` | if simulated: float32, neurons x frames, true dF/F, without noise and camera |
| `wiring.npz` | if known: scipy sparse matrix, presynaptic x postsynaptic, signed weights |
| `neuropil.npy` | if imaged: float32, neurons x frames, fluorescence around each cell |
"""


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
    title = f"{scenario.name}, version {scenario.version}" if scenario else "Calcium recordings"
    blinded = recordings[0].load_truth is None
    of = "culture" if simulated else "culture or animal"
    if simulated:
        names = {
            "title": title,
            "kind": "Calcium traces, blinded," if blinded else "Calcium traces with their truth,",
            "version": __version__,
            "identity": f", scenario digest {scenario.digest()[:16]}, seed {seed}"
            if scenario
            else "",
        }
        texts = (_SIMULATED_FRONT, _SIMULATED, _SIMULATED_RIGHTS)
        front, kind, rights = (text.format(**names) for text in texts)
    else:
        front, kind, rights = _told(origin or {})
    files = _FILES.format(unit=fluorescence_unit(origin))
    card = _CARD.format(
        title=title,
        front=front,
        kind=kind,
        question=f"\n> {' '.join(scenario.question.split())}\n" if scenario else "",
        facts=_facts(recordings, n_test, of),
        recipe=_recipe(scenario, seed, origin),
        contents=contents or (files if blinded else files + _TRUTH_FILES),
        columns="" if blinded else _columns(columns),
        activity="" if blinded else _activity(recordings, scenario),
        rights=rights,
    )
    return re.sub(r"\n{3,}", "\n\n", card)


def _told(origin: dict[str, Any]) -> tuple[str, str, str]:
    """Front matter, first sentence and rights of data from elsewhere: what was told, no more."""
    told = {key: " ".join(str(origin.get(key) or "").split()) for key in _RIGHTS}
    license_line = f"license: {json.dumps(told['license'])}\n" if told["license"] else ""
    front = f"{license_line}tags: [calcium-imaging, neuroscience]"
    kind = "Calcium traces. Nothing was told of where they are from."
    if "given" in origin:
        given, made = (", ".join(origin[key]) or "nothing" for key in ("given", "made"))
        kind = f"**From elsewhere: {given}.** Made by simbench {__version__}: {made}."
    rows = [(name, told[key] or unknown) for key, (name, unknown) in _RIGHTS.items()]
    return front, kind, markdown_table(("", ""), rows, 2)


def _facts(recordings: Sequence[Recording], n_test: int, of: str) -> str:
    n_groups = len({r.group for r in recordings})
    shared = f"one per {of}" if n_groups == len(recordings) else f"of {n_groups} groups ({of})"
    facts = {
        "recordings": f"{len(recordings)}, {shared}; for testing: {n_test}",
        "neurons": f"{sum(r.n_neurons for r in recordings)}",
        "frames": _frames(recordings),
    }
    return markdown_table(("", ""), facts.items(), 2)


def _frames(recordings: Sequence[Recording]) -> str:
    sizes = ((r.fluorescence.shape[1], r.frame_rate, r.duration_s) for r in recordings)
    n_frames, rate, seconds = map(span, zip(*sizes))
    return f"{n_frames} at {rate} Hz ({seconds} s)"


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


def _activity(recordings: Sequence[Recording], scenario: Scenario | None) -> str:
    """How far the cultures are from real ones; nothing where single cells were recorded."""
    summaries = [r.read_truth().summary for r in recordings]
    if not all("network_spike_share" in summary for summary in summaries):
        return ""
    mean = mean_summary(summaries)
    preset = scenario.culture.preset if scenario and scenario.culture else None
    region = preset or nearest_region(mean)
    rows = [
        (STATISTICS[row.statistic], number(row.value, ".2g"), f"{row.p5:.2g} to {row.p95:.2g}",
         number(row.distance, "+.1f"))
        for row in beside_real(mean, region).itertuples()
    ]  # fmt: skip
    table = markdown_table(("statistic", "here", "real, 5 to 95 %", "distance"), rows)
    return _ACTIVITY.format(region=region, source=SOURCE, table=table)


def _columns(names: Iterable[str]) -> str:
    rows = []
    for name in names:
        label = LABELS.get(name)
        cells = (label.unit, label.kind, label.meaning) if label else ("", "", "own label")
        rows.append((f"`{name}`", *cells))
    table = markdown_table(("column", "unit", "kind", "meaning"), rows, 4)
    return f"\nColumns of the label table:\n\n{table}\n"
