"""A seed that is drawn can't be guessed from what is exported; a small one can."""

import numpy as np
import pandas as pd
import pytest

from simbench import SimbenchError, simulate
from simbench.core.seeds import SECRET_BITS, check_secret, draw_secret_seed, stream
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording
from simbench.scenario.scenario import Scenario
from simbench.submission import export_traces

SMALL, CANDIDATES = 137, range(256)
LARGE = 2**127 + 59
"""As long as a drawn one, and the same in every run: of 60 frames a few in a hundred look alike."""
N_FRAMES, N_CELLS = 60, 6
ALIKE = 0.75
"""Correlation of noise that no chance brings about over 60 frames."""


def without_trend(x):
    """Traces less the mean of each frame's neighbours."""
    return x - (np.roll(x, 1, axis=-1) + np.roll(x, -1, axis=-1)) / 2


def guessed(folder):
    """Candidate seeds whose shot noise is that of a trace of the export, whichever it is."""
    traces = np.concatenate([np.load(path) for path in sorted((folder / "fluorescence").iterdir())])
    seen = without_trend(traces[:, :N_FRAMES].astype(float))
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    light = np.full(N_FRAMES, np.median(traces))
    found = set()
    for seed in CANDIDATES:
        streams = [stream(seed, "recording", 0, "shot noise", cell) for cell in range(N_CELLS)]
        noise = without_trend(np.array([rng.poisson(light) for rng in streams]).astype(float))
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        if (noise @ seen.T).max() > ALIKE:
            found.add(seed)
    return found


def test_the_shot_noise_gives_a_small_seed_away_and_not_a_drawn_one(tiny, tmp_path):
    for seed, expected in ((SMALL, {SMALL}), (LARGE, set())):
        folder = export_traces(simulate(tiny, seed), tmp_path / str(seed))
        assert guessed(folder) == expected


def test_what_is_exported_are_whole_counts(tiny, tmp_path):
    """The digits of read noise are those of its stream: three frames would do."""
    data = tiny.model_dump(mode="json")
    data["imaging"] |= {"read_noise": 2.0}
    dataset = simulate(Scenario(**data), seed=1)
    plain = dataset.recordings[0].fluorescence
    assert not np.array_equal(plain, np.rint(plain))
    folder = export_traces(dataset, tmp_path / "out")
    exported = [np.load(path) for path in (folder / "fluorescence").iterdir()]
    assert all(np.array_equal(traces, np.rint(traces)) for traces in exported)
    assert np.rint(plain).sum() in [traces.sum() for traces in exported]


def test_a_secret_has_all_its_bits():
    seeds = {draw_secret_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert {seed.bit_length() for seed in seeds} == {SECRET_BITS}
    for seed in (0, 8276451093, 2**127 - 1):
        with pytest.raises(SimbenchError, match="bits can be guessed from the traces"):
            check_secret(seed)
    check_secret(2**127)


def test_groups_are_kept_under_names_that_say_nothing(tiny_dataset, tmp_path):
    shared = tuple(
        Recording(r.name, r.fluorescence, r.frame_rate, group=f"animal-{i // 2}")
        for i, r in enumerate(tiny_dataset.recordings)
    )
    test = np.arange(len(shared)) // 2 == 0
    index = pd.read_csv(export_traces(Dataset(shared, test), tmp_path / "a") / "index.csv")
    assert index["group"].value_counts().tolist() == [2] * (len(shared) // 2)
    assert index.groupby("group")["split"].nunique().eq(1).all()
    again = Dataset(shared[::-1], test[::-1])
    pd.testing.assert_frame_equal(
        pd.read_csv(export_traces(again, tmp_path / "b") / "index.csv"), index
    )
    assert not index.astype(str).apply(lambda c: c.str.contains("animal|culture")).any(axis=None)
