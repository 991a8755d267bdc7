from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import simbench

from simbench import SimbenchError
from simbench.benchmark.plan import plan
from simbench.benchmark.rows import read_rows
from simbench.data.recording import clean_trace
from simbench.data.traces import Traces
from simbench.methods.embedding import reconstruct
from simbench.scenario.scenario_file import load_scenario
from simbench.scoring.evaluate import score
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.protocols import PROTOCOLS, score_reconstruction
from simbench.scoring.recovery import with_recovery

TINY = Path(__file__).parents[1] / "tiny.toml"


class GivesBack:
    """Its latents are the traces that it gives back."""

    def inverse_transform(self, Z):
        return Z


class Foretells(GivesBack):
    """Nothing is said of the first half, and nothing is wrong of the second."""

    def predict_interval(self, X, level):
        assert level == 0.9
        low = np.where(np.arange(X.shape[1]) < X.shape[1] // 2, np.nan, X - 1)
        return low, low + 2


def rows_of(method, latents, dataset):
    dff = [recording.dff for recording in dataset.recordings]
    traces = Traces(dff, dataset.frame_rate, ~dataset.test)
    outputs = {"latents": latents} | reconstruct(method, traces, latents)
    rows = list(score_reconstruction(outputs, dataset))
    assert all(row["target"] == "trace" and row["metric"] in METRICS for row in rows)
    assert all(len(row["per_culture"]) == dataset.test.sum() for row in rows)
    return {row["metric"]: row["value"] for row in rows}


def test_the_clean_trace_is_a_perfect_reconstruction(tiny_dataset):
    clean = np.concatenate([clean_trace(r) for r in tiny_dataset.recordings])
    scores = rows_of(GivesBack(), clean, tiny_dataset)
    assert scores == {
        "reconstruction_r2": 1, "reconstruction_skill": 1, "values_per_minute": 1200,
    }  # fmt: skip


def test_the_noisy_trace_has_no_skill_and_the_mean_explains_nothing(tiny_dataset):
    assert rows_of(GivesBack(), tiny_dataset.traces(), tiny_dataset)["reconstruction_skill"] == 0
    clean = np.concatenate([clean_trace(r) for r in tiny_dataset.recordings])
    mean = np.repeat(clean.mean(axis=1, keepdims=True), clean.shape[1], axis=1)
    scores = rows_of(GivesBack(), mean, tiny_dataset)
    assert scores["reconstruction_r2"] == pytest.approx(0, abs=1e-6)


def test_the_clean_trace_is_on_the_scale_of_the_noisy_one(tiny_dataset):
    for recording in tiny_dataset.recordings:
        noise = recording.dff - clean_trace(recording)
        assert np.abs(noise.mean(axis=1)).max() < 0.05
        assert np.median(noise.std(axis=1)) < 0.05  # nu = 0.3 at 20 Hz: 0.014


def test_frames_without_an_interval_are_not_scored(tiny_dataset):
    scores = rows_of(Foretells(), tiny_dataset.traces(), tiny_dataset)
    assert scores["coverage"] == 1


def test_a_method_that_gives_nothing_back_has_no_rows(tiny_dataset):
    assert rows_of(object(), np.zeros((len(tiny_dataset.labels), 2)), tiny_dataset) == {}


def test_scores_without_counterpart_have_no_floor_and_no_ceiling(tiny_dataset):
    latents = np.random.default_rng(0).normal(size=(len(tiny_dataset.labels), 2))
    scores = score(latents, tiny_dataset, ["firing_type"], ["linear"])
    other = pd.DataFrame(
        {
            "target": ["trace"], "metric": ["reconstruction_r2"], "probe": ["none"],
            "split": ["culture"], "value": [0.5], "per_culture": [[0.5]],
        }
    )  # fmt: skip
    placed = with_recovery(pd.concat([scores, other], ignore_index=True), scores, scores)
    assert len(placed) == len(scores) + 1
    assert placed.iloc[-1][["chance", "ceiling", "recovery"]].isna().all()
    assert placed.iloc[:-1]["chance"].notna().any()


def test_labels_are_needed_only_where_latents_are_scored(tiny):
    with pytest.raises(SimbenchError, match="targets: at least one label"):
        tiny.model_copy(update={"targets": []})
    assert not tiny.model_copy(update={"targets": [], "protocols": ["reconstruction"]}).targets
    for wrong in ([], ["reconstructions"]):
        with pytest.raises(SimbenchError, match="protocols"):
            tiny.model_copy(update={"protocols": wrong})


def test_a_scenario_without_protocols_keeps_its_digest(tiny):
    explicit = tiny.model_copy(update={"protocols": ["latents"], "latents_per_minute": None})
    assert explicit.digest() == tiny.digest()
    for change in ({"protocols": ["latents", "reconstruction"]}, {"latents_per_minute": 6.0}):
        assert tiny.model_copy(update=change).digest() != tiny.digest()


def test_every_protocol_that_a_scenario_may_name_is_there(tiny):
    for name in PROTOCOLS:
        assert tiny.model_copy(update={"protocols": [name], "targets": ["firing_type"]})


@pytest.mark.parametrize(
    ("asked", "planned"),
    [([], ["windowed-pca", "pca", "avae"]), (["ica"], ["windowed-pca", "ica"])],
)
def test_reconstructions_are_planned_beside_the_linear_one(asked, planned):
    pytest.importorskip("torch")
    scenario = load_scenario("reconstruction")
    units = plan([scenario], asked)
    assert [u.method for u in units if u.level == "6"] == planned
    assert len({u.level for u in units}) >= 5


@pytest.fixture(scope="module")
def reconstruction_toml(tmp_path_factory):
    """The tiny scenario, with two budgets and nothing to recover."""
    text = TINY.read_text().replace('"tiny"', '"tiny-reconstruction"')
    text = text.replace('targets = ["firing_type", "in_degree"]', 'protocols = ["reconstruction"]')
    levels = "[levels]\nlatents_per_minute = [30, 120]\n\n[culture]"
    path = tmp_path_factory.mktemp("scenario") / "tiny-reconstruction.toml"
    path.write_text(text.replace("[culture]", levels))
    return path


def test_a_scenario_with_nothing_to_rank_runs_to_its_end(reconstruction_toml, tmp_path):
    options = ["-m", "pca", "-m", "trace-stats", "--out", tmp_path, "-j", "1"]
    done = simbench("run", reconstruction_toml, *options)
    assert done.returncode == 0, done.stderr
    assert "not ranked" in done.stdout
    folder = tmp_path / "tiny-reconstruction"
    rows = read_rows(folder)
    assert (rows["status"] == "ok").all()
    assert rows.loc[rows["method"] == "trace-stats", "metric"].isna().all()
    scored = rows[rows["metric"] == "reconstruction_r2"]
    assert set(zip(scored["method"], scored["level"])) == {
        (method, level) for method in ("pca", "windowed-pca") for level in ("30", "120")
    }
    spent = rows[(rows["metric"] == "values_per_minute") & (rows["method"] == "windowed-pca")]
    assert (spent["value"] <= spent["level"].astype(float)).all()
    assert {"reconstruction.csv", "reconstruction.md", "curves.png"} <= {
        path.name for path in folder.iterdir()
    }
