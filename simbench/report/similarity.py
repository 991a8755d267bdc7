"""How alike the latents of different methods are, whoever is right."""

import itertools
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from simbench.board.leaderboard import number
from simbench.report.style import PAGE, use_style
from simbench.scoring.checks import standardize
from simbench.scoring.disentanglement import cka


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


def draw_similarity(table: pd.DataFrame) -> Figure:
    """Every pair of methods, in the order of the table."""
    use_style()
    n = len(table)
    figure, axis = plt.subplots(
        figsize=(min(PAGE, 0.33 * n + 1.6), 0.19 * n + 0.7), layout="constrained"
    )
    sns.heatmap(
        table.iloc[1:, :-1], mask=~np.tri(n - 1, dtype=bool), ax=axis, cmap="viridis", vmin=0,
        vmax=1, cbar=False, linewidths=1,
    )  # fmt: skip
    for i, j in itertools.combinations(range(n), 2):
        value = table.iloc[j, i]
        axis.text(
            i + 0.5, j - 0.5, number(value), ha="center", va="center", fontsize=5.5,
            color="black" if value > 0.6 else "white",
        )  # fmt: skip
    names = [f"{place} {name}".replace("$", r"\$") for place, name in enumerate(table.index, 1)]
    axis.set_xticks(np.arange(n - 1) + 0.5, map(str, range(1, n)), rotation=0)
    axis.set_yticks(np.arange(n - 1) + 0.5, names[1:], rotation=0)
    axis.xaxis.tick_top()
    axis.tick_params(length=0, labelsize=6.5)
    axis.set_xlabel(f"debiased CKA of latents, held-out cultures; 1 is {names[0][2:]}", fontsize=7)
    axis.set(ylabel="")
    return figure
