"""Recipe of a culture: neurons, wiring and synapses, with units in every field.

The equations are those of Izhikevich 2003 (neurons), Alvarez-Lacalle & Moses 2009 (depression) and
Orlandi et al. 2013 (axon growth).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simbench.core.errors import SimbenchError
from simbench.core.files import checksum
from simbench.scenario.presets import CULTURES
from simbench.scenario.recipe import (
    CHOSEN,
    YOUNGER,
    Finite,
    Fraction,
    NonNegative,
    Positive,
    Recipe,
    source,
)

_SIMULATOR = source("simulator of the AVAE's authors, github.com/angelopiga/neurons")
_DEPRESSION = source("Alvarez-Lacalle & Moses 2009")

# Izhikevich 2003, figure 2 and the parameters of its text: a, b, c (mV), d.
FIRING_TYPES: dict[str, tuple[float, float, float, float]] = {
    "RS": (0.02, 0.2, -65.0, 8.0),
    "IB": (0.02, 0.2, -55.0, 4.0),
    "CH": (0.02, 0.2, -50.0, 2.0),
    "TC": (0.02, 0.25, -65.0, 0.05),
    "RZ": (0.1, 0.26, -65.0, 2.0),
    "FS": (0.1, 0.2, -65.0, 2.0),
    "LTS": (0.02, 0.25, -65.0, 2.0),
}
# Continuous families of Izhikevich 2003: one uniform number per neuron sets its parameters.
CONTINUOUS_FAMILIES = ("excitatory-family", "inhibitory-family")

# Key of the file from which a topology is read.
_FILE_KEYS = {"custom": "edges", "height-map": "height_map"}
_GRAPHS = ("random", "small-world", "scale-free", "modular", "distance")
_NEEDED_KEYS = _FILE_KEYS | dict.fromkeys(_GRAPHS, "mean_in_degree")


class FiringTypeRecipe(Recipe):
    """Parameters of a custom firing type (Izhikevich 2003)."""

    a: Positive
    """Rate at which the recovery variable follows the potential, 1/ms."""
    b: Finite
    """Value to which the recovery variable goes, relative to the potential."""
    c_mV: Finite
    """Potential after a spike."""
    d: Finite
    """What a spike adds to the recovery variable, in units of the Izhikevich current."""


class WiringRecipe(Recipe):
    """Which neurons have synapses onto which."""

    topology: Annotated[Literal[
        "flat", "tracks", "squares", "height-map",
        "random", "small-world", "scale-free", "modular", "distance", "custom",
    ], _SIMULATOR] = "flat"  # fmt: skip
    """Ground on which axons grow (the first four), a graph with `mean_in_degree`, or `edges`."""
    mean_in_degree: Positive | None = None
    """Mean number of presynaptic partners, reached within 5 %. None keeps all links of a grown
    wiring."""
    # Grown wirings (flat, tracks, squares, height-map)
    axon_length_mm: Annotated[Positive, Field(le=1000), _SIMULATOR] = 0.1
    """Scale L of the Rayleigh distribution of axon lengths."""
    dendrite_radius_um: Annotated[Positive, _SIMULATOR] = 150.0
    """Mean radius of the disc in which a neuron's dendrites meet axons."""
    dendrite_radius_sd_um: Annotated[NonNegative, _SIMULATOR] = 20.0
    """S.d. of this radius over neurons."""
    link_probability: Annotated[Fraction, _SIMULATOR] = 0.5
    """Probability with which a link that an axon could make is kept."""
    feature_um: Annotated[Positive, _SIMULATOR] = 150.0
    """Width of a track, or side of a raised square; gaps are as wide."""
    feature_height_mm: Annotated[NonNegative, _SIMULATOR] = 0.1
    """Mean height of tracks or squares."""
    feature_height_sd: Annotated[NonNegative, _SIMULATOR] = 0.02
    """Relative spread of the heights of tracks or squares."""
    height_map: str | None = None
    """Path of an image or .npy array (mm) that spans the dish, for topology `height-map`."""
    # Graphs
    rewiring: Annotated[Fraction, CHOSEN] = 0.1
    """small-world: share of links moved to a random target."""
    n_modules: Annotated[int, Field(ge=2), CHOSEN] = 4
    """modular: number of equal blocks."""
    within_module: Annotated[Fraction, CHOSEN] = 0.8
    """modular: share of links that stay inside the block."""
    length_constant_mm: Annotated[Positive, CHOSEN] = 0.2
    """distance: decay length of the exponential connection kernel."""
    edges: str | None = None
    """Path of the matrix (.npz, pre x post) or edge list (.csv: pre,post[,weight]) for `custom`."""

    @model_validator(mode="after")
    def _complete(self) -> "WiringRecipe":
        key = _NEEDED_KEYS.get(self.topology)
        if key and getattr(self, key) is None:
            raise ValueError(f"topology '{self.topology}' needs the key '{key}'")
        return self

    def file_digest(self) -> str | None:
        """SHA-256 of the file from which the wiring is read; None if there is none."""
        key = _FILE_KEYS.get(self.topology)
        if key is None:
            return None
        name = getattr(self, key)
        try:
            return checksum(Path(name))
        except (OSError, ValueError) as error:  # no such file; no name of a file
            reason = getattr(error, "strerror", None) or error
            raise SimbenchError(f"wiring.{key} = '{name}': cannot be read ({reason})") from None


