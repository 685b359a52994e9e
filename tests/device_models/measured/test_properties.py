"""Any table that can be written is read back equal; any bytes are read or refused by ProfileError, never otherwise."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_models.errors import ProfileError
from device_models.measured import read_cells, read_series
from tests.device_models.measured.files import array, measured

CONDUCTANCE = {"S": 1e-6, "mS": 1e-3, "uS": 1.0, "µS": 1.0, "nS": 1e3}  # of one uS
TIME = {"s": 1.0, "ms": 1e3, "us": 1e6, "min": 1 / 60, "h": 1 / 3600}  # of one s
TEMPERATURE = {"C": 0.0, "K": 273.15}
HEADER = ["{0}_{1}", "{0} ({1})", "{0} [{1}]", "{0}/{1}"]
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Rows of cells at two times, in one of the formats that are supported, with the arrays that must come out."""
    n = draw(st.integers(2, 12))
    g = draw(st.lists(st.floats(2.0, 400.0), min_size=2 * n, max_size=2 * n))
    cell = draw(st.lists(st.integers(0, 2**40), min_size=n, max_size=n, unique=True))
    later = draw(st.floats(1e-3, 1e6))
    expected = {
        "cell": np.array(cell * 2), "level": np.arange(2 * n) % n % 7 % 2, "time_s": np.repeat([0.0, later], n),
        "g_uS": np.array(g), "temperature_C": np.full(2 * n, draw(st.floats(-40, 300)))}
    unit, time, heat = (draw(st.sampled_from(sorted(units))) for units in (CONDUCTANCE, TIME, TEMPERATURE))
    resistance = draw(st.booleans())
    values = {
        draw(st.sampled_from(["addr", "Cell", "address"])): (None, expected["cell"]),
        draw(st.sampled_from(["level", "TARGET"])): (None, expected["level"]),
        draw(st.sampled_from(["t", "time", "timept"])): (time, expected["time_s"] * TIME[time]),
        draw(st.sampled_from(["temp", "Temperature"])): (heat, expected["temperature_C"] + TEMPERATURE[heat]),
        ("r" if resistance else "conductance"): ("kΩ", 1e3 / expected["g_uS"]) if resistance else (
            unit, expected["g_uS"] * CONDUCTANCE[unit])}
    order = draw(st.permutations(sorted(values)))
    return {"expected": expected, "values": values, "order": order, "delimiter": draw(st.sampled_from("\t,;")),
            "header": draw(st.sampled_from(HEADER)), "kind": draw(st.sampled_from(["header", "--unit", "--columns"])),
            "packed": draw(st.booleans()), "end": draw(st.sampled_from(["\n", "\r\n"]))}


def render(table: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The bytes of the file, and what must be told to read it."""
    names = {name: name if unit is None or table["kind"] == "--unit" else table["header"].format(name, unit)
             for name, (unit, _) in table["values"].items()}
    rows = [[repr(x) for x in table["values"][name][1].tolist()] for name in table["order"]]
    lines = [table["delimiter"].join(fields) for fields in zip(*rows, strict=True)]
    said: dict[str, Any] = {}
    if table["kind"] == "--columns":
        said["columns"] = [names[name] for name in table["order"]]
    else:
        lines.insert(0, table["delimiter"].join(names[name] for name in table["order"]))
    if table["kind"] == "--unit":
        said["units"] = {name: unit for name, (unit, _) in table["values"].items() if unit is not None}
    data = (table["end"].join(lines) + table["end"]).encode()
    return gzip.compress(data) if table["packed"] else data, said


@FEW
@given(tables())
def test_a_table_in_any_format_is_read_back(tmp_path: Path, table: dict[str, Any]) -> None:
    path = tmp_path / ("cells.gz" if table["packed"] else "cells.txt")
    data, said = render(table)
    path.write_bytes(data)
    cells, expected = read_cells([path], **said), table["expected"]
    assert np.array_equal(cells.cell, expected["cell"]) and np.array_equal(cells.level, expected["level"])
    np.testing.assert_allclose(cells.g_uS, expected["g_uS"], rtol=1e-13)
    np.testing.assert_allclose(cells.time_s, expected["time_s"], rtol=1e-13)
    assert cells.temperature_C is not None
    np.testing.assert_allclose(cells.temperature_C, expected["temperature_C"], atol=1e-9)


TABLE = b"cell,level,time_s,g_uS\n1,0,0,10\n2,1,0,20\n1,0,5,10\n2,1,5,20\n"


@FEW
@given(st.one_of(
    st.binary(max_size=200), st.binary(max_size=60).map(lambda data: TABLE + data),
    st.text(alphabet="0123456789.,;\t\n\r\"#-eEnaif_ +x", max_size=120).map(lambda text: TABLE + text.encode()),
    st.text(alphabet="0123456789.,;\t\n\r\"#-einaf", max_size=120).map(str.encode),
    st.tuples(st.integers(0, len(TABLE)), st.binary(max_size=4)).map(lambda at: TABLE[:at[0]] + at[1] + TABLE[at[0]:]),
    st.binary(max_size=80).map(lambda data: gzip.compress(TABLE)[:30] + data)))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "cells.csv"
    path.write_bytes(data)
    calls: list[Any] = [
        lambda: read_cells([path]), lambda: read_cells([path], columns=["cell", "level", "g_S"]),
        lambda: read_series(path, rate_Hz=10, unit="S"), lambda: read_cells([path], mapping=path)]
    for call in calls:
        try:
            call()
        except ProfileError as error:
            assert str(path) in str(error) and "\n" not in str(error)  # noqa: PT017 -- some are read


def test_pandas_numbers_are_pythons(tmp_path: Path) -> None:
    """The fast parser against Python's own, on real numbers with 17 digits: within the last bit."""
    g_uS = array("A").g_uS[:2000]
    with gzip.open(measured("techA/relaxdata.min.tsv.gz"), "rt") as lines:
        expected = [float(next(lines).split("\t")[3]) * 1e6 for _ in range(2000)]
    assert g_uS == pytest.approx(expected, rel=5e-16, abs=0)
