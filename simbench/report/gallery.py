"""The latents of many methods side by side as maps of neurons, and how alike they are."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from simbench.board.leaderboard import Board
from simbench.core.seeds import seed32, stream
from simbench.core.text import number
from simbench.data.dataset import Dataset
from simbench.methods.registry import split_settings
from simbench.report.style import PAGE, colors_of, use_style
from simbench.scenario.labels import LABELS
from simbench.scoring.checks import standardize
from simbench.scoring.disentanglement import cka

N_ROWS = 8
_FIRST, _ALWAYS = "spike-oracle", ("pca", "trace-stats", "untrained")
_N_NEURONS = 600
_READ_BY = {"culture": ("culture_accuracy", "none")}


def choose_methods(board: Board, done: set[str]) -> list[str]:
    """Methods of the gallery: the oracle, the best ones, and those that any other is held against.

    Parameters
    ----------
    board : Board
    done : set of str
        Methods whose latents are there.

    Returns
    -------
    list of str
        At most 8, in the order of the leaderboard, the oracle first; no method again with other
        settings.
    """
    status = board.table["method", "status"]
    there = [name for name in board.table.index if name in done and status[name] == "ok"]
    again = {name for name in there if split_settings(name)[0] in {*there} - {name}}
    wanted = [name for name in (_FIRST, *_ALWAYS, *board.ranked) if name in {*there} - again]
    chosen = list(dict.fromkeys(wanted))[:N_ROWS]
    return sorted(chosen, key=lambda name: (name != _FIRST, there.index(name)))


def draw_gallery(
    latents: Mapping[str, np.ndarray], dataset: Dataset, scores: pd.DataFrame | None = None
) -> Figure:
    """Neurons of held-out cultures, placed by their latents alone: one row a method.

    Every column shows the same points, in the colours of another label: what is asked (the first
    class among the targets), the culture, which a good latent does not know, and the rate.

    Parameters
    ----------
    latents : mapping of str to ndarray, shape (n_neurons, n_components)
        In the order of ``dataset.labels``.
    dataset : Dataset
    scores : DataFrame, optional
        Rows of these methods on this dataset; how well a linear probe reads class and culture is
        written into the panels.
    """
    use_style()
    neurons = _neurons_shown(dataset)
    columns = [_Column.of_label(name, dataset, neurons) for name in _labels_shown(dataset)]
    figure, axes = plt.subplots(
        len(latents), len(columns), figsize=(PAGE, 1.1 * len(latents) + 0.8), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for row, (name, values) in zip(axes, latents.items()):
        points = lay_out(values[neurons])
        for axis, column in zip(row, columns):
            axis.scatter(*points.T, **column.style, s=4, lw=0, rasterized=True)
            axis.set(xticks=[], yticks=[])
            axis.margins(0.03)
            axis.text(
                0, 1, _score(scores, name, column.label), transform=axis.transAxes, fontsize=7,
                va="bottom", color="0.3",
            )  # fmt: skip
            sns.despine(ax=axis, left=True, bottom=True)
        row[0].set_ylabel(name.replace("$", r"\$").replace("[", "\n["), fontsize=7)
    for column, below in zip(columns, axes.T):
        below[0].set_title(column.title, fontsize=8, pad=14)
        column.explain(figure, below[-1])
    return figure


def lay_out(latents: np.ndarray) -> np.ndarray:
    """Standardised latents laid out by t-SNE, which sees no label; shape (n_neurons, 2)."""
    z = standardize(latents, len(latents))
    if not z.any() or len(z) < 4:
        return np.zeros((len(z), 2))
    layout = TSNE(
        perplexity=min(30.0, (len(z) - 1) / 3), max_iter=500, init="random",
        random_state=seed32(0, "gallery"),
    )  # fmt: skip
    return layout.fit_transform(z)


@dataclass(frozen=True)
class _Column:
    """A label, and the colours that it gives to the points."""

    label: str
    title: str
    style: dict[str, Any]
    legend: dict[str, Any] | None = None

    @classmethod
    def of_label(cls, label: str, dataset: Dataset, neurons: np.ndarray) -> "_Column":
        title = label.replace("_", " ")
        if label == "culture":
            found, index = np.unique(dataset.culture[neurons], return_inverse=True)
            hues = np.array(sns.husl_palette(len(found), l=0.6))
            return cls(label, f"culture ({len(found)} held out)", {"c": hues[index]})
        values = dataset.labels[label].iloc[neurons]
        if LABELS[label].kind == "class":
            colors = colors_of(values)
            return cls(label, title, {"c": [colors[str(value)] for value in values]}, colors)
        shades = values.to_numpy(dtype=float)
        low, high = np.nanquantile(shades, [0.01, 0.99])
        norm: Normalize = Normalize(low, high)
        if label == "rate_hz":
            title, low = "rate (Hz)", np.min(shades[shades > 0], initial=np.inf)
            norm = LogNorm(low, max(high, 2 * low)) if np.isfinite(low) else Normalize(0, 1)
            shades = np.maximum(shades, low)
        return cls(label, title, {"c": shades, "norm": norm, "cmap": "viridis"})

    def explain(self, figure: Figure, axis: Axes) -> None:
        """Legend or colour bar below the last panel of a column."""
        if self.legend is not None:
            marks = [plt.Line2D([], [], marker="o", ls="", color=c) for c in self.legend.values()]
            axis.legend(
                marks, list(self.legend), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4,
                frameon=False, fontsize=7, handletextpad=0, columnspacing=0.8,
            )  # fmt: skip
        elif "norm" in self.style:
            bar = figure.colorbar(
                plt.cm.ScalarMappable(self.style["norm"], self.style["cmap"]),
                cax=axis.inset_axes((0.1, -0.14, 0.8, 0.06)), orientation="horizontal",
            )  # fmt: skip
            bar.ax.tick_params(labelsize=7)


def _labels_shown(dataset: Dataset) -> Iterator[str]:
    """What is asked (a class, if there is one), culture and rate."""
    targets = dataset.scenario.targets if dataset.scenario else ("firing_type",)
    classes = [name for name in targets if LABELS[name].kind == "class"]
    yield (classes or list(targets))[0]
    yield "culture"
    yield "rate_hz"


def _neurons_shown(dataset: Dataset) -> np.ndarray:
    """Indices of held-out neurons, in random order, so that no culture lies on top."""
    held_out = np.flatnonzero(dataset.test_neurons)
    return stream(0, "gallery").permutation(held_out)[:_N_NEURONS]


def _score(scores: pd.DataFrame | None, method: str, label: str) -> str:
    """Balanced accuracy of a linear probe that reads the label; empty if there is none."""
    if scores is None:
        return ""
    metric, probe = _READ_BY.get(label, ("balanced_accuracy", "linear"))
    mine = scores[
        (scores["method"] == method) & (scores["target"] == label) & (scores["metric"] == metric)
        & (scores["probe"] == probe) & (scores["split"] == "culture")
    ]  # fmt: skip
    return f"accuracy {number(mine['value'].iloc[0])}" if len(mine) else ""


def similarity(latents: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Debiased linear CKA of every pair of methods; 1 for the same latents up to rotation.

    Parameters
    ----------
    latents : mapping of str to ndarray, shape (n_neurons, n_components)
        Of the same neurons; standardised first, so that no component counts by its unit.

    Returns
    -------
    DataFrame, shape (n_methods, n_methods)
        Symmetric; chance is 0.
    """
    z = {name: standardize(values, len(values)) for name, values in latents.items()}
    table = pd.DataFrame(1.0, index=pd.Index(z, name="method"), columns=list(z))
    for one, other in itertools.combinations(z, 2):
        table.loc[one, other] = table.loc[other, one] = cka(z[one], z[other])
    return table
