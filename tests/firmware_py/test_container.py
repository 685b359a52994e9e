"""The container reader: what safetensors writes comes back, and nothing damaged or hostile gets past one RramError."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firmware_py.container import MAX_HEADER, read_container
from firmware_py.errors import RramError

DTYPES = ["u1", "i1", "<u2", "<i2", "<u4", "<i4", "<f4", "<f8", "<i8"]
NAMES = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=12).filter(
    lambda name: name != "__metadata__"
)
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def container(path: Path, header: Any, body: bytes = b"") -> Path:
    """A file with this header: a document, or bytes as they are."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(dtype: Any = "U8", shape: Any = (2,), offsets: Any = (0, 2)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@SAME_FOLDER
@given(tensors=st.dictionaries(NAMES, ARRAYS, max_size=4), metadata=st.dictionaries(NAMES, st.text(max_size=20)))
def test_what_the_library_writes_comes_back(
    tmp_path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]
) -> None:
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed: a board")
    path = tmp_path / "library"
    path.write_bytes(library.save(tensors, metadata or None))  # it writes no JSON for an empty one
    found, arrays, codes = read_container(path)
    assert found == metadata
    assert arrays.keys() == codes.keys() == tensors.keys()
    for name, expected in tensors.items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


def test_what_is_read_cannot_be_written(tmp_path: Path) -> None:
    _, arrays, _ = read_container(container(tmp_path / "b", {"a": entry()}, b"\1\2"))
    with pytest.raises(ValueError, match="read-only"):
        arrays["a"][0] = 3


def small(path: Path) -> bytes:
    """A container with three tensors, one of them empty, one unaligned."""
    header = {
        "__metadata__": {"format": "x", "größe": "ü"},
        "a": entry("F32", [2, 2], [0, 16]),
        "b": entry("U8", [0], [16, 16]),
        "c": entry("U8", [3], [16, 19]),
        "d": entry("I16", [1], [19, 21]),
    }
    container(path, header, bytes(range(21)))
    return path.read_bytes()


def reading(path: Path) -> str:
    """The error of reading, '' if there is none; any other exception fails the test."""
    try:
        read_container(path)
    except RramError as error:
        return str(error)
    return ""


def test_no_truncation_passes(tmp_path: Path) -> None:
    whole, cut = small(tmp_path / "whole"), tmp_path / "cut"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(RramError) as caught:
            read_container(cut)
        assert str(cut) in str(caught.value)
    cut.write_bytes(whole + b"\0")
    with pytest.raises(RramError, match=r"its header describes \d+ \(truncated or padded\)$"):
        read_container(cut)


def test_a_flipped_bit_is_an_error_or_a_plain_change(tmp_path: Path) -> None:
    """What the container cannot see (names, values) is seen by the bundle's digest: test_bad_bundles."""
    whole, flipped = small(tmp_path / "whole"), tmp_path / "flipped"
    head = 8 + int.from_bytes(whole[:8], "little")
    for bit in [*range(128), *range(128, 8 * head, 5), *range(8 * head, 8 * len(whole), 40)]:
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(changed)
        assert "\n" not in reading(flipped)


