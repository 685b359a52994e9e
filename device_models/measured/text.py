"""The text of a measured file, plain or gzip: UTF-8, of a sane size, or a ProfileError before memory is gone."""

from __future__ import annotations

import zlib
from pathlib import Path

from device_models.errors import ProfileError

MAX_BYTES = 1 << 29  # of text, some 7 million rows; reading takes about four times as much memory
MAX_EXPANSION = 200  # gzip packs tables of measured numbers 3 to 20 times
SMALL = 1 << 24  # text below this may expand as it likes

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


def read_text(path: Path) -> bytes:
    """The bytes of a UTF-8 text file (.gz: unpacked), lines ending in one newline, without a byte-order mark."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ProfileError(f"{path}: {size:,} bytes, expected at most {MAX_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from None
    packed = data.startswith(_GZIP)
    if path.suffix.lower() == ".gz" and not packed:
        raise ProfileError(f"{path}: not gzip, expected gzip as the file's name ends in .gz")
    text = _unpack(path, data) if packed else data
    return _lines(path, text)


def _unpack(path: Path, data: bytes) -> bytes:
    """All members of a gzip file, checked for size while they unpack."""
    parts: list[bytes] = []
    size, rest = 0, data
    try:
        while rest:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                part = member.decompress(rest, _CHUNK)
                rest = member.unconsumed_tail or member.unused_data
                size += len(part)
                if size > MAX_BYTES or (size > SMALL and size > MAX_EXPANSION * len(data)):
                    raise ProfileError(f"{path}: {len(data):,} bytes unpack to over {size:,}, expected at most "
                                       f"{MAX_EXPANSION} times as many and {MAX_BYTES:,}")
                parts.append(part)
                if not rest and not member.eof and not part:
                    raise ProfileError(f"{path}: the gzip data end too early: the file is cut off")
            rest = rest.lstrip(b"\0")  # padding that tape and some writers leave
    except zlib.error as error:
        raise ProfileError(f"{path}: not gzip: {error}") from None
    return b"".join(parts)


def _lines(path: Path, text: bytes) -> bytes:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ProfileError(f"{path}: UTF-16, expected UTF-8 text")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ProfileError(f"{path}, line {line}: byte 0x{text[error.start]:02x} is not UTF-8 text") from None
    if b"\0" in text:
        line = text.count(b"\n", 0, text.index(b"\0")) + 1
        raise ProfileError(f"{path}, line {line}: a zero byte, expected text")
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not text.strip():
        raise ProfileError(f"{path}: empty, expected a table")
    return text
