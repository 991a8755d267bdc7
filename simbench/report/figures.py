"""The three figures of a run: traces with their spikes, latents, and the leaderboard."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from simbench.dataset import Dataset
from simbench.labels import LABELS
from simbench.leaderboard import targets_of
from simbench.report.style import FAMILY_COLORS, colors_of, use_style

_SHOWN_S = 60.0


def draw_traces(dataset: Dataset, per_type: int = 2) -> Figure:
    """Example dF/F of a test culture, noisy and true, with the true spikes below."""
    use_style()
    recording = dataset.recordings[int(np.flatnonzero(dataset.test)[0])]
    truth = recording.truth
    types = truth.labels["firing_type"].astype(str)
    chosen = [n for kind in sorted(types.unique()) for n in _typical(truth.labels, kind, per_type)]
    shown = min(_SHOWN_S, truth.spikes.duration)
    n_frames = int(shown * recording.frame_rate)
    time = (np.arange(n_frames) + 0.5) / recording.frame_rate
    colors = colors_of(types)
    figure, axes = plt.subplots(
        len(chosen), 1, figsize=(7, 0.75 * len(chosen) + 0.8), sharex=True, squeeze=False
    )
    for axis, neuron in zip(axes[:, 0], chosen):
        color = colors[types[neuron]]
        noisy, clean = recording.dff[neuron, :n_frames], truth.clean_dff[neuron, :n_frames]
        axis.plot(time, noisy, color=color, lw=0.7, alpha=0.6)
        axis.plot(time, clean, color="black", lw=0.8)
        low, high = min(noisy.min(), 0), max(noisy.max(), clean.max())
        spikes = truth.spikes[neuron]
        spikes = spikes[spikes < shown]
        axis.vlines(
            spikes, low - 0.3 * (high - low), low - 0.08 * (high - low), color=color, lw=0.6
        )
        axis.set_ylim(low - 0.35 * (high - low), high * 1.05)
        axis.set_ylabel(types[neuron], rotation=0, ha="right", va="center", color=color)
        axis.locator_params(axis="y", nbins=3)
        axis.tick_params(labelsize=7)
    axes[-1, 0].set_xlabel("time (s)")
    figure.suptitle(
        "dF/F of one held-out culture: noisy (colour), true (black), spikes below", fontsize=10
    )
    figure.tight_layout()
    return figure


def _typical(labels: pd.DataFrame, kind: str, count: int) -> list[int]:
    """Neurons of a type whose rates lie around the type's median."""
    same = labels[labels["firing_type"].astype(str) == kind].sort_values("rate_hz", kind="stable")
    middle = len(same) // 2
    return list(same.index[max(0, middle - count // 2) :][:count])


def draw_latents(
    latents: dict[str, np.ndarray], dataset: Dataset, color_by: str = "firing_type"
) -> Figure:
    """Latents of held-out neurons: along the axes that tell the classes apart, and along PCA's.

    The discriminant axes are fitted on training cultures only.
    """
    use_style()
    label = dataset.labels[color_by].to_numpy(dtype=str)
    test = dataset.test_neurons
    colors = colors_of(label)
    figure, axes = plt.subplots(
        1, 2 * len(latents), figsize=(3.6 * 2 * len(latents), 3.6), squeeze=False
    )
    for column, (name, z) in enumerate(latents.items()):
        z = (z - z[~test].mean(axis=0)) / (z[~test].std(axis=0) + 1e-12)
        views = {
            "discriminant axes": LinearDiscriminantAnalysis().fit(z[~test], label[~test]),
            "principal axes": PCA(2).fit(z[~test]),
        }
        for axis, (title, model) in zip(axes[0, 2 * column :], views.items()):
            points = model.transform(z[test])
            points = np.column_stack((points, np.zeros(len(points))))[:, :2]
            order = np.random.default_rng(0).permutation(len(points))
            shade = [colors[k] for k in label[test][order]]
            axis.scatter(*points[order].T, c=shade, s=7, lw=0, alpha=0.6)
            limits = np.quantile(points, [0.005, 0.995], axis=0)
            pad = 0.08 * np.ptp(limits, axis=0) + 1e-9
            axis.set_xlim(limits[0, 0] - pad[0], limits[1, 0] + pad[0])
            axis.set_ylim(limits[0, 1] - pad[1], limits[1, 1] + pad[1])
            axis.set(title=f"{name}: {title}", xlabel="axis 1", ylabel="axis 2")
    handles = [plt.Line2D([], [], marker="o", ls="", color=c, label=k) for k, c in colors.items()]
    figure.legend(
        handles=handles, loc="lower center", ncol=len(handles), frameon=False,
        title=f"{color_by.replace('_', ' ')}, held-out cultures",
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0.13, 1, 1))
    return figure


def draw_leaderboard(table: pd.DataFrame) -> Figure:
    """Scores on held-out cultures with their intervals, between floor and ceiling."""
    use_style()
    targets = targets_of(table)
    table = table[table["method", "status"] == "ok"]
    ranked = table[table["method", "family"] != "control"]
    controls = table[table["method", "family"] == "control"]
    figure, axes = plt.subplots(
        1, len(targets), figsize=(3.6 * len(targets) + 1, 0.32 * len(ranked) + 1.6),
        sharey=True, squeeze=False,
    )  # fmt: skip
    for axis, target in zip(axes[0], targets):
        for place, (_, line) in enumerate(ranked.iterrows()):
            score, low, high = (line[target, key] for key in ("score", "low", "high"))
            color = FAMILY_COLORS[line["method", "family"]]
            axis.plot([low, high], [place, place], color=color, lw=2, solid_capstyle="round")
            axis.plot(score, place, "o", color=color, ms=5)
        for name, line in controls.iterrows():
            axis.axvline(line[target, "score"], color=FAMILY_COLORS["control"], ls="--", lw=1)
            axis.annotate(
                str(name), (line[target, "score"], 1), xycoords=("data", "axes fraction"),
                rotation=90, fontsize=7, color="#666666", ha="right", va="top",
                xytext=(-2, -2), textcoords="offset points",
            )  # fmt: skip
        metric = "balanced accuracy" if LABELS[target].kind == "class" else "R² within firing type"
        axis.set(title=target.replace("_", " "), xlabel=metric)
    axes[0, 0].set_yticks(range(len(ranked)), ranked.index)
    axes[0, 0].invert_yaxis()
    families = [f for f in FAMILY_COLORS if f in set(ranked["method", "family"])]
    handles = [plt.Line2D([], [], marker="o", color=FAMILY_COLORS[f], label=f) for f in families]
    figure.legend(handles=handles, loc="lower center", ncol=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    return figure
