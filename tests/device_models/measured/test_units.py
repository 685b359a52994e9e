"""Units: what headers tell, and the factors against scipy's constants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from device_models.measured.units import Quantity, plain, scale_of, split_unit


@pytest.mark.parametrize(("header", "name", "unit"), [
    ("g_uS", "g", "uS"), ("g (S)", "g", "S"), ("r [kOhm]", "r", "kohm"), ("R(Ω)", "R", "ohm"), ("r_MΩ", "r", "Mohm"),
    ("G/µS", "G", "uS"), ("G/μS", "G", "uS"), ("t_ms", "t", "ms"), ("time [h]", "time", "h"), ("T_K", "T", "K"),
    ("temp (°C)", "temp", "C"), ("time_us", "time", "us"), ("cell_id", "cell_id", None), ("g", "g", None),
    ("g_", "g_", None),
    ("target_level", "target_level", None), ("_s", "_s", None), ("g (V)", "g (V)", None), (" g_S ", "g", "S")])
def test_headers_tell_units(header: str, name: str, unit: str | None) -> None:
    assert split_unit(header) == (name, unit)


@pytest.mark.parametrize(("unit", "quantity", "one"), [
    ("S", "conductance", 1 / constants.micro), ("mS", "conductance", constants.milli / constants.micro),
    ("nS", "conductance", constants.nano / constants.micro), ("kohm", "resistance", constants.kilo),
    ("Gohm", "resistance", constants.giga), ("h", "time", constants.hour), ("min", "time", constants.minute),
    ("us", "time", constants.micro), ("K", "temperature", 1 - constants.zero_Celsius)])
def test_factors(unit: str, quantity: Quantity, one: float) -> None:
    factor, offset = scale_of(unit, quantity) or (0, 0)
    assert factor + offset == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize(("unit", "quantity"), [
    ("s", "conductance"), ("S", "time"), ("mohm", "resistance"), ("MS", "conductance"), ("", "time"),
    ("A", "conductance")])
def test_case_counts_and_quantities_are_not_mixed(unit: str, quantity: Quantity) -> None:
    assert scale_of(unit, quantity) is None


@given(st.text(max_size=20))
def test_any_header_has_a_name_and_a_known_unit_or_none(header: str) -> None:
    name, unit = split_unit(header)
    assert name in header
    assert unit is None or plain(unit) == unit
