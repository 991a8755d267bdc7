"""Numbers of the paper that are measured on the simulator when it is built."""

from functools import partial
from typing import Any

import numpy as np
from plain_loop import random_network, run_plain

from simbench.core.seeds import stream
from simbench.culture.growth import grow_culture
from simbench.culture.integration import run_network
from simbench.culture.spikes import SpikeTrains
from simbench.imaging import image
from simbench.imaging.camera import measure_nu
from simbench.imaging.indicators import (
    clean_dff,
    describe_indicators,
    get_indicator,
    measure_response,
)
from simbench.methods.catalogue import METHODS, UNRANKED_FAMILIES
from simbench.scenario.culture_recipe import (
    FIRING_TYPES,
    CultureRecipe,
    SynapseRecipe,
    WiringRecipe,
)
from simbench.scenario.imaging_recipe import ImagingRecipe
from simbench.scenario.labels import LABELS
from simbench.scenario.presets import CULTURE_MEDIANS, MEDIAN_RATE_HZ, MEDIAN_SPIKES
from simbench.scoring.metric_catalogue import METRICS
from simbench.scoring.statistics import min_cultures, wilcoxon_p

_STEADY = ("RS", "IB", "CH", "FS")
_NUS = (0.1, 0.3, 1.0)
_STEP_CULTURE = CultureRecipe(
    n_neurons=100, duration_s=20.0, excitatory_types={"RS": 0.5, "CH": 0.5},
    wiring=WiringRecipe(topology="random", mean_in_degree=12.0),
)  # fmt: skip
_N_STEP_CULTURES = 3
# The design of arXiv 2501.14615, by its public code (folder eccb2025, commit 18c4fd8).
_PUBLISHED = {"neurons": "2,250", "rate_hz": "500", "betas": "0, 0.5 and 1"}


def proofs() -> dict[str, Any]:
    """Every measurement by name; numbers as text, ready to be printed."""
    return {
        "spikes": _spikes(), "step": _step(), "indicators": _indicators(), "noise": _noise(),
        "code": _code(), "published": _PUBLISHED,
    }  # fmt: skip


def _spikes() -> dict[str, str]:
    """Brian2 against a plain loop over the same step, on the same noise."""
    n_networks, n_neurons, n_steps = 5, 120, 3000
    fired = differing = 0
    for seed in range(n_networks):
        network = random_network(
            seed, types=[FIRING_TYPES[kind] for kind in _STEADY], n=n_neurons, degree=25
        )
        neurons, steps = run_network(network, partial(stream, seed, "noise"), n_steps)
        plain = run_plain(network, stream(seed, "noise"), n_steps)
        fired += len(plain)
        differing += len(plain ^ set(zip(neurons.tolist(), steps.tolist())))
    return {
        "networks": str(n_networks), "neurons": str(n_neurons), "seconds": f"{n_steps / 1000:g}",
        "spikes": f"{fired:,}", "differing": str(differing), "types": ", ".join(_STEADY),
    }  # fmt: skip


def _step() -> dict[str, str]:
    """Mean rate at the default step, compared with that at a fifth of it."""
    coarse, fine = (
        np.mean(
            [
                grow_culture(_STEP_CULTURE.model_copy(update={"dt_ms": dt}), seed).summary[
                    "mean_rate_hz"
                ]
                for seed in range(_N_STEP_CULTURES)
            ]
        )
        for dt in (CultureRecipe().dt_ms, CultureRecipe().dt_ms / 5)
    )
    return {"differs": f"{100 * abs(1 - coarse / fine):.0f}", "cultures": str(_N_STEP_CULTURES)}


def _indicators() -> dict[str, Any]:
    """Peak dF/F of trains of spikes, compared with medians of cultured neurons."""
    peaks = {name: [_peak(name, n) for n in MEDIAN_SPIKES] for name in CULTURE_MEDIANS}
    measured = {name: CULTURE_MEDIANS[name][: len(MEDIAN_SPIKES)] for name in CULTURE_MEDIANS}
    error = np.array([np.array(peaks[n]) / measured[n] - 1 for n in peaks])
    decays = np.array(
        [
            measure_response(get_indicator(name))["half_decay_ms"] / CULTURE_MEDIANS[name][-1] - 1
            for name in peaks
        ]
    )
    return {
        "presets": str(len(describe_indicators())),
        "fitted": str(len(peaks)),
        "counts": ", ".join(map(str, MEDIAN_SPIKES)),
        "train_hz": f"{MEDIAN_RATE_HZ:g}",
        "largest_error": f"{100 * np.abs(error).max():.0f}",
        "median_error": f"{100 * np.median(np.abs(error)):.1f}",
        "largest_decay_error": f"{100 * np.abs(decays).max():.0f}",
        "median_decay_error": f"{100 * np.median(np.abs(decays)):.0f}",
        "lines": [
            [name, *(f"{m:.2f} / {p:.2f}" for m, p in zip(measured[name], peaks[name]))]
            for name in ("GCaMP6s", "GCaMP6f", "jGCaMP7f", "jGCaMP8m")
        ],
    }


def _peak(name: str, n_spikes: int) -> float:
    spikes = SpikeTrains.from_events(
        np.zeros(n_spikes, int), np.arange(n_spikes) / MEDIAN_RATE_HZ, 1, 10.0
    )
    return float(clean_dff(spikes, get_indicator(name), 5000.0).max())


def _noise() -> dict[str, str]:
    """Requested and measured noise of silent cells."""
    silent = SpikeTrains(np.array([]), np.zeros(61, dtype=int), 60.0)
    errors = []
    for nu in _NUS:
        recipe = ImagingRecipe(nu=nu, frame_rate_hz=30.0)
        light = image(silent, np.zeros((60, 2)), recipe, 0).fluorescence.astype(float)
        dff = light / light.mean(axis=1, keepdims=True) - 1
        errors.append(abs(np.median(measure_nu(dff, recipe.frame_rate_hz)) / nu - 1))
    levels = ", ".join(f"{nu:g}" for nu in _NUS)
    return {"levels": levels, "largest_error": f"{100 * max(errors):.1f}"}


def _code() -> dict[str, str]:
    """Constants that the text names."""
    culture, synapse = CultureRecipe(), SynapseRecipe()
    n_ranked = sum(
        not (entry.only_if_named or entry.family in UNRANKED_FAMILIES) for entry in METHODS.values()
    )
    return {
        "dt_ms": f"{culture.dt_ms:g}",
        "firing_types": str(len(FIRING_TYPES)),
        "depression": f"{synapse.depression:g}",
        "recovery_s": f"{synapse.recovery_s:g}",
        "topologies": str(len(WiringRecipe.model_fields["topology"].annotation.__args__)),
        "labels": str(len(LABELS)),
        "methods": str(n_ranked),
        "metrics": str(len(METRICS)),
        **{f"cultures_for_{k}": str(min_cultures(k)) for k in (3, 6)},
        "cultures_for_all": str(min_cultures(n_ranked)),
        "best_p_of_five": f"{wilcoxon_p(np.arange(1.0, 6)[:, None])[0]:.4g}",
        "level": "95",
    }
