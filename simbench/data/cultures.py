"""Cultures in the cache: simulated once, imaged as often as a scenario asks."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from scipy import sparse

from simbench.core import cache
from simbench.core.files import read_json
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


def culture_folder(recipe: CultureRecipe, seed: int, index: int) -> Path:
    """Where the cache holds, or will hold, a culture."""
    key = [recipe.model_dump(mode="json"), recipe.wiring.file_digest(), seed, index]
    return cache.entry("cultures", key)


def cached_culture(recipe: CultureRecipe, seed: int, index: int, target: str = "numpy") -> Culture:
    """A culture from the cache or, if it is not there, simulated and kept; as `grow_culture`."""

    def make(draft: Path) -> None:
        _write(draft, grow_culture(recipe, seed, index, target))

    folder = culture_folder(recipe, seed, index)
    return cache.fetch(folder, make, partial(_read, n_neurons=recipe.n_neurons))


def _write(folder: Path, culture: Culture) -> None:
    write_labels(folder / "labels.csv", culture.labels)
    write_spikes(folder / "spikes.npz", culture.spikes)
    if culture.spikes.lead_in is not None:
        write_spikes(folder / "lead_in.npz", culture.spikes.lead_in)
    sparse.save_npz(folder / "wiring.npz", culture.weights, compressed=False)
    about = {"text_labels": text_columns(culture.labels), "summary": culture.summary}
    (folder / "culture.json").write_text(json.dumps(about), encoding="utf-8")


def _read(folder: Path, n_neurons: int) -> Culture:
    about = read_json(folder / "culture.json")
    spikes = read_spikes(folder / "spikes.npz", n_neurons)
    if (folder / "lead_in.npz").exists():
        spikes = replace(spikes, lead_in=read_spikes(folder / "lead_in.npz", n_neurons))
    return Culture(
        read_labels(folder / "labels.csv", about["text_labels"], n_neurons),
        spikes,
        read_weights(folder / "wiring.npz", n_neurons),
        about["summary"],
    )
