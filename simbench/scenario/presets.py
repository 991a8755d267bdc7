"""Indicators, cameras and cultures: published and measured numbers as plain data."""

from typing import Any

# Hill response to summed calcium, fitted to the medians below on logarithmic scales.
# tools/fit_culture_indicators.py says how far this is from the best fit. Columns:
# rise (ms), decay (ms), Hill exponent, half-saturating calcium, largest dF/F.
CULTURE_FITS: dict[str, tuple[float, float, float, float, float]] = {
    "GCaMP6s": (56.728, 1726.176, 1.49, 16.902, 11.327),
    "GCaMP6f": (31.032, 827.789, 1.556, 15.873, 7.651),
    "jGCaMP7f": (25.77, 529.026, 1.488, 8.732, 6.782),
    "jGCaMP8f": (9.146, 124.008, 1.157, 11.867, 8.485),
    "jGCaMP8m": (11.305, 183.7, 1.121, 5.268, 5.826),
    "jGCaMP8s": (12.896, 479.218, 1.307, 1.995, 4.342),
    "jGCaMP7s": (44.32, 818.239, 1.391, 3.754, 5.651),
    "jGCaMP7c": (45.686, 544.363, 1.376, 30.315, 36.436),
    "jGCaMP7b": (80.129, 579.687, 1.367, 2.49, 4.011),
    "XCaMP-Gf": (26.777, 266.362, 1.102, 20.87, 10.717),
    "XCaMP-G": (25.118, 367.539, 1.13, 19.517, 9.795),
}

# Medians over wells of cultured neurons, field stimulation at 83 Hz, GENIE screen
# (github.com/ilyakolb/jGCaMP8-neuron-culture-screen; Zhang et al. 2023):
# peak dF/F after 1, 3, 10 and 160 spikes; half-rise, time to peak, half-decay after 1 spike (ms).
CULTURE_MEDIANS: dict[str, tuple[float, ...]] = {
    "GCaMP6s": (0.1336, 0.6504, 3.0413, 10.4832, 41.4, 246.0, 841.0),
    "GCaMP6f": (0.0796, 0.4314, 1.9257, 7.2407, 24.5, 125.0, 280.0),
    "jGCaMP7f": (0.1944, 0.9048, 3.1026, 6.198, 22.5, 96.0, 270.0),
    "jGCaMP8f": (0.3449, 1.0552, 2.451, 3.9046, 6.8, 23.0, 84.0),
    "jGCaMP8m": (0.6223, 1.6461, 3.3233, 4.3807, 7.3, 29.0, 136.0),
    "jGCaMP8s": (1.1225, 2.4717, 3.9908, 4.1055, 10.0, 55.0, 327.0),
    "jGCaMP7s": (0.6045, 1.9118, 4.3991, 5.3866, 31.3, 135.0, 511.0),
    "jGCaMP7c": (0.2257, 0.9286, 4.6206, 21.6571, 29.3, 166.0, 451.0),
    "jGCaMP7b": (0.5661, 1.6197, 3.3444, 3.8039, 42.6, 169.0, 406.0),
    "XCaMP-Gf": (0.2537, 0.8006, 2.3571, 5.2499, 14.0, 62.0, 189.0),
    "XCaMP-G": (0.244, 0.8533, 2.3154, 6.0184, 18.6, 90.0, 245.0),
}
MEDIAN_SPIKES = (1, 3, 10, 160)
MEDIAN_RATE_HZ = 83.0

# Hill response to summed calcium, fitted by tools/fit_in_vivo_indicators.py to cells with electrode
# and camera on them, half of the animals of each indicator (data of Chen et al. 2013, Dana et al.
# 2019, Huang et al. 2021, Rupprecht et al. 2021 and Zhang et al. 2023, collected by CASCADE). Rise,
# decay 1, decay 2 (ms), share of decay 2, Hill exponent, half-saturating calcium, largest dF/F.
IN_VIVO_FITS: dict[str, tuple[float, ...]] = {
    "GCaMP6s": (56.728, 1188.9, 0, 0, 1.93987, 10.2232, 11.327),
    "GCaMP6f": (31.032, 156.94, 1909.04, 0.23355, 2.39881, 8.47251, 7.651),
    "jGCaMP7f": (25.77, 137.658, 1633.67, 0.265066, 2.21596, 4.7592, 6.782),
    "jGCaMP8f": (9.146, 73.3686, 1409.32, 0.202352, 1.93989, 5.26046, 8.485),
    "jGCaMP8m": (11.305, 101.028, 1306.54, 0.164201, 1.65857, 3.49744, 5.826),
    "jGCaMP8s": (12.896, 295.057, 2331.55, 0.23465, 2.03704, 3.25491, 4.342),
}

# The same fit to the other half of the animals. No presets: they say how far the fit carries over.
SWAPPED_IN_VIVO_FITS: dict[str, tuple[float, ...]] = {
    "GCaMP6s": (56.728, 1009.77, 0, 0, 1.81197, 12.5895, 11.327),
    "GCaMP6f": (31.032, 157.159, 1873.06, 0.355395, 2.26515, 12.3281, 7.651),
    "jGCaMP7f": (25.77, 136.08, 1104.39, 0.469065, 3.16196, 2.61773, 6.782),
    "jGCaMP8f": (9.146, 89.9962, 1855.63, 0.169261, 1.74855, 6.49535, 8.485),
    "jGCaMP8m": (11.305, 81.9496, 1014.51, 0.164108, 1.74315, 2.73541, 5.826),
    "jGCaMP8s": (12.896, 233.502, 1854.58, 0.136739, 1.70667, 1.69782, 4.342),
}

