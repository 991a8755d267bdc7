"""Recordings of others as a scenario asks for them: read, cut or imaged once, kept in the cache."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simbench.core import cache
from simbench.core.errors import SimbenchError
from simbench.core.files import checksum, digest_of, files_of, read_model, validated
from simbench.data.dataset import Dataset, manifest_digest
from simbench.data.provenance import provenance
from simbench.data.recording import Recording, true_spikes, write_recording
from simbench.data.recording_windows import with_labels
from simbench.scenario.imaging_recipe import ImagingRecipe
from simbench.scenario.presets import CULTURE_FITS
from simbench.scenario.recipe import Recipe
from simbench.scenario.scenario import Scenario

_SUFFIXES = {"ground-truth": (".mat",), "electrodes": (".h5",)}
_STRATA = ("indicator", "region")
_INDEX = "index.json"
_LEAST_NU = 0.01  # a trace without noise would be one of endless photons; no camera's is so low


class RecordedIndex(Recipe):
    """What is known of the recordings before one is opened; lists have one value per recording."""

    groups: list[str]
    """Culture or animal."""
    strata: list[str]
    """Indicator and region: every one of them is in training and in test, if it can."""
    n_neurons: list[int]
    test: list[bool] | None
    """The split that a dataset folder has of its own."""
    has_spikes: bool
    n_frames: int
    origin: dict[str, Any] | None


def pinned(scenario: Scenario) -> Scenario:
    """The scenario with the checksum of its recordings; one without recordings as it is.

    Raises
    ------
    SimbenchError
        If the recordings are missing, or are not those of the checksum that it states.
    """
    recipe = scenario.recordings
    if recipe is None:
        return scenario
    folder = recipe.path(scenario.name)
    if recipe.kind == "dataset":
        found = manifest_digest(folder)
    else:
        paths = files_of(folder, _SUFFIXES[recipe.kind])
        found = digest_of({p.relative_to(folder).as_posix(): checksum(p) for p in paths})
    if recipe.sha256 not in (None, found):
        raise SimbenchError(
            f"{folder}: other recordings (SHA-256 {found[:12]}) than those of scenario "
            f"{scenario.name} ({str(recipe.sha256)[:12]})"
        )
    return scenario.model_copy(
        update={"recordings": recipe.model_copy(update={"sha256": found}).model_dump()}
    )


def scenario_of(
    folder: str | Path,
    targets: Sequence[str] = (),
    seconds: float | None = None,
    frame_rate_hz: float | None = None,
) -> Scenario:
    """The scenario that a dataset folder is, to be run like any other.

    Numbers are scored within firing type, or else within indicator, where these are known; those of
    measured recordings by their normal scores.

    Parameters
    ----------
    folder : str or Path
        Of `Dataset.save`.
    targets : sequence of str
        Labels to recover, own ones too; by default those of the dataset's own scenario.
    seconds, frame_rate_hz : float, optional
        Length and frame rate of the windows that are cut; needed where recordings differ.

    Raises
    ------
    SimbenchError
        If the folder is damaged, no recording has a target, or there is none.
    """
    folder = Path(folder).resolve()
    dataset = Dataset.load(folder)
    own = dataset.scenario
    targets = list(targets) or (list(own.targets) if own else [])
    known = [str(name) for name in dataset.labels if dataset.labels[name].notna().any()]
    for name in [*targets] or [""]:
        if name not in known:
            what = f"no recording has the label '{name}'" if name else "none is named"
            raise SimbenchError(f"--target: {what}; {folder} knows: {', '.join(known)}")
    recipe = {
        "kind": "dataset", "folder": str(folder), "seconds": seconds,
        "frame_rate_hz": frame_rate_hz,
    }  # fmt: skip
    name = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-") or "dataset"
    made = {
        "name": name, "version": 1, "targets": targets, "recordings": recipe,
        "question": f"How well do methods recover the labels of the recordings in {folder.name}?",
        "within": next((n for n in ("firing_type", "indicator") if n in known), None),
        "normal_scores": not dataset.is_simulated,
        "n_components": own.n_components if own else 8,
    }  # fmt: skip
    return pinned(validated(Scenario, made, f"--dataset {folder}"))


def recorded_folders(scenario: Scenario, seed: int) -> list[Path]:
    """Where the cache holds the recordings."""
    scenario = _stated(scenario)
    return _folders(scenario, seed, len(recorded_index(scenario, seed).groups))


def recorded_index(scenario: Scenario, seed: int) -> RecordedIndex:
    """The index of a scenario's recordings, which are read and kept first if they are not there."""
    scenario = _stated(scenario)

    def make(draft: Path) -> None:
        index = fill_with_recordings(scenario, seed)
        (draft / _INDEX).write_text(index.model_dump_json(), encoding="utf-8")

    folder = cache.entry("recordings", ["index", *_key(scenario, seed)])
    return read_model(cache.fetch(folder, make) / _INDEX, RecordedIndex)


