"""The ground that axons grow on: a height map over the dish, and what its walls turn back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.core.files import reading
from simbench.scenario.culture_recipe import WiringRecipe

CELLS_PER_FEATURE = 5  # 30-um cells for the default 150-um features: 100 x 100 on a 3-mm dish
MOST_FEATURES = 2000  # from rim to rim: heights of 0.8 GB
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Substrate:
    """Heights of the ground on a grid that covers the dish.

    Parameters
    ----------
    heights_mm : ndarray, shape (n_rows, n_columns)
        Row 0 lies at the lowest y, column 0 at the lowest x; infinite outside the dish.
    width_mm : float
        Side of the square that the grid spans, centred on the dish.
    """

    heights_mm: np.ndarray
    width_mm: float


def make_substrate(recipe: WiringRecipe, radius_mm: float, rng: np.random.Generator) -> Substrate:
    """Height map of the recipe's topology on a dish of the given radius.

    Raises
    ------
    SimbenchError
        If a height map can't be read or holds an impossible height.
    """
    if recipe.topology == "height-map":
        heights, width = _read_heights(recipe), 2 * radius_mm
    else:
        feature = recipe.feature_um / 1000
        if 2 * radius_mm > MOST_FEATURES * feature:
            raise SimbenchError(
                f"culture.wiring.feature_um = {recipe.feature_um:g} on a dish of "
                f"{2 * radius_mm:g} mm; allowed: at most {MOST_FEATURES} features from rim to rim"
            )
        cell = feature / CELLS_PER_FEATURE
        n = int(np.ceil(2 * radius_mm / cell - 1e-9))
        heights, width = _features(recipe, n, rng), n * cell
    return Substrate(_close_rim(heights, width, radius_mm), width)


def _features(recipe: WiringRecipe, n: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes or squares, each with its own height; gaps are as wide as they are."""
    period = np.arange(n) // CELLS_PER_FEATURE
    raised, number = period % 2 == 0, period // 2
    count = number[-1] + 1

    def heights(*shape: int) -> np.ndarray:
        spread = 1 + recipe.feature_height_sd * rng.standard_normal(shape)
        return recipe.feature_height_mm * np.abs(spread)

    if recipe.topology == "tracks":
        return np.tile(np.where(raised, heights(count)[number], 0.0), (n, 1))
    if recipe.topology == "squares":
        return np.where(
            np.outer(raised, raised), heights(count, count)[np.ix_(number, number)], 0.0
        )
    return np.zeros((n, n))


def _read_heights(recipe: WiringRecipe) -> np.ndarray:
    """Heights in mm from an .npy array, or from an image whose white is the feature's height."""
    path = Path(str(recipe.height_map))
    where = f"wiring.height_map = '{path}'"
    with reading(Path(where)):
        if path.suffix == ".npy":
            heights = np.load(path, allow_pickle=False)
            if heights.dtype.kind not in "biuf":
                raise SimbenchError(f"{where}: not an array of numbers")
            heights = heights.astype(float)
        elif path.suffix.lower() in IMAGES:
            from PIL import Image

            with Image.open(path) as image:
                if image.mode in ("F", "I"):  # it has no white
                    raise SimbenchError(
                        f"{where}: an image of floats or of 32 bits; allowed: 8 or 16 bits, or "
                        "heights in mm as .npy"
                    )
                is_wide = image.mode.startswith("I;16")  # convert would cut it to 8 bits
                grey = np.asarray(image if is_wide else image.convert("L"), dtype=float)
            heights = recipe.feature_height_mm * grey / (65535 if is_wide else 255)
        else:
            raise SimbenchError(f"{where}: allowed are .npy and images ({', '.join(IMAGES)})")
    if heights.ndim != 2 or min(heights.shape) < 2:
        raise SimbenchError(f"{where}: shape {heights.shape}; allowed: 2-D, at least 2 x 2")
    if not np.isfinite(heights).all() or heights.min() < 0:
        raise SimbenchError(f"{where}: heights must be finite and at least 0 mm")
    return heights[::-1]  # an image's first row is its top


def _close_rim(heights: np.ndarray, width_mm: float, radius_mm: float) -> np.ndarray:
    """Infinite height for the cells that lie wholly outside the dish."""
    nearest = []
    for n in heights.shape:
        edges = np.linspace(-width_mm / 2, width_mm / 2, n + 1)
        nearest.append(np.maximum(0, np.maximum(edges[:-1], -edges[1:])))
    outside = np.hypot(nearest[0][:, None], nearest[1]) >= radius_mm
    return np.where(outside, np.inf, heights)
