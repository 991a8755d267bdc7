"""Ranks against real cells, the whole way: boards run, compared, written, drawn."""

from pathlib import Path

import pandas as pd
import pytest
from made_files import CELLS, write_cells
from PIL import Image

from simbench.benchmark import plan
from simbench.benchmark.rows import read_rows
from simbench.core.errors import SimbenchError
from simbench.core.files import validated
from simbench.data.readers.measured_cells import SOURCE
from simbench.report.validation import rank_report
from simbench.report.validation.rank_report import validate_ranks
from simbench.scenario.scenario import Scenario

SHELF = Path(__file__).parents[3] / "results" / "quickstart"
METHODS = ["pca", "fa", "ica", "nmf", "random-projection", "trace-stats"]


@pytest.fixture
def made(monkeypatch, tmp_path, tiny):
    """Small scenarios in place of the shipped ones, on made-up cells."""
    monkeypatch.setenv("SIMBENCH_REAL", str(write_cells(tmp_path / "real", n_animals=20)))
    imaged = {"recordings": CELLS["recordings"] | {"imaged": True}}
    small = {
        "recorded-cells": validated(Scenario, CELLS | {"name": "recorded-cells"}),
        "recorded-cells-twins": validated(Scenario, CELLS | imaged | {"name": "twins"}),
        "abante2025": tiny.model_copy(
            update={"protocols": ["latents", "published"], "targets": ["firing_type"]}
        ),
    }
    monkeypatch.setattr(rank_report, "load_scenario", small.__getitem__)
    monkeypatch.setattr(plan, "CONTROLS", (plan.FLOOR, plan.CEILING))
    return small


@pytest.mark.slow
def test_boards_are_run_compared_and_written(made, tmp_path):
    out = tmp_path / "out"
    table = validate_ranks([*METHODS, "spikes-own"], [1], SHELF, out)
    kinds = table.groupby("kind")["target"].nunique()
    assert dict(kinds) == dict.fromkeys(
        ("twins", "suite", "suite mean", "contrast", "difference"), 2
    )
    known = table[~table["board"].str.contains("clusters")]  # too few neurons: one score for all
    known = known[known["kind"] != "difference"]
    assert known["tau"].between(-1, 1).all()
    assert (known["tau_low"] <= known["tau_high"]).all()
    assert set(table.loc[table["kind"] == "contrast", "board"]) == {
        "held-out cultures", "split by neuron", "split by neuron, boosted trees",
        "clusters tuned on labels",
    }  # fmt: skip
    rows = read_rows(out / "abante2025-rows.jsonl.gz")
    assert {*METHODS, "chance", "spikes"} <= set(rows["method"])
    kept = pd.read_csv(out / "ranks.csv")
    assert kept["tau"].to_numpy() == pytest.approx(table["tau"].to_numpy(), abs=1e-3, nan_ok=True)
    text = (out / "ranks.md").read_text(encoding="utf-8")
    for word in ("## Fixed in advance", "≥ 0.8", "recorded-cells-twins", SOURCE, *METHODS):
        assert word in text
    assert Image.open(out / "ranks.png").size[0] > 800


def test_two_methods_have_no_order(made, tmp_path):
    with pytest.raises(SimbenchError, match="ranks: 2 methods; at least 3"):
        validate_ranks(["pca", "fa"], [1], SHELF, tmp_path)
