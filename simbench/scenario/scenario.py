"""A scenario: what to simulate, image, recover and score. Read from TOML, frozen, digested."""

import copy
import hashlib
import itertools
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simbench.core.errors import SimbenchError
from simbench.scenario.labels import LABELS
from simbench.scenario.recipes import (
    ADDED,
    MOST_SAMPLES,
    CultureRecipe,
    Fraction,
    ImagingRecipe,
    Positive,
    Recipe,
    read_recipe,
)

_FOLDER = Path(__file__).parents[1] / "scenarios"
_BUDGETS = ("n_components", "latents_per_minute")
_Values = Annotated[list[Any], Field(min_length=1)]


class SplitRecipe(Recipe):
    """Which cultures test. Always whole cultures, the same share of every condition."""

    test_fraction: Annotated[Fraction, Field(gt=0, lt=1)] = 0.5
    train_with: dict[str, Any] = Field(default={})
    """What is different in the training cultures: dotted keys and their values, e.g.
    ``{"imaging.indicator": "GCaMP6s"}``. A question of transfer."""


class Condition(Recipe):
    """One kind of culture under one kind of imaging."""

    name: str
    culture: CultureRecipe
    imaging: ImagingRecipe

    @property
    def shape(self) -> tuple[float, float]:
        """Duration (s) and frame rate (Hz): what all traces of a dataset share."""
        return self.culture.duration_s, self.imaging.frame_rate_hz

    @property
    def classes(self) -> dict[str, set[str]]:
        """Classes that there can be of the labels of which the recipe tells."""
        culture, wiring = self.culture, self.culture.wiring
        kinds, is_custom = {}, wiring.topology == "custom"  # its file may say who inhibits
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
        if rate > 1000 / self.culture.dt_ms:
            raise ValueError(
                f"imaging.frame_rate_hz = {rate:g} is above the simulation's "
                f"{1000 / self.culture.dt_ms:g} Hz"
            )
        return self


class Scenario(Recipe):
    """What to simulate, image, recover and score.

    A scenario pools the recordings of all its ``conditions``: ``replicates`` cultures of each.
    ``axes`` writes a grid of conditions once, as dotted keys with the values they take, e.g.
    ``{"culture.wiring.topology": ["flat", "tracks"]}``; keys joined by a comma take the same value.
    ``levels`` is written the same way, but each combination is a problem of its own, with its own
    training and its own scores: a curve. Keys of ``culture`` and ``imaging`` and the two budgets of
    latents can be levels.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    version: Annotated[int, Field(ge=1)]
    question: str
    """What the scenario asks, in a paragraph. Not part of the digest."""
    replicates: Annotated[int, Field(ge=2, le=10**6)]
    """Cultures per condition."""
    culture: CultureRecipe
    imaging: ImagingRecipe
    axes: dict[str, _Values] = Field(default={})
    levels: dict[str, _Values] = Field(default={})
    protocols: Annotated[list[Literal["latents", "reconstruction", "published"]], ADDED] = Field(
        default=["latents"], min_length=1
    )
    """What is scored (`simbench.scoring.protocols`)."""
    targets: list[str] = Field(default=[])
    """Labels to recover; at least one if latents are scored."""
    nuisances: list[str] = Field(default=["culture"])
    """Labels that a good latent does not carry."""
    n_components: Annotated[int, Field(ge=1)] = 8
    """Latent values per neuron that every method with that parameter gets."""
    latents_per_minute: Annotated[Positive | None, ADDED] = None
    """Latent values per neuron-minute that a reconstruction may spend; methods with that parameter
    get it."""
    methods: list[str] = Field(default=[])
    """Methods that the scenario is made for, run when none or "all" are asked for; none: the
    default ones, and all. Not part of the digest."""
    variants: list[str] = Field(default=[])
    """Methods with settings of their own, run beside "all". Not part of the digest."""
    split: SplitRecipe = SplitRecipe()

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        for key in ("targets", "nuisances", "protocols"):
            _refuse_repeats(key, getattr(self, key))
        for key in ("targets", "nuisances"):
            for label in getattr(self, key):
                if label not in LABELS:
                    raise ValueError(
                        f"{key}: unknown label '{label}'; allowed: {', '.join(sorted(LABELS))}"
                    )
        if not self.targets and "latents" in self.protocols:
            raise ValueError("targets: at least one label is needed")
        if not 0 < self.n_test < self.replicates:
            raise ValueError(
                f"split.test_fraction = {self.split.test_fraction:g} of {self.replicates} cultures "
                "leaves none to train or none to test"
            )
        self._check_levels()
        # an impossible value on an axis is an error now, not later
        _ = self.conditions, self.at_levels
        self._check_shapes()
        if not self.levels:
            self._check_classes()
        return self

    def _check_levels(self) -> None:
        for key in ("axes", "levels"):
            for paths, values in getattr(self, key).items():
                _refuse_repeats(f"{key}.{paths}", map(_level_name, values))
        for path in _paths(self.levels):
            if not path.startswith(("culture.", "imaging.")) and path not in _BUDGETS:
                raise ValueError(
                    f"levels: '{path}' can't vary; allowed: keys of culture and imaging, "
                    f"{', '.join(_BUDGETS)}"
                )
        _refuse_repeats("axes and levels", [*_paths(self.axes), *_paths(self.levels)])

    def _check_shapes(self) -> None:
        shared = "must share duration_s and frame_rate_hz"
        if len({condition.shape for condition in self.conditions}) > 1:
            raise ValueError(f"axes: cultures {shared}; levels may vary them")
        if self.train_conditions[0].shape != self.conditions[0].shape:
            raise ValueError(f"split.train_with: training and test cultures {shared}")

    def _check_classes(self) -> None:
        """A target that is one class in all training cultures can't be learned."""
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

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The grid, expanded: one condition for each combination of the axes' values."""
        recipes = self.model_dump(mode="json", include={"culture", "imaging"})
        return tuple(
            read_recipe(Condition, {"name": name or self.name, **data})
            for name, data in _expand(recipes, self.axes, "axes")
        )

    @cached_property
    def train_conditions(self) -> tuple[Condition, ...]:
        """The conditions of the training cultures: those of the grid, but for `train_with`."""
        changes = {key: [value] for key, value in self.split.train_with.items()}
        if not changes:
            return self.conditions
        return tuple(
            read_recipe(Condition, data)
            for condition in self.conditions
            for _, data in _expand(condition.model_dump(mode="json"), changes, "split.train_with")
        )

    @property
    def at_levels(self) -> dict[str, "Scenario"]:
        """One scenario without levels for each combination of their values, by its level."""
        if not self.levels:
            return {"": self}
        data = self.model_dump(mode="json", exclude={"levels"})
        return {
            name: read_recipe(Scenario, plain)
            for name, plain in _expand(data, self.levels, "levels")
        }

    def digest(self) -> str:
        """SHA-256 of the canonical form: all fields that change a score, and the files they name.

        Raises
        ------
        SimbenchError
            If a file of the wiring can't be read.
        """
        return self._digest

    @cached_property
    def _digest(self) -> str:
        data = self.canonical()
        for key in ("question", "methods", "variants"):
            del data[key]
        conditions = self.conditions + (self.train_conditions if self.split.train_with else ())
        files = [condition.culture.wiring.file_digest() for condition in conditions]
        if any(files):
            data["files"] = files
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A checked copy with other values; nothing derived is taken along.

        Raises
        ------
        SimbenchError
            If the new values make no sense.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return read_recipe(type(self), fields | dict(update or {}))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())


