"""Saving a network with a readable record of where it comes from, inside the .keras file; and reading both back."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from host_tools import console
from host_tools.errors import HostError

MEMBER = "rram_edge.json"  # a further member of the zip that a .keras file is; Keras ignores it


def save_model(model: Any, path: Path, record: dict[str, Any]) -> None:
    """Write `model` and `record` (JSON types) to `path` in one step: either the whole new file is there, or the old
    one still is."""
    check_output(path)
    from host_tools.backend import keras

    record = {**record, "versions": {"keras": keras.version(), "numpy": np.__version__}}
    handle, name = tempfile.mkstemp(suffix=".keras", prefix=f".{path.stem}-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        _bare(model).save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(MEMBER, json.dumps(record, indent=2, sort_keys=True))
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _bare(model: Any) -> Any:
    """The model without its optimiser, whose moments would treble the file."""
    if getattr(model, "optimizer", None) is None:
        return model
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def check_output(path: Path) -> None:
    """HostError when `path` cannot become a .keras file: call it before a long training."""
    if path.suffix != ".keras":
        raise HostError(f"-o: {path} does not end in .keras")
    if not path.parent.is_dir():
        raise HostError(f"-o: the folder {path.parent} does not exist")
    if path.is_dir():
        raise HostError(f"-o: {path} is a folder")


def read_record(path: Path | str) -> dict[str, Any]:
    """The record in a .keras file, {} if it has none (a network of your own). HostError when it is not a .keras
    file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if MEMBER not in archive.namelist():
                return {}
            record: dict[str, Any] = json.loads(archive.read(MEMBER))
    except FileNotFoundError:
        raise HostError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, IsADirectoryError, json.JSONDecodeError) as error:
        raise HostError(f"{path}: not a .keras file ({error})") from None
    return record


def record_of(network: Path) -> dict[str, Any]:
    """The record of a .keras file; {} of another kind of network."""
    return read_record(network) if network.suffix == ".keras" else {}


def teacher_of(network: Path, record: dict[str, Any]) -> Path:
    """The teacher on record if it lies beside the student, unchanged; else the network itself, and a word about it."""
    teacher = record.get("teacher", {})
    beside = network.parent / str(teacher.get("file"))
    if teacher and beside.is_file() and sha256(beside) == teacher.get("sha256"):
        return beside
    if teacher:
        console.say(
            f"note: the teacher {beside} is not there or has changed; the ideal network is {network} without noise"
        )
    return network


def load_model(path: Path | str) -> Any:
    """The network in a .keras file, RRAM layers included. HostError when it is none."""
    read_record(path)
    from host_tools import layers  # registers the RRAM layers
    from host_tools.backend import keras

    try:
        return keras.models.load_model(path, compile=False, custom_objects={"RRAMLayer": layers.RRAMLayer})
    except (ValueError, TypeError, KeyError, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise HostError(f"{path}: Keras cannot load it ({text})") from None


def sha256(path: Path | str) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def key_of_parts(parts: Any, digits: int = 12) -> str:
    """So many hex digits of the digest of JSON types: what a result that was made of `parts` is kept by."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:digits]
