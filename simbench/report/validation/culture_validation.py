"""Do simulated cultures behave like real ones: statistics compared, written down and drawn."""

from collections.abc import Sequence
from glob import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from simbench.benchmark.run import Progress
from simbench.core.errors import SimbenchError
from simbench.core.files import write_text
from simbench.core.seeds import stream
from simbench.core.text import markdown_table, number
from simbench.culture.growth import Culture
from simbench.culture.neuron_labels import describe
from simbench.culture.spikes import SpikeTrains
from simbench.data.cultures import cached_culture, fill_cache
from simbench.data.readers.electrode_files import read_electrodes
from simbench.data.real_cultures import (
    MATURE_DAYS,
    SOURCE,
    STATISTICS,
    beside_real,
    is_held_out,
    mean_summary,
    measure_cultures,
    nearest_region,
    ranges_of,
    share_inside,
    spikes_in_order,
    told_inside,
)
from simbench.data.simulation import recording_units
from simbench.report.style import PAGE, PALETTE, save, use_style
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.scenario import Scenario

_YOUNG_DAYS = (7, 13)
_MOST_CULTURES = 6  # of a scenario
_MOST_NEURONS = 3  # that an electrode hears
RASTER_S = 30.0
_LOGARITHMIC = ("mean_rate_hz", "network_burst_rate_hz", "network_burst_duration_s", "isi_cv")
_MOST_RASTERS = 4
_INTRODUCTION = """\
# Cultures

Statistics of simulated cultures beside {n_recordings} recordings of {n_cultures} real ones
({source}). A distance is from the median of real recordings of days {days} in vitro: at
-1 lies their 5th percentile, at 1 the 95th. A scenario is compared with the region of its preset,
or the nearest; its value is the mean of up to {n_each} cultures of each condition, seed {seed}.
"Held out" is the same beside every third real culture, with which no preset was calibrated:
{held_out}. "Single" is the share of single
cultures, and of real recordings, that are inside in all nine. An electrode hears one or few
neurons: "as electrodes" is after each of half as many electrodes has summed the spikes of 1 to 3
neighbouring neurons.
"""
_REAL_NOTE = "Real cultures, median (5th to 95th percentile of recordings), by days in vitro:"


