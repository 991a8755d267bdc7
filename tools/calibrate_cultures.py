"""Find the culture presets: recipes whose cultures fire like real ones of a region.

python tools/calibrate_cultures.py ranges FOLDER             # simbench/data/real_cultures.csv
python tools/calibrate_cultures.py search FOLDER REGION LOG  # a generation at a time; resumes

FOLDER holds the electrode recordings (`simbench.data.real_cultures.SOURCE`). The search knows two
thirds of the real cultures, `simbench validate cultures` compares with the last third, too.
Differential evolution
(scipy) over FREE; a generation is one block of cultures. What is made small: for each of nine
statistics the excess of its distance over INSIDE, and a little of the distance itself, averaged
over N_CULTURES cultures per recipe; a neuron above MOST_HZ costs 1. All seeds are from 1000 on.

How the presets were chosen: START is near the best of earlier, shorter searches. From 460 recipes
of each region the best was taken, of the cortical ones the best with a noise below 1.6: those with
more are no longer like real cultures at 200 neurons. Then weight_log_sd was lowered by hand, by
0.07 (cortical) and 0.1 (hippocampal), for fewer silent neurons; and largest_weight was set to 20,
which the search did not know: without it one neuron of some hundreds fires at 70 to 160 Hz.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import differential_evolution

from simbench.culture.growth import Culture, grow_cultures
from simbench.culture.planning import prepare_target
from simbench.data.real_cultures import (
    beside_real,
    is_held_out,
    mean_summary,
    measure_cultures,
    ranges_of,
)
from simbench.scenario.culture_recipe import CultureRecipe

# Key, least, largest, and whether steps are factors
FREE = [
    ("synapses.excitatory_weight", 2.0, 15.0, True),
    ("synapses.inhibitory_weight", 4.0, 40.0, True),
    ("synapses.depression", 0.05, 0.8, False),
    ("synapses.recovery_s", 0.3, 10.0, True),
    ("synapses.decay_ms", 3.0, 20.0, True),
    ("synapses.slow_share", 0.0, 0.6, False),
    ("synapses.slow_decay_ms", 40.0, 250.0, True),
    ("synapses.weight_log_sd", 0.3, 2.2, False),
    ("drive_log_sd", 0.0, 0.8, False),
    ("noise_sigma", 0.7, 2.2, True),
    ("wiring.axon_length_mm", 0.06, 0.2, True),
    ("type_current.LTS", -5.0, 0.0, False),
]
FIXED = {
    "n_neurons": 100, "duration_s": 100.0, "parameter_jitter": 0.05,
    "excitatory_types": {"RS": 0.6, "IB": 0.2, "CH": 0.2},
    "inhibitory_types": {"FS": 0.6, "LTS": 0.4},
}  # fmt: skip
N_CULTURES, POPULATION, GENERATIONS, SEED = 3, 20, 40, 1000
INSIDE = 0.8
MOST_HZ = 80.0  # mean rate of a neuron; above it no cell is recorded
START = {
    "cortical": [4.3, 19.0, 0.37, 1.0, 3.7, 0.17, 130.0, 1.6, 0.34, 1.45, 0.11, -3.5],
    "hippocampal": [7.0, 24.6, 0.2, 1.2, 3.6, 0.235, 47.0, 1.3, 0.45, 1.25, 0.095, -3.5],
}


def recipe_of(values: np.ndarray, fixed: dict[str, Any] = FIXED) -> CultureRecipe:
    """Recipe with the free keys at these values, each from 0 (least) to 1 (largest)."""
    data: dict[str, Any] = dict(fixed)
    for share, (key, low, high, by_factor) in zip(np.clip(values, 0, 1), FREE):
        value = low * (high / low) ** share if by_factor else low + (high - low) * share
        table, _, leaf = key.rpartition(".")
        (data.setdefault(table, {}) if table else data)[leaf] = float(f"{value:.4g}")
    return CultureRecipe.model_validate(data)


def shares_of(values: list[float]) -> np.ndarray:
    """The inverse of `recipe_of`."""
    return np.array(
        [
            np.log(value / low) / np.log(high / low) if by_factor else (value - low) / (high - low)
            for value, (_, low, high, by_factor) in zip(values, FREE)
        ]
    )


def summaries(recipes: list[CultureRecipe], seed: int, n_each: int) -> list[list[dict[str, float]]]:
    """Summaries of ``n_each`` cultures of every recipe, run as one block."""
    found: list[list[dict[str, float]]] = [[] for _ in recipes]
    all_of_them = [recipe for recipe in recipes for _ in range(n_each)]
    numbers = [*range(n_each)] * len(recipes)
    for position, culture in grow_cultures(all_of_them, seed, numbers, prepare_target(all_of_them)):
        if isinstance(culture, Culture):
            largest = {"largest_rate_hz": float(culture.labels["rate_hz"].max())}
            found[position // n_each].append(culture.summary | largest)
    return found


def misfit(found: list[dict[str, float]], region: str, ranges: pd.DataFrame) -> float:
    """0 if all statistics are at the medians of the real cultures."""
    if len(found) < N_CULTURES:
        return 100.0
    distances = np.abs([beside_real(one, region, ranges)["distance"] for one in found]).clip(max=20)
    saturated = sum(one["largest_rate_hz"] > MOST_HZ for one in found)
    middle = np.abs(beside_real(mean_summary(found), region, ranges)["distance"]).clip(upper=20)
    outside = np.maximum(distances - INSIDE, 0).mean() + np.maximum(middle - INSIDE, 0).sum()
    return float(outside + 0.1 * distances.mean() + saturated)


def search(folder: Path, region: str, log: Path) -> None:
    recordings = measure_cultures(folder)
    ranges = ranges_of(recordings[~is_held_out(recordings)])

    def objective(population: np.ndarray) -> np.ndarray:
        recipes = [recipe_of(values) for values in population.T]
        found = summaries(recipes, SEED, N_CULTURES)
        costs = [misfit(each, region, ranges) for each in found]
        with log.open("a", encoding="utf-8") as file:
            for values, cost, each in zip(population.T, costs, found):
                row = {
                    "cost": cost,
                    "values": values.tolist(),
                    "mean": mean_summary(each) if each else {},
                }
                file.write(json.dumps(row) + "\n")
        print(f"{min(costs):.3f} {np.median(costs):.3f}", flush=True)
        return np.array(costs)

    rng = np.random.default_rng(SEED)
    old = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    best = [row["values"] for row in sorted(old, key=lambda row: row["cost"])[:POPULATION]]
    start = shares_of(START[region])
    near = start + 0.1 * rng.standard_normal((POPULATION, len(FREE)))
    near[0] = start
    initial = np.clip(np.array([*best, *near[len(best) :]]), 0, 1)
    differential_evolution(
        objective, [(0, 1)] * len(FREE), init=initial, maxiter=GENERATIONS, seed=len(old),
        vectorized=True, updating="deferred", polish=False, mutation=(0.4, 0.8), tol=0,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["ranges", "search"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("region", nargs="?", choices=["cortical", "hippocampal"])
    parser.add_argument("log", nargs="?", type=Path)
    args = parser.parse_args()
    if args.what == "ranges":
        ranges_of(measure_cultures(args.folder)).to_csv(
            sys.stdout, index=False, float_format="%.4g"
        )
    else:
        search(args.folder, args.region, args.log)


if __name__ == "__main__":
    main()
