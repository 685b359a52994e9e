"""A stream of images and labels: lines of JSON from standard input, a file or a TCP server (format: docs/stream.md)."""

from __future__ import annotations

import base64
import binascii
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from firmware_py.errors import RramError

CONNECT_TIMEOUT_S = 10.0
BYTES_A_VALUE = 16  # of JSON text, generous: "255, " and indentation
BYTES_A_LINE = 4096  # for everything but the image


@dataclass(frozen=True)
class ImageMessage:
    """An image, uint8 of the bundle's input shape; the label may come with it or later under the same id."""

    id: str | int | None
    x: npt.NDArray[np.uint8]
    label: int | None


@dataclass(frozen=True)
class LabelMessage:
    """The label of an image sent before."""

    id: str | int
    label: int


Message = ImageMessage | LabelMessage


class BadLine(Exception):
    """A line that cannot be used: `kind` is what to count it under, the text says what was given and expected."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Decoder:
    """Turns a line into a message for a network with this input shape and this many classes."""

    shape: tuple[int, ...]
    classes: int

    @property
    def max_line(self) -> int:
        """Bytes of the longest line that is read."""
        return BYTES_A_LINE + BYTES_A_VALUE * int(np.prod(self.shape))

    def decode(self, line: bytes) -> Message:
        """The message in one line; BadLine if there is none."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadLine("json", f"not JSON ({error})") from None
        if not isinstance(message, dict):
            raise BadLine("json", f"{type(message).__name__} given, expected an object")
        name = message.get("id")
        if isinstance(name, bool) or not isinstance(name, str | int | None):
            raise BadLine("id", f"id: {type(name).__name__} given, expected a string or a whole number")
        label = None if message.get("label") is None else self._label(message["label"])
        if "x" in message or "x_b64" in message:
            return ImageMessage(name, self._image(message), label)
        if name is None or label is None:
            raise BadLine("fields", "expected 'x' or 'x_b64' (an image), or 'id' and 'label' (a label)")
        return LabelMessage(name, label)

    def _label(self, label: Any) -> int:
        if type(label) is not int or not 0 <= label < self.classes:
            most = self.classes - 1
            raise BadLine("label", f"label: {_short(label)} given, expected a whole number from 0 to {most}")
        return label

    def _image(self, message: dict[str, Any]) -> npt.NDArray[np.uint8]:
        count = int(np.prod(self.shape))
        if "x_b64" in message:
            return self._packed(message["x_b64"], count)
        try:
            x = np.array(message["x"])
        except ValueError:
            raise BadLine("shape", f"x: a ragged list given, expected {list(self.shape)} or {count} numbers") from None
        if x.shape != self.shape and x.shape != (count,):
            raise BadLine("shape", f"x: shape {list(x.shape)} given, expected {list(self.shape)} or {count} numbers")
        if x.dtype.kind not in "iu" or x.min() < 0 or x.max() > 255:
            raise BadLine("values", "x: expected whole numbers from 0 to 255")
        return x.astype(np.uint8).reshape(self.shape)

    def _packed(self, text: Any, count: int) -> npt.NDArray[np.uint8]:
        try:
            data = base64.b64decode(text, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise BadLine("values", "x_b64: not base64") from None
        if len(data) != count:
            raise BadLine("shape", f"x_b64: {len(data)} bytes given, expected {count}")
        return np.frombuffer(data, np.uint8).reshape(self.shape)


def read_messages(file: BinaryIO, decoder: Decoder) -> Iterator[Message | BadLine]:
    """Messages of `file` as they arrive; lines that cannot be used come out as BadLine, empty lines not at all.

    RramError: the connection broke.
    """
    number = 0
    while line := _read_line(file, decoder.max_line + 1):
        number += 1
        if len(line) > decoder.max_line:
            while line and not line.endswith(b"\n"):
                line = _read_line(file, 65536)
            yield _numbered(number, BadLine("too long", f"longer than {decoder.max_line} bytes"))
        elif line.strip():
            try:
                message = decoder.decode(line)
            except BadLine as error:
                yield _numbered(number, error)
            else:
                yield message


@contextmanager
def open_stream(source: str) -> Iterator[BinaryIO]:
    """Open '-' (standard input), 'tcp://host:port' (connects) or a file; RramError if that fails."""
    if source == "-":
        yield sys.stdin.buffer
    elif source.startswith("tcp://"):
        with closing(_connect(source)) as link, link.makefile("rb") as lines:
            yield cast(BinaryIO, lines)
    else:
        with _open_file(source) as file:
            yield file


def parse_address(source: str) -> tuple[str, int]:
    """Host and port of 'tcp://host:port' ([...] round an IPv6 address)."""
    host, _, port = source.removeprefix("tcp://").rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise RramError(f"stream: {source!r} given, expected tcp://host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _open_file(source: str) -> BinaryIO:
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise RramError(f"stream: {source}: {error.strerror}") from error


def _connect(source: str) -> socket.socket:
    address = parse_address(source)
    try:
        link = socket.create_connection(address, CONNECT_TIMEOUT_S)
    except (OSError, UnicodeError) as error:
        raise RramError(f"stream: {source}: {getattr(error, 'strerror', None) or error}") from error
    link.settimeout(None)  # a sensor may be silent for hours
    return link


def _read_line(file: BinaryIO, limit: int) -> bytes:
    try:
        return file.readline(limit)
    except OSError as error:
        raise RramError(f"stream: reading failed: {error.strerror or error}") from error


def _numbered(number: int, error: BadLine) -> BadLine:
    return BadLine(error.kind, f"line {number}: {error}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
