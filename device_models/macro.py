"""MacroConfig: the circuit around the cells, another person's page than the profile: pairing, tile size, converters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict, model_validator

from device_models.errors import ProfileError
from device_models.validation import Document, Version, check, parse, render


def _no_offset_yet(value: Any) -> Any:
    if value == "offset":
        raise ValueError("'offset' (one cell and a reference column) is not emulated yet; use 'differential'")
    return value


class MacroConfig(Document):
    """One macro: a tile of `rows` x `cols` pairs with its DACs and ADCs.

    `rows_active` rows are summed by one ADC conversion (default: all); it divides `rows`, and is R of docs/numerics.md.
    """

    schema_version: Version = 1
    pairing: Annotated[Literal["differential"], BeforeValidator(_no_offset_yet)] = "differential"
    rows: Annotated[int, Strict(), Field(ge=1, le=256)] = 128
    cols: Annotated[int, Strict(), Field(ge=1, le=65536)] = 128
    rows_active: Annotated[int, Strict(), Field(ge=1, le=256)] = 128
    dac_bits: Annotated[int, Strict(), Field(ge=1, le=8)] = 8
    adc_bits: Annotated[int, Strict(), Field(ge=1, le=16)] = 8

    @model_validator(mode="before")
    @classmethod
    def _all_rows(cls, data: Any) -> Any:
        if isinstance(data, dict) and "rows_active" not in data and "rows" in data:
            return {**data, "rows_active": data["rows"]}
        return data

    @model_validator(mode="after")
    def _groups(self) -> MacroConfig:
        if self.rows % self.rows_active:
            raise ValueError(f"rows_active: {self.rows_active} does not divide rows ({self.rows})")
        return self

    @classmethod
    def from_json(cls, text: str, where: str = "macro") -> MacroConfig:
        """From JSON text; `where` names it in the one line of a ProfileError."""
        return parse(cls, text, where)

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "macro") -> MacroConfig:
        """From a parsed JSON document."""
        return check(cls, data, where)

    def to_json(self) -> str:
        """JSON text that `from_json` reads back to an equal macro."""
        return render(self)

    @classmethod
    def load(cls, path: str | Path) -> MacroConfig:
        """From a JSON file."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ProfileError(f"macro {path}: not a text file (UTF-8)") from None
        except OSError as error:
            raise ProfileError(f"macro {path}: {error.strerror}") from None
        return cls.from_json(text, f"macro {path}")
