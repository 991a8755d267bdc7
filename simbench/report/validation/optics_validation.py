"""The optics against real cells: their spikes through the indicators, beside measured traces."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from simbench.benchmark.run import Progress
from simbench.data.readers.measured_cells import (
    Cell,
    CellRecording,
    averaged,
    halves,
    without_drift,
)
from simbench.imaging.camera import measure_nu
from simbench.imaging.dff import running_baseline
from simbench.imaging.indicators import (
    Indicator,
    frame_dff,
    get_indicator,
    hill_response,
    in_vivo_indicator,
)
from simbench.scenario.presets import CULTURE_FITS, IN_VIVO_FITS, NU_PER_SD, SWAPPED_IN_VIVO_FITS

IN_VIVO, SWAPPED = "in vivo", "in vivo, halves swapped"
LINEAR, SIGMOID = "best linear kernel", "linear kernel and sigmoid"
_LINEAR_DECAYS_MS = np.geomspace(30, 8000, 8)
DECAY_REACH = np.log(4)
_DRIFT_S = 30.0
_SILENCE_S = 2.0
_SMOOTH_S = 0.05
_GRID_HZ = 100.0
FEWEST_ALONE = 10
# Hill exponent, half-saturation and largest value (dF/F) of the sigmoid.
_SIGMOID_START, _SIGMOID_BOUNDS = (1.2, 5.0, 10.0), ((0.4, 4.0), (0.05, 200.0), (0.05, 400.0))


class Agreement(NamedTuple):
    """Correlation, and slope of measured on simulated dF/F; NaN where nothing is simulated."""

    r: float
    gain: float


def measured(cell: Cell) -> np.ndarray:
    """dF/F of a cell's recordings, one after another, the mean of each taken off."""
    return _joined([recording.dff for recording in cell.recordings])


def simulated_like(cell: Cell, indicator: Indicator, decay_scale: float = 1.0) -> np.ndarray:
    """What the spikes of a cell make through an indicator, in the form of `measured`."""
    scale, traces = np.array([decay_scale]), []
    for recording in cell.recordings:
        rate = recording.frame_rate
        dff = frame_dff(recording.spikes, indicator, rate, decay_scale=scale)
        traces.append(without_drift(dff[0, : len(recording.dff)], rate))
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
        bounds=(-DECAY_REACH, DECAY_REACH), method="bounded", options={"xatol": 0.01},
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
    columns = [_weighed_alike(cells, indicator) for indicator in one]
    weights = np.linalg.lstsq(np.array(columns).T, _weighed_alike(cells))[0]
    return linear(weights, _LINEAR_DECAYS_MS)


def sigmoid_kernel(linear: Indicator, cells: Sequence[Cell]) -> Indicator:
    """A linear kernel followed by the Hill response that is nearest to cells, all weighed alike."""
    from scipy.optimize import least_squares

    def bent(logs: np.ndarray) -> Indicator:
        hill = hill_response(*np.exp(logs))
        return replace(linear, name=SIGMOID, response=lambda c: hill(np.maximum(c, 0, out=c)))

    target = _weighed_alike(cells)
    found = least_squares(
        lambda logs: _weighed_alike(cells, bent(logs)) - target,
        np.log(_SIGMOID_START), bounds=np.log(_SIGMOID_BOUNDS).T, diff_step=0.01,
    )  # fmt: skip
    return bent(found.x)


def _weighed_alike(cells: Sequence[Cell], indicator: Indicator | None = None) -> np.ndarray:
    """Traces of cells, measured or of an indicator, over the norms of the measured ones."""
    parts = []
    for cell in cells:
        real = measured(cell)
        trace = real if indicator is None else simulated_like(cell, indicator)
        parts.append(trace / np.linalg.norm(real))
    return np.concatenate(parts)


class SingleSpike(NamedTuple):
    """Peak (dF/F), time from spike to half of it, and from the peak to half of it (ms)."""

    peak: float
    half_rise_ms: float
    half_decay_ms: float