# The per-spike polynomial of the AVAE authors' script for GCaMP6s (fluo_from_binar_spikes.m of
# github.com/angelopiga/neurons, after Deneux et al. 2016): amplitude, decay (ms), p2, p3.
LEGACY_POLYNOMIAL: tuple[float, float, float, float] = (0.113, 1820.0, 0.81, -0.056)

# Median absolute difference of successive values of white noise with unit s.d.: sqrt(2) x 0.6745.
# It turns the s.d. of noise into Cascade's nu (Rupprecht et al. 2021).
NU_PER_SD = 0.954

CULTURE_SOURCE = "fit to culture medians of the GENIE screen, Zhang et al. 2023"
IN_VIVO_SOURCE = "fit to cells recorded in vivo, collected by Rupprecht et al. 2021"
LEGACY_SOURCE = "AVAE authors' script, after Deneux et al. 2016"

INDICATOR_NAMES: tuple[str, ...] = (
    *CULTURE_FITS,
    *(f"{name}-in-vivo" for name in IN_VIVO_FITS),
    "legacy-polynomial",
)

# Defaults of the imaging recipe's keys by camera. Where a value has no published source it is a
# choice, and said so.
CAMERAS: dict[str, dict[str, float]] = {
    # Between cells of an animal, medians over indicators (tools/measure_cell_spreads.py).
    # Brightness does not show in dF/F: chosen.
    "cells": {"gain_sd": 0.57, "decay_sd": 0.26, "brightness_sd": 0.4, "drift_sd": 0.03},
    "ideal": {},
    # nu: GENIE wells imply 0.15 to 0.46. gain_sd: spread of the GCaMP6s response between wells.
    # culture_gain_sd: gains between the batches of that screen. haze: connectomics challenge
    # (Stetter 2012 line), small radius. bleaching: CaLab. The rest: chosen.
    "culture-widefield": {
        "frame_rate_hz": 20.0, "nu": 0.3, "gain_sd": 0.58, "culture_gain_sd": 0.28,
        "decay_sd": 0.1, "brightness_sd": 0.4, "drift_sd": 0.01, "bleach_fraction": 0.15,
        "haze": 0.15, "haze_sigma_mm": 0.0316, "flicker_sd": 0.001, "read_noise": 10.0,
        "offset": 100.0, "bit_depth": 16,
    },
    # nu: the Allen Brain Observatory's. neuropil: suite2p's 0.7; its 5 s: photon-mosaic. The
    # rest: chosen.
    "two-photon": {
        "frame_rate_hz": 30.0, "nu": 1.0, "gain_sd": 0.58, "culture_gain_sd": 0.28,
        "decay_sd": 0.1, "brightness_sd": 0.4, "drift_sd": 0.02, "neuropil": 0.7,
        "neuropil_sd": 0.1, "neuropil_time_s": 5.0,
    },
    # nu: the worst that Cascade calls still decent. haze: the challenge's large radius. The rest:
    # chosen to hurt.
    "harsh": {
        "frame_rate_hz": 20.0, "nu": 4.0, "gain_sd": 0.61, "culture_gain_sd": 0.28,
        "decay_sd": 0.3, "brightness_sd": 0.6, "drift_sd": 0.1, "bleach_fraction": 0.3,
        "bleach_time_s": 120.0, "slow_bleach_fraction": 0.15, "slow_bleach_time_s": 600.0,
        "haze": 0.15, "haze_sigma_mm": 0.1, "neuropil": 0.7, "neuropil_sd": 0.3,
        "flicker_sd": 0.02, "read_noise": 2.0, "offset": 100.0, "bit_depth": 16,
        "saturation": 8.0,
    },
}  # fmt: skip

# Values of missing keys of a culture recipe by preset: cultures that fire like real ones of a
# region, days 14 to 28 in vitro. Found by the search of tools/calibrate_cultures.py, whose text
# says how they were chosen; `simbench validate cultures` compares them with cultures that it did
# not know.
CULTURES: dict[str, dict[str, Any]] = {
    "cortical": {
        "excitatory_types": {"RS": 0.6, "IB": 0.2, "CH": 0.2},
        "inhibitory_types": {"FS": 0.6, "LTS": 0.4}, "type_current": {"LTS": -3.93},
        "noise_sigma": 1.42, "drive_log_sd": 0.306,
        "wiring": {"axon_length_mm": 0.0725},
        "synapses": {
            "excitatory_weight": 4.38, "inhibitory_weight": 8.45, "depression": 0.264,
            "recovery_s": 1.19, "decay_ms": 11.7, "slow_share": 0.129, "slow_decay_ms": 124.0,
            "weight_log_sd": 1.5, "largest_weight": 20.0,
        },
    },
    "hippocampal": {
        "excitatory_types": {"RS": 0.6, "IB": 0.2, "CH": 0.2},
        "inhibitory_types": {"FS": 0.6, "LTS": 0.4}, "type_current": {"LTS": -4.03},
        "noise_sigma": 1.26, "drive_log_sd": 0.451,
        "wiring": {"axon_length_mm": 0.0794},
        "synapses": {
            "excitatory_weight": 7.97, "inhibitory_weight": 36.1, "depression": 0.368,
            "recovery_s": 1.57, "decay_ms": 6.96, "slow_share": 0.436, "slow_decay_ms": 46.0,
            "weight_log_sd": 1.65, "largest_weight": 20.0,
        },
    },
}  # fmt: skip
