"""The state on disk survives damage of one slot, a full disk, and is refused for another bundle or chip."""

from __future__ import annotations

import hashlib
import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest

from firmware_py.errors import RramError
from firmware_py.state import Arrays, StateHeader, load_state, save_state

HEADER = StateHeader(digest=hashlib.sha256(b"bundle").hexdigest(), seed=7)


def arrays(number: int, size: int = 3) -> Arrays:
    return {
        "fc.gain": np.full(size, number, np.float32),
        "fc.ms": np.full((2, 1), number, np.float64),
        "counters": np.array([number, 2**40], np.int64),
    }


def save_numbers(folder: Path, *numbers: int) -> None:
    for number in numbers:
        save_state(folder, HEADER, arrays(number))


def load_number(folder: Path) -> int:
    """Generation of the newest state, whose every array must hold exactly what was saved with it."""
    loaded = load_state(folder, HEADER.digest, HEADER.seed)
    assert loaded is not None
    found, info = loaded
    number = int(found["fc.gain"][0])
    expected = arrays(number)
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
    assert info.generation == number
    return number


def test_an_empty_folder_holds_no_state(tmp_path: Path) -> None:
    assert load_state(tmp_path, HEADER.digest, HEADER.seed) is None
    assert load_state(tmp_path / "absent", HEADER.digest, HEADER.seed) is None


def test_saves_alternate_between_two_slots_and_the_newest_is_restored(tmp_path: Path) -> None:
    for number in range(1, 6):
        assert save_state(tmp_path / "new" / "folder", HEADER, arrays(number)) == number
        assert load_number(tmp_path / "new" / "folder") == number
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["state.a", "state.b"]


def test_the_file_is_what_the_page_says(tmp_path: Path) -> None:
    """Parsed with `struct` and `hashlib` alone, from the description at the top of state.py."""
    save_state(tmp_path, HEADER, {"g": np.array([[1.5, -2.0]], np.float32)})
    data = (tmp_path / "state.a").read_bytes()
    assert struct.unpack("<8sIIQQQ", data[:40]) == (b"RRAMSRAM", 1, 1, len(data), 1, 7)
    assert data[40:72].hex() == HEADER.digest
    assert data[72:-32] == struct.pack("<H1sBBIIff", 1, b"g", 1, 2, 1, 2, 1.5, -2.0)
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()


@pytest.mark.parametrize("newest_damaged", [True, False])
def test_every_truncation_and_bit_flip_of_one_slot_leaves_the_other(tmp_path: Path, newest_damaged: bool) -> None:
    save_numbers(tmp_path, 1, 2)  # 1 lies in slot a, 2 in slot b
    path, survivor = (tmp_path / "state.b", 1) if newest_damaged else (tmp_path / "state.a", 2)
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole[:at] + bytes([whole[at] ^ 1 << (at % 8)]) + whole[at + 1 :] for at in range(len(whole))]
    damaged += [whole + b"\0", b"\0" * len(whole)]
    for data in damaged:
        path.write_bytes(data)
        assert load_number(tmp_path) == survivor
    _, info = load_state(tmp_path, HEADER.digest, HEADER.seed) or pytest.fail("no state")
    assert len(info.damaged) == 1
    assert path.name in str(info)


def test_a_save_repairs_the_damaged_slot_first(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1, 2)
    (tmp_path / "state.a").write_bytes(b"worn out")
    save_numbers(tmp_path, 3)
    (tmp_path / "state.b").unlink()
    assert load_number(tmp_path) == 3


def test_two_damaged_slots_are_an_error_and_not_a_fresh_start(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1, 2)
    for name in ("state.a", "state.b"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(RramError, match="no valid state left"):
        load_state(tmp_path, HEADER.digest, HEADER.seed)


def test_a_well_formed_file_with_a_wrong_array_table_is_damaged(tmp_path: Path) -> None:
    """The checksum is right, the table is not: no crash and no huge allocation, at worst other names and values."""
    save_numbers(tmp_path, 1, 2)
    whole = (tmp_path / "state.b").read_bytes()
    for at in range(72, len(whole) - 32):
        body = whole[:at] + b"\xff" + whole[at + 1 : -32]
        (tmp_path / "state.b").write_bytes(body + hashlib.sha256(body).digest())
        _, info = load_state(tmp_path, HEADER.digest, HEADER.seed) or pytest.fail("no state")
        assert info.generation == (1 if info.damaged else 2)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (StateHeader(hashlib.sha256(b"other").hexdigest(), 7), "another bundle: digest .*, expected "),
        (StateHeader(HEADER.digest, 8), "another chip: seed 7, expected 8"),
    ],
)
def test_a_state_of_another_bundle_or_chip_is_refused_and_kept(
    tmp_path: Path, header: StateHeader, message: str
) -> None:
    save_numbers(tmp_path, 1, 2)
    with pytest.raises(RramError, match=message):
        load_state(tmp_path, header.digest, header.seed)
    with pytest.raises(RramError, match=message):
        save_state(tmp_path, header, arrays(3))
    assert load_number(tmp_path) == 2


def test_a_newer_format_version_is_refused(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1)
    data = bytearray((tmp_path / "state.a").read_bytes()[:-32])
    data[8:12] = struct.pack("<I", 2)
    (tmp_path / "state.a").write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(RramError, match="format version 2, expected 1"):
        load_state(tmp_path, HEADER.digest, HEADER.seed)


def test_what_is_not_finite_or_of_another_type_is_not_saved(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1)
    with pytest.raises(RramError, match=r"fc\.gain holds a value that is not finite"):
        save_state(tmp_path, HEADER, {"fc.gain": np.array([1, np.nan], np.float32)})
    with pytest.raises(RramError, match=r"fc\.gain is complex128, expected float32"):
        save_state(tmp_path, HEADER, {"fc.gain": np.array([1j])})
    assert load_number(tmp_path) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_leaves_the_old_state(tmp_path: Path) -> None:
    """A link to /dev/full at the temporary name makes the kernel answer ENOSPC to a real write."""
    save_numbers(tmp_path, 1, 2)
    (tmp_path / "state.a.tmp").symlink_to("/dev/full")
    with pytest.raises(RramError, match="No space left on device; the state saved last stays") as error:
        save_numbers(tmp_path, 3)
    assert "\n" not in str(error.value)
    assert load_number(tmp_path) == 2
    save_numbers(tmp_path, 3)
    assert load_number(tmp_path) == 3


def test_a_disk_that_fills_up_in_the_middle_of_a_file_leaves_the_old_state(tmp_path: Path) -> None:
    """A file size limit lets the first bytes through and refuses the rest, as a disk with a little space left does."""
    save_numbers(tmp_path, 1, 2)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, old[1]))
    try:
        with pytest.raises(RramError, match=r"cannot save in .*; the state saved last stays"):
            save_state(tmp_path, HEADER, arrays(3, size=1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert load_number(tmp_path) == 2
    assert not list(tmp_path.glob("*.tmp"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RramError, match="cannot save in"):
        save_numbers(tmp_path / "file", 1)