def fill_with_recordings(scenario: Scenario, seed: int) -> RecordedIndex:
    """Put those recordings into the cache that it does not hold; returns their index."""
    scenario = _stated(scenario)
    dataset = _read(scenario, seed)
    truths = [recording.read_truth() for recording in dataset.recordings]
    folders = _folders(scenario, seed, len(truths))
    for folder, recording, truth in zip(folders, dataset.recordings, truths):
        make = partial(write_recording, recording=recording, truth=truth, group=recording.group)
        cache.fetch(folder, make)
    return RecordedIndex(
        groups=[recording.group for recording in dataset.recordings],
        strata=[
            "/".join(str(t.labels[s].iloc[0]) for s in _STRATA if s in t.labels) for t in truths
        ],
        n_neurons=[recording.n_neurons for recording in dataset.recordings],
        test=[bool(test) for test in dataset.test] if dataset.test.any() else None,
        has_spikes=all(truth.spikes is not None for truth in truths),
        n_frames=dataset.recordings[0].fluorescence.shape[1],
        origin=dataset.origin,
    )


def _stated(scenario: Scenario) -> Scenario:
    assert scenario.recordings is not None
    return scenario if scenario.recordings.sha256 else pinned(scenario)


def _key(scenario: Scenario, seed: int) -> list[Any]:
    recipe = scenario.recordings
    assert recipe is not None
    imaging = scenario.imaging.model_dump(mode="json") if scenario.imaging else None
    return [recipe.model_dump(exclude={"folder"}), imaging, seed if recipe.imaged else None]


def _folders(scenario: Scenario, seed: int, n: int) -> list[Path]:
    key = _key(scenario, seed)
    return [cache.entry("recordings", ["recorded", *key, i]) for i in range(n)]


def _read(scenario: Scenario, seed: int) -> Dataset:
    """The recordings as the recipe wants them: imaged, and cut into windows."""
    from simbench.data.readers.spike_files import import_spikes
    from simbench.data.readers.trace_files import import_traces

    recipe = pinned(scenario).recordings
    assert recipe is not None
    folder = recipe.path(scenario.name)
    if recipe.kind == "electrodes":
        dataset = import_spikes(files_of(folder, (".h5",)), scenario.imaging, seed=seed)
    elif recipe.kind == "ground-truth":
        dataset = import_traces(files_of(folder, (".mat",)))
        made = tuple(
            twin(r, seed, index) if recipe.imaged else with_measured_noise(r)
            for index, r in enumerate(dataset.recordings)
        )
        dataset = replace(dataset, recordings=made, origin=_origin(dataset, recipe.imaged))
    else:
        dataset = Dataset.load(folder)
    if recipe.seconds is not None and recipe.frame_rate_hz is not None:
        return dataset.windows(recipe.seconds, recipe.frame_rate_hz, recipe.per_recording)
    forms = {(r.frame_rate, r.fluorescence.shape[1]) for r in dataset.recordings}
    if len(forms) > 1:
        (rates, lengths) = zip(*((r.frame_rate, r.duration_s) for r in dataset.recordings))
        raise SimbenchError(
            f"{folder}: recordings differ, {min(rates):g} to {max(rates):g} Hz and "
            f"{min(lengths):g} to {max(lengths):g} s; give --seconds and --frame-rate (in a "
            "scenario: recordings.seconds and frame_rate_hz)"
        )
    return dataset


def _origin(dataset: Dataset, imaged: bool) -> dict[str, Any]:
    origin = dataset.origin or {}
    if not imaged:
        return origin
    told = {key: origin.get(key) for key in ("source", "license", "citation", "files")}
    return provenance(["spikes"], ["fluorescence", "labels of activity and optics"], **told)


def with_measured_noise(recording: Recording) -> Recording:
    """A measured recording with the label ``nu``, the noise of each trace (`measure_nu`)."""
    from simbench.imaging.camera import measure_nu

    truth = recording.read_truth()
    nu = pd.DataFrame({"nu": measure_nu(recording.dff, recording.frame_rate).astype(float)})
    noted = replace(truth, labels=with_labels(truth.labels, nu))
    return replace(recording, load_truth=lambda: noted)


def twin(recording: Recording, seed: int, index: int) -> Recording:
    """The spikes of a measured cell through the culture preset of its indicator.

    The frame rate and the shot noise nu are those of the measured trace, but nu is at least 0.01
    %/sqrt(Hz); no spread between cells is added.

    Raises
    ------
    SimbenchError
        If the indicator has no culture preset.
    """
    from simbench.imaging import image
    from simbench.imaging.camera import measure_nu

    truth = recording.read_truth()
    indicator = str(truth.labels["indicator"].iloc[0]) if "indicator" in truth.labels else "unknown"
    if indicator not in CULTURE_FITS:
        raise SimbenchError(
            f"recording {recording.name}: indicator '{indicator}' has no culture preset; allowed: "
            f"{', '.join(CULTURE_FITS)}"
        )
    nu = float(np.mean(measure_nu(recording.dff, recording.frame_rate)))
    made_with = {
        "preset": "ideal", "indicator": indicator, "frame_rate_hz": recording.frame_rate,
        "nu": max(nu, _LEAST_NU),
    }  # fmt: skip
    recipe = validated(ImagingRecipe, made_with, f"recording {recording.name}")
    apart = np.arange(recording.n_neurons)[:, None] * np.ones(2)
    imaged = image(true_spikes(recording), apart, recipe, seed, index)
    made = replace(
        truth, labels=with_labels(truth.labels, imaged.nuisances), clean_dff=imaged.clean_dff
    )
    return replace(recording, fluorescence=imaged.fluorescence, load_truth=lambda: made)
