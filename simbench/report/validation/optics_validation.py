"""The optics against real cells: their spikes through the indicators, beside measured traces."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from simbench.core.files import write_text
from simbench.core.text import markdown_table, number
from simbench.data.readers.measured_cells import (
    Cell,
    CellRecording,
    averaged,
    halves,
    read_cells,
    without_drift,
)
from simbench.imaging.camera import measure_nu
from simbench.imaging.dff import running_baseline
from simbench.imaging.indicators import Indicator, frame_dff, get_indicator
from simbench.scenario.presets import CULTURE_FITS, IN_VIVO_FITS, NU_PER_SD

LINEAR = "best linear kernel"
_LINEAR_DECAYS_MS = np.geomspace(30, 8000, 8)
_DECAY_REACH = np.log(4)
_DRIFT_S = 30.0
_SILENCE_S = 2.0
_SMOOTH_S = 0.05
_GRID_HZ = 100.0
_FEWEST_ALONE = 10

_INTRODUCTION = """\
Real spikes through the indicators, against the measured traces ({n} cells of {n_animals} animals; a
cell without a named animal counts as one). Every other animal of an indicator was fitted to (by the
presets in vivo and the linear kernel); all figures here are of the others. Traces are compared at
about 15 Hz, an offset fitted, slow drift taken off measured and simulated ones alike. Medians over
cells.

r: correlation. EV: explained variance over its ceiling (1 - noise variance / variance, the noise
from nu), of the preset as it is, with a gain for each cell, and with a factor on its decay times.
"""


class Agreement(NamedTuple):
    """Correlation, and slope of measured on simulated dF/F; NaN where nothing is simulated."""

    r: float
    gain: float


def measured(cell: Cell) -> np.ndarray:
    """dF/F of a cell's recordings, one after another, the mean of each taken off."""
    return _joined([recording.dff for recording in cell.recordings])


def simulated_like(cell: Cell, indicator: Indicator, decay_scale: float = 1.0) -> np.ndarray:
    """What the spikes of a cell make through an indicator, in the form of `measured`."""
    traces = []
    for recording in cell.recordings:
        dff = frame_dff(
            recording.spikes, indicator, recording.frame_rate, decay_scale=np.array([decay_scale])
        )
        traces.append(without_drift(dff[0, : len(recording.dff)], recording.frame_rate))
    return _joined(traces)


def agreement(real: np.ndarray, model: np.ndarray) -> Agreement:
    """Agreement of two centred traces."""
    product, power = float(real @ model), float(model @ model)
    if power == 0:
        return Agreement(np.nan, np.nan)
    return Agreement(product / float(np.sqrt(power * (real @ real))), product / power)


def fit_decay(cell: Cell, indicator: Indicator) -> tuple[float, float]:
    """Factor on the decay times, 1/4 to 4, with which r is highest, and that r."""
    from scipy.optimize import minimize_scalar

    real = measured(cell)
    found = minimize_scalar(
        lambda log: -agreement(real, simulated_like(cell, indicator, float(np.exp(log)))).r,
        bounds=(-_DECAY_REACH, _DECAY_REACH), method="bounded", options={"xatol": 0.01},
    )  # fmt: skip
    return float(np.exp(found.x)), -float(found.fun)


def noise_of(cell: Cell) -> tuple[float, float]:
    """Noise nu (%/sqrt(Hz)) of a cell, and the largest share of variance that can be explained."""
    nus = np.array([measure_nu(t.fast_dff[None], t.fast_rate)[0] for t in cell.recordings])
    variances = (nus / 100 / NU_PER_SD) ** 2 * np.array([t.frame_rate for t in cell.recordings])
    real, lengths = measured(cell), [len(t.dff) for t in cell.recordings]
    noise = float(np.average(variances, weights=lengths))
    ceiling = 1 - noise / real.var()
    return float(nus.mean()), ceiling if ceiling > 0 else np.nan


def drift_of(cell: Cell) -> float:
    """S.d. of the change of the log baseline of light (1 + dF/F) in 30 s."""
    changes = []
    for recording in cell.recordings:
        rate = recording.frame_rate
        light = 1 + averaged(recording.fast_dff, round(recording.fast_rate / rate))
        logs = np.log(np.maximum(running_baseline(light[None], rate)[0], 0.01))
        lag = round(_DRIFT_S * rate)
        changes.append(logs[lag:] - logs[:-lag])
    return float(np.sqrt(np.mean(np.concatenate(changes) ** 2)))