def _expand(
    data: dict[str, Any], axes: dict[str, list[Any]], key: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and data of each combination of values at the dotted paths."""
    for values in itertools.product(*axes.values()):
        changed = copy.deepcopy(data)
        for path, value in _settings(axes, values):
            *parents, leaf = path.split(".")
            if path == "imaging.preset":  # its values were filled in when the recipe was read
                raise ValueError(f"{key}: a preset can't vary; vary the keys that it sets")
            table = changed
            for parent in parents:
                table = table.get(parent, {}) if isinstance(table, dict) else {}
            if not isinstance(table, dict) or leaf not in table:
                raise ValueError(f"{key}: unknown key '{path}'")
            table[leaf] = value
        yield ", ".join(map(_level_name, values)), changed


def _settings(axes: Iterable[str], values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Every path with its value; paths joined by a comma take the same one."""
    for paths, value in zip(axes, values):
        for path in _paths([paths]):
            yield path, value


def _paths(axes: Iterable[str]) -> list[str]:
    return [path.strip() for paths in axes for path in paths.split(",")]


def _refuse_repeats(where: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{where}: '{name}' is there twice; allowed: once")


def _level_name(value: Any) -> str:
    """A value as people read it; shares that are all one thing by the name of that thing."""
    is_one = isinstance(value, dict) and list(value.values()) == [1.0]
    return next(iter(value)) if is_one else str(value)


def available_scenarios() -> dict[str, Path]:
    """Names and files of the scenarios that come with simbench."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario by name or from a TOML file.

    Parameters
    ----------
    source : str or Path
        Name of a shipped scenario (`simbench list scenarios`) or path of a ``.toml`` file.

    Raises
    ------
    SimbenchError
        In one line: which file, which key, which value, and what is allowed.
    """
    path = Path(source)
    if path.suffix != ".toml":
        shipped = available_scenarios()
        if str(source) not in shipped:
            raise SimbenchError(
                f"unknown scenario '{source}'; known: {', '.join(shipped)}, or a .toml file"
            )
        path = shipped[str(source)]
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SimbenchError(f"scenario {path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # also numbers too long, tables too deep
        raise SimbenchError(f"scenario {path}: not valid TOML: {error}") from None
    try:
        return read_recipe(Scenario, data)
    except SimbenchError as error:
        raise SimbenchError(f"scenario {path}: {error}") from None
