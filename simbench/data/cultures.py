"""Grown cultures in the cache: simulated once, imaged as often as a scenario asks."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy import sparse

from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import check_files, checksum, new_folder, read_json
from simbench.culture import Culture, grow_culture
from simbench.data.recording import (
    read_labels,
    read_spikes,
    read_weights,
    text_columns,
    write_labels,
    write_spikes,
)
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.recipe import Recipe, read_recipe


class _About(Recipe):
    """Contents of ``culture.json``."""

    text_labels: list[str]
    """Label columns that hold words, even where these look like numbers."""
    summary: dict[str, Any]
    files: dict[str, str]
    """SHA-256 of every other file of the folder."""


def culture_folder(recipe: CultureRecipe, seed: int, index: int) -> Path:
    """Where the cache holds, or will hold, a grown culture."""
    part = [recipe.model_dump(mode="json"), recipe.wiring.file_digest(), seed, index]
    return cache.entry("cultures", part)


def grown_culture(recipe: CultureRecipe, seed: int, index: int, target: str = "numpy") -> Culture:
    """A culture from the cache or, if it is not there, grown and kept; as `grow_culture`."""
    folder = culture_folder(recipe, seed, index)
    try:
        return _read_culture(folder, recipe.n_neurons)
    except SimbenchError:
        shutil.rmtree(folder, ignore_errors=True)  # not there, or damaged
    culture = grow_culture(recipe, seed, index, target)
    _write_culture(folder, culture)
    return culture


def _write_culture(folder: Path, culture: Culture) -> None:
    with new_folder(folder, keep_existing=True) as draft:
        write_labels(draft / "labels.csv", culture.labels)
        write_spikes(draft / "spikes.npz", culture.spikes)
        if culture.spikes.lead_in is not None:
            write_spikes(draft / "lead_in.npz", culture.spikes.lead_in)
        sparse.save_npz(draft / "wiring.npz", culture.weights, compressed=False)
        about = _About(
            text_labels=text_columns(culture.labels),
            summary=culture.summary,
            files={path.name: checksum(path) for path in sorted(draft.iterdir())},
        )
        (draft / "culture.json").write_text(json.dumps(about.model_dump()))


def _read_culture(folder: Path, n_neurons: int) -> Culture:
    about = read_recipe(_About, read_json(folder / "culture.json"))
    check_files(folder, about.files, verify=True)
    spikes = read_spikes(folder / "spikes.npz", n_neurons)
    if "lead_in.npz" in about.files:
        spikes = replace(spikes, lead_in=read_spikes(folder / "lead_in.npz", n_neurons))
    return Culture(
        read_labels(folder / "labels.csv", about.text_labels, n_neurons),
        spikes,
        read_weights(folder / "wiring.npz", n_neurons),
        about.summary,
    )
