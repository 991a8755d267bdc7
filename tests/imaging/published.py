"""Numbers transcribed from the sources, apart from those that simbench computes with."""

# GENIE culture screen, Zhang et al. 2023: peak dF/F after 1, 3, 10, 160 spikes at 83 Hz; half-rise,
# time to peak, half-decay after 1 spike (ms). Medians over wells.
CULTURE_MEDIANS = {
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

# Hill fits to those medians: rise ms, decay ms, exponent, K, Fmax.
CULTURE_FITS = {
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

# fluo_from_binar_spikes.m of the AVAE authors (GCaMP6s): amplitude, decay ms, p2, p3; and the peak
# dF/F that the script gives for 1, 3, 10, 160 spikes at 83 Hz.
LEGACY = (0.113, 1820.0, 0.81, -0.056)
LEGACY_PEAKS = (0.113, 0.335, 1.08, 8.56)
