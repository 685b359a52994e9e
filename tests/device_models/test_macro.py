"""MacroConfig: defaults, limits, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_models.errors import ProfileError
from device_models.macro import MacroConfig


def test_defaults() -> None:
    macro = MacroConfig()
    assert (macro.pairing, macro.rows, macro.cols, macro.rows_active) == ("differential", 128, 128, 128)
    assert (macro.dac_bits, macro.adc_bits) == (8, 8)


def test_all_rows_are_active_unless_said() -> None:
    assert MacroConfig(rows=64).rows_active == 64
    assert MacroConfig(rows=64, rows_active=16).rows_active == 16
    assert MacroConfig.from_json('{"rows": 32}').rows_active == 32


OLD_DEFAULT = """{
  "schema_version": 1,
  "pairing": "differential",
  "rows": 128,
  "cols": 128,
  "rows_active": 128,
  "dac_bits": 8,
  "adc_bits": 8
}
"""  # as it was before there were other pairings: bundles and their digests hold this text


def test_the_text_of_a_macro_without_new_keys_stays() -> None:
    assert MacroConfig().to_json() == OLD_DEFAULT
    assert json.loads(MacroConfig().model_dump_json()) == json.loads(OLD_DEFAULT)
    assert list(MacroConfig(adc_range=0.25, wire_resistance_ohm=2.0).model_dump())[7:] == [
        "adc_range", "wire_resistance_ohm"]


SLICED = {"pairing": "bit-sliced", "cells_per_weight": 4, "bits_per_cell": 2}


@pytest.mark.parametrize("data", [{}, {"rows_active": 64}, {"rows": 256}, {"dac_bits": 2, "adc_bits": 4},
                                  {"adc_gain_sigma": 0.02, "adc_offset_sigma_lsb": 0.5}])
def test_a_board_emulates(data: dict[str, Any]) -> None:
    assert MacroConfig.from_dict(data).not_on_a_board() is None


@pytest.mark.parametrize(("data", "line"), [
    ({"pairing": "offset"}, "pairing: 'offset' is not emulated on a board, expected 'differential'"),
    (SLICED, "pairing: 'bit-sliced' is not emulated on a board, expected 'differential'"),
    ({"rows": 512}, "rows: 512 is not <= 256, the most that a board emulates"),
    ({"adc_range": 0.5}, "adc_range: 0.5 is not emulated on a board, leave it out"),
    ({"dac_gain_sigma": 0.01}, "dac_gain_sigma: 0.01 is not emulated on a board, leave it out"),
    ({"adc_gain_sigma": 1.5}, "adc_gain_sigma: 1.5 is not <= 1, the most that a board emulates"),
    ({"wire_resistance_ohm": 2.0}, "wire_resistance_ohm: 2 is not emulated on a board, leave it out"),
])
def test_a_board_does_not_emulate(data: dict[str, Any], line: str) -> None:
    assert MacroConfig.from_dict(data).not_on_a_board() == line


def test_weights_per_row() -> None:
    assert MacroConfig(cols=64).weights_per_row == 64
    assert MacroConfig.from_dict(SLICED | {"cols": 66}).weights_per_row == 16


@pytest.mark.parametrize(("data", "line"), [
    ({"pairing": "both"}, "pairing: 'both' is not 'differential', 'offset' or 'bit-sliced'"),
    ({"pairing": "bit-sliced", "bits_per_cell": 2}, "cells_per_weight: missing (pairing is 'bit-sliced')"),
    ({"cells_per_weight": 2}, "cells_per_weight: 2 given, and pairing is 'differential', not 'bit-sliced'"),
    (SLICED | {"bits_per_cell": 8}, "cells_per_weight: 4 cells of 8 bit(s) make 32 bits, not 2 to 16"),
    (SLICED | {"cols": 3}, "cells_per_weight: 4 is not <= cols (3)"),
    ({"adc_range": 2.0}, "adc_range: 2.0 is not <= 1"),
    ({"adc_range": 0.0}, "adc_range: 0.0 is not > 0"),
    ({"wire_resistance_ohm": -1.0}, "wire_resistance_ohm: -1.0 is not >= 0"),
    ({"adc_bits": 0}, "adc_bits: 0 is not >= 1"),
    ({"rows": 4097}, "rows: 4097 is not <= 4096"),
    ({"rows": 0}, "rows: 0 is not >= 1"),
    ({"cols": 0}, "cols: 0 is not >= 1"),
    ({"rows": 64, "rows_active": 48}, "rows_active: 48 does not divide rows (64)"),
    ({"dac_bits": 9}, "dac_bits: 9 is not <= 8"),
    ({"adc_bits": 17}, "adc_bits: 17 is not <= 16"),
    ({"adc_bits": 8.5}, "adc_bits: 8.5 is not an integer"),
    ({"adc": 8}, "adc: unknown key (known: adc_bits, adc_gain_sigma, adc_offset_sigma_lsb, adc_range, bits_per_cell,"
     " cells_per_weight, cols, dac_bits, dac_gain_sigma, dac_offset_sigma_lsb, dac_range, pairing, rows, rows_active,"
     " schema_version, wire_resistance_ohm)"),
])
def test_a_mistake_is_one_line(data: dict[str, Any], line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        MacroConfig.from_dict(data)
    assert str(caught.value) == f"macro: {line}"


def test_json_in_and_out(tmp_path: Path) -> None:
    macro = MacroConfig.from_dict(SLICED | {"rows": 64, "rows_active": 16, "adc_bits": 6, "adc_gain_sigma": 0.01})
    path = tmp_path / "macro.json"
    path.write_text(macro.to_json())
    assert MacroConfig.load(path) == macro
    with pytest.raises(ProfileError, match=r"^macro .*absent: No such file"):
        MacroConfig.load(tmp_path / "absent")
