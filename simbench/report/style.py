"""One look for all figures, and how they are saved."""

import itertools
import re
import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from simbench.core.errors import SimbenchError
from simbench.core.files import write_bytes

# Widths of a journal's column and page, inches.
COLUMN, PAGE = 89 / 25.4, 183 / 25.4
# Kinds of pictures, and what would tell when or by what each was drawn.
UNDATED = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}
# Okabe-Ito, told apart by colour-blind readers.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
FAMILY_COLORS = {
    "linear": "#0072B2", "features": "#E69F00", "learned": "#D55E00", "control": "#8C8C8C",
    "outside": "#009E73",
}  # fmt: skip

# Methods that are often compared keep their colour in every figure; worst expected first.
METHOD_COLORS = {
    "best linear": "#0072B2", "trace-stats": "#E69F00", "avae-published": "#CC79A7",
    "segment-contrastive": "#009E73", "untrained": "#8C8C8C", "spectrum": "#B79F00",
    "window-discriminants": "#56B4E9", "avae": "#D55E00", "spikes-frames": "#000000",
}  # fmt: skip
_SVG_FONTS = ["Arial", "DejaVu Sans", "sans-serif"]
_BARE_GROUP = re.compile(r"<g>((?:(?!</?g\b).)*)</g>")  # without attributes it says nothing
_OTHER_COLORS = ["#0072B2", "#7F3C8D", "#6B4F2A", "#4B6E00"]


def use_style() -> None:
    """Set seaborn's theme and the palette; text of 7 to 8 points, to be shown at its size."""
    look = {
        "figure.dpi": 200, "savefig.dpi": "figure", "axes.spines.top": False,
        "axes.spines.right": False, "svg.hashsalt": "simbench", "svg.fonttype": "none",
        "font.size": 8,
    }  # fmt: skip
    sns.set_theme(context="paper", style="ticks", palette=PALETTE, font_scale=0.85, rc=look)


def colors_of(classes: Any) -> dict[str, str]:
    """A colour for each class, in sorted order."""
    return dict(zip(sorted({str(c) for c in classes}), PALETTE * 10))


def method_colors(methods: Iterable[str]) -> dict[str, str]:
    """A colour for each method: its own, or the next that is free."""
    free = itertools.cycle(_OTHER_COLORS)
    return {name: METHOD_COLORS.get(name) or next(free) for name in methods}


def family_color(family: str) -> str:
    """Colour of a method's family; all families that are not simbench's own share one."""
    return FAMILY_COLORS.get(family, FAMILY_COLORS["outside"])


def check_picture(path: Path) -> None:
    """Refuse a picture of a kind that can't be drawn, before it is drawn."""
    if path.suffix not in UNDATED:
        raise SimbenchError(f"{path}: unknown kind of picture; allowed: {', '.join(UNDATED)}")
    if path.is_dir():
        raise SimbenchError(f"{path}: is a folder; allowed is the name of a picture")


def save(figure: Figure, *paths: Path) -> None:
    """Save a figure, in the format of each path, without a date in it, and close it."""
    for path in paths:
        check_picture(path)
        drawn = _draw(figure, path.suffix)
        write_bytes(path, _shrink(drawn) if path.suffix == ".png" else drawn)
    plt.close(figure)


def small_svg(figure: Figure) -> str:
    """A figure as a short SVG on one line, to be shown inside a page; closes the figure.

    Positions have two decimals. Its layout must be constrained: that leaves no margin to cut off,
    and what cutting off costs, a third of the time, is saved.
    """
    with mpl.rc_context({"font.sans-serif": _SVG_FONTS}):
        drawn = " ".join(_draw(figure, ".svg", None).decode().split())
    plt.close(figure)
    needed = set(re.findall(r"#(\w+)", drawn))
    short = re.sub(r"<[^>]*>", lambda tag: _short_tag(tag[0], needed), drawn).replace("> <", "><")
    while _BARE_GROUP.search(short):
        short = _BARE_GROUP.sub(r"\1", short)
    return short.replace("<svg ", f"<svg font-family='{', '.join(_SVG_FONTS)}' ", 1)


def _short_tag(tag: str, needed: set[str]) -> str:
    """A tag without the names that nothing refers to, and what is said once for all text."""
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r' id="([^"]*)"', lambda name: name[0] if name[1] in needed else "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"|font-family: [^;"]*; ', "", tag)
    return tag.replace("'", "").replace('"', "'")


def _draw(figure: Figure, suffix: str, margin: str | None = "tight") -> bytes:
    drawn, undated = BytesIO(), {UNDATED[suffix]: None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name may hold any letter
        figure.savefig(drawn, format=suffix[1:], bbox_inches=margin, metadata=undated)
    return drawn.getvalue()


def _shrink(png: bytes) -> bytes:
    """Keep the 256 colours that serve a PNG best: a third of the size, and no difference seen."""
    from PIL import Image

    opened, shrunk = Image.open(BytesIO(png)), BytesIO()
    picture = opened.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(shrunk, format="PNG", optimize=True, dpi=opened.info["dpi"])
    return shrunk.getvalue()
