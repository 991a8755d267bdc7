"""Boards of made-up rows against made-up cells: what is compared with what."""

import numpy as np
import pandas as pd
import pytest

from simbench.board.reality_boards import (
    compare_with_cells,
    contrast_boards,
    scores_by_animal,
    suite_boards,
    verdicts,
)

METHODS = ("pca", "fa", "nmf", "spectrum", "avae", "mlp-vae")
FAMILIES = dict(zip(METHODS, ("linear", "linear", "linear", "features", "learned", "learned")))
SKILL = dict(zip(METHODS, np.linspace(0.1, 0.6, 6)))
RNG = np.random.default_rng(0)


def made(scenario, target, metric="within_type_r2", sign=1, seeds=(1,), n=12, **more):
    """Rows of methods that are better the later they stand, and of a control that is best."""
    rows = []
    for method, skill in (SKILL | {"spikes": 0.9}).items():
        for seed in seeds:
            values = (sign * skill + RNG.normal(0, 0.05, n)).tolist()
            rows.append(
                {
                    "scenario": scenario,
                    "scenario_version": 1,
                    "scoring_version": 2,
                    "level": "",
                    "seed": seed,
                    "method": method,
                    "status": "ok",
                    "family": FAMILIES.get(method, "control"),
                    "target": target,
                    "metric": metric,
                    "probe": "linear",
                    "split": "culture",
                    "chance": 0.0,
                    "ceiling": 1.0,
                    "value": float(np.mean(values)),
                    "per_culture": values,
                    "cultures": None,
                }
                | more
            )
    return pd.DataFrame(rows)


def test_an_animal_counts_once_however_often_it_is_tested():
    rows = made("recorded-cells", "log_rate", seeds=(1, 2), n=3)
    rows["cultures"] = rows["seed"].map({1: ["m4", "m7", "m9"], 2: ["m2", "m7", "m8"]})
    table = scores_by_animal(rows)["log_rate"].droplevel(0)
    assert list(table.index) == ["m2", "m4", "m7", "m8", "m9"]
    assert "spikes" not in table
    both = rows[rows["method"] == "pca"]["per_culture"].to_list()
    assert table.loc["m7", "pca"] == pytest.approx((both[0][1] + both[1][1]) / 2)


def test_boards_that_rank_are_the_suite():
    rows = pd.concat(
        [
            made("quickstart", "firing_type", "balanced_accuracy"),
            made("recorded-cells", "log_rate"),
            made("firing-types-classic", "firing_type", "balanced_accuracy"),
            made("abante2025", "firing_type", "balanced_accuracy"),
            made("abante2025", "firing_type", "published_ari", probe="none", split="neuron"),
        ]
    )
    suite = dict(suite_boards(rows))
    assert list(suite) == ["quickstart"]
    assert set(suite["quickstart"]) == set(METHODS)


def test_the_contrast_is_of_one_label_on_either_side():
    rows = pd.concat(
        [
            made("abante2025", "firing_type", "balanced_accuracy"),
            made("abante2025", "firing_type", "balanced_accuracy", sign=-1, split="neuron"),
            made("abante2025", "firing_type", "published_ari", probe="none", split="neuron"),
            made("abante2025", "c"),
        ]
    )
    rows.loc[rows["metric"] == "published_ari", "per_culture"] = None
    contrast = contrast_boards(rows)
    assert {name: len(table) for name, table in contrast.items()} == {
        "held-out cultures": 12, "split by neuron": 12, "clusters tuned on labels": 1
    }  # fmt: skip
    cells = {"log_rate": pd.DataFrame({m: s + RNG.normal(0, 0.01, 9) for m, s in SKILL.items()})}
    table = compare_with_cells(cells, cells, {}, contrast, FAMILIES, {})
    taus = table.set_index("board")["tau"]
    assert taus["held-out cultures"] == pytest.approx(1)
    assert taus["split by neuron"] == pytest.approx(-1)
    both = table.set_index("board").loc["held-out cultures less split by neuron"]
    assert both["tau"] == pytest.approx(2)
    assert 1.5 < both["tau_low"] <= both["tau_high"] <= 2


def test_thresholds_are_kept_or_missed():
    cells = {"log_rate": pd.DataFrame({m: s + RNG.normal(0, 0.01, 9) for m, s in SKILL.items()})}
    twins = {"log_rate": -cells["log_rate"]}
    suite = {"one": cells["log_rate"], "other": -cells["log_rate"]}
    found = verdicts(compare_with_cells(cells, twins, suite, {}, FAMILIES, {}))
    assert list(found["measure"]) == ["concordance", "tau", "tau"]
    assert list(found["found"]) == pytest.approx([0, -1, 0])
    assert not found["kept"].any()
    assert not found["is_later"].any()
    good = verdicts(compare_with_cells(cells, cells, {"one": cells["log_rate"]}, {}, FAMILIES, {}))
    assert good["kept"].all()
