"""How many unlabelled cultures do learned filters need? The avae with them, and with statistics.

    python tools/filter_curve.py --seed 1 --cultures 20 80 320 1280 --out results/filters

Encoders are fitted on cultures of the scenario made with a seed of their own, and read by the
linear probe on the cultures of ``--seed``: each of its folds teaches the probe, the others test.
Steps grow with the square root of the number of cultures, from 1,000 at 20. Each line is appended
to ``curve.csv``; what stands there already is not made again.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from simbench import load_scenario
from simbench.core.seeds import seed32
from simbench.data.dataset import Dataset
from simbench.data.simulation import open_dataset, recording_folders, simulate
from simbench.methods.avae.estimator import AVAE
from simbench.methods.controls.taught import teaching_scenario
from simbench.scoring.evaluate import score

UNLABELLED_SEED = seed32(0, "filter curve")
ENCODERS = {
    "statistics": {}, "learned": {"filters": "learned"},
    "learned, no likelihood": {"filters": "learned", "nll_weight": 0.0},
    "statistics, untrained": {"n_steps": 0},
}  # fmt: skip
METRICS = ("balanced_accuracy", "information_bits", "within_type_r2")


def traces(dataset: Dataset) -> np.ndarray:
    return np.concatenate([r.dff for r in dataset.recordings]).astype(np.float32)


def lines(encoder: AVAE, folds: list[Dataset], targets: list[str]) -> pd.DataFrame:
    """Scores of a fitted encoder, the mean over folds."""
    latents = encoder.transform(traces(folds[0]), groups=folds[0].culture)
    scores = pd.concat([score(latents, fold, targets, ("linear",)) for fold in folds])
    wanted = scores[
        (scores["split"] == "culture") & (scores["probe"] == "linear")
        & scores["metric"].isin(METRICS)
    ]  # fmt: skip
    return wanted.groupby(["target", "metric"], sort=False)["value"].mean().reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="firing-types")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cultures", type=int, nargs="+", default=[20, 80, 320, 1280])
    parser.add_argument("--out", type=Path, default=Path("results/filters"))
    asked = parser.parse_args()
    scenario = load_scenario(asked.scenario)
    simulate(scenario, asked.seed)
    folders = recording_folders(scenario, asked.seed)
    folds = [open_dataset(scenario, asked.seed, folders, f) for f in range(scenario.n_folds)]
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "curve.csv"
    done = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["cultures", "encoder"])
    for n_cultures in asked.cultures:
        missing = [
            name for name in ENCODERS
            if not ((done["cultures"] == n_cultures) & (done["encoder"] == name)).any()
        ]  # fmt: skip
        if not missing:
            continue
        pool = simulate(teaching_scenario(scenario, n_cultures), UNLABELLED_SEED)
        X, groups = traces(pool), pool.culture
        for name in missing:
            n_steps = round(1000 * np.sqrt(n_cultures / 20))
            encoder = AVAE(**{"n_steps": n_steps, "device": "cpu"} | ENCODERS[name])
            found = lines(encoder.fit(X, groups=groups), folds, scenario.targets)
            found = found.assign(
                scenario=scenario.name, seed=asked.seed, cultures=n_cultures, encoder=name
            )
            done = pd.concat([done, found], ignore_index=True)
            done.to_csv(file, index=False)
            print(n_cultures, name, *found["metric"], *found["value"].round(3), flush=True)


if __name__ == "__main__":
    main()
