"""What all recipes share: strict reading, one-line errors, and types of numbers."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simbench.core.errors import SimbenchError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Model = TypeVar("Model", bound=BaseModel)


class Recipe(BaseModel):
    """Immutable, and strict: an unknown key or a wrong type is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


def read_recipe(model: type[Model], data: Any, source: str = "") -> Model:
    """Make a recipe from plain data (TOML, JSON); an error names the source of the data."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problem = first_problem(error)
        raise SimbenchError(f"{source}: {problem}" if source else problem) from None


def first_problem(error: ValidationError) -> str:
    """The first complaint of pydantic in one line: key, value and what is allowed."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{where}'"
    if problem["type"] == "missing":
        return f"missing key '{where}'"
    if problem["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where} = {problem['input']!r}: {message[0].lower()}{message[1:]}"
