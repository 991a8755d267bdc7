"""How to grow a culture and how to image it: frozen, validated recipes.

Every field states its unit in its name or description. Sources of the default values:
Izhikevich 2003 (neurons), Alvarez-Lacalle & Moses 2009 (depression), Orlandi et al. 2013
(axon growth), Zhang et al. 2023 (indicators in cultured neurons).
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from simbench.core.files import validated as read_recipe  # noqa: F401
from simbench.scenario.presets import CAMERAS, INDICATOR_NAMES, NU_PER_SD

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
# Neurons x frames of a recording: 40 GB of fluorescence, and as much of clean dF/F.
MOST_SAMPLES = 10**10
# In a frame of a cell at rest: light can be much brighter, and Poisson numbers end at 9e18.
MOST_PHOTONS = 1e12


class Recipe(BaseModel):
    """Immutable, and strict: an unknown key or a wrong type is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


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


class FiringTypeRecipe(Recipe):
    """A firing type of one's own: the four numbers of the Izhikevich neuron."""

    a: Positive
    b: Finite
    c_mV: Finite
    d: Finite


class WiringRecipe(Recipe):
    """Who reaches whom."""

    topology: Literal[
        "flat", "tracks", "squares", "height-map",
        "random", "small-world", "scale-free", "modular", "distance", "custom",
    ] = "flat"  # fmt: skip
    mean_in_degree: Positive | None = None
    """Target mean in-degree, reached within 5 %. Grown wirings: None keeps all links grown."""
    # Grown wirings (flat, tracks, squares, height-map)
    axon_length_mm: Positive = 0.1
    """Scale L of the Rayleigh distribution of axon lengths."""
    dendrite_radius_um: Positive = 150.0
    dendrite_radius_sd_um: NonNegative = 20.0
    link_probability: Fraction = 0.5
    """Each link that an axon could make is kept with this probability."""
    feature_um: Positive = 150.0
    """Width of a track, or side of a raised square; gaps are as wide."""
    feature_height_mm: NonNegative = 0.1
    feature_height_sd: NonNegative = 0.02
    """Relative spread of the heights of tracks or squares."""
    height_map: str | None = None
    """Path of an image or .npy array (mm) that spans the dish, for topology `height-map`."""
    # Graphs
    rewiring: Fraction = 0.1
    """small-world: share of links moved to a random target."""
    n_modules: Annotated[int, Field(ge=2)] = 4
    """modular: number of equal blocks."""
    within_module: Fraction = 0.8
    """modular: share of links that stay inside the block."""
    length_constant_mm: Positive = 0.2
    """distance: decay length of the exponential connection kernel."""
    edges: str | None = None
    """Path of the matrix (.npz, pre x post) or edge list (.csv: pre,post[,weight]) for `custom`."""

    @model_validator(mode="after")
    def _complete(self) -> "WiringRecipe":
        needs = {"custom": "edges", "height-map": "height_map"}
        key = needs.get(self.topology)
        if key and getattr(self, key) is None:
            raise ValueError(f"topology '{self.topology}' needs the key '{key}'")
        graphs = ("random", "small-world", "scale-free", "modular", "distance")
        if self.topology in graphs and self.mean_in_degree is None:
            raise ValueError(f"topology '{self.topology}' needs the key 'mean_in_degree'")
        return self

    def file_digest(self) -> str | None:
        """SHA-256 of the file that the wiring is read from; None if there is none.

        Raises
        ------
        SimbenchError
            If the file can't be read.
        """
        key = "height_map" if self.topology == "height-map" else "edges"
        name = getattr(self, key)
        if self.topology not in ("height-map", "custom") or name is None:
            return None
        try:
            return hashlib.sha256(Path(name).read_bytes()).hexdigest()
        except OSError as error:
            from simbench.core.errors import SimbenchError

            raise SimbenchError(
                f"wiring.{key} = '{name}': cannot be read ({error.strerror})"
            ) from None


