"""Made-up rows of every scenario that comes with simbench, as a full run leaves them."""

import pandas as pd
from made import made_rows

from simbench.benchmark.rows import ROWS_FILE, write_rows
from simbench.methods.registry import METHODS
from simbench.scenario.scenario_file import available_scenarios, load_scenario

SHOWN = {
    "chance": 0.0, "spikes": 1.0, "untrained": 0.6, "spikes-frames": 0.82,
    "shuffled-time": 0.7, "pca": 0.3, "random-projection": 0.2, "fa": 0.29, "trace-stats": 0.5,
    "pca-spectrum": 0.4,
    "spectrum": 0.75, "spectrum+population": 0.76, "window-discriminants": 0.78,
    "segment-contrastive": 0.7, "avae-published": 0.35, "avae": 0.8,
    "avae[filters=learned]": 0.72, "traces-taught": 0.9, "spikes-own": 0.95,
    "spikes-frames-own": 0.8,
}  # fmt: skip

MORE = {
    "abante2025": ["avae-published[beta=0.1]"],
    "ablation": [
        "avae[nll_weight=0]", "avae[contrast_weight=0]", "avae[statistics_weight=0]",
        "avae[nll_weight=0, contrast_weight=0]", "avae[n_steps=1500]",
    ],
    "reconstruction": ["windowed-pca"],
}  # fmt: skip


def write_full_results(folder):
    """Rows of all scenarios, each in its folder; the numbers are made up, the names are not."""
    methods = {
        name: (METHODS[name].family if name in METHODS else "control", place)
        for name, place in SHOWN.items()
    }
    for name in available_scenarios():
        scenario = load_scenario(name)
        shown = methods | dict.fromkeys(MORE.get(name, ()), ("linear", 0.4))
        tables = []
        levels = list(scenario.at_levels)
        for level in dict.fromkeys((levels[0], levels[-1])):  # two show what all would
            plain = scenario.at_levels[level]
            n_cultures = scenario.n_test * len(scenario.conditions) or 12  # or recorded ones
            rows = made_rows(
                shown, name, scenario.version, seeds=(1,), levels=(level,),
                targets=tuple(scenario.targets) or ("firing_type",), n_cultures=n_cultures,
            )  # fmt: skip
            rows = pd.concat([rows, *_further(rows, scenario)], ignore_index=True)
            if not scenario.targets:
                rows = rows[rows["target"] == "trace"]
            tables.append(rows.assign(scenario_digest=plain.digest()))
        write_rows(folder / name / ROWS_FILE, pd.concat(tables, ignore_index=True))
    return folder


def _further(rows, scenario):
    one = rows.drop_duplicates(["seed", "level", "method"]).assign(probe="none", split="culture")
    yield one.assign(target="culture", metric="culture_accuracy", recovery=None)
    if "culture_gain" in scenario.nuisances:
        yield one.assign(target="culture_gain", metric="nuisance_r2", recovery=None)
    if "reconstruction" in scenario.protocols:
        for metric in ("reconstruction_r2", "reconstruction_skill", "coverage"):
            yield one.assign(target="trace", metric=metric, recovery=None)
    if "published" in scenario.protocols:
        yield one.assign(target="firing_type", metric="kmeans_ari", recovery=None)
        one = one.assign(split="neuron", recovery=None)
        yield one.assign(target="trace", metric="published_mse")
        yield one.assign(metric="published_ari")
        yield one.assign(target="c", metric="pooled_correlation", probe="linear")
