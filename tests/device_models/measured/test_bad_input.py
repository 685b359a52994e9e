"""Bad input: one line that names file, line and column, what is given and what is expected."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.measured import lines, read_cells, read_series, text
from tests.device_models.measured.files import array, written

HEAD = "cell,level,time_s,g_uS\n"
ROWS = "1,0,0,10\n2,1,0,20\n"
MANY = "".join(f"{i},{i % 4},0,{10 * (i % 4 + 1)}\n" for i in range(400))


def refused(path: Path | list[Path], **said: Any) -> str:
    """The message of the refusal, which is one line that names the file."""
    paths = [path] if isinstance(path, Path) else path
    with pytest.raises(ProfileError) as error:
        read_cells(paths, **said)
    message = str(error.value)
    assert "\n" not in message and str(paths[0].parent) in message
    return message


@pytest.mark.parametrize(("content", "message"), [
    ("", "empty, expected a table"), ("\n \n\n", "empty"), ("# only a comment\n", "only blank lines and comments"),
    (HEAD, "line 1: only a header"),
    ("cell level g_uS\n1 0 10\n", "line 1: one field, expected several, separated by tab, comma or semicolon"),
    (HEAD + ROWS + "3,1,0\n", "line 4: 3 field(s), expected 4 as in line 1 (comma-separated)"),
    (HEAD + ROWS + "\n#\n3,1,0,5,6\n", "line 6: 5 field(s), expected 4"),
    (HEAD + ROWS + "3,1,0,-5\n", "line 4, column 'g': '-5' is not > 0"),
    (HEAD + ROWS + "\n3,1,0,0\n", "line 5, column 'g': '0' is not > 0"),
    (HEAD + "1,0,0,NaN\n" + ROWS, "line 2, column 'g': 'NaN' is not a finite number"),
    (HEAD + ROWS + "3,1,0,inf\n", "line 4, column 'g': 'inf' is not a finite number"),
    (HEAD + ROWS + "3,1,0,1e999\n", "line 4, column 'g': '1e999' is not a finite number"),
    (HEAD + ROWS + "3,1,0,\n", "line 4, column 'g': '' is not a"),
    (HEAD + ROWS + "3,1,0,12 uS\n", "line 4, column 'g': '12 uS' is not a number"),
    (HEAD + ROWS + "3,1,0,1_000\n", "line 4, column 'g': '1_000' is not a number"),
    (HEAD.replace(",", ";") + "1;0;0;0,5\n2;1;0;0,5\n", "line 2, column 'g': '0,5' is not a number: a decimal comma?"),
    (HEAD + ROWS + "3.5,1,0,5\n", "line 4, column 'cell': '3.5' is not a whole number"),
    (HEAD + ROWS + "1e300,1,0,5\n", "line 4, column 'cell': '1e300' is not a whole number"),
    (HEAD + ROWS + "3,1.5,0,5\n", "line 4, column 'level': '1.5' is not a whole number"),
    (HEAD + ROWS + "3,-1,0,5\n", "line 4, column 'level': '-1' is not >= 0"),
    (HEAD + ROWS + "3,1,-2,5\n", "line 4, column 'time': '-2' is not >= 0"),
    (HEAD + "1,0,5,10\n2,1,9,20\n1,0,4,10\n",
     "line 4, column 'time': '4' is not >= '5', the time of the row of cell 1 before it (line 2)"),
    (HEAD + "1,3,0,10\n2,3,0,20\n", "one target level only (3), expected 2 to 256"),
    ("cell,level,g\n1,0,1\n2,1,2\n", "column 'g': no unit is told for this conductance, expected 'g_S' as its name or "
                                     "--unit g=S (S, mS, uS, nS)"),
    ("cell,level,time,g_S\n1,0,0,1e-5\n2,1,0,2e-5\n", "column 'time': no unit is told for this time"),
    ("cell,level,g_ohm\n1,0,1\n2,1,2\n", "column 'g': 'ohm' is not a unit of conductance (S, mS, uS, nS)"),
    ("cell,g_uS,level,g_uS\n1,1,0,1\n", "column 'g' is given twice"), ("cell,,g_uS\n1,1,0\n", "column '' has no name"),
    ("cell\x1b[2J,g_uS\n0,1\n", "line 1: 'cell\\x1b[2J' is not printable text"),
    ("level,g_uS\n0,1\n1,2\n", "no column says the cell"), ("cell,level\n0,1\n1,2\n", "no column says the conductance"),
    ("cell,g_uS\n0,1\n1,2\n", "nothing says the target level"),
    ("cell,addr,level,g_uS\n0,0,0,1\n", "'cell' and 'addr' could both be the cell, expected one"),
    ("1,0,0,10\n2,1,0,20\n", "line 1: no header line (4 columns), expected one, or --columns with 4 names"),
    ("cell,level,g_uS,r_ohm\n1,0,10,1e5\n2,1,20,50\n", "line 3, column 'g': '20' uS is 0.001 times 1/'50' ohm ('r'), "
                                                    "expected once (in 1 of 2 rows): mixed units?"),
    ("cell,level,g_S\n1,0,10\n2,1,20\n", "the highest level's median is 2e+07 uS in the unit told (S)"),
    (HEAD + '1,0,0,"10\n2,1,0,20\n', "line 2: a quotation mark without its end"),
    (HEAD + MANY + "900,3,0,40000\n",
     "line 402, column 'g': '40000' uS is 1e+03 times the median of its level (1 of 401"),
    (HEAD + MANY + MANY.replace("0\n", "0e-3\n"), "'10e-3' uS is 0.001 times the median of its level"),
    (HEAD + MANY + MANY.replace("0\n", "0e-6\n"), "'10e-6' uS is 1e-06 times the median of its level"),
])
def test_each_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    assert message in refused(written(tmp_path, content))


@pytest.mark.parametrize(("said", "message"), [
    ({"target": "addr % 32"}, "target 'addr % 32': no column 'addr', expected one of cell, level, time, g"),
    ({"target": "cell / 4"}, "line 2: target 'cell / 4' is 0.25 for cell = '1', expected a whole number >= 0"),
    ({"target": "cell - 2"}, "line 2: target 'cell - 2' is -1"), ({"target": "1 / time"}, "is inf for time = '0'"),
    ({"target": "cell"}, ""), ({"target": "3"}, "one target level only (3)"),
    ({"units": {"g": "S"}}, "its name says uS"),
    ({"units": {"G": "S"}}, "unit of 'G': no such column, expected one of cell, level, time, g"),
    ({"columns": ["a", "b", "c", "d"]}, "line 1: a header (cell, level, time_s, g_uS), but --columns is for files"),
    ({"columns": ["a"]}, "4 column(s), but --columns has 1")])
def test_what_the_caller_says_is_checked(tmp_path: Path, said: dict[str, Any], message: str) -> None:
    path = written(tmp_path, HEAD + ROWS)
    if message:
        assert message in refused(path, **said)
    else:
        assert read_cells([path], **said).level.tolist() == [1, 2]


@pytest.mark.parametrize(("content", "message"), [
    ('{"cell": "addr"}', "no column 'addr' (mapping, cell), expected one of cell, level, time, g"),
    ('{"cells": "addr"}', "m.json: cells: unknown key (known: cell, columns, g,"),
    ("[]", "m.json: [] is not an object"),
    ('{"cell": 5}', "m.json: cell: 5 is not an object"), ("{", "m.json: not JSON"),
    ('{"g": {"column": "g", "unit": "V"}}', "its name says uS")])
def test_mappings_are_checked(tmp_path: Path, content: str, message: str) -> None:
    assert message in refused(written(tmp_path, HEAD + ROWS), mapping=written(tmp_path, content, "m.json"))


def test_many_levels_hint_at_an_expression(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i},0,10\n" for i in range(300))
    assert "300 target levels, expected 2 to 256" in refused(written(tmp_path, HEAD + rows))


def test_files_that_are_no_text(tmp_path: Path) -> None:
    table = (HEAD + ROWS).encode()
    packed = gzip.compress(table)
    cases = [("a.csv.gz", table, "not gzip, expected gzip"), ("b.csv.gz", packed[:-12], "the file is cut off"),
             ("c.gz", packed[:-8] + bytes(8), "not gzip: "), ("d.csv", table + b"3,\xe9,0,5\n", "line 4: byte 0xe9"),
             ("e.csv", table.decode().encode("utf-16"), "UTF-16, expected UTF-8"),
             ("f.csv", table + b"\0", "line 4: a zero byte")]
    for name, content, message in cases:
        assert message in refused(written(tmp_path, content, name))
    assert "No such file" in refused(tmp_path / "absent.csv")
    assert "Is a directory" in refused(tmp_path)


def test_the_same_file_twice(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + ROWS)
    assert "one file is given twice" in refused([path, path])


def test_files_with_other_columns_are_not_joined(tmp_path: Path) -> None:
    other = written(tmp_path, HEAD.replace("time_s", "temp_C") + ROWS, "other.csv")
    assert "a temperature column, expected as in" in refused([written(tmp_path, HEAD + ROWS), other])


def test_gzip_bomb_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    """40 MB in 40 kB: refused after 16 MB."""
    message = refused(written(tmp_path, gzip.compress(b"0" * 40_000_000), "bomb.csv.gz"))
    size = int(message.split("unpack to over ")[1].split(", expected")[0].replace(",", ""))
    assert text.SMALL < size < text.SMALL + 2**21


def test_limits_hold_before_numbers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_ROWS", 100)
    assert "401 rows, expected at most 100" in refused(written(tmp_path, HEAD + MANY))
    monkeypatch.setattr(text, "MAX_BYTES", 1000)
    assert "bytes, expected at most 1,000" in refused(written(tmp_path, HEAD + MANY))
    assert "bytes unpack to over" in refused(written(tmp_path, HEAD + MANY * 3, "packed.csv.gz"))
    monkeypatch.setattr(text, "MAX_BYTES", 10_000)
    assert "1,002 columns, expected at most 1,000" in refused(written(tmp_path, "a," * 1001 + "b\n"))


def test_measured_arrays_have_no_mixed_units_but_are_found_when_mixed(tmp_path: Path) -> None:
    """The widest real array (heavy tails over five decades) passes; one row of it in nS, kohm beside, does not."""
    cells = array("B")
    some = (cells.cell[:3000].tolist(), cells.level[:3000].tolist(), cells.g_uS[:3000].tolist())
    rows = [f"{cell},{level},{g!r},{1e6 / g!r}" for cell, level, g in zip(*some, strict=True)]
    head = "cell,level,g_uS,r_ohm\n"
    assert len(read_cells([written(tmp_path, head + "\n".join(rows))])) == 3000
    cell, level, g, r = rows[1234].split(",")
    rows[1234] = f"{cell},{level},{float(g) * 1e3!r},{r}"
    assert "line 1236, column 'g'" in refused(written(tmp_path, head + "\n".join(rows)))


@pytest.mark.parametrize(("content", "said", "message"), [
    ("0\t0\t1e-5\t1e-5\n", {"unit": "S"}, "no rate is told"),
    ("0\t0\t1e-5\t2e-5\n", {"rate_Hz": 400}, "no unit is told"),
    ("0\t0\t1e-5\t2e-5\n", {"rate_Hz": 400, "unit": "s"}, "'s' is no unit of conductance"),
    ("0\t0\t1e-5\t2e-5\n", {"rate_Hz": 0.0, "unit": "S"}, "rate of 0.0 Hz is not > 0"),
    ("0\t0\t1e-5\n", {"rate_Hz": 400, "unit": "S"}, "line 1: 1 sample(s)"),
    ("0\t0\t1\t2\n3\tx\t1\t2\n", {"rate_Hz": 400, "unit": "S"}, "line 2: cell 'x' is not a whole number"),
    ("nan\t0\t1\t2\n", {"rate_Hz": 400, "unit": "S"}, "line 1: level 'nan' is not a whole number"),
    ("0\t0\t1\t2\n3\t0\t1\t-2\n", {"rate_Hz": 400, "unit": "S"}, "line 2, field 4: '-2' is not a conductance > 0"),
    ("0\t0\t1\tx\n", {"rate_Hz": 400, "unit": "S"}, "line 1, field 4: 'x' is not a conductance > 0"),
    ("cell,level,time_s,g_uS\n1,0,0,1\n1,0,1,1\n1,0,3,1\n", {}, "1 to 2 s apart, expected even steps"),
    ("cell,level,time_s,g_uS\n1,0,0,1\n1,1,1,1\n", {}, "cell 1 has the target levels 0 and 1, expected one"),
    ("cell,level,time_s,g_uS\n1,0,0,1\n2,0,1,1\n", {}, "cell 1 has one reading")])
def test_series_are_checked(tmp_path: Path, content: str, said: dict[str, Any], message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ProfileError) as error:
        read_series(path, **said)
    assert message in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_series_in_both_layouts_are_equal(tmp_path: Path) -> None:
    g = np.array([[10.0, 11, 12, 11], [50, 51, 52, 51]])
    wide = written(tmp_path, "".join("\t".join(["16", str(cell), *(f"{x * 1e-6!r}" for x in row)]) + "\n"
                                     for cell, row in enumerate(g.tolist())), "wide.tsv")
    long = written(tmp_path, "cell,level,time_ms,g_uS\n" + "".join(
        f"{cell},16,{2.5 * i},{x}\n" for i in range(4) for cell, x in enumerate(g[:, i].tolist())), "long.csv")
    for series in (read_series(wide, rate_Hz=400, unit="S"), read_series(long)):
        assert [(one.level, one.cell) for one in series] == [(16, 0), (16, 1)]
        assert all(one.rate_Hz == pytest.approx(400) for one in series)
        np.testing.assert_allclose([one.g_uS for one in series], g)
