"""Networks of other tools as Keras models: `load(path)` reads .keras, .tflite and .onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host_tools.errors import HostError

SUFFIXES = (".keras", ".tflite", ".onnx")


def load(path: Path, pixels: tuple[float, float] | None = None) -> Any:
    """The network in a file, as a Keras model that takes images in [0, 1]; of an imported one, the logits.

    pixels: what black and white are to an imported network (None: as a quantised .tflite says, else 0 and 1); it is
    put into the first layer. HostError in one line: an unreadable file, or every operator that is not carried.
    """
    from host_tools.record import load_model

    if path.suffix not in SUFFIXES:
        raise HostError(f"{path}: expected a file that ends in one of {', '.join(SUFFIXES)}")
    if path.suffix == ".keras":
        if pixels is not None:
            raise HostError(f"--pixels: {path} is a .keras file, which takes images in [0, 1]")
        return load_model(path)
    if path.suffix == ".tflite":
        from host_tools.importers.tflite_model import from_tflite as read
    else:
        from host_tools.importers.onnx_model import from_onnx as read
    return read(path, pixels)


def read_bytes(path: Path) -> bytes:
    """The whole file. HostError where it is no readable file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}") from None
