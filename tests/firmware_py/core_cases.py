"""What the tests of the C core share: engines side by side, random small networks, a skip where there is no core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from firmware_py import Effects, c_engine
from firmware_py.bundle import Bundle
from firmware_py.correction import AdaptConfig, Correction, initial_correction
from firmware_py.numpy_engine import NumpyEngine
from tests.firmware_py.make_bundle import Synthetic, contents, write

needs_core = pytest.mark.skipif(
    not c_engine.available(), reason="the C core is not built: python -m firmware_py.build_core"
)
VARIANTS = c_engine.variants() if c_engine.available() else []


def opened(folder: Path, spec: Synthetic) -> Bundle:
    """A synthetic bundle without golden vectors (they would be made by one of the engines under test)."""
    write(folder / "b", *contents(spec))
    return Bundle.open(folder / "b")


def images(spec: Synthetic, count: int, seed: int) -> np.ndarray:
    """Numbers of both signs and out of range, in a frame of zeros of any width: the core skips reads of zeros."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.4, 0.5, (count, *spec.input_shape)).astype(np.float32)
    for image in x:
        height, width = image.shape[:2]
        top, left = rng.integers(0, height + 1), rng.integers(0, width + 1)
        image[:top] = 0
        image[:, left : left + int(rng.integers(0, width + 1))] = 0
        if rng.random() < 0.2:
            image[...] = 0
    return x


def pair(bundle: Bundle, seed: int, effects: Effects, variant: str | None = None) -> tuple[Any, Any]:
    """The oracle and the core on the same chip, each with a correction of its own."""
    oracle = NumpyEngine(bundle, seed, effects, initial_correction(bundle))
    return oracle, c_engine.CEngine(bundle, seed, effects, initial_correction(bundle), variant)


def assert_same_cells(oracle: Any, engine: Any) -> None:
    for ours, theirs in zip(engine.cells, oracle.cells, strict=True):
        np.testing.assert_array_equal(ours.d, theirs.d)
        np.testing.assert_array_equal(ours.v, theirs.v)
        np.testing.assert_array_equal(ours.vscale, theirs.vscale)


def assert_same_state(ours: Correction, theirs: Correction) -> None:
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        for name in ("gain", "offset", "value", "ms"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def assert_same(
    bundle: Bundle, effects: Effects, x: np.ndarray, adapt: AdaptConfig, variant: str | None = None
) -> None:
    """Cells, logits, raw sums of the first layer and three steps of learning, bit for bit."""
    oracle, engine = pair(bundle, 2**63 + 11, effects, variant)
    assert_same_cells(oracle, engine)
    read = 2**32 - 1  # the counter's upper word changes after the first image
    np.testing.assert_array_equal(engine.logits(x, read), oracle.logits(x, read))
    first = bundle.layers[0].node
    a = x.reshape(len(x), *first.in_shape) if x[0].size == np.prod(first.in_shape) else None
    if a is not None:
        np.testing.assert_array_equal(engine.raw(0, a, 5), oracle.raw(0, a, 5))
    for i in range(3):
        label = i % len(bundle.classes)
        ours, theirs = (e.learn(x[i % len(x)], label, 9 + i, i, adapt) for e in (engine, oracle))
        np.testing.assert_array_equal(ours, theirs)
    assert_same_state(engine.correction, oracle.correction)


@st.composite
def networks(draw: st.DrawFn) -> Synthetic:
    """Chains of convolutions, pools and relus with a dense layer or two behind; small, but of every shape."""
    small = st.integers(1, 3)
    shape = [draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 4))]
    start, nodes = tuple(shape), []
    for i in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["conv2d", "conv2d", "maxpool2d"]))
        window, stride = [draw(small), draw(small)], [draw(small), draw(small)]
        same = kind == "conv2d" and draw(st.booleans())
        if not same:
            window = [min(window[0], shape[0]), min(window[1], shape[1])]
        out = [-(-s // t) if same else (s - w) // t + 1 for s, w, t in zip(shape, window, stride, strict=False)]
        if kind == "conv2d":
            out.append(draw(st.one_of(st.integers(1, 10), st.integers(15, 35))))
            nodes.append({"op": kind, "name": f"conv{i}", "kernel": window, "stride": stride,
                          "padding": "same" if same else "valid", "signed": draw(st.booleans()),
                          "out": out})  # fmt: skip
        else:
            out.append(shape[2])
            nodes.append({"op": kind, "pool": window, "stride": stride})
        if draw(st.booleans()):
            nodes.append({"op": "relu"})
        shape = out
    nodes.append({"op": "flatten"})
    for i in range(draw(st.integers(1, 2))):
        if i:
            nodes.append({"op": "relu"})
        n = draw(st.one_of(st.integers(2, 9), st.integers(60, 140)))
        nodes.append({"op": "dense", "name": f"fc{i}", "signed": draw(st.booleans()), "out": [n]})
    return Synthetic(nodes=nodes, input_shape=start, seed=draw(st.integers(0, 99)), rows=draw(st.integers(1, 40)),
                     mask_share=draw(st.sampled_from([0.0, 0.1, 1.0])), dac_bits=draw(st.integers(2, 8)),
                     adc_bits=draw(st.integers(2, 16)),
                     faults=draw(st.sampled_from([(0, 0, 0, 0), (2**29, 2**30, 100, 3000)])))  # fmt: skip
