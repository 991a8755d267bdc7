"""What all recipes share: strict reading, types of numbers, and what of them is digested."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def source(text: str) -> Any:
    """Marks where the default of a key is from, for the schema and the reference."""
    return Field(json_schema_extra={"source": text})


CHOSEN = source("chosen")
"""Marks a key whose default no publication gives."""

# Marks a key that came after others were published: at its default it is not digested
YOUNGER = "younger"


class Recipe(BaseModel):
    """Immutable, and strict: an unknown key or a wrong type is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    def canonical(self) -> dict[str, Any]:
        """Plain data for a digest, without younger keys that have their default."""
        data = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if YOUNGER in field.metadata and value == field.default:
                del data[name]
            elif isinstance(value, Recipe):
                data[name] = value.canonical()
        return data
