"""MacroConfig: defaults, limits, and one line for what is wrong."""

from __future__ import annotations

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


@pytest.mark.parametrize(("data", "line"), [
    ({"pairing": "offset"},
     "pairing: 'offset' (one cell and a reference column) is not emulated yet; use 'differential'"),
    ({"pairing": "both"}, "pairing: 'both' is not 'differential'"),
    ({"rows": 257}, "rows: 257 is not <= 256"),
    ({"rows": 0}, "rows: 0 is not >= 1"),
    ({"cols": 0}, "cols: 0 is not >= 1"),
    ({"rows": 64, "rows_active": 48}, "rows_active: 48 does not divide rows (64)"),
    ({"dac_bits": 9}, "dac_bits: 9 is not <= 8"),
    ({"adc_bits": 17}, "adc_bits: 17 is not <= 16"),
    ({"adc_bits": 8.5}, "adc_bits: 8.5 is not an integer"),
    ({"adc": 8}, "adc: unknown key (known: adc_bits, cols, dac_bits, pairing, rows, rows_active, schema_version)"),
])
def test_a_mistake_is_one_line(data: dict[str, Any], line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        MacroConfig.from_dict(data)
    assert str(caught.value) == f"macro: {line}"


def test_json_in_and_out(tmp_path: Path) -> None:
    macro = MacroConfig(rows=64, cols=32, rows_active=16, dac_bits=4, adc_bits=6)
    path = tmp_path / "macro.json"
    path.write_text(macro.to_json())
    assert MacroConfig.load(path) == macro
    with pytest.raises(ProfileError, match=r"^macro .*absent: No such file"):
        MacroConfig.load(tmp_path / "absent")
