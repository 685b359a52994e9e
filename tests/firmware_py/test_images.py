"""Images from files of each kind, and one clear line for each way in which a file can be wrong."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from firmware_py.errors import RramError
from firmware_py.images import read_images

SHAPE = (2, 3, 1)
BATCH = np.arange(12, dtype=np.uint8).reshape(2, *SHAPE)
IMAGE = BATCH[1]


def npy(path: Path, x: np.ndarray) -> Path:
    np.save(path, x)
    return path


@pytest.mark.parametrize(("given", "expected"), [
    (IMAGE, IMAGE[None]), (IMAGE[..., 0], IMAGE[None]),
    (BATCH, BATCH), (BATCH[..., 0], BATCH), (BATCH.astype(int), BATCH),
])  # fmt: skip
def test_whole_numbers_in_npy_and_json(tmp_path: Path, given: np.ndarray, expected: np.ndarray) -> None:
    (tmp_path / "a.json").write_text(json.dumps(given.tolist()))
    (tmp_path / "b.json").write_text(json.dumps({"x": given.tolist()}))
    for path in (npy(tmp_path / "x.npy", given), tmp_path / "a.json", tmp_path / "b.json"):
        found = read_images(path, SHAPE)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)


def test_floats_from_0_to_1(tmp_path: Path) -> None:
    found = read_images(npy(tmp_path / "x.npy", BATCH / 255), SHAPE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BATCH / 255, rtol=1e-6)


def test_netpbm(tmp_path: Path) -> None:
    (tmp_path / "x.pgm").write_bytes(b"P5\n# a comment\n3 2\n255\n" + IMAGE.tobytes())
    np.testing.assert_array_equal(read_images(tmp_path / "x.pgm", SHAPE), IMAGE[None])
    colour = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    (tmp_path / "x.ppm").write_bytes(b"P6 3 2 255 " + colour.tobytes())
    np.testing.assert_array_equal(read_images(tmp_path / "x.ppm", (2, 3, 3)), colour[None])


def png(image: np.ndarray) -> bytes:
    """An 8-bit grey PNG, written from the format's description (w3.org/TR/png)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in image)
    head = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_png_where_pillow_is(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    whole = png(IMAGE[..., 0])
    (tmp_path / "x.png").write_bytes(whole)
    np.testing.assert_array_equal(read_images(tmp_path / "x.png", SHAPE), IMAGE[None])
    for data in (b"", whole[:40], b"no image at all"):
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(RramError, match=r"x\.png: [^\n]*$"):
            read_images(tmp_path / "x.png", SHAPE)


def test_png_where_pillow_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(RramError, match="PNG needs Pillow, which is not installed"):
        read_images(tmp_path / "x.png", SHAPE)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.zeros((3, 2, 1), np.uint8), r"shape \[3, 2, 1\] given, expected \[2, 3, 1\], or a batch of these"),
        (np.zeros((0, 2, 3, 1), np.uint8), r"shape \[0, 2, 3, 1\] given"),
        (np.zeros(6, np.uint8), r"shape \[6\] given"),
        (np.full(SHAPE, 256), "int64 from 256 to 256 given, expected whole numbers from 0 to 255"),
        (np.full(SHAPE, -1), "int64 from -1 to -1 given"),
        (np.full(SHAPE, 1.5), "float64 from 1.5 to 1.5 given, .* or floats from 0 to 1"),
        (np.full(SHAPE, np.nan, np.float32), "float32 from nan to nan given"),
        (np.zeros(SHAPE, bool), "bool given"),
        (np.zeros(SHAPE, "U1"), "<U1 given"),
        (np.zeros(SHAPE, complex), "complex128 given"),
    ],
)
def test_an_array_of_the_wrong_shape_or_type(tmp_path: Path, x: np.ndarray, text: str) -> None:
    with pytest.raises(RramError, match=rf"x\.npy: {text}"):
        read_images(npy(tmp_path / "x.npy", x), SHAPE)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("x.npy", b"", "no NumPy array"),
        ("x.npy", b"\x93NUMPY\x01\x00\x08\x00garbage!", "no NumPy array"),
        ("x.npy", b"pickle", "no NumPy array"),
        ("x.json", b"{", "expected JSON"),
        ("x.json", b'{"y": []}', "expected JSON"),
        ("x.json", b"[[1, 2], [3]]", "expected JSON|shape"),
        ("x.json", b"[" * 100000, "expected JSON"),
        ("x.pgm", b"P2 3 2 255 0 0 0 0 0 0", "expected binary PGM or PPM"),
        ("x.pgm", b"P5" + b" " * 5000, "expected binary PGM or PPM"),
        ("x.pgm", b"P5 3 2 65535 ", "greatest value 65535 given, expected 255"),
        ("x.pgm", b"P5 3 2 255 12345", "5 bytes of pixels given, expected 6"),
        ("x.pgm", b"P5 999999999 999999999 255 12345", "5 bytes of pixels given"),
        ("x.ppm", b"P6 3 2 255 " + bytes(18), r"shape \[2, 3, 3\] given, expected \[2, 3, 1\]"),
        ("x.jpg", b"", r"\.jpg given, expected one of \.npy, "),
        ("x", b"", "no suffix given"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, data: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(RramError, match=rf"^{tmp_path}/{name}: ({text})[^\n]*$"):
        read_images(tmp_path / name, SHAPE)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RramError, match=r"absent\.npy: No such file or directory"):
        read_images(tmp_path / "absent.npy", SHAPE)


def test_an_archive_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=IMAGE)
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    with pytest.raises(RramError, match="an archive of arrays given"):
        read_images(tmp_path / "x.npy", SHAPE)
