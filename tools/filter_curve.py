"""How many unlabelled cultures do learned filters need? The avae with them, and with statistics.

    python tools/filter_curve.py --seed 1 --cultures 20 80 320 1280

Encoders are fitted on cultures of the scenario made with a seed of their own, and read by the
linear probe on the cultures of ``--seed``: each of its folds teaches the probe, the others test.
Steps grow with the square root of the number of cultures, from 1,000 at 20. Scores are appended to
``filters.csv``; what stands there already is not made again. ``filters.png`` shows them.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from simbench import load_scenario
from simbench.core.seeds import seed32
from simbench.data.dataset import Dataset
from simbench.data.simulation import open_dataset, recording_folders, simulate
from simbench.methods.avae.estimator import AVAE
from simbench.methods.controls.taught import teaching_scenario
from simbench.report.style import PAGE, save, use_style
from simbench.scoring.evaluate import score

UNLABELLED_SEED = seed32(0, "filter curve")
ENCODERS = {
    "learned": {"filters": "learned"}, "statistics": {}, "statistics, untrained": {"n_steps": 0},
}  # fmt: skip
METRICS = {
    "balanced_accuracy": "balanced accuracy", "information_bits": "information, bits",
    "within_type_r2": "R2 within type",
}  # fmt: skip


def traces(dataset: Dataset) -> np.ndarray:
    return np.concatenate([r.dff for r in dataset.recordings]).astype(np.float32)


def lines(encoder: AVAE, folds: list[Dataset], targets: list[str]) -> pd.DataFrame:
    """Scores of a fitted encoder, the mean over folds."""
    latents = encoder.transform(traces(folds[0]), groups=folds[0].culture)
    scores = pd.concat([score(latents, fold, targets, ("linear",)) for fold in folds])
    wanted = scores[
        (scores["split"] == "culture") & (scores["probe"] == "linear")
        & scores["metric"].isin(list(METRICS))
    ]  # fmt: skip
    return wanted.groupby(["target", "metric"], sort=False)["value"].mean().reset_index()


def draw(curve: pd.DataFrame, path: Path) -> None:
    """A panel per target and metric, a line per encoder."""
    use_style()
    shown = curve.groupby(["target", "metric"], sort=False)
    figure, axes = plt.subplots(
        1, len(shown), figsize=(PAGE, PAGE / 3), squeeze=False, layout="constrained"
    )
    for axis, ((target, metric), some) in zip(axes[0], shown):
        sns.lineplot(
            some, x="cultures", y="value", hue="encoder", hue_order=list(ENCODERS), marker="o",
            ax=axis, legend=axis is axes[0, 0],
        )  # fmt: skip
        sizes = sorted(some["cultures"].unique())
        axis.set(xscale="log", title=target.replace("_", " "), ylabel=METRICS[metric])
        axis.set_xticks(sizes, sizes, minor=False)
        axis.set_xticks([], minor=True)
        axis.set_xlabel("unlabelled cultures")
    axes[0, 0].legend(title=None)
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="firing-types")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cultures", type=int, nargs="+", default=[20, 80, 320, 1280])
    parser.add_argument("--out", type=Path, default=Path("results/validation"))
    asked = parser.parse_args()
    scenario = load_scenario(asked.scenario)
    simulate(scenario, asked.seed)
    folders = recording_folders(scenario, asked.seed)
    folds = [open_dataset(scenario, asked.seed, folders, f) for f in range(scenario.n_folds)]
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "filters.csv"
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
            done = pd.concat([done, found], ignore_index=True) if len(done) else found
            done.to_csv(file, index=False)
            print(n_cultures, name, *found["metric"], *found["value"].round(3), flush=True)
    draw(done, asked.out / "filters.png")


if __name__ == "__main__":
    main()
