"""Made-up rows with known numbers, for pages and tables."""

import numpy as np
import pandas as pd

from simbench.benchmark.rows import ROWS_FILE, write_rows
from simbench.core.seeds import stream
from simbench.scenario.labels import LABELS

METRICS = {"firing_type": "balanced_accuracy", "in_degree": "within_type_r2"}
FURTHER = {"all targets": "cka", "firing_type": "kmeans_ari", "culture": "culture_accuracy"}
# method: family, share of the way from floor to ceiling
SCRIPT = "</script><script>window.hacked = 1</script>"
IMAGE = '"><img src=x onerror="window.hacked=1">'
METHODS = {
    "chance": ("control", 0.0),
    "spikes": ("control", 1.0),
    "avae": ("learned", 0.8),
    "trace-stats": ("features", 0.5),
    "pca": ("linear", 0.3),
    "fa": ("linear", 0.29),
}


def made_rows(
    methods=METHODS, scenario="made", version=1, scoring=1, seeds=(0,), levels=("",), n_cultures=12,
    targets=tuple(METRICS), spread=0.03,
):  # fmt: skip
    """Rows of a run: scores scattered around their place between .3 and .9 by culture."""
    rows = []
    for seed in seeds:
        for level in levels:
            for method, (family, place) in methods.items():
                for target in targets:
                    for probe in ("linear", "nonlinear"):
                        for split, shift in (("culture", 0.0), ("neuron", 0.125)):
                            rng = stream(1, str(seed), level, method, target, probe)
                            values = 0.3 + 0.6 * place + rng.normal(0, spread, n_cultures)
                            value = float(np.mean(values))
                            rows.append(
                                {
                                    "scenario": scenario, "scenario_version": version,
                                    "scenario_digest": f"{scenario}{version}{level}" * 4,
                                    "level": level, "seed": seed, "method": method,
                                    "family": family, "target": target,
                                    "metric": METRICS.get(target) or _metric(target),
                                    "probe": probe, "split": split, "value": value + shift,
                                    "chance": 0.3, "ceiling": 0.9,
                                    "recovery": (value - 0.3) / 0.6,
                                    "per_culture": list(values + shift), "cultures": None,
                                    "per_training": None,
                                    "confusion": None, "n_components": 8,
                                    "n_parameters": 31_000 if family == "learned" else None,
                                    "settings_tried": None,
                                    "seconds": 10 * place + 0.1, "peak_memory_mb": 700,
                                    "status": "ok", "error": None, "scoring_version": scoring,
                                    "simbench": "0.1.0", "versions": {"numpy": "2.3.5"},
                                }
                            )  # fmt: skip
    return pd.DataFrame(rows)


def _metric(target):
    known = LABELS.get(target)
    return "within_type_r2" if known and known.kind != "class" else "balanced_accuracy"


def with_further(rows):
    """The rows, with metrics of latents beside their scores, and with confusions."""
    one = rows.drop_duplicates(["seed", "level", "method"]).assign(probe="none", recovery=None)
    further = [one.assign(target=target, metric=metric) for target, metric in FURTHER.items()]
    shares = {"RS": {"RS": 0.75, "CH": 0.25}, "CH": {"RS": 0.125, "CH": 0.875}}
    is_class = (rows["metric"] == "balanced_accuracy") & (rows["split"] == "culture")
    confusion = [shares if read else None for read in is_class]
    return pd.concat([rows.assign(confusion=confusion), *further], ignore_index=True)


def failed_row(rows, method, error):
    """The row of a method that failed in the run of these rows."""
    first = rows.iloc[0].to_dict()
    kept = ("scenario", "scenario_version", "scenario_digest", "level", "seed", "scoring_version")
    row = {key: first[key] if key in kept else None for key in first}
    return pd.DataFrame(
        [row | {"method": method, "family": "outside", "status": "failed", "error": error}]
    )


def write_folder(folder, *tables):
    """Each table in a folder of its own, as runs leave them."""
    for k, table in enumerate(tables):
        write_rows(folder / f"{table['scenario'].iloc[0]}-{k}" / ROWS_FILE, table)
    return folder
