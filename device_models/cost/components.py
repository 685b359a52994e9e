"""Components: the numbers that a cost is made of, as a checked document; each has its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field, Strict, field_validator

from device_models.errors import ProfileError
from device_models.parts import Evidence
from device_models.validation import Document, Positive, Text, Version, parse


class Number(Document):
    """A number > 0 with its evidence."""

    value: Positive
    evidence: Evidence


class Components(Document):
    """Area (um2), energy (pJ) and time (ns) of the parts of a macro and of its SRAM correction, of one node.

    rram_cell and sram_bit: one cell. sram_array_share: share of an SRAM's area that is bit cells. dac: one a row, and
    one conversion, at `dac_bits`; adc likewise, shared by `columns_per_adc` columns; a conversion takes
    (bits + 1) adc_ns_per_bit. line_driver: one a line, two lines a row and one a column of cells. accumulator: one an
    ADC. mac: a multiply-add of a float32 correction, mac8: one of 8-bit codes with a sum of 32 bits; `macs_per_layer`
    units. other_share: of the macro's area, for control
    and routing. A cell is read with read_voltage_V for read_pulse_ns at full input; mean_input is the mean of the
    inputs over full scale.
    """

    schema_version: Version
    name: Text
    description: Text
    node_nm: Positive
    rram_cell_um2: Number
    sram_bit_um2: Number
    sram_array_share: Number
    sram_access_pJ_per_bit: Number
    dac_um2: Number
    dac_pJ: Number
    dac_bits: Annotated[int, Strict(), Field(ge=1, le=16)]
    adc_um2: Number
    adc_pJ: Number
    adc_bits: Annotated[int, Strict(), Field(ge=1, le=16)]
    adc_ns_per_bit: Number
    columns_per_adc: Number
    line_driver_um2: Number
    accumulator_um2: Number
    accumulator_pJ: Number
    mac_um2: Number
    mac_pJ: Number
    mac8_um2: Number
    mac8_pJ: Number
    mac_ns: Number
    macs_per_layer: Number
    other_share: Number
    read_voltage_V: Number
    read_pulse_ns: Number
    mean_input: Number

    @field_validator("sram_array_share", "other_share", "mean_input")
    @classmethod
    def _share(cls, number: Number) -> Number:
        if number.value >= 1:
            raise ValueError(f"{number.value:g} is not a share, > 0 and < 1")
        return number

    @field_validator("columns_per_adc", "macs_per_layer")
    @classmethod
    def _whole(cls, number: Number) -> Number:
        if number.value % 1:
            raise ValueError(f"{number.value:g} is not a whole number")
        return number

    def numbers(self) -> Iterator[tuple[str, Number]]:
        """Every number with its key, in the document's order."""
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, Number):
                yield key, value

    @classmethod
    def load(cls, name_or_path: str | Path) -> Components:
        """A table that travels with the package, by its name, or a JSON file by its path."""
        if str(name_or_path) in names():
            text = files(__package__).joinpath(f"{name_or_path}.json").read_text(encoding="utf-8")
            return parse(cls, text, f"components {name_or_path}")
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            known = ", ".join(names())
            raise ProfileError(f"components {path}: no such file, and none of the package's own ({known})") from None
        except UnicodeDecodeError:
            raise ProfileError(f"components {path}: not a text file (UTF-8)") from None
        except OSError as error:
            raise ProfileError(f"components {path}: {error.strerror}") from None
        return parse(cls, text, f"components {path}")


def names() -> list[str]:
    """Names of the component tables that travel with the package, sorted."""
    entries = (entry.name for entry in files(__package__).iterdir())
    return sorted(name.removesuffix(".json") for name in entries if name.endswith(".json"))
