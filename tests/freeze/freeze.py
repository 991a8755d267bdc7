"""What must not change while the house is rebuilt, as plain data.

python tests/freeze/freeze.py          # writes frozen.json, which is the same on every machine
python tests/freeze/freeze.py FILE     # writes the bits of this machine: spikes, traces, latents
"""

import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import typer
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import simbench
from simbench.benchmark.rows import COLUMNS
from simbench.cli import app
from simbench.methods.checking import SHORT
from simbench.methods.controls.control import Control
from simbench.methods.embedding import call_grouped
from simbench.methods.registry import get_method, known_methods, set_known_parameters
from simbench.scenario.scenario_file import available_scenarios
from simbench.submission import export_traces, pack_submission, read_card

HERE = Path(__file__).parent
FROZEN = HERE / "frozen.json"
TINY = HERE.parent / "tiny.toml"
SEED = 3


def frozen() -> dict[str, Any]:
    """Digests, formats, names and help: the same on every machine."""
    return {
        "scenarios": scenario_digests(),
        "public names": {
            "simbench": sorted(simbench.__all__),
            "simbench.submission": sorted(simbench.submission.__all__),
        },
        "methods": {name: entry.family for name, entry in known_methods().items()},
        "row columns": COLUMNS,
        "formats": formats(),
        "help": help_texts(),
    }


def scenario_digests() -> dict[str, dict[str, str]]:
    """Digest of every shipped scenario at each of its levels."""
    loaded = {name: simbench.load_scenario(name) for name in available_scenarios()}
    return {
        name: {level: plain.digest() for level, plain in scenario.at_levels.items()}
        for name, scenario in loaded.items()
    }


def help_texts(command: Any = None) -> dict[str, Any]:
    """What ``--help`` says of a command and those below it: text, parameters, and their texts."""
    command = command or typer.main.get_command(app)
    return {
        "help": command.help,
        "parameters": {
            " ".join(p.opts): [getattr(p, "help", None), str(p.default), p.required]
            for p in command.params
        },
        "commands": {n: help_texts(below) for n, below in getattr(command, "commands", {}).items()},
    }


def formats() -> dict[str, Any]:
    """Files of a dataset folder, of a blind export and of a submission, and what they hold."""
    dataset = simbench.simulate(simbench.load_scenario(TINY), SEED)
    with tempfile.TemporaryDirectory() as scratch:
        folder = dataset.save(Path(scratch) / "dataset")
        recording = folder / dataset.recordings[0].name
        traces = export_traces(dataset, Path(scratch) / "traces")
        return {
            "dataset": names(folder),
            "manifest": sorted(json.loads((folder / "manifest.json").read_text())),
            "recording": sorted(json.loads((recording / "recording.json").read_text())),
            "labels": (recording / "labels.csv").read_text().splitlines()[0].split(","),
            "spikes": sorted(np.load(recording / "spikes.npz").files),
            "wiring": sorted(np.load(recording / "wiring.npz").files),
            "blind": sorted({p.suffix for p in (traces / "dff").iterdir()}) + names(traces, "*"),
            "index": (traces / "index.csv").read_text().splitlines()[0],
            "submission": submission(traces, Path(scratch)),
        }


def names(folder: Path, pattern: str = "**/*") -> list[str]:
    """Files below a folder."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.glob(pattern) if p.is_file())


def submission(traces: Path, scratch: Path) -> list[str]:
    """Members of a packed submission."""
    matrices = {p.stem: np.load(p)[:, ::40] for p in (traces / "dff").iterdir()}
    np.savez(scratch / "latents.npz", **matrices)
    card = (traces / "card.toml").read_text()
    values = {
        "name": '"Mine"', "authors": '["A. Person"]', "link": '"https://example.org"',
        "latent_size": "5", "hardware": '"a laptop"', "training_time_s": "0.1",
    }  # fmt: skip
    lines = (line.partition(" = ") for line in card.splitlines())
    text = "\n".join(f"{key}{is_}{values.get(key, value)}" for key, is_, value in lines)
    (scratch / "card.toml").write_text(text)
    out = scratch / "submission.zip"
    pack_submission(scratch / "latents.npz", read_card(scratch / "card.toml"), out)
    with zipfile.ZipFile(out) as archive:
        return sorted(archive.namelist())


@threadpool_limits.wrap(limits=1)
def bits() -> dict[str, str]:
    """SHA-256 of spikes, fluorescence and latents of the tiny scenario: of this machine alone."""
    dataset = simbench.simulate(simbench.load_scenario(TINY), SEED)
    spikes = [r.truth.spikes.times for r in dataset.recordings]
    found = {
        "spikes": digest(*spikes),
        "fluorescence": digest(*(r.fluorescence for r in dataset.recordings)),
    }
    X, culture = dataset.traces(np.flatnonzero(~dataset.test)), dataset.culture
    for name, entry in known_methods().items():
        if not entry.is_available:
            continue
        parameters = {"n_components": 3, "latents_per_minute": None}
        method = set_known_parameters(
            get_method(name, **parameters), frame_rate=20.0, random_state=SEED, **shortened(entry)
        )
        if isinstance(method, Control):
            found[name] = digest(method.embed(dataset))
        else:
            if name == "windowed-pca":
                method.set_params(latents_per_minute=60.0)
            fitted = call_grouped(clone(method).fit, X.copy(), culture[~dataset.test_neurons])
            latents = [fitted.transform(r.dff) for r in dataset.recordings]
            found[name] = digest(*latents)
        if name == "pca":
            found |= scores(np.concatenate(latents), dataset)
    return found


def scores(latents: np.ndarray, dataset: simbench.Dataset) -> dict[str, str]:
    """Every score of latents, by what it is of."""
    rows = simbench.evaluate(latents, dataset)
    return {
        f"score of {row.target}, {row.metric}, {row.probe}, {row.split}": float(row.value).hex()
        for row in rows.itertuples()
    }


def shortened(entry: Any) -> dict[str, int]:
    """Training lengths of a check, but for those that make the method what it is."""
    return {key: value for key, value in SHORT.items() if key not in entry.parameters}


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the bytes of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(str(array.dtype).encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    made, file = (bits(), Path(sys.argv[1])) if len(sys.argv) > 1 else (frozen(), FROZEN)
    file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