class SynapseRecipe(Recipe):
    """Strength, depression and delay of the synapses."""

    excitatory_weight: Annotated[NonNegative, _SIMULATOR] = 6.0
    """Mean peak of the current that a spike gives, at full resource, in units of the Izhikevich
    current."""
    inhibitory_weight: Annotated[NonNegative, _SIMULATOR] = 12.0
    """Magnitude, in the same units; an inhibitory neuron inhibits whoever it reaches."""
    weight_jitter: Annotated[NonNegative, _SIMULATOR] = 0.1
    """Relative s.d. of single weights."""
    weight_log_sd: Annotated[NonNegative, YOUNGER] = 0.0
    """S.d. of the natural logarithm of excitatory weights, whose mean stays (Song et al. 2005, PLoS
    Biol 3:e68); `weight_jitter` holds for inhibitory ones, and for all if 0. A huge inhibitory
    weight takes v below -112 mV, where steps of 1 ms no longer follow the equations."""
    largest_weight: Annotated[Positive | None, YOUNGER] = None
    """Lognormal weights beyond this many times their mean are cut to it, and all scaled so that the
    mean stays. A single weight of a hundred times the mean makes a neuron follow one other, spike
    for burst, at rates that no cell is recorded at."""
    decay_ms: Annotated[Positive, _DEPRESSION] = 10.0
    """Time constant with which a synapse's current decays."""
    slow_share: Annotated[Fraction, YOUNGER] = 0.0
    """Share of an excitatory current, at its peak, that decays with `slow_decay_ms`."""
    slow_decay_ms: Annotated[Positive, YOUNGER, CHOSEN] = 100.0
    """Time constant of the slow share, as of NMDA receptors."""
    depression: Annotated[Fraction, _DEPRESSION] = 0.8
    """Share beta of the resource that a spike uses up; 0 switches depression off."""
    recovery_s: Annotated[Positive, _DEPRESSION] = 8.0
    """Time constant with which the resource comes back."""
    conduction_velocity_mm_per_ms: Positive | None = None
    """Every link has a delay of one step. With a velocity, its length over it comes on top."""