def linear_kernel(cells: Sequence[Cell]) -> Indicator:
    """The indicator without saturation or threshold that is nearest to cells, all weighed alike.

    Least squares of eight exponentials, decays from 30 ms to 8 s.
    """

    def linear(weights: np.ndarray, decays_ms: np.ndarray) -> Indicator:
        rise_ms = CULTURE_FITS[cells[0].indicator][0]
        decays = tuple(zip(weights.tolist(), decays_ms.tolist()))
        return Indicator(LINEAR, "linear", "fitted", rise_ms, decays, lambda calcium: calcium)

    one = [linear(np.ones(1), np.array([decay])) for decay in _LINEAR_DECAYS_MS]
    real = [measured(cell) for cell in cells]
    sizes = [np.linalg.norm(trace) for trace in real]
    columns = [
        np.concatenate([simulated_like(c, i) / size for c, size in zip(cells, sizes)]) for i in one
    ]
    target = np.concatenate([trace / size for trace, size in zip(real, sizes)])
    return linear(np.linalg.lstsq(np.array(columns).T, target)[0], _LINEAR_DECAYS_MS)


def single_spike(cell: Cell, indicator: Indicator | None = None) -> tuple[float, float]:
    """Peak (dF/F) and half-decay (ms) of the mean around spikes with 2 s of silence on both sides.

    Of the measured trace, or of an indicator's. NaN where a cell has fewer than 10 such spikes.
    Noise makes the peak of a mean too high.
    """
    ages = np.arange(-_SILENCE_S / 2, _SILENCE_S, 1 / _GRID_HZ)
    found = []
    for recording in cell.recordings:
        trace = recording.fast_dff
        if indicator is not None:
            trace = frame_dff(recording.spikes, indicator, recording.fast_rate)[0]
        seconds = (np.arange(len(trace)) + 0.5) / recording.fast_rate
        around = _alone(recording)[:, None] + ages
        found.append(np.interp(around, seconds, trace))
    windows = np.concatenate(found)
    if len(windows) < _FEWEST_ALONE:
        return np.nan, np.nan
    width = round(_SMOOTH_S * _GRID_HZ)
    mean = np.convolve(windows.mean(axis=0), np.ones(width) / width, "same")[width:-width]
    after = ages[width:-width]
    mean -= np.median(mean[after < 0])
    start = int(np.searchsorted(after, 0))
    top = start + int(mean[start : start + round(0.7 * _GRID_HZ)].argmax())
    below = mean[top:] <= mean[top] / 2
    return float(mean[top]), float(below.argmax() / _GRID_HZ * 1000) if below.any() else np.nan


def _alone(recording: CellRecording) -> np.ndarray:
    times = recording.spikes.times
    gaps = np.diff(times, prepend=-np.inf, append=np.inf)
    inside = (times > _SILENCE_S) & (times < recording.spikes.duration - _SILENCE_S)
    return times[inside & (gaps[:-1] > _SILENCE_S) & (gaps[1:] > _SILENCE_S)]


