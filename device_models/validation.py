"""Documents: frozen, typed, no unknown keys; a mistake is one line: the document, the key's path, given, expected."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    ValidationError,
)

from device_models.errors import ProfileError
from device_models.messages import one_line

Finite = Annotated[float, Strict(), Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _only_one(value: Any) -> Any:
    if type(value) is not int or value != 1:
        raise ValueError(f"{value!r} is not 1, the version that this program reads")
    return value


Version = Annotated[int, Field(ge=1, le=1), BeforeValidator(_only_one)]


def _form(value: Any) -> str:
    return "list" if isinstance(value, (list, tuple)) else "number"


_NUMBERS = re.compile(r"\[\n\s*(-?\d[^\[\]{}\"]*?)\n\s*\]")  # a list that json.dumps spread over lines

# One number for every level, or a list with one number per level.
PerLevel = Annotated[
    Annotated[NonNegative, Tag("number")] | Annotated[tuple[NonNegative, ...], Tag("list")], Discriminator(_form)
]

SignedPerLevel = Annotated[
    Annotated[Finite, Tag("number")] | Annotated[tuple[Finite, ...], Tag("list")], Discriminator(_form)
]


class Document(BaseModel):
    """Base of every part of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


DocumentT = TypeVar("DocumentT", bound=Document)


def parse(model: type[DocumentT], text: str, where: str) -> DocumentT:
    """A checked `model` from JSON text; `where` names the document in the one line of a `ProfileError`."""
    try:
        data = json.loads(text, object_pairs_hook=_refuse_duplicates)
    except json.JSONDecodeError as error:
        raise ProfileError(f"{where}: not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ProfileError(f"{where}: not JSON: nested too deeply") from None
    except _GivenTwiceError as error:
        raise ProfileError(f"{where}: {error}: given twice") from None
    except ValueError as error:  # a number of thousands of digits
        raise ProfileError(f"{where}: not JSON: {error}") from None
    return check(model, data, where)


def check(model: type[DocumentT], data: Any, where: str) -> DocumentT:
    """The same from data that is already parsed (dicts, lists, numbers)."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ProfileError(f"{where}: {one_line(error.errors()[0], data, model)}") from None


def render(document: Document) -> str:
    """JSON text of a document: two spaces, lists of numbers on one line, no nulls; floats read back to the same."""
    text = json.dumps(document.model_dump(mode="json", exclude_none=True), indent=2, ensure_ascii=False)
    return _NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


class _GivenTwiceError(ValueError):
    """A key stands twice in one object: which one is meant?"""


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _GivenTwiceError(key)
        seen[key] = value
    return seen
