"""What must hold for any bytes at all: refused in one line, or a chip that works, the same on both engines."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from firmware_py import Chip, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.info import describe, lines
from firmware_py.state import load_state

MOST_TEXT = 1000  # characters of a message


def one_line(error: Exception, path: Path) -> None:
    """Every refusal: RramError, one printable line, short whatever the file says."""
    text = str(error).replace(str(path), "FILE")
    assert type(error) is RramError, f"{type(error).__name__}: {text}"
    assert text.isprintable() and 0 < len(text) <= MOST_TEXT, f"message of {len(text)} characters: {text[:200]!r}"


def try_bundle(path: Path) -> str:
    """Open a file, and use what opens; returns 'refused' or 'works'. Anything else is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning is a line or two that nobody asked for
        try:
            bundle = Bundle.open(path)
            chips = [Chip(bundle, 5, engine) for engine in (("numpy", "c") if c_engine.available() else ("numpy",))]
        except RramError as error:
            one_line(error, path)
            return "refused"
        for line in lines(describe(bundle)):
            assert line.replace(str(path), "FILE").isprintable(), f"info says {line[:200]!r}"
            line.encode()
        use(chips)
    return "works"


def use(chips: list[Chip], wild: bool = False) -> None:
    """Predict, learn, calibrate; all engines alike, and the SRAM finite to the end.

    So are the logits of a chip as programmed; `wild`: its SRAM was set by someone, to any finite numbers.
    """
    shape = chips[0].bundle.input_shape
    images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    images[1:] = np.array([0, 255], np.uint8).reshape(2, *[1] * len(shape))
    for what in ("as programmed", "after learning", "after calibration"):
        found = [chip.logits_many(images) for chip in chips]
        assert all(np.array_equal(found[0], other, equal_nan=True) for other in found), f"engines differ {what}"
        if what == "as programmed":
            assert wild or np.isfinite(found[0]).all(), f"logits are not finite {what}"
            refused = [attempt(lambda chip=chip: chip.learn_one(images[0], 0), chip) for chip in chips]
        else:
            refused = [attempt(lambda chip=chip: chip.calibrate(in_core=False), chip) for chip in chips]
        assert len(set(refused)) == 1, f"one engine refuses {what}: {refused}"
        states = [chip.correction.arrays(chip.bundle) for chip in chips]
        for name, array in states[0].items():
            assert np.isfinite(array).all(), f"{name} is not finite {what}"
            assert all(np.array_equal(array, other[name]) for other in states), f"{name} differs {what}"
    for chip in chips:  # the core's own calibration is near NumPy's, not its bits
        attempt(chip.calibrate, chip)
        assert all(np.isfinite(array).all() for array in chip.correction.arrays(chip.bundle).values()), "not finite"


def attempt(do: object, chip: Chip) -> str:
    """The message of a refusal, '' if there was none."""
    try:
        do()  # type: ignore[operator]
    except RramError as error:
        one_line(error, chip.bundle.path)
        return str(error)
    return ""


def try_state(folder: Path, digest: str, seed: int) -> str:
    """Load a state; 'refused', 'absent' or 'works'."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = load_state(folder, digest, seed)
        except RramError as error:
            one_line(error, folder)
            return "refused"
    if found is None:
        return "absent"
    arrays, info = found
    assert str(info).replace(str(folder), "FOLDER").isprintable(), str(info)[:200]
    assert all(isinstance(name, str) and array.dtype.isnative for name, array in arrays.items())
    return "works"