def _joined(traces: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([trace - trace.mean() for trace in traces])


def models_of(name: str, to_fit: Sequence[Cell]) -> dict[str, Indicator]:
    """What the cells of an indicator are compared with, by kind."""
    models = {"culture": get_indicator(name)} if name in CULTURE_FITS else {}
    if name in IN_VIVO_FITS:
        models["in vivo"] = get_indicator(f"{name}-in-vivo")
    own = [cell for cell in to_fit if cell.indicator == name]
    if own and name in CULTURE_FITS:
        models[LINEAR] = linear_kernel(own)
    return models


def compare_cells(
    cells: Sequence[Cell], report: Callable[[str, int, int], None] | None = None
) -> pd.DataFrame:
    """Every test cell against every model of its indicator: a row for each.

    Returns
    -------
    DataFrame
        ``cell``, ``animal``, ``indicator``, ``model``; ``r``, ``gain``, ``ev``, ``ev_gain``,
        ``ev_decay``, ``r_decay``, ``decay`` (factor), ``nu`` (%/sqrt(Hz)), ``ceiling``, ``drift``
        (log, in 30 s), and ``peak`` (dF/F) and ``half_decay_ms`` of single spikes, measured and
        ``_simulated``.
    """
    to_fit, to_test = halves(cells)
    names = {cell.indicator for cell in to_test}
    models = {name: models_of(name, to_fit) for name in names}
    rows = []
    for done, cell in enumerate(to_test, 1):
        real = measured(cell)
        nu, ceiling = noise_of(cell)
        peak, half_decay = single_spike(cell)
        about = {
            "cell": cell.name, "animal": cell.animal, "indicator": cell.indicator, "nu": nu,
            "ceiling": ceiling, "drift": drift_of(cell), "peak": peak, "half_decay_ms": half_decay,
        }  # fmt: skip
        for kind, indicator in models[cell.indicator].items():
            model = simulated_like(cell, indicator)
            r, gain = agreement(real, model)
            if not np.isfinite(r):
                continue
            decay, r_decay = fit_decay(cell, indicator)
            peak_simulated, half_simulated = single_spike(cell, indicator)
            left = real - model
            rows.append(about | {
                "model": kind, "r": r, "gain": gain, "decay": decay, "r_decay": r_decay,
                "ev": (1 - float(left @ left) / float(real @ real)) / ceiling,
                "ev_gain": r * abs(r) / ceiling, "ev_decay": r_decay * abs(r_decay) / ceiling,
                "peak_simulated": peak_simulated, "half_decay_ms_simulated": half_simulated,
            })  # fmt: skip
        if report:
            report("cells", done, len(to_test))
    return pd.DataFrame(rows)


def medians_by_indicator(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over the cells of each indicator and model, and spreads of gain, decay and drift."""
    summary = []
    for (indicator, model), own in table.groupby(["indicator", "model"], sort=False):
        gains = np.log(own["gain"][own["gain"] > 0])
        inside = np.log(own["decay"])[np.abs(np.log(own["decay"])) < 0.99 * _DECAY_REACH]
        medians = own.select_dtypes("number").median()
        summary.append({
            "indicator": indicator, "model": model, "cells": len(own),
            "animals": own["animal"].nunique(), "r_lower_quartile": own["r"].quantile(0.25),
            **medians, "log_gain_sd": gains.std(), "log_decay_sd": inside.std(),
            "cells_with_single_spikes": int(own["peak"].notna().sum()),
        })  # fmt: skip
    return pd.DataFrame(summary).sort_values(["indicator", "model"], ignore_index=True)


def validate_optics(
    folder: Path, out: Path, report: Callable[[str, int, int], None] | None = None
) -> pd.DataFrame:
    """Compare the optics with real cells; writes ``optics.csv``, ``optics.md``, ``optics.png``.

    Parameters
    ----------
    folder : Path
        Of recordings of others, with ``ground_truth``.
    out : Path
    report : callable, optional
        Told what is done, how much, and of how many.

    Returns
    -------
    DataFrame
        Of `medians_by_indicator`.
    """
    from simbench.report.style import save
    from simbench.report.validation.optics_validation_figure import draw_validation

    cells = read_cells(folder)
    table = compare_cells(cells, report)
    summary = medians_by_indicator(table)
    write_text(out / "optics.csv", summary.to_csv(index=False, float_format="%.4g"))
    write_text(out / "optics.md", optics_text(summary, table))
    save(draw_validation(table, halves(cells)[1]), out / "optics.png")
    return summary


def optics_text(summary: pd.DataFrame, table: pd.DataFrame) -> str:
    """What was found, in Markdown."""
    fits = markdown_table(
        ("indicator", "model", "cells", "animals", "r (lower quartile)", "gain", "EV as it is",
         "EV, gain", "EV, gain and decay"),
        [
            (row.indicator, row.model, row.cells, row.animals,
             f"{number(row.r)} ({number(row.r_lower_quartile)})",
             *map(number, (row.gain, row.ev, row.ev_gain, row.ev_decay)))
            for row in summary.itertuples()
        ],
        2,
    )  # fmt: skip
    presets = summary[summary["model"] != LINEAR]
    spreads = markdown_table(
        ("indicator", "model", "s.d. of log gain", "s.d. of log decay", "nu (%/√Hz)",
         "ceiling of EV", "s.d. of log baseline, 30 s"),
        [
            (row.indicator, row.model,
             *map(number, (row.log_gain_sd, row.log_decay_sd, row.nu, row.ceiling)),
             number(row.drift, ".3f"))
            for row in presets.itertuples()
        ],
        2,
    )  # fmt: skip
    alone = markdown_table(
        ("indicator", "model", "cells", "peak, real / simulated", "half-decay (ms)"),
        [
            (row.indicator, row.model, row.cells_with_single_spikes,
             f"{number(row.peak)} / {number(row.peak_simulated)}",
             f"{number(row.half_decay_ms, '.0f')} / {number(row.half_decay_ms_simulated, '.0f')}")
            for row in presets.itertuples()
        ],
        2,
    )  # fmt: skip
    animals = table.groupby("indicator")["animal"].nunique().sum()
    introduction = _INTRODUCTION.format(n=table["cell"].nunique(), n_animals=animals)
    return (
        f"# Optics\n\n{introduction}\n{fits}\n## Spread between cells\n\n{spreads}\n"
        f"## Single spikes\n\nMeans around spikes with 2 s of silence on both sides, of cells that "
        f"have {_FEWEST_ALONE} or more.\n\n{alone}"
    )