class CultureRecipe(Recipe):
    """Neurons of a dish, their wiring, and the duration of the recording."""

    preset: Annotated[Literal["cortical", "hippocampal"] | None, YOUNGER] = None
    """Real culture whose firing the values of missing keys imitate
    (`simbench.scenario.presets.CULTURES`)."""
    n_neurons: Annotated[int, Field(ge=2, le=10**7), _SIMULATOR] = 2250
    """Neurons of the dish; with `density_per_mm2` they set its size."""
    density_per_mm2: Annotated[Positive, _SIMULATOR] = 250.0
    """Neurons per area of the round dish."""
    min_spacing_um: Annotated[NonNegative, _SIMULATOR] = 7.5
    """Smallest distance between two somata."""
    duration_s: Annotated[Positive, CHOSEN] = 60.0
    """Length of the recording."""
    settle_s: Annotated[NonNegative, CHOSEN] = 10.0
    """Time simulated before the recording starts, in which activity and calcium settle."""
    dt_ms: Annotated[Positive, _SIMULATOR] = 1.0
    """Integration step. Rates at 1 ms (the reference) are about 10 % below those at 0.2 ms."""
    inhibitory_fraction: Annotated[Fraction, _SIMULATOR] = 0.2
    """Share of inhibitory neurons."""
    excitatory_types: Annotated[dict[str, Fraction], _SIMULATOR] = Field(default={"RS": 1.0})
    """Shares of firing types among excitatory neurons; they add up to 1."""
    inhibitory_types: Annotated[dict[str, Fraction], _SIMULATOR] = Field(default={"FS": 1.0})
    """The same among inhibitory neurons."""
    custom_types: dict[str, FiringTypeRecipe] = Field(default={})
    """Firing types beside those of Izhikevich 2003, by name."""
    parameter_jitter: Annotated[NonNegative, _SIMULATOR] = 0.05
    """Relative s.d. of each neuron's own a, b, c, d."""
    noise_sigma: Annotated[NonNegative, _SIMULATOR] = 2.25
    """Intensity of the synaptic noise; the noise drive has variance 2 sigma / dt, in units of the
    Izhikevich current, with dt in ms."""
    drive_log_sd: Annotated[NonNegative, YOUNGER] = 0.0
    """S.d. of the natural logarithm of each neuron's own noise_sigma, whose mean stays: neurons
    differ in the spontaneous releases that reach them, and rates in cultures are lognormal."""
    type_current: dict[str, Finite] = Field(default={})
    """Constant input by firing type, in the units of the Izhikevich current."""
    target_rate_hz: Positive | None = None
    """If given, the noise_sigma that gives this mean rate within 10 % is found. Cultures that burst
    like real ones jump between rates, and the search fails in one of six; there, noise that fits on
    average is found by tools/match_rates.py."""
    match_type_rates_hz: Positive | None = None
    """If given, a constant input per firing type that gives all types this rate is found; with the
    same caution."""
    wiring: WiringRecipe = WiringRecipe()
    """How the neurons are linked."""
    synapses: SynapseRecipe = SynapseRecipe()
    """What the links are like."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        preset = CULTURES.get(str(data.get("preset")), {})
        filled = preset | data
        for key in preset.keys() & {"wiring", "synapses"}:
            if isinstance(filled[key], dict):
                filled[key] = preset[key] | filled[key]
        return filled

    @model_validator(mode="after")
    def _possible(self) -> "CultureRecipe":
        known = {*FIRING_TYPES, *CONTINUOUS_FAMILIES, *self.custom_types}
        for key in ("excitatory_types", "inhibitory_types", "type_current"):
            unknown = sorted(set(getattr(self, key)) - known)
            if unknown:
                allowed = ", ".join(sorted(known))
                raise ValueError(f"{key}: unknown firing type '{unknown[0]}'; allowed: {allowed}")
        for key in ("excitatory_types", "inhibitory_types"):
            total = sum(getattr(self, key).values())
            if abs(total - 1) > 1e-6:
                raise ValueError(f"{key}: the fractions add up to {total:g}; they must add up to 1")
        if self.target_rate_hz is not None and self.match_type_rates_hz is not None:
            raise ValueError("give either 'target_rate_hz' or 'match_type_rates_hz', not both")
        if self.dt_ms > 1:
            raise ValueError(f"dt_ms = {self.dt_ms:g} is too coarse; allowed: at most 1")
        self._check_time_constants()
        return self

    def _check_time_constants(self) -> None:
        """Refuse what decays faster than a step: an Euler step would go beyond its end."""
        synapses = self.synapses
        constants = {"decay_ms": synapses.decay_ms, "recovery_s": 1000 * synapses.recovery_s}
        if synapses.slow_share:
            constants["slow_decay_ms"] = synapses.slow_decay_ms
        for key, ms in constants.items():
            if ms < self.dt_ms:
                raise ValueError(
                    f"synapses.{key}: {ms:g} ms is shorter than a step; allowed: at least the "
                    f"{self.dt_ms:g} ms of dt_ms"
                )
