"""The MicroPython engine in this interpreter and in the real one, and what the NumPy engine says to the same jobs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firmware_py
from firmware_py import AdaptConfig, Chip, Effects
from firmware_py.bundle import Bundle
from firmware_py.cells import cells_digest
from firmware_py.numpy_engine import NumpyEngine
from firmware_py.walk import run

ENGINE = Path(firmware_py.__file__).parent / "micropython"  # as it is installed
DRIVER = Path(__file__).with_name("on_board.py")

if str(ENGINE) not in sys.path:
    sys.path.append(str(ENGINE))

Run = Callable[[dict[str, Any], Path], Any]  # of a job, in a folder
MICROPYTHON = os.environ.get("RRAM_EDGE_MICROPYTHON") or shutil.which("micropython")
REASON = "no `micropython` on the path (tox -e micropython has one), and RRAM_EDGE_MICROPYTHON names none"
needs_micropython = pytest.mark.skipif(MICROPYTHON is None, reason=REASON)


def here(job: dict[str, Any], folder: Path) -> Any:
    """A job in this interpreter, in bytecode; `folder` is not needed."""
    from tests.firmware_py.micropython.on_board import report

    return report(job)


def in_micropython(job: dict[str, Any], folder: Path, engine: Path = ENGINE) -> Any:
    """The driver's answer to a job, from the real interpreter."""
    (folder / "job.json").write_text(json.dumps(job))
    result = subprocess.run([str(MICROPYTHON), "-X", "heapsize=16M", str(DRIVER), str(folder / "job.json")],
                            env={**os.environ, "MICROPYPATH": str(engine)}, capture_output=True, text=True)  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return json.loads(result.stdout)


def job_of(bundle: Bundle, read_noise: bool, count: int = 3, seed: int = 2**63 + 5, **more: Any) -> dict[str, Any]:
    """A job on random images; some pixels are 0, as in most pictures."""
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (count, *bundle.input_shape)) * (rng.random((count, *bundle.input_shape)) < 0.7)
    flat = [image.reshape(-1).tolist() for image in images]
    return {"bundle": str(bundle.path), "seed": seed, "read_noise": read_noise, "images": flat, **more}


def numbers(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), kind)


@dataclass(frozen=True)
class Expected:
    """What the NumPy engine computes at one read counter."""

    sums: list[np.ndarray]
    logits: np.ndarray


def expected_run(engine: NumpyEngine, image: np.ndarray, read: int) -> Expected:
    sums: list[np.ndarray] = []

    def compute(i: int, a: np.ndarray) -> np.ndarray:
        y, trace = engine.forward(engine.bundle.nodes[i], a, read)
        if trace is not None:
            sums.append(trace.s.reshape(-1))
        return y

    with np.errstate(over="ignore", invalid="ignore"):
        return Expected(sums, run(engine.bundle.nodes, image[None], compute)[0])


def oracle(bundle: Bundle, job: dict[str, Any], adapt: AdaptConfig | None = None) -> Chip:
    adapt = adapt or AdaptConfig()
    if "guard" not in job.get("learning", {}):  # MicroPython has none where none is asked for
        adapt = replace(adapt, guard=None)
    chip = Chip(bundle, job["seed"], "numpy", Effects(read_noise=job["read_noise"]), adapt)
    if "begin" in job:
        chip.restore(job["begin"])
    return chip


def shaped(bundle: Bundle, image: list[int]) -> np.ndarray:
    return np.array(image, np.uint8).reshape(bundle.input_shape)


def assert_the_same_predictions(found: dict[str, Any], bundle: Bundle, job: dict[str, Any]) -> None:
    """The same die, the same sums of ADC codes, the same logits, to the bit."""
    chip = oracle(bundle, job)
    engine: Any = chip.engine
    assert found["cells"] == cells_digest(engine.cells)
    for read, (image, one) in enumerate(zip(job["images"], found["images"], strict=True), chip.correction.read):
        expected = expected_run(engine, shaped(bundle, image).astype(np.float32) / np.float32(255), read)
        assert len(one["sums"]) == len(expected.sums) > 0
        for s, wanted in zip(one["sums"], expected.sums, strict=True):
            np.testing.assert_array_equal(numbers(s, "<i4"), wanted)
        np.testing.assert_array_equal(numbers(one["logits"], "<f4"), expected.logits)
        assert one["same"]


def assert_the_same_learning(found: dict[str, Any], bundle: Bundle, job: dict[str, Any], adapt: AdaptConfig) -> Chip:
    """Classes before each label, and counters and correction after the last, to the bit; the oracle's chip."""
    chip = oracle(bundle, job, adapt)
    chip.correction.read += len(job["images"])  # one prediction each came before
    before = [chip.learn_one(shaped(bundle, image), label)
              for image, label in zip(job["images"], job["labels"], strict=True)]  # fmt: skip
    assert found["before"] == before
    assert found["counters"] == [chip.correction.step, chip.correction.read]
    for layer, given in zip(chip.correction.layers, found["correction"], strict=True):
        for key, text in zip(("gain", "offset", "value"), given, strict=False):
            np.testing.assert_array_equal(numbers(text, "<f4"), getattr(layer, key), err_msg=key)
        np.testing.assert_array_equal(numbers(given[3], "<f8"), layer.ms)
    return chip
