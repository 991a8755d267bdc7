"""The scenario: what to simulate, image, recover and score."""

from collections.abc import Mapping
from functools import cached_property
from html import escape
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simbench.core.files import digest_of, validated
from simbench.scenario.axes import every_combination, refuse_duplicates, split_keys, value_name
from simbench.scenario.culture_recipe import CultureRecipe
from simbench.scenario.imaging_recipe import MOST_SAMPLES, ImagingRecipe
from simbench.scenario.labels import LABELS
from simbench.scenario.recipe import CHOSEN, YOUNGER, Fraction, Positive, Recipe
from simbench.scenario.recordings_recipe import RecordingsRecipe

MOST_STEPS = 1e9  # of a culture: eleven days at 1 ms
_BUDGETS = ("n_components", "latents_per_minute", "labelled_cultures")
_Values = Annotated[list[Any], Field(min_length=1)]


class SplitRecipe(Recipe):
    """Which cultures are for testing: the same share of every condition."""

    test_fraction: Annotated[Fraction, Field(gt=0, lt=1), CHOSEN] = 0.5
    """Share of the cultures that are for testing."""
    train_with: dict[str, Any] = Field(default={})
    """Dotted keys and their values in the training cultures, where these differ from the test
    cultures: ``{"imaging.indicator": "GCaMP6s"}``."""
    cross_fitted: Annotated[bool, YOUNGER] = False
    """Whether methods are fitted several times, so that each culture is a test culture once."""


class Condition(Recipe):
    """A culture recipe and an imaging recipe."""

    name: str
    culture: CultureRecipe
    imaging: ImagingRecipe

    @property
    def shape(self) -> tuple[float, float]:
        """Duration (s) and frame rate (Hz): what all traces of a dataset share."""
        return self.culture.duration_s, self.imaging.frame_rate_hz

    @property
    def classes(self) -> dict[str, set[str]]:
        """Possible classes of each label that the recipe determines."""
        culture, wiring = self.culture, self.culture.wiring
        kinds = {}
        is_custom = wiring.topology == "custom"  # its file may say which neurons inhibit
        if is_custom or culture.inhibitory_fraction < 1:
            kinds["excitatory"] = culture.excitatory_types
        if is_custom or culture.inhibitory_fraction > 0:
            kinds["inhibitory"] = culture.inhibitory_types
        return {
            "condition": {self.name},
            "topology": {wiring.topology},
            "inhibitory": set(kinds),
            "firing_type": {k for shares in kinds.values() for k, share in shares.items() if share},
        }

    @model_validator(mode="after")
    def _possible(self) -> "Condition":
        duration, rate = self.shape
        if duration * rate < 2:
            raise ValueError(
                f"culture.duration_s = {duration:g}: {duration * rate:g} frames; "
                "at least 2 are needed"
            )
        if self.culture.n_neurons * duration * rate > MOST_SAMPLES:
            raise ValueError(
                f"culture: {self.culture.n_neurons} neurons x {duration:g} s x {rate:g} Hz; "
                f"allowed: up to {MOST_SAMPLES:g} samples"
            )
        steps = (duration + self.culture.settle_s) * 1000 / self.culture.dt_ms
        if steps > MOST_STEPS:
            raise ValueError(
                f"culture: {duration + self.culture.settle_s:g} s in steps of "
                f"{self.culture.dt_ms:g} ms; allowed: up to {MOST_STEPS:g} steps"
            )
        if rate > 1000 / self.culture.dt_ms:
            raise ValueError(
                f"imaging.frame_rate_hz = {rate:g} is above the simulation's "
                f"{1000 / self.culture.dt_ms:g} Hz"
            )
        return self


