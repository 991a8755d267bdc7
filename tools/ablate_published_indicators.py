"""What was off with the published indicators in vivo: one thing changed at a time.

python tools/ablate_published_indicators.py FOLDER        # writes results/validation/published.*

FOLDER holds `ground_truth` (CASCADE). The sigmoids of Zhang et al. 2023 (model of Wei et al. 2020;
parameter_fits.csv of github.com/zqwei/Spike2Fluorescence_jGCaMP8) are compared with the cells that
test the presets; what is fitted, is fitted to the others, each cell with a gain of its own.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from simbench.core.files import write_text
from simbench.core.text import markdown_table, number
from simbench.data.readers.measured_cells import SOURCE, Cell, averaged, halves, read_cells
from simbench.imaging.dff import running_baseline
from simbench.imaging.indicators import Indicator, get_indicator
from simbench.report.validation.optics_validation import (
    agreement,
    measured,
    noise_of,
    simulated_like,
)

# Rise, decay 1, decay 2 (ms), share of decay 2; largest dF/F, midpoint, slope: at rest dF/F is 0.
PUBLISHED = {
    "GCaMP6s": (50.81, 1702.21, 0, 0, 3.334, 3.142, 1.332),
    "GCaMP6f": (9.98, 682.58, 0, 0, 1.905, 3.197, 1.41),
    "jGCaMP7f": (16.21, 95.27, 398.22, 0.24, 6.84124734, 5.5621592, 0.42321225),
    "jGCaMP8f": (1.85, 34.07, 263.7, 0.48, 6.1043797, 4.17057528, 0.39053296),
    "jGCaMP8m": (2.46, 41.64, 245.8, 0.28, 7.45464483, 2.69111721, 0.36000789),
    "jGCaMP8s": (5.65, 86.26, 465.45, 0.19, 7.45579182, 1.28241713, 0.34372099),
}
ZERO = "zero moved"
_REACH = 3.0  # of a fit, in log units around its start
_INTRODUCTION = """\
# Published indicators in vivo, one thing changed at a time

Sigmoids of Zhang et al. 2023 against cells of
{source}.
Medians over the cells that test the presets. Zero moved: the measured trace relative to its own
running baseline. Line: no saturation, every spike adds what one alone makes. Decays (two and the
share of the slow one) and curve (midpoint and slope) are fitted to the other cells. Preset: the
one that ships.
"""


def sigmoid_indicator(
    rise: float, decay1: float, decay2: float, share: float,
    largest: float, midpoint: float, slope: float,
) -> Indicator:  # fmt: skip
    """A published indicator, or a changed one."""

    def response(calcium: np.ndarray) -> np.ndarray:
        at_rest = largest / (1 + np.exp(slope * midpoint))
        with np.errstate(over="ignore"):
            return largest / (1 + np.exp(-slope * (calcium - midpoint))) - at_rest

    decays = ((1, decay1), (share, decay2)) if share > 0 else ((1, decay1),)
    return Indicator("published", "in vivo", "Zhang et al. 2023", rise, decays, response)


def models_of(name: str, to_fit: Sequence[Cell]) -> dict[str, Indicator]:
    """The published indicator, changed."""
    rise, decay1, decay2, share, *curve = PUBLISHED[name]
    whole = sigmoid_indicator(*PUBLISHED[name])
    one = float(whole.response(np.ones(1))[0])
    decays = (decay1, decay2 or 3 * decay1, share or 0.2)

    def with_decays(values: np.ndarray) -> Indicator:
        return sigmoid_indicator(rise, *values, *curve)

    def with_curve(values: np.ndarray) -> Indicator:
        return sigmoid_indicator(rise, decay1, decay2, share, curve[0], *values)

    def with_both(values: np.ndarray) -> Indicator:
        return sigmoid_indicator(rise, *values[:3], curve[0], *values[3:])

    return {
        "published": whole,
        ZERO: whole,
        "line": replace(whole, response=lambda calcium: one * calcium),
        "decays fitted": fitted(with_decays, decays, to_fit),
        "curve fitted": fitted(with_curve, curve[1:], to_fit),
        "both fitted": fitted(with_both, (*decays, *curve[1:]), to_fit),
        "preset": get_indicator(f"{name}-in-vivo"),
    }


def fitted(
    build: Callable[[np.ndarray], Indicator], start: Sequence[float], cells: Sequence[Cell]
) -> Indicator:
    """The indicator that leaves least of cells, each with a gain of its own, all weighed alike."""

    def residuals(logs: np.ndarray) -> np.ndarray:
        left = []
        for cell in cells:
            real, model = measured(cell), simulated_like(cell, build(np.exp(logs)))
            gain = np.nan_to_num(agreement(real, model).gain)
            left.append((real - gain * model) / np.linalg.norm(real))
        return np.concatenate(left)

    logs = np.log(start)
    found = least_squares(
        residuals, logs, bounds=(logs - _REACH, logs + _REACH), diff_step=0.01, x_scale=0.3,
        max_nfev=60,
    )  # fmt: skip
    return build(np.exp(found.x))


def zero_moved(cell: Cell) -> Cell:
    """A cell whose dF/F is relative to its running baseline."""
    recordings = []
    for recording in cell.recordings:
        light = 1 + averaged(recording.fast_dff, round(recording.fast_rate / recording.frame_rate))
        baseline = np.maximum(running_baseline(light[None], recording.frame_rate)[0], 0.01)
        recordings.append(replace(recording, dff=(light - baseline) / baseline))
    return replace(cell, recordings=tuple(recordings))


def compare(name: str, to_fit: Sequence[Cell], to_test: Sequence[Cell]) -> pd.DataFrame:
    """Medians over test cells: gain, and explained variance over its ceiling, without it and with.

    A row for each change of the published indicator.
    """
    rows = []
    for change, indicator in models_of(name, to_fit).items():
        for cell in to_test:
            real = measured(zero_moved(cell) if change == ZERO else cell)
            model, ceiling = simulated_like(cell, indicator), noise_of(cell)[1]
            r, gain = agreement(real, model)
            ev = 1 - float(np.sum((real - model) ** 2)) / float(real @ real)
            rows.append((name, change, gain, ev / ceiling, r * abs(r) / ceiling))
    table = pd.DataFrame(rows, columns=["indicator", "change", "gain", "ev", "ev_gain"])
    return table.groupby(["indicator", "change"], sort=False).median().reset_index()


def text_of(table: pd.DataFrame) -> str:
    """The table in Markdown: an indicator in each line, a change in each column."""
    parts = [_INTRODUCTION.format(source=SOURCE)]
    titles = {
        "ev_gain": "Explained variance over its ceiling, a gain for each cell",
        "ev": "The same without a gain", "gain": "Gain",
    }  # fmt: skip
    changes = list(table["change"].unique())
    for column, title in titles.items():
        lines = [
            (name, *(number(own.loc[change, column]) for change in changes))
            for name, own in table.set_index("change").groupby("indicator")
        ]
        parts.append(f"## {title}\n\n{markdown_table(['indicator', *changes], lines)}")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="recordings of others")
    parser.add_argument("--out", "-o", type=Path, default=Path("results/validation"))
    arguments = parser.parse_args()
    sides = halves(read_cells(arguments.folder))
    table = pd.concat(
        compare(name, *([cell for cell in side if cell.indicator == name] for side in sides))
        for name in PUBLISHED
    )
    write_text(arguments.out / "published.csv", table.to_csv(index=False, float_format="%.4g"))
    write_text(arguments.out / "published.md", text_of(table))


if __name__ == "__main__":
    main()
