"""Real cultures: what their activity was measured to be, and how far another culture is from it."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from simbench.core.errors import SimbenchError
from simbench.core.files import files_of
from simbench.culture.neuron_labels import describe
from simbench.culture.spikes import SpikeTrains
from simbench.data.readers.electrode_files import culture_of, read_electrodes

SOURCE = "Charlesworth et al. 2015, doi 10.1016/j.neuropharm.2015.07.027"
REGIONS = {"ctx": "cortical", "hpc": "hippocampal"}
MATURE_DAYS = (14, 28)
"""Days in vitro of the cultures whose range counts."""
STATISTICS: dict[str, str] = {
    "mean_rate_hz": "mean rate (Hz)",
    "silent_share": "silent share",
    "log_rate_sd": "s.d. of log10 rate",
    "network_spike_share": "share of spikes in network bursts",
    "network_burst_rate_hz": "network bursts (1/s)",
    "network_burst_duration_s": "their duration (s)",
    "network_burst_participation": "participation",
    "burst_fraction": "burst fraction (intervals < 20 ms)",
    "isi_cv": "CV of intervals, median neuron",
}
"""Numbers of a culture's summary that are compared, and what they are called in figures."""
_RANGES = Path(__file__).with_name("real_cultures.csv")


def measure_cultures(files: Path | Sequence[Path]) -> pd.DataFrame:
    """Statistics of every recording of a folder of ``.h5`` files (`read_electrodes`).

    Returns
    -------
    DataFrame, one row per recording
        ``file``, ``culture``, ``region`` ("cortical" or "hippocampal"), ``days_in_vitro``,
        ``n_electrodes`` and the ``STATISTICS``.
    """
    rows = []
    for path in files_of(files, [".h5"]):
        data = read_electrodes(path)
        missing = [name for name in ("region", "days_in_vitro") if name not in data]
        if missing:
            raise SimbenchError(f"{path}: holds no {missing[0]}; it can't be compared")
        spikes = spikes_in_order(data)
        if spikes.n_neurons < 2:
            raise SimbenchError(f"{path}: one electrode; network bursts need 2 or more")
        _, summary = describe(spikes)
        region = str(data["region"][0])
        rows.append(
            {
                "file": path.stem, "culture": culture_of(path),
                "region": REGIONS.get(region.lower(), region),
                "days_in_vitro": int(data["days_in_vitro"][0]), "n_electrodes": spikes.n_neurons,
                **{name: summary[name] for name in STATISTICS},
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def spikes_in_order(data: Mapping[str, np.ndarray]) -> SpikeTrains:
    """Spikes before the end of the recording, in order: a file may hold them in any."""
    duration, counts = float(data["duration"][0]), np.diff(data["offsets"])
    neurons, kept = np.repeat(np.arange(len(counts)), counts), data["times"] < duration
    return SpikeTrains.from_events(neurons[kept], data["times"][kept], len(counts), duration)


def ranges_of(recordings: pd.DataFrame, days: tuple[int, int] = MATURE_DAYS) -> pd.DataFrame:
    """5th, 50th and 95th percentile over recordings of an age, by region and statistic.

    Parameters
    ----------
    recordings : DataFrame
        Of `measure_cultures`.
    days : tuple of int
        First and last day in vitro.
    """
    some = recordings[recordings["days_in_vitro"].between(*days)]
    rows = [
        {
            "region": region, "statistic": name,
            **{f"p{share}": group[name].quantile(share / 100) for share in (5, 50, 95)},
            "recordings": len(group), "cultures": group["culture"].nunique(),
        }
        for region, group in some.groupby("region")
        for name in STATISTICS
    ]  # fmt: skip
    columns = ["region", "statistic", "p5", "p50", "p95", "recordings", "cultures"]
    return pd.DataFrame(rows, columns=columns)


def is_held_out(recordings: pd.DataFrame) -> pd.Series:
    """Whether a recording is of a culture, every third one, that no preset was calibrated with."""
    return recordings["culture"].rank(method="dense").astype(int) % 3 == 0


@cache
def real_ranges() -> pd.DataFrame:
    """Ranges of mature cultures as they come with simbench; made by tools/calibrate_cultures.py."""
    return pd.read_csv(_RANGES)


def beside_real(
    summary: Mapping[str, float], region: str, ranges: pd.DataFrame | None = None
) -> pd.DataFrame:
    """How far a culture is from the real ones of a region.

    Parameters
    ----------
    summary : mapping of str to float
        The culture's numbers by name; those that it lacks are left out.
    region : {"cortical", "hippocampal"}
    ranges : DataFrame, optional
        Of `ranges_of`; by default those that come with simbench.

    Returns
    -------
    DataFrame, one row per statistic
        ``statistic``, ``value``, ``p5``, ``p50``, ``p95``, and ``distance`` from the median: -1 is
        the 5th percentile of real recordings, 1 the 95th.
    """
    known = real_ranges() if ranges is None else ranges
    table = known[(known["region"] == region) & known["statistic"].isin(list(summary))]
    table = table[["statistic", "p5", "p50", "p95"]].reset_index(drop=True)
    table.insert(1, "value", [summary[name] for name in table["statistic"]])
    away = table["value"] - table["p50"]
    edge = table["p95"].where(away > 0, table["p5"])
    span = (edge - table["p50"]).abs().clip(lower=1e-9)
    return table.assign(distance=(away / span).round(6))


def mean_summary(summaries: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each statistic over cultures."""
    table = pd.DataFrame(list(summaries))
    return {name: float(table[name].mean()) for name in STATISTICS if name in table}


def told_inside(table: pd.DataFrame, distance: str = "distance") -> str:
    """How many statistics lie in the range of real cultures, and which do not: one line.

    Parameters
    ----------
    table : DataFrame
        With ``statistic`` and a column of distances, as of `beside_real`.
    distance : str
        Which column.
    """
    known = table[table[distance].notna()]
    outside = known.loc[known[distance].abs() > 1, "statistic"]
    names = ", ".join(outside.str.replace("_(hz|s)$", "", regex=True).str.replace("_", " "))
    which = f"; outside: {names}" if names else ""
    return f"{len(known) - len(outside)} of {len(known)} statistics{which}"


def share_inside(
    summaries: Sequence[Mapping[str, float]], region: str, ranges: pd.DataFrame
) -> float:
    """Share of single cultures that lie in the range of real ones in all statistics."""
    tables = [beside_real(summary, region, ranges) for summary in summaries]
    return float(np.mean([(t["distance"].abs() <= 1).all() if len(t) else np.nan for t in tables]))


def nearest_region(summary: Mapping[str, float], ranges: pd.DataFrame | None = None) -> str:
    """Region whose real cultures are nearest, by the mean absolute distance; as `beside_real`."""
    known = real_ranges() if ranges is None else ranges

    def distance(region: str) -> float:
        return float(beside_real(summary, region, known)["distance"].abs().clip(upper=10).mean())

    return min(sorted(known["region"].unique()), key=distance)