class Scenario(Recipe):
    """What to simulate, image, recover and score.

    A scenario pools the recordings of all its ``conditions``: ``replicates`` cultures of each. One
    with ``recordings`` takes recordings of others in place of simulated cultures; its test groups
    (cultures, animals) are drawn by the seed.
    ``axes`` writes a grid of conditions once, as dotted keys with the values they take, e.g.
    ``{"culture.wiring.topology": ["flat", "tracks"]}``; keys joined by a comma take the same value,
    keys joined by "and" one each of a list: ``{"culture.wiring.topology and culture.noise_sigma":
    [["flat", 1.3], ["tracks", 1.7]]}``.
    ``levels`` is written the same way, but each combination is a problem of its own, with its own
    training and its own scores: a curve. Keys of ``culture`` and ``imaging``, the two budgets of
    latents and that of labels can be levels.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Lower case, digits and hyphens; the folder of the results is called so."""
    version: Annotated[int, Field(ge=1)]
    """Rises with every change of a key that can change a score."""
    question: str
    """What the scenario asks, in a paragraph. Not part of the digest."""
    replicates: Annotated[int, Field(ge=0, le=10**6)] = 0
    """Cultures per condition; 0 where recordings are given."""
    culture: CultureRecipe | None = None
    """Neurons, wiring and duration of a culture."""
    imaging: ImagingRecipe | None = None
    """Indicator, cells and camera."""
    recordings: Annotated[RecordingsRecipe | None, YOUNGER] = None
    """Recordings of others in place of `culture`."""
    axes: dict[str, _Values] = Field(default={})
    """Dotted keys and their values, of which each combination is a condition."""
    levels: dict[str, _Values] = Field(default={})
    """Dotted keys and their values, of which each combination is scored by itself."""
    protocols: Annotated[
        list[Literal["latents", "reconstruction", "published"]], YOUNGER, CHOSEN
    ] = Field(default=["latents"], min_length=1)
    """What is scored (`simbench.scoring.protocols`)."""
    targets: list[str] = Field(default=[])
    """Labels to recover; at least one if latents are scored."""
    nuisances: Annotated[list[str], CHOSEN] = Field(default=["culture"])
    """Labels that a good latent does not hold."""
    within: Annotated[str | None, YOUNGER] = None
    """Numbers are scored within the classes of this label; by default the firing type, if known."""
    given: Annotated[dict[str, str], YOUNGER] = Field(default={})
    """Targets and the label that, with its square, is regressed out of each:
    ``{"isi_cv": "log_rate"}``."""
    normal_scores: Annotated[bool, YOUNGER] = False
    """Whether probes read normal scores (ranks on the scale of a normal variable) of numbers from
    normal scores of at most 16 latents: heavy tails of real cells break a regression of values."""
    n_components: Annotated[int, Field(ge=1), CHOSEN] = 8
    """Latent values per neuron, for every method that has this parameter."""
    latents_per_minute: Annotated[Positive | None, YOUNGER] = None
    """Latent values per neuron and minute that a reconstruction may use, for every method that has
    this parameter."""
    labelled_cultures: Annotated[int | None, Field(ge=2), YOUNGER] = None
    """Training cultures whose labels the probes see, the mean over ten draws of them; all if none.
    Methods are fitted on all training cultures, without labels."""
    methods: list[str] = Field(default=[])
    """Methods to run if none or "all" are asked for; empty: the default ones, or all. Not part of
    the digest."""
    variants: list[str] = Field(default=[])
    """Methods with other settings that "all" includes. Not part of the digest."""
    split: SplitRecipe = SplitRecipe()
    """Which cultures are for testing."""

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        for key in ("targets", "nuisances", "protocols"):
            refuse_duplicates(key, getattr(self, key))
        if not self.targets and "latents" in self.protocols:
            raise ValueError("targets: at least one label is needed")
        for name in self.given:
            if name not in self.targets:
                raise ValueError(f"given: '{name}' is no target; allowed: {self.targets}")
        if self.recordings is not None:
            self._check_recorded()
        else:
            self._check_simulated()
        return self

    def _check_recorded(self) -> None:
        """Own labels are allowed: whether recordings have them is known when they are read."""
        for key in ("replicates", "culture", "axes", "levels"):
            if getattr(self, key):
                raise ValueError(f"{key}: recordings are given; leave it out")
        if self.split.train_with or self.split.cross_fitted or self.protocols != ["latents"]:
            raise ValueError(
                "recordings: allowed: protocols = ['latents'], and neither split.train_with nor "
                "split.cross_fitted: each seed draws other test groups"
            )
        is_spikes = self.recordings is not None and self.recordings.kind == "electrodes"
        if is_spikes != (self.imaging is not None):
            raise ValueError("imaging: needed for electrodes, and for no other recordings")

    def _check_simulated(self) -> None:
        for key in ("replicates", "culture", "imaging"):
            if not getattr(self, key):
                raise ValueError(f"missing key '{key}'; it is needed unless 'recordings' are given")
        if self.replicates < 2:
            raise ValueError(f"replicates = {self.replicates}; allowed: 2 or more")
        named = {
            "targets": self.targets, "nuisances": self.nuisances, "given": self.given.values(),
            "within": [self.within] if self.within else [],
        }  # fmt: skip
        for key, labels in named.items():
            for label in labels:
                if label not in LABELS:
                    raise ValueError(
                        f"{key}: unknown label '{label}'; allowed: {', '.join(sorted(LABELS))}"
                    )
        if not 0 < self.n_test < self.replicates:
            raise ValueError(
                f"split.test_fraction = {self.split.test_fraction:g} of {self.replicates} cultures "
                "leaves none to train or none to test"
            )
        if self.split.cross_fitted and (self.split.train_with or self.replicates % self.n_test):
            raise ValueError(
                "split.cross_fitted: allowed without train_with, and where the test share of "
                f"{self.replicates} cultures goes into them without a rest"
            )
        self._check_levels()
        _ = self.conditions, self.at_levels  # expanding them finds impossible values
        n_train = (self.replicates - self.n_test) * len(self.conditions)
        if self.labelled_cultures is not None and self.labelled_cultures > n_train:
            raise ValueError(
                f"labelled_cultures = {self.labelled_cultures}; allowed: up to the {n_train} "
                "training cultures"
            )
        self._check_shapes()
        if not self.levels:
            self._check_classes()

    def _check_levels(self) -> None:
        for key in ("axes", "levels"):
            for paths, values in getattr(self, key).items():
                names = (value_name(paths, value) for value in values)
                refuse_duplicates(f"{key}.{paths}", names)
        for path in split_keys(self.levels):
            if not path.startswith(("culture.", "imaging.")) and path not in _BUDGETS:
                raise ValueError(
                    f"levels: '{path}' can't vary; allowed: keys of culture and imaging, "
                    f"{', '.join(_BUDGETS)}"
                )
        refuse_duplicates("axes and levels", split_keys([*self.axes, *self.levels]))

    def _check_shapes(self) -> None:
        shared = "must share duration_s and frame_rate_hz"
        if len({condition.shape for condition in self.conditions}) > 1:
            raise ValueError(f"axes: cultures {shared}; levels may vary them")
        if self.train_conditions[0].shape != self.conditions[0].shape:
            raise ValueError(f"split.train_with: training and test cultures {shared}")

    def _check_classes(self) -> None:
        """Refuse a target that is one class in all training cultures."""
        trained = [condition.classes for condition in self.train_conditions]
        for target in self.targets if "latents" in self.protocols else []:
            classes = set().union(*(known.get(target, ()) for known in trained))
            if len(classes) == 1:
                raise ValueError(
                    f"targets: '{target}' is '{classes.pop()}' in all training cultures; "
                    "a target needs two classes or more"
                )

    @property
    def n_test(self) -> int:
        """Test cultures per condition."""
        return round(self.replicates * self.split.test_fraction)

    @property
    def n_folds(self) -> int:
        """How often a method is fitted: each time other cultures test."""
        return self.replicates // self.n_test if self.split.cross_fitted else 1

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """One condition for each combination of the axes' values; none of recordings of others."""
        if self.recordings is not None:
            return ()
        recipes = self.model_dump(mode="json", include={"culture", "imaging"})
        return tuple(
            validated(Condition, {"name": name or self.name, **data})
            for name, data in every_combination(recipes, self.axes, "axes")
        )

    @cached_property
    def train_conditions(self) -> tuple[Condition, ...]:
        """The conditions with the changes of `train_with`."""
        changes = {key: [value] for key, value in self.split.train_with.items()}
        if not changes:
            return self.conditions
        return tuple(
            validated(Condition, data)
            for condition in self.conditions
            for _, data in every_combination(
                condition.model_dump(mode="json"), changes, "split.train_with"
            )
        )

    @property
    def at_levels(self) -> dict[str, "Scenario"]:
        """Scenarios without levels, by level: one for each combination of the levels' values."""
        if not self.levels:
            return {"": self}
        data = self.model_dump(mode="json", exclude={"levels"})
        return {
            name: validated(Scenario, plain)
            for name, plain in every_combination(data, self.levels, "levels")
        }

    def digest(self) -> str:
        """SHA-256 of all fields that can change a score, and of the files that they name."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        data = self.canonical()
        for key in ("question", "methods", "variants"):
            del data[key]
        if self.recordings is not None:
            del data["recordings"]["folder"]
        conditions = self.conditions + (self.train_conditions if self.split.train_with else ())
        files = [condition.culture.wiring.file_digest() for condition in conditions]
        if any(files):
            data["files"] = files
        return digest_of(data)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with other values, which are checked."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return validated(type(self), fields | dict(update or {}))

    def __repr__(self) -> str:
        cultures = self.replicates * len(self.conditions)
        what = f"{cultures} cultures" if cultures else "recordings of others"
        levels = f" at {len(self.at_levels)} levels" if self.levels else ""
        asked = ", ".join(self.targets or self.protocols)
        return f"<Scenario {self.name} v{self.version}: {asked} of {what}{levels}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.name)}</b> v{self.version}</p><p>{escape(self.question)}</p>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())
