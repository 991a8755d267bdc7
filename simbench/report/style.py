"""One look for all figures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import seaborn as sns
from matplotlib.figure import Figure

# Okabe-Ito, told apart by colour-blind readers.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
FAMILY_COLORS = {
    "linear": "#0072B2", "features": "#E69F00", "learned": "#D55E00", "control": "#8C8C8C",
    "outside": "#009E73",
}  # fmt: skip


def use_style() -> None:
    """Set seaborn's theme and the palette."""
    sns.set_theme(context="paper", style="ticks", palette=PALETTE)
    mpl.rcParams.update(
        {
            "figure.dpi": 150,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.hashsalt": "simbench",
            "font.size": 9,
        }
    )


def colors_of(classes: Any) -> dict[str, str]:
    """A colour for each class, in sorted order."""
    return dict(zip(sorted({str(c) for c in classes}), PALETTE * 10))


def save(figure: Figure, path: Path) -> None:
    """Save a figure without a date in it, and close it."""
    import matplotlib.pyplot as plt

    figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
