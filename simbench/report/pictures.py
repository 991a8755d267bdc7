"""Pictures that lie beside the rows, made small enough to live inside a page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simbench.core.errors import SimbenchError

_CAPTIONS = {
    "latents": "Neurons of held-out cultures, placed by the latents of each method alone (t-SNE); "
    "columns colour the same points by what is asked, by culture and by rate. Numbers: balanced "
    "accuracy of a linear probe. A good latent knows the first label and not the culture.",
    "similarity": "How alike the latents of two methods are (debiased CKA), on held-out cultures.",
    "traces": "dF/F of neurons in one held-out culture: as methods see it (colour), without noise "
    "(black), true spikes below.",
    "optics": "What the optics does: responses, noise by cell, traces.",
    "culture": "The cultures: somata and wiring, activity, rates and degrees.",
}  # fmt: skip
# The page draws these anew, from the rows.
_DRAWN_ANEW = ("leaderboard", "curves", "pairwise")
_WIDTHS = (1400, 1000, 720, 480)


def find_pictures(folder: Path) -> list[Path]:
    """PNG files of a folder, and SVG files that have no PNG of the same name."""
    pngs = sorted(folder.glob("*.png"))
    svgs = [p for p in sorted(folder.glob("*.svg")) if not p.with_suffix(".png").is_file()]
    return [p for p in [*pngs, *svgs] if not p.stem.startswith(_DRAWN_ANEW)]


def embed_pictures(paths: Sequence[Path], budget: int) -> list[dict[str, Any]]:
    """Pictures as data URIs that take no more than ``budget`` bytes together.

    Returns
    -------
    list of dict
        ``uri``, ``caption``, ``alt``, ``width`` and ``height`` in pixels (None for SVG). A
        picture that can't be made small enough is left out.

    Raises
    ------
    SimbenchError
        If a file is not a picture.
    """
    share = budget // max(len(paths), 1)
    embedded = []
    for path in paths:
        picture = _vector(path, share) if path.suffix == ".svg" else _raster(path, share)
        if picture:
            kind = path.stem.split("-")[0]
            name = path.stem.replace("-", " ").replace("_", " ")
            embedded.append({**picture, "alt": name, "caption": _CAPTIONS.get(kind, name)})
    return embedded


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _vector(path: Path, limit: int) -> dict[str, Any] | None:
    uri = _uri("svg+xml", path.read_bytes())
    return {"uri": uri, "width": None, "height": None} if len(uri) <= limit else None


def _raster(path: Path, limit: int) -> dict[str, Any] | None:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as opened:
            image = opened.convert("RGB")
    except Exception as error:  # damaged files raise nearly everything
        raise SimbenchError(f"{path}: not a picture that can be read ({error})") from None
    for width in _WIDTHS:
        if image.width > width:
            image = image.resize(
                (width, round(image.height * width / image.width)), Image.Resampling.LANCZOS
            )
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=82, method=2)
        uri = _uri("webp", buffer.getvalue())
        if len(uri) <= limit:
            return {"uri": uri, "width": image.width, "height": image.height}
    return None
