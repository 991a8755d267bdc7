"""Figure of what the optics of a scenario do: responses, noise and traces."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simbench.culture.spikes import SpikeTrains
from simbench.imaging import Imaged, image
from simbench.imaging.camera import measure_nu
from simbench.imaging.dff import delta_f_over_f
from simbench.imaging.indicators import Indicator, clean_dff, get_indicator, measure_response
from simbench.report.figures import plot_trace
from simbench.report.style import PALETTE, use_style
from simbench.scenario.presets import CULTURE_MEDIANS, MEDIAN_RATE_HZ, MEDIAN_SPIKES
from simbench.scenario.scenario import Scenario

_BURSTS = (1, 3, 10)
_WINDOW_S = 30.0


def draw_optics(scenario: Scenario, seed: int = 0) -> Figure:
    """The optics of the first condition of a scenario, on its first culture.

    Top left: dF/F after 1, 3 and 10 spikes at 83 Hz, with the medians of cultured neurons where
    they are published. Bottom left: standardised noise of every cell, measured against stated.
    Right: dF/F of a quiet, a typical and a busy cell, as methods see it and as it truly is,
    with the spikes below.
    """
    from simbench.culture.growth import grow_culture

    use_style()
    condition = scenario.conditions[0]
    culture = grow_culture(condition.culture, seed, 0)
    positions = culture.labels[["x_mm", "y_mm"]].to_numpy()
    imaged = image(culture.spikes, positions, condition.imaging, seed)
    frame_rate = condition.imaging.frame_rate_hz
    seen = delta_f_over_f(imaged.fluorescence, frame_rate)
    figure = plt.figure(figsize=(10, 5.4), layout="constrained")
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(1, 1.7)))
    responses, noise = left.subplots(2, 1)
    _draw_responses(responses, get_indicator(condition.imaging.indicator))
    _draw_noise(noise, imaged, measure_nu(seen, frame_rate))
    _draw_traces(right, culture.spikes, imaged, seen, frame_rate)
    name = scenario.name if len(scenario.conditions) == 1 else f"{scenario.name} ({condition.name})"
    figure.suptitle(f"{name}: {condition.imaging.preset} camera at {frame_rate:g} Hz")
    return figure


def _draw_responses(axes: Axes, indicator: Indicator) -> None:
    rate_hz, duration_s = 1000.0, 6.0
    floor = measure_response(indicator)["amplitude"] / 10
    medians = CULTURE_MEDIANS.get(indicator.name)
    for n, color in zip(_BURSTS, PALETTE):
        train = SpikeTrains(np.arange(n) / MEDIAN_RATE_HZ, np.array([0, n]), duration_s)
        dff = clean_dff(train, indicator, rate_hz)[0]
        seconds = np.arange(len(dff)) / rate_hz
        axes.plot(seconds, dff, color=color, label=f"{n} spike{'s' * (n > 1)}")
        if medians:
            peak_s = medians[5] / 1000 if n == 1 else seconds[dff.argmax()]
            axes.plot(peak_s, medians[MEDIAN_SPIKES.index(n)], "o", color=color, mec="k", ms=6)
    if medians:
        axes.plot([], [], "o", color="w", mec="k", ms=6, label="median, cultured neurons")
    end = min(3.0, 1.1 * seconds[dff > floor].max())
    axes.set(yscale="log", xlim=(0, end), ylim=(floor, 12 * dff.max()))
    axes.set(xlabel="time (s)", ylabel="dF/F")
    axes.set_title(f"{indicator.name}: response at {MEDIAN_RATE_HZ:g} Hz")
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)


def _draw_noise(axes: Axes, imaged: Imaged, measured: np.ndarray) -> None:
    stated = imaged.nuisances["nu"].to_numpy()
    axes.scatter(stated, measured, s=6, alpha=0.6, color=PALETTE[0], linewidths=0, clip_on=False)
    top = 1.1 * max(np.percentile(measured, 99), stated.max(), 1e-3)
    axes.plot([0, top], [0, top], color="0.5", lw=0.8, label="equal")
    axes.set(
        xlim=(0, top), ylim=(0, top),
        xlabel=r"stated noise $\nu$ at rest (%/$\sqrt{\mathrm{Hz}}$)", ylabel=r"measured $\nu$",
    )  # fmt: skip
    axes.set_title("noise by cell (activity and bleaching raise it)")
    axes.legend(frameon=False, fontsize=7, loc="lower right")


def _draw_traces(
    panel: Figure, spikes: SpikeTrains, imaged: Imaged, seen: np.ndarray, frame_rate: float
) -> None:
    by_count = np.argsort(spikes.counts, kind="stable")
    active = by_count[spikes.counts[by_count] > 0]
    chosen = active if len(active) >= 3 else by_count
    cells = chosen[np.round(np.array([0.1, 0.5, 0.95]) * (len(chosen) - 1)).astype(int)]
    rows = panel.subplots(len(cells), 1, sharex=True)
    seconds = (np.arange(seen.shape[1]) + 0.5) / frame_rate
    end = min(spikes.duration, _WINDOW_S)
    window = seconds < end
    for axes, cell, kind in zip(rows, cells, ("quiet", "typical", "busy")):
        times = spikes[cell]
        plot_trace(
            axes, seconds[window], seen[cell, window], imaged.clean_dff[cell, window],
            times[times < end], PALETTE[0],
        )  # fmt: skip
        axes.set_ylabel("dF/F")
        labels = imaged.nuisances.loc[cell]
        axes.set_title(
            f"{kind} cell: {len(times) / spikes.duration:.2g} Hz, "
            f"$\\nu$ = {labels['nu']:.2g}, gain {labels['gain'] * labels['culture_gain']:.2g}",
            loc="left", fontsize=8,
        )  # fmt: skip
    rows[0].legend(frameon=False, fontsize=7, loc="upper right", ncols=2)
    rows[-1].set(xlim=(0, end), xlabel="time (s); spikes below each trace")
