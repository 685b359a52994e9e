"""What the tests of the C core share: engines side by side, random small networks, a skip where there is no core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from firmware_py import Effects, c_engine
from firmware_py.aging import NEW, Age
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


def pair(bundle: Bundle, seed: int, effects: Effects, variant: str | None = None, age: Age = NEW,
         adapt: AdaptConfig | None = None) -> tuple[Any, Any]:  # fmt: skip
    """The oracle and the core on the same chip, each with a correction of its own."""
    frozen = adapt.frozen(bundle) if adapt else 0
    oracle = NumpyEngine(bundle, seed, effects, initial_correction(bundle, adapt), age, frozen)
    return oracle, c_engine.CEngine(bundle, seed, effects, initial_correction(bundle, adapt), variant, age, frozen)


def assert_same_cells(oracle: Any, engine: Any) -> None:
    for ours, theirs in zip(engine.cells, oracle.cells, strict=True):
        np.testing.assert_array_equal(ours.d, theirs.d)
        np.testing.assert_array_equal(ours.v, theirs.v)
        np.testing.assert_array_equal(ours.vscale, theirs.vscale)
        assert (ours.adc is None) == (theirs.adc is None)
        if ours.adc is not None:
            np.testing.assert_array_equal(ours.adc.gain, theirs.adc.gain)
            np.testing.assert_array_equal(ours.adc.offset, theirs.adc.offset)


def assert_same_state(ours: Correction, theirs: Correction) -> None:
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        for name in ("gain", "offset", "value", "a", "b", "ms", "velocity", "covariance"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def assert_same(
    bundle: Bundle, effects: Effects, x: np.ndarray, adapt: AdaptConfig, variant: str | None = None, age: Age = NEW
) -> None:
    """Cells, logits, raw sums of the first layer and three steps of learning, bit for bit."""
    oracle, engine = pair(bundle, 2**63 + 11, effects, variant, age, adapt)
    assert_same_cells(oracle, engine)
    read = 2**32 - 1  # the counter's upper word changes after the first image
    np.testing.assert_array_equal(engine.logits(x, read), oracle.logits(x, read))
    first = bundle.layers[0].node
    a = x.reshape(len(x), *first.in_shape) if x[0].size == np.prod(first.in_shape) else None
    if a is not None:
        np.testing.assert_array_equal(engine.raw(0, a, 5), oracle.raw(0, a, 5))
    for i in range(0 if bundle.nodes[-1].integer else 3):
        label = i % len(bundle.classes)
        ours, theirs = (e.learn(x[i % len(x)], label, 9 + i, i, adapt) for e in (engine, oracle))
        np.testing.assert_array_equal(ours, theirs)
    assert_same_state(engine.correction, oracle.correction)


class Sketch:
    """A graph in the making: nodes, and the shapes of the input and of every output."""

    def __init__(self, shape: list[int]) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.shapes = [shape]

    def add(self, sources: list[int], shape: list[int], **node: Any) -> None:
        """One more node; where its source is the node before, nothing says so."""
        if sources != [len(self.nodes) - 1]:
            node["from"] = sources
        self.nodes.append(node)
        self.shapes.append(shape)

    def dangling(self) -> list[int]:
        """Outputs that nobody takes, the input where there are none."""
        taken = {source for i, node in enumerate(self.nodes) for source in node.get("from", [i - 1])}
        return [i for i in range(len(self.nodes)) if i not in taken] or [-1]


ACTIVATIONS = ["relu", "relu6", "leaky_relu", "hard_swish", "softmax"]
MOST_CHANNELS = 60
ADC_ERRORS = [{}, {}, {"adc_gain_sigma": 0.05}, {"adc_offset_sigma_lsb": 3},
              {"adc_gain_sigma": 1, "adc_offset_sigma_lsb": 40}]  # fmt: skip


def _activation(draw: st.DrawFn, sketch: Sketch, source: int) -> None:
    kind = draw(st.sampled_from(["relu", *ACTIVATIONS]))
    more = {"slope": draw(st.sampled_from([0.01, 0.3, 1.0]))} if kind == "leaky_relu" else {}
    sketch.add([source], sketch.shapes[source + 1], op=kind, **more)


def _joined(draw: st.DrawFn, sketch: Sketch, source: int, kind: str) -> None:
    """Outputs added, or one's channels behind the other's."""
    shape, behind = sketch.shapes[source + 1], len(sketch.nodes) > 0
    fits = [i - 1 for i, other in enumerate(sketch.shapes) if (other == shape if kind == "add" else
            other[:-1] == shape[:-1] and other[-1] + 3 * shape[-1] <= MOST_CHANNELS)]  # fmt: skip
    if kind == "concat" and not (fits and behind):
        return
    sources = [source, *draw(st.lists(st.sampled_from(fits), min_size=1, max_size=2 + (kind == "add")))]
    channels = shape[-1] if kind == "add" else sum(sketch.shapes[i + 1][-1] for i in sources)
    if channels <= MOST_CHANNELS:
        sketch.add(sources, [*shape[:-1], channels], op=kind)


def _windowed(draw: st.DrawFn, sketch: Sketch, source: int, kind: str, real: bool = True) -> None:
    """A convolution or pool of any kernel, stride and padding; in networks of numbers any dilation and groups."""
    small, shape = st.integers(1, 3), sketch.shapes[source + 1]
    window, stride = [draw(small), draw(small)], [draw(small), draw(small)]
    same = kind == "conv2d" and draw(st.booleans())
    if not same:
        window = [min(window[0], shape[0]), min(window[1], shape[1])]
    apart = [1, 1]
    if kind == "conv2d" and real and draw(st.booleans()):
        apart = [draw(small) if same or (w - 1) * 3 < s else 1 for w, s in zip(window, shape, strict=False)]
    span = [(w - 1) * d + 1 for w, d in zip(window, apart, strict=True)]
    out = [-(-s // t) if same else (s - w) // t + 1 for s, w, t in zip(shape, span, stride, strict=False)]
    if kind == "conv2d":
        columns = draw(st.one_of(st.integers(1, 10), st.integers(15, 35)))
        groups = draw(st.sampled_from([1, *(g for g in range(1, shape[2] + 1) if shape[2] % g == 0)])) if real else 1
        out.append(-(-columns // groups) * groups)
        more = {"name": f"conv{len(sketch.nodes)}", "kernel": window, "padding": "same" if same else "valid",
                "signed": draw(st.booleans()), "out": out, "dilation": apart, "groups": groups}  # fmt: skip
    else:
        out.append(shape[2])
        more = {"pool": window}
    sketch.add([source], out, op=kind, stride=stride, **more)


@st.composite
def networks(draw: st.DrawFn) -> Synthetic:
    """Convolutions, pools, activations, sums and joined channels, in chains and branches, with dense layers behind;
    small, of every shape."""
    sketch = Sketch([draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 4))])
    for _ in range(draw(st.integers(0, 6))):
        last = len(sketch.nodes) - 1
        source = draw(st.one_of(st.just(last), st.just(last), st.integers(-1, last)))
        kinds = ["conv2d", "conv2d", "maxpool2d", "avgpool2d", "activation", "activation", "add", "concat"]
        kind = draw(st.sampled_from(kinds))
        if kind == "activation":
            _activation(draw, sketch, source)
        elif kind in ("add", "concat"):
            _joined(draw, sketch, source, kind)
        else:
            _windowed(draw, sketch, source, kind)
    ends, n = sketch.dangling(), draw(st.one_of(st.integers(2, 9), st.integers(60, 140)))
    joined = []
    for i, end in enumerate(ends):
        sketch.add([end], [int(np.prod(sketch.shapes[end + 1]))], op="flatten")
        signed = draw(st.booleans())
        sketch.add([len(sketch.nodes) - 1], [n], op="dense", name=f"end{i}", signed=signed, out=[n])
        joined.append(len(sketch.nodes) - 1)
    if len(ends) > 1:
        kind = draw(st.sampled_from(["add", "concat"]))
        n = n if kind == "add" else n * len(ends)
        sketch.add(joined, [n], op=kind)
    if len(ends) > 1 or draw(st.booleans()):
        _activation(draw, sketch, len(sketch.nodes) - 1)
        sketch.add([len(sketch.nodes) - 1], [5], op="dense", name="fc", out=[5])
    return Synthetic(nodes=sketch.nodes, input_shape=tuple(sketch.shapes[0]), seed=draw(st.integers(0, 99)),
                     rows=draw(st.integers(1, 40)), mask_share=draw(st.sampled_from([0.0, 0.1, 1.0])),
                     dac_bits=draw(st.integers(2, 8)), adc_bits=draw(st.integers(2, 16)),
                     adc_errors=draw(st.sampled_from(ADC_ERRORS)), conversions=draw(st.integers(1, 3)),
                     drift=draw(st.sampled_from([(), (-40.0, 90.0), (3.0, 0.0)])),
                     disturb=draw(st.sampled_from([0.0, -1e-5, 1e-3])),
                     faults=draw(st.sampled_from([(0, 0, 0, 0), (2**29, 2**30, 100, 3000)])))  # fmt: skip


@st.composite
def integer_networks(draw: st.DrawFn) -> Synthetic:
    """Convolutions, thresholds, pools of sums and of codes, renamed rows and dense layers, in integers."""
    sketch = Sketch([draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 3))])
    bits = draw(st.integers(1, 8))

    def levels() -> None:
        shape, at = sketch.shapes[-1], len(sketch.nodes)
        sketch.add([at - 1], shape, op="thresholds", name=f"t{at}", levels=draw(st.integers(2, 5)))

    for _ in range(draw(st.integers(0, 3))):
        _windowed(draw, sketch, len(sketch.nodes) - 1, "conv2d", real=False)
        sketch.nodes[-1]["integer"] = True
        before = draw(st.booleans())
        if before:
            _windowed(draw, sketch, len(sketch.nodes) - 1, "maxpool2d")
        levels()
        if not before and draw(st.booleans()):
            _windowed(draw, sketch, len(sketch.nodes) - 1, "maxpool2d")
    sketch.add([len(sketch.nodes) - 1], [int(np.prod(sketch.shapes[-1]))], op="flatten")
    for i in range(draw(st.integers(1, 3))):
        if i:
            levels()
        size = sketch.shapes[-1][0]
        if len(sketch.nodes) > 1 and size <= 60 and draw(st.booleans()):  # at most 2 x 5 codes of 4 in a row
            rows = draw(st.integers(max(1, size // 2), size + 3))
            sketch.add([len(sketch.nodes) - 1], [rows], op="rename", name=f"r{i}", out=[rows])
        n = draw(st.integers(1, 40))
        sketch.add([len(sketch.nodes) - 1], [n], op="dense", name=f"fc{i}", integer=True, out=[n])
    return Synthetic(nodes=sketch.nodes, input_shape=tuple(sketch.shapes[0]), seed=draw(st.integers(0, 99)),
                     rows=draw(st.integers(1, 40)), dac_bits=bits, adc_bits=draw(st.integers(2, 16)),
                     adc_errors=draw(st.sampled_from(ADC_ERRORS)))  # fmt: skip
