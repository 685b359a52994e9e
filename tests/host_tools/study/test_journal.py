"""The results file: what is found again, what is dropped, and what is refused and left alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("click", reason="a board: no workstation tools")

from host_tools.errors import HostError
from host_tools.study.journal import Journal, Layout, open_journal, write_parquet

LAYOUT = Layout({"data": "mnist", "images": "500"}, ("bundle", "digest", "levels", "seed"), ("untouched", "late"))
CHIPS = {("student", "ab", str(levels), str(seed)): {"untouched": 90 + seed / 3, "late": 95.5}
         for levels in (4, 8) for seed in range(3)}  # fmt: skip


@contextmanager
def filled(path: Path) -> Iterator[Journal]:
    """A journal with all of CHIPS."""
    with open_journal(path, LAYOUT) as journal:
        for key, values in CHIPS.items():
            journal.add(key, values)
        yield journal


def test_what_was_added_is_found_again_to_the_last_bit_and_a_csv_reader_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with filled(path):
        pass
    with open_journal(path, LAYOUT) as journal:
        assert journal.found == CHIPS
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[4] == LAYOUT.constants | {"bundle": "student", "digest": "ab", "levels": "8", "seed": "1",
                                          "untouched": repr(90 + 1 / 3), "late": "95.5"}  # fmt: skip


def test_every_half_written_end_is_dropped_and_only_its_chip_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with filled(path):
        pass
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        with open_journal(path, LAYOUT) as journal:
            assert list(journal.found) == list(CHIPS)[:-1]
            journal.add(*list(CHIPS.items())[-1])
        assert path.read_bytes() == whole


def test_a_half_written_head_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with filled(path):
        pass
    head = path.read_bytes().split(b"\n")[0]
    for end in range(len(head)):
        path.write_bytes(head[:end])
        with open_journal(path, LAYOUT) as journal:
            assert journal.found == {}
        assert path.read_bytes() == head + b"\n"


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        (Layout({"data": "mnist", "images": "100"}, LAYOUT.keys, LAYOUT.values), "made with images 500, now it is 100"),
        (Layout(LAYOUT.constants, ("bundle", "digest", "seed"), LAYOUT.values), "study (columns: levels differ)"),
        (Layout(LAYOUT.constants, LAYOUT.keys, ("untouched",)), "study (columns: late differ)"),
    ],
)
def test_another_studys_file_is_refused_and_left_as_it_is(tmp_path: Path, layout: Layout, text: str) -> None:
    path = tmp_path / "r.csv"
    with filled(path):
        pass
    path.write_bytes(path.read_bytes() + b"half a li")
    before = path.read_bytes()
    with pytest.raises(HostError) as error, open_journal(path, layout):
        pass
    assert text in str(error.value)
    assert str(error.value).startswith(f"--output: {path}: made ")
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"my notes, no line end", b"my notes\n", b"\xff\xfe\x00rubbish\n\n", b"\n"])
def test_a_file_that_is_no_study_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(HostError, match="made by another study"), open_journal(path, LAYOUT):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", [(b"95.5", b"95;5"), (b",95.5", b""), (b"student", b"student,more")])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, damage: tuple[bytes, bytes]) -> None:
    path = tmp_path / "r.csv"
    with filled(path):
        pass
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(*damage)
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(HostError, match="line 3 is damaged"), open_journal(path, LAYOUT):
        pass


def test_two_studies_do_not_write_one_file(tmp_path: Path) -> None:
    with (
        filled(tmp_path / "r.csv"),
        pytest.raises(HostError, match="another study is writing it"),
        open_journal(tmp_path / "r.csv", LAYOUT),
    ):
        pass


def test_parquet_holds_the_same_table_and_says_what_made_it(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the parquet extra")
    with filled(tmp_path / "r.csv"):
        pass
    write_parquet(tmp_path / "r.csv", tmp_path / "r.parquet", LAYOUT, {"options": "abc"})
    table = parquet.read_table(tmp_path / "r.parquet")
    assert json.loads(table.schema.metadata[b"rram_study"]) == {"options": "abc"}
    rows = table.to_pylist()
    assert [row["untouched"] for row in rows] == [values["untouched"] for values in CHIPS.values()]
    assert (rows[5]["levels"], rows[5]["seed"], rows[5]["images"]) == (8, 2, "500")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.csv", "r.parquet"]