class SynapseRecipe(Recipe):
    """Strength, depression and delay of the synapses."""

    excitatory_weight: NonNegative = 6.0
    inhibitory_weight: NonNegative = 12.0
    """Magnitude; an inhibitory neuron inhibits whoever it reaches."""
    weight_jitter: NonNegative = 0.1
    """Relative s.d. of single weights."""
    decay_ms: Positive = 10.0
    depression: Fraction = 0.8
    """Share beta of the resource that a spike uses up; 0 switches depression off."""
    recovery_s: Positive = 8.0
    conduction_velocity_mm_per_ms: Positive | None = None
    """None: no delay but one step. Else a link's delay is its length over this velocity."""


class CultureRecipe(Recipe):
    """A dish of neurons, its wiring, and how long it is watched."""

    n_neurons: Annotated[int, Field(ge=2, le=10**7)] = 2250
    density_per_mm2: Positive = 250.0
    min_spacing_um: NonNegative = 7.5
    duration_s: Positive = 60.0
    settle_s: NonNegative = 10.0
    """Simulated before the recording starts: activity settles, and calcium with it."""
    dt_ms: Positive = 1.0
    """Integration step. Rates at 1 ms (the reference) are about 10 % below those at 0.2 ms."""
    inhibitory_fraction: Fraction = 0.2
    excitatory_types: dict[str, Fraction] = Field(default={"RS": 1.0})
    """Shares of firing types among excitatory neurons; they add up to 1."""
    inhibitory_types: dict[str, Fraction] = Field(default={"FS": 1.0})
    custom_types: dict[str, FiringTypeRecipe] = Field(default={})
    parameter_jitter: NonNegative = 0.05
    """Relative s.d. of each neuron's own a, b, c, d."""
    noise_sigma: NonNegative = 2.25
    """Intensity of the synaptic noise; the noise drive has variance 2 sigma / dt."""
    type_current: dict[str, Finite] = Field(default={})
    """Constant input by firing type, in the units of the Izhikevich current."""
    target_rate_hz: Positive | None = None
    """If given, noise_sigma is found by bisection on pilot runs."""
    match_type_rates_hz: Positive | None = None
    """If given, a constant input per firing type that gives all types this rate is found."""
    wiring: WiringRecipe = WiringRecipe()
    synapses: SynapseRecipe = SynapseRecipe()

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
        return self


class IndicatorRecipe(Recipe):
    """A calcium indicator of one's own: Hill response to summed calcium."""

    rise_ms: Positive
    decay_ms: Positive
    hill: Positive
    half_saturation: Positive
    """Calcium, in units of one spike's peak before the rise, at half of the largest dF/F."""
    max_dff: Positive