def validate_cultures(
    folder: Path,
    scenarios: Sequence[Scenario],
    seed: int,
    out: Path,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare the cultures of scenarios with real ones; write a table and draw it.

    Writes ``cultures.csv``, ``cultures.md`` and ``cultures.png``.

    Parameters
    ----------
    folder : Path
        Electrode recordings (`measure_cultures`).
    scenarios : sequence of Scenario
        With a culture recipe each.
    out : Path
        Folder for what is written.

    Returns
    -------
    DataFrame, one row per scenario and statistic
        As of `beside_real`, with ``scenario``, its ``digest``, ``condition`` (empty: all),
        ``region``; distances ``held_out``, beside real cultures that no preset was calibrated
        with, and ``as_electrodes``, of the same cultures heard through electrodes; ``all_inside``,
        the share of single cultures that are inside in all statistics.
    """
    for scenario in scenarios:
        if scenario.culture is None:
            raise SimbenchError(
                f"scenario {scenario.name}: names recordings; allowed: one with a culture recipe"
            )
    real = measure_cultures(folder)
    ranges = ranges_of(real)
    if ranges.empty:
        raise SimbenchError(f"{folder}: no culture of days {_days(MATURE_DAYS)} in vitro")
    held_out = ranges_of(real[is_held_out(real)])
    tables, shown = [], []
    for done, scenario in enumerate(scenarios):
        if progress:
            progress("simulate cultures", done, len(scenarios))
        cultures = _grow(scenario, seed, n_jobs)
        mean = mean_summary([culture.summary for culture in cultures])
        preset = scenario.train_conditions[0].culture.preset
        region = preset or nearest_region(mean, ranges)
        if region not in set(ranges["region"]):
            raise SimbenchError(f"{folder}: no {region} culture of days {_days(MATURE_DAYS)}")
        tables.append(_compare(scenario, cultures, seed, region, ranges, held_out))
        shown.append((f"{scenario.name} ({region})", cultures[0].spikes))
    table = pd.concat(tables, ignore_index=True)
    regions = [
        f"{row.recordings} recordings of {row.cultures} {row.region}"
        for row in held_out.drop_duplicates("region").itertuples()
    ]
    introduction = _INTRODUCTION.format(
        n_recordings=len(real), n_cultures=real["culture"].nunique(), source=SOURCE,
        days=_days(MATURE_DAYS), n_each=_MOST_CULTURES, seed=seed, held_out=", ".join(regions),
    )  # fmt: skip
    text = f"{introduction}\n{_distances_text(table)}\n{_REAL_NOTE}\n\n{_real_text(real)}"
    write_text(out / "cultures.csv", table.to_csv(index=False, float_format="%.4g"))
    write_text(out / "cultures.md", text)
    save(draw_cultures(folder, real, ranges, table, shown), out / "cultures.png")
    return table


def _compare(
    scenario: Scenario, cultures: Sequence[Culture], seed: int, region: str,
    ranges: pd.DataFrame, held_out: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    """All cultures of a scenario, and those of each condition, beside real ones."""
    summaries = [culture.summary for culture in cultures]
    heard = [describe(as_electrodes(one, seed, index))[1] for index, one in enumerate(cultures)]
    parts, n = {"": slice(None)}, len(scenario.conditions)
    if n > 1:  # conditions take turns
        parts |= {one.name: slice(k, None, n) for k, one in enumerate(scenario.conditions)}
    tables = []
    for name, part in parts.items():
        mean, electrodes = mean_summary(summaries[part]), mean_summary(heard[part])
        table = beside_real(mean, region, ranges).assign(
            held_out=beside_real(mean, region, held_out)["distance"],
            as_electrodes=beside_real(electrodes, region, ranges)["distance"],
            all_inside=share_inside(summaries[part], region, ranges),
            scenario=scenario.name, condition=name, region=region, digest=scenario.digest(),
        )  # fmt: skip
        tables.append(table)
    return pd.concat(tables)


def _days(days: tuple[int, int]) -> str:
    return f"{days[0]} to {days[1]}"


def _grow(scenario: Scenario, seed: int, n_jobs: int) -> list[Culture]:
    """First cultures of a scenario, conditions in turn, from the cache or simulated into it."""
    units = recording_units(scenario)[: _MOST_CULTURES * len(scenario.conditions)]
    recipes: dict[int, CultureRecipe] = {index: one.culture for index, one in units}
    fill_cache(recipes, seed, n_jobs, lambda share: None)
    return [cached_culture(recipe, seed, index) for index, recipe in recipes.items()]


def as_electrodes(culture: Culture, seed: int, index: int) -> SpikeTrains:
    """What electrodes would hear: each sums 1 to 3 neighbouring neurons, half as many as neurons.

    Centres are drawn at random; a neuron may be heard by several electrodes.
    """
    rng = stream(seed, "culture", index, "electrodes")
    positions = culture.labels[["x_mm", "y_mm"]].to_numpy(float)
    n_electrodes = max(2, len(positions) // 2)
    centres = rng.permutation(len(positions))[:n_electrodes]
    n_near = min(_MOST_NEURONS, len(positions))
    _, near = cKDTree(positions).query(positions[centres], k=n_near)
    heard = np.arange(n_near) < rng.integers(1, n_near + 1, n_electrodes)[:, None]
    electrode, which = np.nonzero(heard)
    neuron = near[electrode, which]
    spikes, electrode_of_spike = culture.spikes, electrode.repeat(culture.spikes.counts[neuron])
    times = np.concatenate([spikes[one] for one in neuron])
    return SpikeTrains.from_events(electrode_of_spike, times, n_electrodes, spikes.duration)


def _distances_text(table: pd.DataFrame) -> str:
    header = [
        "cultures", "beside", "inside", "held out, inside", "as electrodes, inside",
        "single", *STATISTICS.values(),
    ]  # fmt: skip
    lines = []
    by_part = table.groupby(["scenario", "condition", "region"], sort=False)
    for (scenario, condition, region), some in by_part:
        inside = [told_inside(some, c) for c in ("distance", "held_out", "as_electrodes")]
        share = number(some["all_inside"].iloc[0])
        cells = [
            f"{number(row.value, '.2g')} ({number(row.distance, '+.1f')})"
            for row in some.itertuples()
        ]
        name = f"{scenario}, {condition}" if condition else scenario
        lines.append([name, region, *inside, share, *cells])
    return markdown_table(header, lines, 5)


def _real_text(real: pd.DataFrame) -> str:
    header = ["region", "days", "recordings", "cultures", "single", *STATISTICS.values()]
    lines, mature = [], ranges_of(real)
    for days in (_YOUNG_DAYS, MATURE_DAYS):
        some = real[real["days_in_vitro"].between(*days)]
        for region, mine in some.groupby("region"):
            found = ranges_of(mine, days)
            cells = [f"{row.p50:.2g} ({row.p5:.2g} to {row.p95:.2g})" for row in found.itertuples()]
            counts = len(mine), mine["culture"].nunique()
            share = number(share_inside(mine.to_dict("records"), str(region), mature))
            lines.append([region, _days(days), *counts, share, *cells])
    return markdown_table(header, lines, 2)


def draw_cultures(
    folder: Path,
    real: pd.DataFrame,
    ranges: pd.DataFrame,
    table: pd.DataFrame,
    simulated: Sequence[tuple[str, SpikeTrains]],
) -> Figure:
    """Rasters of a typical real recording per region and of scenarios; distributions of real
    recordings with their range shaded, scenarios as marks.

    The tables are those of `measure_cultures`, `ranges_of` and `validate_cultures`.
    """
    use_style()
    mature = real[real["days_in_vitro"].between(*MATURE_DAYS)]
    colours = dict(zip(sorted(mature["region"].unique()), PALETTE))
    typical = {region: typical_recording(some) for region, some in mature.groupby("region")}
    rasters = [
        (f"real, {region}", spikes_of(folder, file), colours[region])
        for region, file in typical.items()
    ]
    rasters += [(name, spikes, "0.15") for name, spikes in simulated[:_MOST_RASTERS]]
    figure = plt.figure(figsize=(PAGE, 1.5 * PAGE), layout="constrained")
    n_rows = -(-len(rasters) // 2)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(0.55 * n_rows, 3))[:, 0]
    panels = np.ravel(above.subplots(n_rows, 2, sharex=True, squeeze=False))
    for axes, (title, spikes, colour) in zip(panels, rasters):
        draw_raster(axes, title, spikes, colour)
    for axes in panels[len(rasters) :]:
        axes.set_axis_off()
    for axes, name in zip(np.ravel(below.subplots(3, 3)), STATISTICS):
        _draw_statistic(axes, name, mature, ranges, table, colours)
    handles, labels = axes.get_legend_handles_labels()
    below.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    return figure


def typical_recording(some: pd.DataFrame) -> str:
    """The recording whose statistics are nearest to the medians."""
    values = some[list(STATISTICS)]
    distance = ((values - values.median()) / values.std()).abs().sum(axis=1)
    return str(some.loc[distance.idxmin(), "file"])


def spikes_of(folder: Path, file: str) -> SpikeTrains:
    """Spikes of one of the electrode recordings below a folder, by the name of its file."""
    return spikes_in_order(read_electrodes(next(folder.rglob(f"{escape(file)}.h5"))))


def draw_raster(axes: Axes, title: str, spikes: SpikeTrains, colour: str) -> None:
    """Spikes of the first half minute, the busiest cells above."""
    rank = np.argsort(np.argsort(spikes.counts, kind="stable"))
    seen = spikes.times < RASTER_S
    axes.plot(
        spikes.times[seen], rank[spikes.neurons[seen]], "|", ms=1.5, mew=0.4, color=colour,
        rasterized=True,
    )  # fmt: skip
    axes.set(xlim=(0, RASTER_S), ylim=(-1, spikes.n_neurons), xlabel="time (s)")
    axes.set_ylabel("electrodes" if title.startswith("real") else "neurons")
    axes.set_title(title, fontsize=8)
    axes.label_outer()


def _draw_statistic(
    axes: Axes, name: str, mature: pd.DataFrame, ranges: pd.DataFrame, table: pd.DataFrame,
    colours: dict[str, str],
) -> None:  # fmt: skip
    """A histogram per region above the axis, its range shaded; scenarios as marks below it."""
    values = [mature.loc[mature["region"] == region, name].to_numpy() for region in colours]
    here = table[(table["statistic"] == name) & (table["condition"] == "")]
    everything = np.concatenate([*values, here["value"].to_numpy()])
    if name in _LOGARITHMIC:
        positive = everything[everything > 0]
        edges = np.geomspace(positive.min() * 0.95, positive.max() * 1.05, 25)
        axes.set_xscale("log")
    else:
        edges = np.linspace(everything.min(), everything.max() + 1e-6, 25)
    for (region, colour), some in zip(colours.items(), values):
        row = ranges[(ranges["region"] == region) & (ranges["statistic"] == name)].iloc[0]
        axes.axvspan(row["p5"], row["p95"], color=colour, alpha=0.12, lw=0)
        axes.hist(some, list(edges), color=colour, histtype="step", label=f"real, {region}")
    top = axes.get_ylim()[1]
    for place, (scenario, value) in enumerate(zip(here["scenario"], here["value"])):
        shade, mark = plt.get_cmap("Dark2")(place % 8), "^os"[place // 8 % 3]
        y = -top * (0.08 + 0.4 * place / len(here))  # one below the other: many are equal
        axes.plot(value, y, mark, ms=4, color=shade, clip_on=False, label=scenario)
    axes.set_ylim(-0.52 * top, top)
    axes.set_yticks([])
    axes.set_xlabel(STATISTICS[name], fontsize=7)
