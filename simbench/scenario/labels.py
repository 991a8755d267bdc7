"""Every column of a label table, with its meaning and unit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Label:
    """A label of a neuron: ``kind`` is "class" or "number"; ``unit`` is empty for pure numbers."""

    kind: str
    unit: str
    meaning: str
    of_culture: bool = False
    """Whether all neurons of a culture share it by nature, and not by a scenario's choice."""


LABELS: dict[str, Label] = {
    "culture": Label("class", "", "culture in which the neuron lives", of_culture=True),
    "animal": Label("class", "", "animal in which the neuron lives", of_culture=True),
    "region": Label("class", "", "region of the brain that the neuron is from", of_culture=True),
    "days_in_vitro": Label("number", "days", "age of the culture since plating", of_culture=True),
    "indicator": Label("class", "", "indicator that the neuron's traces were recorded with"),
    "condition": Label("class", "", "condition of the scenario", of_culture=True),
    "topology": Label("class", "", "topology of the culture's wiring", of_culture=True),
    "firing_type": Label("class", "", "firing type"),
    "inhibitory": Label("class", "", "whether the neuron inhibits the neurons it reaches"),
    "a": Label("number", "1/ms", "recovery rate of the Izhikevich neuron"),
    "b": Label("number", "", "sensitivity of the recovery variable"),
    "c": Label("number", "mV", "reset potential"),
    "d": Label("number", "", "reset increment of the recovery variable"),
    "x_mm": Label("number", "mm", "soma position"),
    "y_mm": Label("number", "mm", "soma position"),
    "rim_distance_mm": Label("number", "mm", "distance of the soma to the rim of the dish"),
    "in_degree": Label("number", "", "number of presynaptic partners"),
    "out_degree": Label("number", "", "number of postsynaptic partners"),
    "module": Label("class", "", "block of the neuron in a modular wiring, 0 in all others"),
    "in_weight": Label("number", "", "sum of the signed weights of all inputs"),
    "clustering": Label("number", "", "share of closed directed triangles around the neuron"),
    "n_spikes": Label("number", "", "spikes in the recording"),
    "rate_hz": Label("number", "Hz", "mean firing rate"),
    "log_rate": Label(
        "number", "log10 Hz", "log10 of the mean rate; half a spike is added to each count"
    ),
    "isi_cv": Label("number", "", "s.d. of the intervals over their mean (NaN: too few spikes)"),
    "isi_cv2": Label(
        "number", "", "mean of 2 |I2 - I1| / (I2 + I1) of neighbouring intervals (Holt et al. 1996)"
    ),
    "isi_lv": Label("number", "", "local variation of the intervals (NaN: too few spikes)"),
    "burst_fraction": Label("number", "", "share of spikes within 20 ms of another"),
    "network_spike_share": Label("number", "", "share of spikes in network bursts"),
    "neighbour_correlation": Label(
        "number", "", "mean correlation of 50-ms spike counts with all linked neurons that fire"
    ),
    "gain": Label("number", "", "response (dF/F) of the cell relative to its culture's"),
    "culture_gain": Label(
        "number", "", "response (dF/F) of the culture relative to the indicator's", of_culture=True
    ),
    "decay_scale": Label("number", "", "decay time of the cell relative to the indicator's"),
    "brightness": Label("number", "", "baseline light of the cell relative to the median cell"),
    "drift": Label("number", "", "s.d. of the logarithm of the cell's drifting baseline"),
    "bleached": Label("number", "", "share of the light bleached at the end of the recording"),
    "haze": Label("number", "", "light of other cells at rest, in units of the cell's own"),
    "neuropil": Label("number", "", "mean light of the neuropil, in units of the cell's own"),
    "flicker": Label("number", "", "realised relative s.d. of the illumination over frames"),
    "nu": Label("number", "%/sqrt(Hz)", "expected noise of the cell at rest (0: no noise)"),
}


def is_class(labels: "pd.DataFrame", name: str) -> bool:
    """Whether a column of a label table holds classes; a label of one's own does if not numbers."""
    if name in LABELS:
        return LABELS[name].kind == "class"
    return labels[name].dtype.kind not in "iuf"