class ImagingRecipe(Recipe):
    """An indicator and a camera. Spreads (`_sd`) are 0, and everything else off, by default."""

    preset: Literal["ideal", "culture-widefield", "two-photon", "harsh"] = "ideal"
    """Camera whose values (``optics_tables.CAMERAS``) stand for the keys that are not given."""
    indicator: Annotated[
        Annotated[str, Tag("preset")] | Annotated[IndicatorRecipe, Tag("custom")],
        Discriminator(lambda value: "preset" if isinstance(value, str) else "custom"),
    ] = "GCaMP6s"
    """Name of a preset (`simbench list indicators`) or the five numbers of a custom one."""
    frame_rate_hz: Positive = 20.0
    exposure: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the frame time in which light is collected."""
    photons_per_s: Positive | None = None
    """Detected photons per cell and second of exposure at rest. None with `nu` None: no noise."""
    nu: Annotated[float, Field(ge=1e-6, allow_inf_nan=False)] | None = None
    """Standardised shot noise in %/sqrt(Hz) at baseline; the other way to state the photons."""
    # The cells
    gain_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of the cells' response (dF/F) around the indicator's."""
    culture_gain_sd: NonNegative = 0.0
    """The same between cultures: one factor for all cells of a recording."""
    decay_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of the cells' decay time."""
    brightness_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of the cells' baseline light."""
    drift_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of a cell's slowly drifting baseline."""
    drift_time_s: Positive = 30.0
    # The light
    bleach_fraction: Fraction = 0.0
    """Share of the light that bleaches with the time constant `bleach_time_s`."""
    bleach_time_s: Positive = 600.0
    slow_bleach_fraction: Fraction = 0.0
    """A second share, with `slow_bleach_time_s`."""
    slow_bleach_time_s: Positive = 3600.0
    haze: NonNegative = 0.0
    """Share a of a neighbour's light that reaches a cell: a exp(-(distance / haze_sigma_mm)^2)."""
    haze_sigma_mm: Positive = 0.0316
    neuropil: NonNegative = 0.0
    """Mean light of the neuropil, in baselines of a cell."""
    neuropil_sd: NonNegative = 0.3
    """S.d. of the natural logarithm of the neuropil's light over time."""
    neuropil_time_s: Positive = 5.0
    neuropil_radius_mm: Positive = 0.2
    """Length over which the neuropil's light is alike."""
    flicker_sd: NonNegative = 0.0
    """Relative s.d. of the illumination from frame to frame, shared by all cells."""
    # The detector; a cell's region counts as one pixel
    read_noise: NonNegative = 0.0
    """S.d. in photoelectrons per cell and frame."""
    camera_gain: Positive = 1.0
    """Counts per photoelectron."""
    offset: NonNegative = 0.0
    """Counts in the dark, added before the digitisation and taken off the traces."""
    bit_depth: Annotated[int, Field(ge=1, le=32)] | None = None
    """Counts are whole numbers from 0 to 2^bit_depth - 1. None: not digitised."""
    saturation: Annotated[float, Field(gt=1)] | None = None
    """Light at which the detector is full, in baselines of a cell of median brightness."""

    @model_validator(mode="wrap")
    @classmethod
    def _fill_in_preset(cls, data: Any, handler: Any) -> "ImagingRecipe":
        if not isinstance(data, dict):
            return handler(data)
        preset = dict(CAMERAS.get(str(data.get("preset", "ideal")), {}))
        if data.get("photons_per_s") is not None:
            preset.pop("nu", None)
        recipe = handler({**preset, **data})
        recipe.model_fields_set.intersection_update(data)  # an axis over presets stays possible
        return recipe

    @model_validator(mode="after")
    def _possible(self) -> "ImagingRecipe":
        if isinstance(self.indicator, str) and self.indicator not in INDICATOR_NAMES:
            raise ValueError(
                f"indicator: unknown '{self.indicator}'; allowed: {', '.join(INDICATOR_NAMES)}"
            )
        if self.photons_per_s is not None and self.nu is not None:
            raise ValueError("give either 'photons_per_s' or 'nu', not both: one sets the other")
        if self.bleach_fraction + self.slow_bleach_fraction > 1:
            raise ValueError("bleach_fraction + slow_bleach_fraction: allowed is at most 1")
        self._check_detector()
        return self

    def _check_detector(self) -> None:
        photons = self.photons_per_frame
        if photons is None:
            for key in ("read_noise", "offset", "bit_depth"):
                if getattr(self, key):
                    raise ValueError(f"{key} needs light in photons: give 'nu' or 'photons_per_s'")
        elif photons > MOST_PHOTONS:
            raise ValueError(
                f"{'photons_per_s' if self.nu is None else 'nu'}: {photons:.3g} photons a frame; "
                f"allowed: at most {MOST_PHOTONS:g}"
            )
        elif self.bit_depth is not None:
            counts, top = photons * self.camera_gain + self.offset, 2**self.bit_depth - 1
            if counts >= top:
                raise ValueError(
                    f"bit_depth = {self.bit_depth} ends at {top} counts, below the baseline: "
                    f"{counts:.4g} counts a frame; allowed: more bits, or a lower camera_gain"
                )

    @property
    def photons_per_frame(self) -> float | None:
        """Detected photons per frame of a cell of median brightness at rest; None: no noise.

        Shot noise of s.d. s (%) per frame has nu = 0.954 s / sqrt(frame rate), the median
        absolute difference of white noise (Rupprecht et al. 2021).
        """
        if self.nu is not None:
            return (100 * NU_PER_SD / self.nu) ** 2 / self.frame_rate_hz
        if self.photons_per_s is not None:
            return self.photons_per_s * self.exposure / self.frame_rate_hz
        return None

    @property
    def counts_at_rest(self) -> float:
        """Fluorescence of a cell of median brightness at rest; 1 without shot noise."""
        photons = self.photons_per_frame
        return self.camera_gain * (1.0 if photons is None else photons)
