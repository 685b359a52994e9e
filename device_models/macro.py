"""MacroConfig: the circuit around the cells, another person's page than the profile: pairing, tile size, converters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, Strict, model_serializer, model_validator

from device_models.errors import ProfileError
from device_models.validation import Document, NonNegative, Positive, Version, check, parse, render

BOARD_ADC_ERRORS = {"adc_gain_sigma": 1, "adc_offset_sigma_lsb": 32768}
BOARD_ROWS = 256  # rows of a tile that a board emulates: its sums are 32 bits wide (docs/numerics.md, section 4)


class MacroConfig(Document):
    """One macro: a tile of `rows` x `cols` weights with its DACs and ADCs.

    `rows_active` rows are summed by one ADC conversion (default: all); it divides `rows`, and is R of docs/numerics.md.
    pairing: "differential" (two cells a weight), "offset" (one cell, and one reference column a tile) or "bit-sliced"
    (`cells_per_weight` cells of `bits_per_cell` bits, each slice with a reference column). `cols` counts columns of
    pairs, or of cells where the pairing is not differential.
    dac_range: the input that the DAC's highest code stands for; adc_range: what the ADC's highest code stands for, as
    a share of the largest current of a conversion (rows_active cells at G_max - G_min, full input). Both are chosen
    from data where they are absent. Gain and offset errors are standard deviations: of the gain over 1, one draw a row
    (DAC) or column (ADC), and of the offset in codes. wire_resistance_ohm: of one wire segment between two cells.
    """

    schema_version: Version = 1
    pairing: Literal["differential", "offset", "bit-sliced"] = "differential"
    rows: Annotated[int, Strict(), Field(ge=1, le=4096)] = 128
    cols: Annotated[int, Strict(), Field(ge=1, le=65536)] = 128
    rows_active: Annotated[int, Strict(), Field(ge=1, le=4096)] = 128
    dac_bits: Annotated[int, Strict(), Field(ge=1, le=8)] = 8
    adc_bits: Annotated[int, Strict(), Field(ge=1, le=16)] = 8
    cells_per_weight: Annotated[int, Strict(), Field(ge=1, le=8)] | None = None
    bits_per_cell: Annotated[int, Strict(), Field(ge=1, le=8)] | None = None
    dac_range: Positive | None = None
    adc_range: Annotated[Positive, Field(le=1)] | None = None
    dac_gain_sigma: NonNegative = 0.0
    dac_offset_sigma_lsb: NonNegative = 0.0
    adc_gain_sigma: NonNegative = 0.0
    adc_offset_sigma_lsb: NonNegative = 0.0
    wire_resistance_ohm: NonNegative = 0.0

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What is younger than the first bundles is written only where it is used: their documents and digests stay.
        fields = type(self).model_fields
        young = list(fields)[list(fields).index("cells_per_weight"):]
        document: dict[str, Any] = handler(self)
        return {k: v for k, v in document.items() if k not in young or v != fields[k].default}

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

    @model_validator(mode="after")
    def _slices(self) -> MacroConfig:
        for key in ("cells_per_weight", "bits_per_cell"):
            value = getattr(self, key)
            if self.pairing == "bit-sliced" and value is None:
                raise ValueError(f"{key}: missing (pairing is 'bit-sliced')")
            if self.pairing != "bit-sliced" and value is not None:
                raise ValueError(f"{key}: {value} given, and pairing is {self.pairing!r}, not 'bit-sliced'")
        cells, bits = self.cells_per_weight or 1, self.bits_per_cell or 1
        if not 2 <= cells * bits <= 16 and self.pairing == "bit-sliced":
            raise ValueError(f"cells_per_weight: {cells} cells of {bits} bit(s) make {cells * bits} bits, not 2 to 16")
        if cells > self.cols:
            raise ValueError(f"cells_per_weight: {cells} is not <= cols ({self.cols})")
        return self

    @property
    def weights_per_row(self) -> int:
        """Weights that a row of a tile holds."""
        return self.cols // (self.cells_per_weight or 1)

    def not_on_a_board(self) -> str | None:
        """One line about what of this macro a board does not emulate; None where it emulates all."""
        if self.pairing != "differential":
            return f"pairing: {self.pairing!r} is not emulated on a board, expected 'differential'"
        if self.rows > BOARD_ROWS:
            return f"rows: {self.rows} is not <= {BOARD_ROWS}, the most that a board emulates"
        fields = type(self).model_fields
        for key in ("dac_range", "adc_range", "dac_gain_sigma", "dac_offset_sigma_lsb", "wire_resistance_ohm"):
            if getattr(self, key) != fields[key].default:
                return f"{key}: {getattr(self, key):g} is not emulated on a board, leave it out"
        for key, most in BOARD_ADC_ERRORS.items():
            if getattr(self, key) > most:
                return f"{key}: {getattr(self, key):g} is not <= {most}, the most that a board emulates"
        return None

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
    def load(cls, name_or_path: str | Path) -> MacroConfig:
        """The macro of a preset by its name, or from a JSON file by its path."""
        from device_models import presets

        if str(name_or_path) in presets.macro_names():
            return presets.load_macro(str(name_or_path)).macro
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ProfileError(f"macro {path}: not a text file (UTF-8)") from None
        except OSError as error:
            raise ProfileError(f"macro {path}: {error.strerror}") from None
        return cls.from_json(text, f"macro {path}")
