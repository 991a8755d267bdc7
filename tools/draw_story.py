"""Draw the picture of the README: dish, traces, latents and score of one small scenario.

python tools/draw_story.py [docs/story.png]

The scenario is `quickstart` with its seed 0, the method the avae with its default settings.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import simbench
from simbench.data.recording import Recording
from simbench.report.gallery import lay_out
from simbench.report.style import PAGE, colors_of, save, use_style

METHODS = {"chance": "0.55", "pca": "#0072B2", "avae": "#D55E00", "spikes": "0.15"}
START_S, SHOWN_S = 20.0, 30.0
PER_TYPE = 2


def story(scenario: str | Path = "quickstart") -> Figure:
    """From the dish to the score, in four panels."""
    dataset = simbench.simulate(simbench.load_scenario(scenario), seed=0)
    latents = {name: simbench.embed(simbench.get_method(name), dataset) for name in METHODS}
    scores = {name: accuracy(values, dataset) for name, values in latents.items()}
    culture = dataset.recordings[int(np.flatnonzero(dataset.test)[0])]
    colors = colors_of(culture.truth.labels["firing_type"])
    use_style()
    figure, axes = plt.subplots(
        1, 4, figsize=(PAGE, 2.0), width_ratios=(1, 1.5, 1, 0.8), layout="constrained"
    )
    draw_dish(axes[0], culture, colors)
    draw_traces(axes[1], culture, colors)
    draw_latents(axes[2], latents["avae"], dataset, colors)
    draw_scores(axes[3], scores)
    titles = ("known neurons", "what a method sees", "what it makes of it", "the score")
    for axis, title in zip(axes, titles):
        axis.set_title(title, fontsize=8, loc="left")
        axis.tick_params(labelsize=7)
    return figure


def accuracy(latents: np.ndarray, dataset: simbench.Dataset) -> np.ndarray:
    """Balanced accuracy of the linear probe on the firing type, by test culture."""
    scores = simbench.evaluate(latents, dataset, ["firing_type"], ["linear"])
    of_cultures = scores.query("metric == 'balanced_accuracy' and split == 'culture'")
    return np.array(of_cultures["per_culture"].iloc[0], dtype=float)


def draw_dish(axis: Axes, culture: Recording, colors: dict[str, str]) -> None:
    """Somata by firing type, over their links."""
    labels, links = culture.truth.labels, culture.truth.weights.tocoo()
    places = labels[["x_mm", "y_mm"]].to_numpy()
    lines = np.stack((places[links.row], places[links.col]), axis=1)
    axis.add_collection(LineCollection(list(lines), colors="0.6", lw=0.2, alpha=0.4))
    shades = labels["firing_type"].astype(str).map(colors)
    axis.scatter(*places.T, c=list(shades), s=7, lw=0, zorder=2)
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.set_frame_on(False)
    marks = [plt.Line2D([], [], marker="o", ls="", ms=3, color=c) for c in colors.values()]
    axis.legend(
        marks, list(colors), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, fontsize=7,
        frameon=False, handletextpad=0, columnspacing=0.8,
    )  # fmt: skip


def draw_traces(axis: Axes, culture: Recording, colors: dict[str, str]) -> None:
    """dF/F of two neurons of each type, those that fire most; true spikes below each."""
    truth = culture.truth
    start = max(0.0, min(START_S, culture.duration_s - SHOWN_S))
    stop = min(start + SHOWN_S, culture.duration_s)
    counts = truth.labels.assign(spikes=truth.spikes.counts)
    seconds = np.arange(culture.dff.shape[1]) / culture.frame_rate
    shown = (seconds >= start) & (seconds < stop)
    most = counts.sort_values("spikes").groupby("firing_type").tail(PER_TYPE)
    for row, neuron in enumerate(most.sort_values("firing_type").index[::-1]):
        color = colors[str(most.loc[neuron, "firing_type"])]
        trace = culture.dff[neuron, shown]
        height = (trace - trace.min()) / np.ptp(trace)
        axis.plot(seconds[shown] - start, row + 0.15 + 0.75 * height, color=color, lw=0.6)
        times = truth.spikes[neuron]
        times = times[(times >= start) & (times < stop)] - start
        axis.vlines(times, row - 0.08, row + 0.06, color="0.35", lw=0.3)
    axis.set(yticks=[], xlim=(0, stop - start))
    axis.set_xlabel("time (s); ticks: true spikes, not seen", fontsize=7)
    axis.spines["left"].set_visible(False)


def draw_latents(
    axis: Axes, latents: np.ndarray, dataset: simbench.Dataset, colors: dict[str, str]
) -> None:
    """Neurons of the held-out cultures, laid out by their latents alone."""
    kinds = dataset.labels.loc[dataset.test_neurons, "firing_type"].astype(str)
    places = pd.DataFrame(lay_out(latents[dataset.test_neurons]), index=kinds)
    for kind, color in colors.items():
        axis.scatter(*places.loc[kind].to_numpy().T, color=color, s=2.5, lw=0)
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel("latents in dishes never seen", fontsize=7)
    axis.set_frame_on(False)


def draw_scores(axis: Axes, scores: dict[str, np.ndarray]) -> None:
    """Balanced accuracy in each held-out culture (dots) and its mean."""
    for row, (name, values) in enumerate(scores.items()):
        axis.barh(row, values.mean(), color=METHODS[name], height=0.6)
        axis.plot(values, np.full(len(values), row), ".", color="white", mec="0.2", mew=0.3, ms=3)
    axis.set_yticks(range(len(scores)), ["true spikes" if n == "spikes" else n for n in scores])
    axis.tick_params(axis="y", length=0)
    axis.set(xlim=(0, 1))
    axis.set_xlabel("balanced accuracy", fontsize=7)


if __name__ == "__main__":
    save(story(), Path(sys.argv[1] if len(sys.argv) > 1 else "docs/story.png"))
