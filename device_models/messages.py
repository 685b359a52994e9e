"""From pydantic's error to one line for a person: the path of the key as it stands in the document, given, expected."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def one_line(error: ErrorDetails, data: Any, model: type[BaseModel]) -> str:
    """`path.of.key: given is not expected`, from one pydantic error about `data`."""
    path, parents = _path(error["loc"], data, keep_last=error["type"] == "missing")
    context: dict[str, Any] = error.get("ctx", {})
    kind, given = error["type"], _short(error["input"])
    if kind.startswith("union_tag"):
        path = f"{path}.{str(context['discriminator']).strip(chr(39))}"
        expected = context.get("expected_tags")
        return f"{path}: {context['tag']!r} is not one of {expected}" if expected else f"{path}: missing"
    if kind in _BOUNDS:
        sign, key = _BOUNDS[kind]
        text = f"{given} is not {sign} {context[key]:g}"
    elif kind == "value_error":
        text = str(context["error"])
    elif kind == "missing":
        text = "missing"
    elif kind == "extra_forbidden":
        text = f"unknown key (known: {', '.join(sorted(_known(model, parents, data)))})"
    elif kind == "literal_error":
        text = f"{given} is not {context['expected']}"
    else:
        text = f"{given} is not {_EXPECTED.get(kind, kind)}"
    return f"{path}: {text}" if path else text


_BOUNDS = {"greater_than_equal": (">=", "ge"), "greater_than": (">", "gt"), "less_than_equal": ("<=", "le")}
_EXPECTED = {
    "finite_number": "a finite number", "float_type": "a number", "int_type": "an integer", "string_type": "a text",
    "bool_type": "true or false", "tuple_type": "a list", "too_short": "long enough a list", "model_type": "an object",
    "model_attributes_type": "an object", "dict_type": "an object", "string_too_short": "a text (it is empty)",
    "string_pattern_mismatch": "a name: letters, digits, . _ -", "string_too_long": "a name of at most 64 characters",
}


def _path(loc: tuple[int | str, ...], data: Any, keep_last: bool) -> tuple[str, list[int | str]]:
    """Dotted path of an error; parts of `loc` that name a union's branch and not a key of the document are left out."""
    parts: list[int | str] = []
    for i, part in enumerate(loc):
        if (isinstance(part, int) and isinstance(data, (list, tuple))) or (isinstance(data, dict) and part in data):
            parts.append(part)
            inside: Any = data
            data = inside[part]
        elif keep_last and i == len(loc) - 1:
            parts.append(part)
    names = [f"[{part}]" if isinstance(part, int) else part for part in parts]
    return ".".join(names).replace(".[", "["), parts


def _known(model: type[BaseModel], parts: list[int | str], data: Any) -> set[str]:
    """Keys that are allowed where the unknown key `parts[-1]` stands."""
    here: list[type[BaseModel]] = [model]
    for part in parts[:-1]:
        data = data[part]
        if isinstance(part, str):
            fields = [owner.model_fields[part] for owner in here if part in owner.model_fields]
            here = [inner for field in fields for inner in _models(field.annotation)]
    branches = [owner for owner in here if _branch(owner) in (None, data.get("distribution"))]
    return {key for owner in branches for key in owner.model_fields}


def _branch(model: type[BaseModel]) -> str | None:
    """The value of `distribution` that selects this model of a union; None where it is no branch."""
    field = model.model_fields.get("distribution")
    return None if field is None else str(field.annotation.__args__[0])  # type: ignore[union-attr]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [m for argument in getattr(annotation, "__args__", ()) for m in _models(argument)]


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, (dict, list, tuple)) else json.dumps(value, default=repr)
    return text if len(text) <= 40 else text[:37] + "..."
