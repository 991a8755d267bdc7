"""The latents of many methods side by side as maps of neurons, and how alike they are."""

import itertools
import textwrap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from simbench.board.leaderboard import Board
from simbench.core.seeds import seed32, stream
from simbench.core.text import number
from simbench.data.dataset import Dataset
from simbench.methods.registry import split_settings
from simbench.report.figures import short_label
from simbench.report.style import PAGE, colors_of, use_style
from simbench.scenario.labels import is_class
from simbench.scoring.checks import standardize
from simbench.scoring.disentanglement import cka

N_ROWS = 8
_FIRST, _ALWAYS = "spikes", ("pca", "trace-stats", "untrained")
_N_NEURONS, _DPI = 300, 130
_NAME_LETTERS = 20  # per line; as many fit beside one row
_READ_BY = {"culture": ("culture_accuracy", "none")}


def choose_methods(board: Board, done: set[str]) -> list[str]:
    """Methods of the gallery: true spikes, the best ones, and those that any other is held against.

    Parameters
    ----------
    done : set of str
        Methods whose latents are there.

    Returns
    -------
    list of str
        At most 8, in the order of the leaderboard, true spikes first; no method again with other
        settings.
    """
    status = board.table["method", "status"]
    there = [name for name in board.table.index if name in done and status[name] == "ok"]
    again = {name for name in there if split_settings(name)[0] in {*there} - {name}}
    wanted = [name for name in (_FIRST, *_ALWAYS, *board.ranked) if name in {*there} - again]
    chosen = list(dict.fromkeys(wanted))[:N_ROWS]
    return sorted(chosen, key=lambda name: (name != _FIRST, there.index(name)))


def draw_gallery(
    latents: Mapping[str, np.ndarray], dataset: Dataset, scores: pd.DataFrame
) -> Figure:
    """Neurons of held-out cultures, placed by their latents alone: one row per method.

    Every column shows the same points, in the colours of another label: what is asked (the first
    class among the targets), the culture, which a good latent does not know, and the rate.

    Parameters
    ----------
    latents : mapping of str to ndarray, shape (n_neurons, n_components)
        In the order of ``dataset.labels``.
    dataset : Dataset
    scores : DataFrame
        Rows of these methods on this dataset; how well a linear probe reads class and culture is
        written into the panels.
    """
    use_style()
    neurons = stream(0, "gallery").permutation(np.flatnonzero(dataset.test_neurons))[:_N_NEURONS]
    # one thread per map: more of them only wait, so few are the points
    with threadpool_limits(1), ThreadPoolExecutor() as pool:
        maps = pool.map(lay_out, [values[neurons] for values in latents.values()])
        points = dict(zip(latents, maps))
    columns = 3 if "rate_hz" in dataset.labels else 2
    figure, axes = plt.subplots(
        len(latents), columns, figsize=(PAGE, 1.1 * len(latents) + 0.8), squeeze=False,
        layout="constrained", dpi=_DPI,
    )  # fmt: skip
    targets = dataset.scenario.targets if dataset.scenario else ("firing_type",)
    classes = [name for name in targets if is_class(dataset.labels, name)]
    labels = [(classes or targets)[0], "culture", "rate_hz"]
    for label, panels in zip(labels[:columns], axes.T):
        title, colors, names = _look(label, dataset, neurons)
        panels[0].set_title(title, fontsize=8, pad=14)
        for axis, (name, places) in zip(panels, points.items()):
            shown = axis.scatter(*places.T, **colors, s=4, lw=0, rasterized=True)
            axis.set(xticks=[], yticks=[])
            axis.margins(0.03)
            axis.text(
                0, 1, _score(scores, name, label), transform=axis.transAxes, fontsize=7,
                va="bottom", color="0.3",
            )  # fmt: skip
            sns.despine(ax=axis, left=True, bottom=True)
        if names:
            marks = [plt.Line2D([], [], marker="o", ls="", color=c) for c in names.values()]
            panels[-1].legend(
                marks, list(names), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4,
                frameon=False, fontsize=7, handletextpad=0, columnspacing=0.8,
            )  # fmt: skip
        elif "norm" in colors:
            bar = panels[-1].inset_axes((0.1, -0.14, 0.8, 0.06))
            figure.colorbar(shown, cax=bar, orientation="horizontal").ax.tick_params(labelsize=7)
    for axis, name in zip(axes[:, 0], latents):
        spaced = name.replace("[", " [")
        lines = textwrap.wrap(spaced, _NAME_LETTERS, max_lines=3, placeholder="…")
        axis.set_ylabel("\n".join(map(short_label, lines)), fontsize=7)
    return figure


def _look(
    label: str, dataset: Dataset, neurons: np.ndarray
) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Title of a label's column, the colours of its points, and the names that they stand for."""
    title = label.replace("_", " ")
    if label == "culture":
        found, index = np.unique(dataset.culture[neurons], return_inverse=True)
        hues = np.array(sns.husl_palette(len(found), l=0.6))
        return f"culture ({len(found)} held out)", {"c": hues[index]}, {}
    values = dataset.labels[label].iloc[neurons]
    if is_class(dataset.labels, label):
        names = colors_of(values)
        return title, {"c": values.astype(str).map(names).to_list()}, names
    shades = values.to_numpy(dtype=float)
    low, high = np.nanquantile(shades, [0.01, 0.99])
    norm: Normalize = Normalize(low, high)
    if label == "rate_hz":
        title, low = "rate (Hz)", np.min(shades[shades > 0], initial=np.inf)
        norm = LogNorm(low, max(high, 2 * low)) if np.isfinite(low) else Normalize(0, 1)
        shades = np.maximum(shades, low)
    return title, {"c": shades, "norm": norm, "cmap": "viridis"}, {}


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


def _score(scores: pd.DataFrame, method: str, label: str) -> str:
    """Balanced accuracy of a linear probe that reads the label; empty if there is none."""
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