@SAME_FOLDER
@given(data=st.binary(max_size=200))
def test_noise_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "noise"
    path.write_bytes(data)
    with pytest.raises(RramError):
        read_container(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["U8", "F64"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@SAME_FOLDER
@given(header=JSON | st.builds(lambda *parts: {"a": entry(*parts)}, JSON, JSON, JSON))
def test_any_header_is_read_or_refused(tmp_path: Path, header: Any) -> None:
    path = container(tmp_path / "b", header, bytes(8))
    message = reading(path)
    assert "\n" not in message
    assert len(message) < 500 + len(str(path))


LARGE = 2**40
BAD_HEADERS: dict[str, tuple[Any, str]] = {
    "a list": ([], "the header is list, expected a JSON object"),
    "no JSON": (b"{nonsense", "the header is not valid JSON"),
    "not UTF-8": (b'{"a\xff":1}', "the header is not valid JSON"),
    "half a surrogate pair": (b'{"__metadata__": {"a": "\\ud800"}}', "the header is not valid JSON"),
    "half a pair as key": (b'{"__metadata__": {"\\ud800": "a"}}', "the header is not valid JSON"),
    "a key twice": (b'{"__metadata__": {"a": "1", "a": "2"}}', "the header is not valid JSON"),
    "a tensor twice": (b'{"a": %(e)s, "a": %(e)s}' % {b"e": json.dumps(entry()).encode()}, "not valid JSON"),
    "a number of 10,000 digits": (b'{"a": ' + b"9" * 10_000 + b"}", "a"),
    "brackets": (b"[" * 100_000, "the header is not valid JSON"),
    "closed brackets": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the header is not valid JSON"),
    "metadata: number": ({"__metadata__": {"a": 1}}, "__metadata__: expected an object of strings"),
    "metadata: list": ({"__metadata__": []}, "__metadata__: expected an object of strings"),
    "tensor: number": ({"a": 5}, "a: expected dtype, shape and data_offsets"),
    "tensor: no shape": ({"a": {"dtype": "U8", "data_offsets": [0, 2]}}, "a: expected dtype, shape and data_offsets"),
    "three offsets": ({"a": entry(offsets=[0, 1, 2])}, "a: expected dtype, shape and data_offsets"),
    "dtype unknown": ({"a": entry("BF16")}, "a: dtype 'BF16' is not one of U8,"),
    "dtype a list": ({"a": entry([])}, "a: dtype [] is not one of U8,"),
    "shape text": ({"a": entry(shape="")}, "a: shape '' or offsets"),
    "shape object": ({"a": entry(shape={})}, "a: shape {} or offsets"),
    "shape negative": ({"a": entry(shape=[-1, -2])}, "a: shape [-1, -2] or offsets [0, 2] out of range"),
    "shape true": ({"a": entry(shape=[True, 2])}, "a: shape [True, 2] or offsets [0, 2] out of range"),
    "shape huge": ({"a": entry(shape=[LARGE])}, f"a: shape [{LARGE}] or offsets [0, 2] out of range"),
    "shape deep": ({"a": entry(shape=[1] * 9)}, "a: shape [1, 1, 1, 1, 1, 1, ...] or offsets"),
    "shape huge and empty": (
        {"__metadata__": {"a file": "of this size" * 100}, "a": entry("F64", [0] + [1000] * 7, [0, 0])},
        "a: shape [0, 1000, 1000, 1000, 1000, 1000, 1000, 1000] out of range",
    ),
    "shape wrong": ({"a": entry(shape=[3])}, "a: bytes 0..2 given, expected 0..3 for U8[3]"),
    "offset negative": ({"a": entry(offsets=[-2, 0])}, "a: shape [2] or offsets [-2, 0] out of range"),
    "offset infinite": (b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,Infinity]}}', "offsets [0, inf] out of"),
    "offset NaN": (b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[NaN,2]}}', "offsets [nan, 2] out of range"),
    "offset huge": ({"a": entry(offsets=[0, LARGE])}, f"a: shape [2] or offsets [0, {LARGE}] out of range"),
    "offset beyond": ({"a": entry(shape=[40], offsets=[0, 40])}, "a: bytes 0..40 given, expected 0..40 for U8[40]"),
    "offsets falling": ({"a": entry(offsets=[2, 0])}, "a: bytes 2..0 given, expected 0..2"),
    "overlap": ({"a": entry(), "b": entry(offsets=[1, 3])}, "b: bytes 1..3 given, expected 2..4"),
    "gap": ({"a": entry(), "b": entry(offsets=[4, 6])}, "b: bytes 4..6 given, expected 2..4"),
    "name of two lines": ({"a\nb": entry()}, "tensor 'a\\nb': expected a name of at most 256 printable characters"),
    "name of an escape": ({"\x1b[2J": entry()}, "expected a name of at most 256 printable characters"),
}


@pytest.mark.parametrize("what", BAD_HEADERS)
def test_a_bad_header_is_refused(tmp_path: Path, what: str) -> None:
    header, expected = BAD_HEADERS[what]
    path = container(tmp_path / "b", header, bytes(8))
    with pytest.raises(RramError) as caught:
        read_container(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 1, 3, 100, MAX_HEADER + 1, 2**63, 2**64 - 1])
def test_a_header_length_that_does_not_fit_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "b"
    path.write_bytes(size.to_bytes(8, "little") + b"{}")
    with pytest.raises(RramError, match="header"):
        read_container(path)


def test_a_header_beyond_the_limit_is_not_even_parsed(tmp_path: Path) -> None:
    path = container(tmp_path / "b", b" " * (MAX_HEADER + 1))
    with pytest.raises(RramError, match=f"header length {MAX_HEADER + 1} does not fit"):
        read_container(path)


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path, text in [
        (tmp_path / "absent", "no such file"),
        (tmp_path, "is a folder, expected a bundle file"),
        (tmp_path / "empty", "the file is empty"),
        (tmp_path / "empty" / "below", "cannot be read: Not a directory"),
    ]:
        with pytest.raises(RramError) as caught:
            read_container(path)
        assert str(caught.value).startswith(f"{path}: {text}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    path = container(tmp_path / "b", {})
    path.chmod(0)
    with pytest.raises(RramError, match="cannot be read: Permission denied"):
        read_container(path)
