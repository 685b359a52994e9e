"""Self-test: does this machine compute what the bundle's golden vectors say? Cells bit for bit, logits within 1e-5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_py.bundle import Bundle
from firmware_py.cells import cells_digest
from firmware_py.chip import Chip, EngineName
from firmware_py.errors import RramError

TOLERANCE = 1e-5  # of the largest logit of an image


@dataclass(frozen=True)
class Check:
    """One line of a self-test; passed is None where a check could not be made."""

    engine: str
    passed: bool | None
    text: str

    def __str__(self) -> str:
        word = {True: "PASS", False: "FAIL", None: "SKIP"}[self.passed]
        return f"{word}  {self.engine:<6} {self.text}"


def selftest(bundle: Bundle, engine: EngineName = "auto", seed: int | None = None) -> list[Check]:
    """Check the golden vectors on one engine (RramError if it is not there), or with 'auto' on each that is.

    With `seed`, also that the engines agree on that chip.
    """
    names: tuple[EngineName, ...] = ("numpy", "c") if engine == "auto" else (engine,)
    checks = []
    for name in names:
        try:
            chip = Chip(bundle, seed=bundle.golden["seed"], engine=name)
        except RramError as error:
            if engine != "auto":
                raise
            checks.append(Check(name, None, str(error)))
            continue
        checks += [_cells(chip), _logits(chip)]
    return checks if seed is None else [*checks, _agreement(bundle, seed)]


def _agreement(bundle: Bundle, seed: int) -> Check:
    """Both engines on one chip: the same cells, the same logits on the golden images."""
    try:
        oracle, core = Chip(bundle, seed, "numpy"), Chip(bundle, seed, "c")
    except RramError as error:
        return Check("both", None, str(error))
    same_cells = cells_digest(oracle.engine.cells) == cells_digest(core.engine.cells)
    same_logits = np.array_equal(oracle.logits_many(bundle.golden_x), core.logits_many(bundle.golden_x))
    found = f"cells {'equal' if same_cells else 'differ'}, logits {'equal' if same_logits else 'differ'}"
    return Check("both", same_cells and same_logits, f"chip {seed}: {found}")


def _cells(chip: Chip) -> Check:
    found, expected = cells_digest(chip.engine.cells), chip.bundle.golden.get("cells_sha256")
    count = sum(2 * layer.d.size for layer in chip.engine.cells)
    if found == expected:
        return Check(chip.engine.name, True, f"{count:,} cells of chip {chip.seed}: as drawn where the bundle was made")
    text = f"cells of chip {chip.seed}: sha256 {found[:12]}, expected {str(expected)[:12]}"
    return Check(chip.engine.name, False, text)


def _logits(chip: Chip) -> Check:
    """Golden image i was read with read counter i, by a chip as programmed."""
    expected = chip.bundle.golden_logits
    found = chip.logits_many(chip.bundle.golden_x)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    error = np.abs(found.astype(np.float64) - expected) / np.where(scale > 0, scale, 1)
    worst: Any = error.max(initial=0)
    exact = "bit for bit" if np.array_equal(found, expected) else f"largest relative difference {worst:.1e}"
    if not worst <= TOLERANCE:
        text = f"logits of golden image {error.max(axis=1).argmax()}: {exact}, expected at most {TOLERANCE:.0e}"
        return Check(chip.engine.name, False, text)
    return Check(chip.engine.name, True, f"logits of {len(expected)} golden images: {exact}")