def single_spike(cell: Cell, indicator: Indicator | None = None) -> SingleSpike:
    """What is seen in the mean around spikes with 2 s of silence on both sides.

    Of the measured trace, or of an indicator's. NaN where a cell has fewer than 10 such spikes.
    Peak and decay are those of the mean over 50 ms; noise makes the peak too high.
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
    if len(windows) < FEWEST_ALONE:
        return SingleSpike(np.nan, np.nan, np.nan)
    width = round(_SMOOTH_S * _GRID_HZ)
    sharp = windows.mean(axis=0)
    smooth = np.convolve(sharp, np.ones(width) / width, "same")[width:-width]
    sharp, after = sharp[width:-width], ages[width:-width]
    rest = np.median(smooth[after < 0])
    start = int(np.searchsorted(after, 0))
    top = start + int(smooth[start : start + round(0.7 * _GRID_HZ)].argmax())
    half = (smooth[top] + rest) / 2
    foot = top - 1 - int((sharp[:top] <= half)[::-1].argmax())
    rise = np.interp(half, sharp[foot : foot + 2], after[foot : foot + 2])
    below = smooth[top:] <= half
    decay = below.argmax() / _GRID_HZ if below.any() else np.nan
    return SingleSpike(float(smooth[top] - rest), float(rise * 1000), float(decay * 1000))


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
        models[IN_VIVO] = get_indicator(f"{name}-in-vivo")
    own = [cell for cell in to_fit if cell.indicator == name]
    if own and name in CULTURE_FITS:
        models[LINEAR] = linear_kernel(own)
        models[SIGMOID] = sigmoid_kernel(models[LINEAR], own)
    return models


def compare_cells(cells: Sequence[Cell], report: Progress | None = None) -> pd.DataFrame:
    """Every test cell against every model of its indicator: a row for each.

    And every cell that was fitted to against the fit to the test cells (``SWAPPED``).

    Returns
    -------
    DataFrame
        ``cell``, ``animal``, ``indicator``, ``model``; ``r``, ``gain``, ``ev``, ``ev_gain``,
        ``ev_decay``, ``r_decay``, ``decay`` (factor), ``nu`` (%/sqrt(Hz)), ``ceiling``, ``drift``
        (log, in 30 s), and ``peak`` (dF/F), ``half_rise_ms`` and ``half_decay_ms`` of single
        spikes, measured and ``_simulated``.
    """
    to_fit, to_test = halves(cells)
    models = {name: models_of(name, to_fit) for name in {cell.indicator for cell in to_test}}
    swapped = {
        name: {SWAPPED: in_vivo_indicator(name, row)} for name, row in SWAPPED_IN_VIVO_FITS.items()
    }
    pairs = [(cell, models[cell.indicator]) for cell in to_test]
    pairs += [(cell, swapped.get(cell.indicator, {})) for cell in to_fit]
    rows = []
    for done, (cell, kinds) in enumerate(pairs, 1):
        rows += _rows_of(cell, kinds)
        if report:
            report("cells", done, len(pairs))
    return pd.DataFrame(rows)


def _rows_of(cell: Cell, models: dict[str, Indicator]) -> list[dict]:
    """A cell against models: a row for each that its spikes drive."""
    real = measured(cell)
    nu, ceiling = noise_of(cell)
    about = {
        "cell": cell.name, "animal": cell.animal, "indicator": cell.indicator, "nu": nu,
        "ceiling": ceiling, "drift": drift_of(cell), **single_spike(cell)._asdict(),
    }  # fmt: skip
    rows = []
    for kind, indicator in models.items():
        model = simulated_like(cell, indicator)
        r, gain = agreement(real, model)
        if not np.isfinite(r):
            continue
        decay, r_decay = fit_decay(cell, indicator)
        alone = single_spike(cell, indicator)._asdict()
        left = real - model
        rows.append(about | {
            "model": kind, "r": r, "gain": gain, "decay": decay, "r_decay": r_decay,
            "ev": (1 - float(left @ left) / float(real @ real)) / ceiling,
            "ev_gain": r * abs(r) / ceiling, "ev_decay": r_decay * abs(r_decay) / ceiling,
            **{f"{name}_simulated": value for name, value in alone.items()},
        })  # fmt: skip
    return rows
