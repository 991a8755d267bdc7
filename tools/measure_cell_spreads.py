"""Measure how real cells of an animal differ: the spreads of `CAMERAS["cells"]` in presets.

python tools/measure_cell_spreads.py FOLDER      # a line for each indicator, and the medians

FOLDER holds `ground_truth` (CASCADE). Each recording of a cell gives a log gain and a log decay,
through the culture preset of its indicator (`optics_validation`). Recordings of a cell differ by
the error of these numbers alone, cells of an animal by their own spread as well: nested analysis of
variance takes the error off. Spreads are over cells in animals that are named, of indicators with
two such animals or more. Drift is the s.d. of the change of the log baseline in 30 s, median over
cells, divided by the root of 2, as it is the difference of two times.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from simbench.data.readers.measured_cells import Cell, read_cells
from simbench.imaging.indicators import get_indicator
from simbench.report.validation.optics_validation import (
    agreement,
    drift_of,
    fit_decay,
    measured,
    simulated_like,
)

FEWEST_SPIKES = 5
DECAY_REACH = 0.98 * np.log(4)  # a fit that ends at its bounds has found no decay


def recordings_of(cells: Sequence[Cell]) -> pd.DataFrame:
    """Log gain and log decay of every recording, with its cell and animal."""
    rows = []
    for cell in cells:
        preset = get_indicator(cell.indicator)
        for recording in cell.recordings:
            if recording.spikes.counts[0] < FEWEST_SPIKES:
                continue
            one = replace(cell, recordings=(recording,))
            gain = agreement(measured(one), simulated_like(one, preset)).gain
            decay = np.log(fit_decay(one, preset)[0])
            rows.append(
                {
                    "animal": cell.animal, "cell": cell.name,
                    "log_gain": np.log(gain) if gain > 0 else np.nan,
                    "log_decay": decay if abs(decay) < DECAY_REACH else np.nan,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def spread_of_cells(values: pd.Series, cell: pd.Series, animal: pd.Series) -> float:
    """S.d. between cells of an animal, the error of single recordings taken off.

    Nested analysis of variance (method of moments; Searle et al. 1992, Variance Components).
    """
    table = pd.DataFrame({"value": values, "cell": cell, "animal": animal}).dropna()
    cells = table.groupby(["animal", "cell"])["value"].agg(["mean", "size", "var"])
    several = cells[cells["size"] > 1]
    error = float(np.average(several["var"], weights=several["size"] - 1)) if len(several) else 0.0
    weight = table.groupby("animal").size()
    within, n_free, size = 0.0, 0, 0.0
    for name, own in cells.groupby("animal"):
        centre = np.average(own["mean"], weights=own["size"])
        within += float((own["size"] * (own["mean"] - centre) ** 2).sum())
        n_free += len(own) - 1
        size += weight[name] - float((own["size"] ** 2).sum()) / weight[name]
    return float(np.sqrt(max(within - n_free * error, 0.0) / size)) if size else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="recordings of others")
    cells = read_cells(parser.parse_args().folder)
    lines = {}
    for name in sorted({cell.indicator for cell in cells}):
        own = [cell for cell in cells if cell.indicator == name]
        named = [cell for cell in own if cell.animal != cell.name]
        spreads = {"log_gain": np.nan, "log_decay": np.nan}
        if len({cell.animal for cell in named}) > 1:
            table = recordings_of(named)
            spreads = {
                key: spread_of_cells(table[key], table["cell"], table["animal"]) for key in spreads
            }
        drift = float(np.median([drift_of(cell) for cell in own])) / 2**0.5
        lines[name] = {"cells": len(named), **spreads, "drift": drift}
    table = pd.DataFrame(lines).T
    print(table.round(3).to_string())
    print(f"median: {table.drop(columns='cells').median().round(2).to_dict()}")


if __name__ == "__main__":
    main()
