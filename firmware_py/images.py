"""Images from files for `rram-edge predict`: .npy, .json, .pgm, .ppm and, where Pillow is installed, .png."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.errors import RramError

# P5 or P6, width, height, greatest value: separated by white space and comments, then one white space before the data
NETPBM = re.compile(rb"(P[56])" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s")


def read_images(path: str | Path, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Images [n, *shape], uint8 or float32 in [0, 1], from a file with one image or a batch.

    RramError names the file, what it holds and what was expected.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RramError(f"{path}: {path.suffix or 'no suffix'} given, expected one of {', '.join(READERS)}")
    try:
        x = reader(path)
    except OSError as error:
        raise RramError(f"{path}: {error.strerror or error}") from error
    return _checked(path, x, shape)


def _checked(path: Path, x: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    batch = _batch(x, shape)
    if batch is None:
        raise RramError(f"{path}: shape {list(x.shape)} given, expected {list(shape)}, or a batch of these")
    kind, most = (np.uint8, 255) if batch.dtype.kind in "iu" else (np.float32, 1)
    if batch.dtype.kind not in "iuf" or not np.all((batch >= 0) & (batch <= most)):  # also refuses NaN
        given = f"{batch.dtype} from {batch.min()} to {batch.max()}" if batch.dtype.kind in "iuf" else batch.dtype
        raise RramError(f"{path}: {given} given, expected whole numbers from 0 to 255, or floats from 0 to 1")
    return batch.astype(kind)


def _batch(x: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any] | None:
    """x as [n, *shape]; a last axis of one channel may be left out; None if it does not fit."""
    shapes = [shape, shape[:-1]] if len(shape) == 3 and shape[-1] == 1 else [shape]
    for wanted in shapes:
        if x.shape == wanted:
            return x.reshape(1, *shape)
        if x.shape[1:] == wanted and len(x):
            return x.reshape(-1, *shape)
    return None


def _npy(path: Path) -> npt.NDArray[Any]:
    try:
        x: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, MemoryError) as error:
        raise RramError(f"{path}: no NumPy array ({error})".splitlines()[0]) from None
    if not isinstance(x, np.ndarray):
        raise RramError(f"{path}: an archive of arrays given, expected one array (.npy)")
    return x


def _json(path: Path) -> npt.NDArray[Any]:
    try:
        document = json.loads(path.read_bytes())
        return np.array(document["x"] if isinstance(document, dict) else document)
    except (ValueError, RecursionError, KeyError):
        raise RramError(f"{path}: expected JSON: nested lists of numbers, or an object with these under 'x'") from None


def _netpbm(path: Path) -> npt.NDArray[Any]:
    """Binary PGM (P5) or PPM (P6), 8 bits: netpbm.sourceforge.net/doc/pgm.html."""
    data = path.read_bytes()
    head = NETPBM.match(data)
    if head is None:
        raise RramError(f"{path}: expected binary PGM or PPM (P5 or P6)")
    channels = 1 if head[1] == b"P5" else 3
    width, height, most = (int(head[i]) for i in (2, 3, 4))
    if most != 255:
        raise RramError(f"{path}: greatest value {most} given, expected 255")
    pixels, size = data[head.end() :], width * height * channels
    if len(pixels) < size:
        raise RramError(f"{path}: {len(pixels)} bytes of pixels given, expected {size}")
    return np.frombuffer(pixels[:size], np.uint8).reshape(height, width, channels)


def _png(path: Path) -> npt.NDArray[Any]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise RramError(f"{path}: PNG needs Pillow, which is not installed (pip install pillow)") from None
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA", "I;16", "I") else "RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise RramError(f"{path}: no PNG image that can be read ({error})") from None


READERS = {".npy": _npy, ".json": _json, ".pgm": _netpbm, ".ppm": _netpbm, ".png": _png}
