"""Random networks with every operator in them: the MicroPython engine, here and there, against the NumPy engine."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import AdaptConfig, Replay
from firmware_py.bundle import Bundle
from tests.firmware_py.core_cases import integer_networks, networks
from tests.firmware_py.make_bundle import Synthetic, contents, write
from tests.firmware_py.micropython.cases import (
    Run,
    assert_the_same_learning,
    assert_the_same_predictions,
    here,
    in_micropython,
    job_of,
    needs_micropython,
)

from rram_edge.bundle import MACRO  # isort: skip  # on the path by cases

LABELS = 3


def carried(folder: Path, spec: Synthetic) -> Bundle:
    """The network's bundle, without what MicroPython refuses: other effects of the macro, and ageing."""
    metadata, tensors = contents(replace(spec, drift=(), disturb=0.0))
    macro = json.loads(metadata["macro"])
    metadata["macro"] = json.dumps({key: macro[key] for key in macro if key in MACRO})
    write(folder / "b", metadata, tensors)
    return Bundle.open(folder / "b")


def assert_agrees(run: Run, spec: Synthetic, read_noise: bool, optimizer: str) -> None:
    """Cells, sums, logits and, where the network can learn, the correction after labels with replay, to the bit."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = carried(Path(folder), spec)
        learns = not bundle.nodes[-1].integer
        job = job_of(bundle, read_noise, LABELS)
        if learns:
            job["labels"] = np.random.default_rng(1).integers(0, len(bundle.classes), LABELS).tolist()
            job["learning"] = {"optimizer": optimizer, "replay": [4, 1]}
        found = run(job, Path(folder))
        assert_the_same_predictions(found, bundle, job)
        if learns:
            adapt: Any = {"optimizer": optimizer}
            assert_the_same_learning(found, bundle, job, AdaptConfig(**adapt, replay=Replay(4, 1)))


@settings(max_examples=40)
@given(networks(), st.booleans(), st.sampled_from(["rms", "sgd", "sign"]))
def test_networks_in_bytecode(spec: Synthetic, read_noise: bool, optimizer: str) -> None:
    assert_agrees(here, spec, read_noise, optimizer)


@settings(max_examples=20)
@given(integer_networks(), st.booleans())
def test_integer_networks_in_bytecode(spec: Synthetic, read_noise: bool) -> None:
    assert_agrees(here, spec, read_noise, "rms")


@needs_micropython
@settings(max_examples=40)
@given(networks(), st.booleans(), st.sampled_from(["rms", "sgd", "sign"]))
def test_networks_in_micropython(spec: Synthetic, read_noise: bool, optimizer: str) -> None:
    assert_agrees(in_micropython, spec, read_noise, optimizer)


@needs_micropython
@settings(max_examples=20)
@given(integer_networks(), st.booleans())
def test_integer_networks_in_micropython(spec: Synthetic, read_noise: bool) -> None:
    assert_agrees(in_micropython, spec, read_noise, "rms")
