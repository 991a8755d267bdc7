"""Recipe of the imaging: indicator, cells, light and detector, with units in every field."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from simbench.scenario.presets import CAMERAS, INDICATOR_NAMES, NU_PER_SD
from simbench.scenario.recipe import CHOSEN, Fraction, NonNegative, Positive, Recipe, source

# In a frame of a cell at rest: active cells are much brighter, and Poisson numbers end at 9e18.
MOST_PHOTONS = 1e12
# Neurons x frames of a recording: 40 GB of fluorescence, and as much of clean dF/F.
MOST_SAMPLES = 10**10


class IndicatorRecipe(Recipe):
    """A custom calcium indicator: Hill response to summed calcium."""

    rise_ms: Positive
    """Time constant with which the calcium of a spike rises."""
    decay_ms: Positive
    """Time constant with which it decays."""
    hill: Positive
    """Hill exponent; 1 responds in proportion to little calcium."""
    half_saturation: Positive
    """Calcium, in units of one spike's peak before the rise, at half of the largest dF/F."""
    max_dff: Positive
    """Largest dF/F, a ratio: 1 is twice the light at rest."""


class ImagingRecipe(Recipe):
    """An indicator, cells and a camera. Cells differ by default, as they were measured to; all else
    is off."""

    preset: Annotated[
        Literal["cells", "ideal", "culture-widefield", "two-photon", "harsh"], CHOSEN
    ] = "cells"
    """Gives the values of missing keys (`simbench.scenario.presets.CAMERAS`): "cells" that differ
    before a perfect camera, "ideal" cells all alike, or a real camera."""
    indicator: Annotated[
        Annotated[str, Tag("preset")] | Annotated[IndicatorRecipe, Tag("custom")],
        Discriminator(lambda value: "preset" if isinstance(value, str) else "custom"),
        CHOSEN,
    ] = "GCaMP6s"
    """Name of a preset (`simbench list indicators`), or a custom one."""
    frame_rate_hz: Annotated[Positive, CHOSEN] = 20.0
    """Frames per second of the camera."""
    exposure: Annotated[float, Field(gt=0, le=1), CHOSEN] = 1.0
    """Share of the frame time in which light is collected."""
    photons_per_s: Positive | None = None
    """Detected photons per cell and second of exposure at rest. None with `nu` None: no noise."""
    nu: Annotated[float, Field(ge=1e-6, allow_inf_nan=False)] | None = None
    """Standardised shot noise in %/sqrt(Hz) of a cell at rest: the other way to state photons."""
    # The cells
    gain_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of the cells' response (dF/F) around the indicator's."""
    culture_gain_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of a factor that all cells of a recording share."""
    decay_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of the cells' decay time."""
    brightness_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of the cells' baseline light."""
    drift_sd: NonNegative = 0.0
    """S.d. of the natural logarithm of a cell's slowly drifting baseline."""
    drift_time_s: Annotated[Positive, CHOSEN] = 30.0
    """Time constant of the drift, an Ornstein-Uhlenbeck process."""
    # The light
    bleach_fraction: Fraction = 0.0
    """Share of the light that bleaches with the time constant `bleach_time_s`."""
    bleach_time_s: Annotated[Positive, source("CaLab")] = 600.0
    """Time constant of that share."""
    slow_bleach_fraction: Fraction = 0.0
    """Share of the light that bleaches with `slow_bleach_time_s`."""
    slow_bleach_time_s: Annotated[Positive, CHOSEN] = 3600.0
    """Time constant of that share."""
    haze: NonNegative = 0.0
    """Factor a in the share of a neighbour's light that reaches a cell:
    a exp(-(distance / haze_sigma_mm)^2)."""
    haze_sigma_mm: Annotated[Positive, source("Stetter et al. 2012")] = 0.0316
    """Distance over which haze falls to 1/e."""
    neuropil: NonNegative = 0.0
    """Mean light of the neuropil, in baselines of a cell."""
    neuropil_sd: Annotated[NonNegative, CHOSEN] = 0.3
    """S.d. of the natural logarithm of the neuropil's light over time."""
    neuropil_time_s: Annotated[Positive, source("photon-mosaic")] = 5.0
    """Time constant of the neuropil's light, an Ornstein-Uhlenbeck process."""
    neuropil_radius_mm: Annotated[Positive, CHOSEN] = 0.2
    """Length over which neighbours share the neuropil's course."""
    flicker_sd: NonNegative = 0.0
    """Relative s.d. of the illumination from frame to frame, shared by all cells."""
    # The detector; a cell's region counts as one pixel
    read_noise: NonNegative = 0.0
    """S.d. in photoelectrons per cell and frame."""
    camera_gain: Annotated[Positive, CHOSEN] = 1.0
    """Counts per photoelectron."""
    offset: NonNegative = 0.0
    """Counts in the dark, added before digitisation and subtracted from the traces."""
    bit_depth: Annotated[int, Field(ge=1, le=32)] | None = None
    """Counts are whole numbers from 0 to 2^bit_depth - 1. None: not digitised."""
    saturation: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None
    """Light at which the detector saturates, in baselines of a cell of median brightness."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        preset = dict(CAMERAS.get(str(data.get("preset", "cells")), {}))
        if data.get("photons_per_s") is not None:
            preset.pop("nu", None)
        return preset | data

    @model_validator(mode="after")
    def _possible(self) -> "ImagingRecipe":
        if isinstance(self.indicator, str) and self.indicator not in INDICATOR_NAMES:
            raise ValueError(
                f"indicator: unknown '{self.indicator}'; allowed: {', '.join(INDICATOR_NAMES)}"
            )
        if self.photons_per_s is not None and self.nu is not None:
            raise ValueError("give either 'photons_per_s' or 'nu', not both: one sets the other")
        if self.bleach_fraction + self.slow_bleach_fraction > 1:
            raise ValueError("bleach_fraction + slow_bleach_fraction: allowed: at most 1")
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
                f"{'photons_per_s' if self.nu is None else 'nu'}: {photons:.3g} photons per frame; "
                f"allowed: at most {MOST_PHOTONS:g}"
            )
        elif self.bit_depth is not None:
            counts, top = self.counts_at_rest + self.offset, 2**self.bit_depth - 1
            if counts >= top:
                raise ValueError(
                    f"bit_depth = {self.bit_depth} ends at {top} counts, below the baseline: "
                    f"{counts:.4g} counts per frame; allowed: more bits, or a lower camera_gain"
                )

    @property
    def photons_per_frame(self) -> float | None:
        """Detected photons per frame of a cell of median brightness at rest; None: no noise.

        Shot noise with s.d. s (%) has nu = NU_PER_SD s / sqrt(frame rate) (Rupprecht et al. 2021).
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
