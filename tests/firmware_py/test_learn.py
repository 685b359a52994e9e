"""One learning step: against finite differences of a float64 network, transposed maps, closed forms of the updates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firmware_py import AdaptConfig, Chip, Effects, RramError
from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.correction import count_sram, initial_correction
from firmware_py.graph import PARSERS, Node, digital
from firmware_py.learn import (
    analog_backward,
    digital_backward,
    error_codes,
    softmax_error,
)
from firmware_py.numpy_engine import NumpyEngine
from firmware_py.replay import NO_REPLAY
from firmware_py.update import Gradients, step_scales, update
from tests.firmware_py.core_cases import needs_core
from tests.firmware_py.make_bundle import CONV, DENSE, RESNET, Synthetic, make_bundle

QUIET = Effects(read_noise=False)
SGD = AdaptConfig(optimizer="sgd", lr=1.0, replay=NO_REPLAY)
GROUPS = ("gain", "offset", "value")
SAME = [
    *CONV[:3],
    {"op": "conv2d", "name": "conv2", "kernel": [3, 3], "stride": [2, 2], "padding": "same", "out": [2, 2, 7]},
    *CONV[4:],
]
FORKED = [  # two layers on the image, one output taken three times, overlapping means, an add of the same twice
    {"op": "conv2d", "name": "left", "kernel": [2, 2], "stride": [1, 1], "padding": "valid", "out": [4, 4, 3]},
    {"op": "conv2d", "name": "right", "kernel": [2, 2], "stride": [1, 1], "padding": "valid", "out": [4, 4, 3],
     "from": [-1]},
    {"op": "relu", "from": [0]},
    {"op": "add", "from": [2, 1, 2]},
    {"op": "avgpool2d", "pool": [2, 3], "stride": [1, 1]},
    {"op": "maxpool2d", "pool": [2, 3], "stride": [1, 1], "from": [3]},
    {"op": "add", "from": [4, 5]},
    {"op": "flatten"},
    {"op": "dense", "name": "fc", "signed": True, "out": [3]},
]  # fmt: skip


def opened(tmp_path: Path, spec: Synthetic, inner_dac: float = 1 / 80, adc_lsb: float = 100.0) -> Bundle:
    """A bundle whose ADC is fine and whose DACs reach far enough."""
    bundle = Bundle.open(make_bundle(tmp_path / "b", replace(spec, adc_bits=16)))
    first, *inner = [replace(layer, adc_lsb=np.float32(adc_lsb)) for layer in bundle.layers]
    inner = [replace(layer, dac_lsb=np.float32(inner_dac)) for layer in inner]
    return replace(bundle, layers=(first, *inner))


def engine_of(bundle: Bundle, effects: Effects = QUIET) -> NumpyEngine:
    return NumpyEngine(bundle, 5, effects, initial_correction(bundle))


def images(bundle: Bundle) -> np.ndarray:
    return bundle.calibration_x.astype(np.float32) / np.float32(255)


# --- the gradient -----------------------------------------------------------------------------------------------------


def positions_of(node: Node) -> np.ndarray:
    """Index [P, K] of the input that meets row k at position p; one past the end: padding. From the definition."""
    h, w, c = node.in_shape if len(node.in_shape) == 3 else (1, 1, node.in_shape[0])
    oh, ow = node.out_shape[:2] if len(node.out_shape) == 3 else (1, 1)
    index = np.full((oh * ow, node.weights[0]), h * w * c)
    for oy, ox, (k, (ky, kx, ch)) in itertools.product(
        range(oh), range(ow), enumerate(itertools.product(range(node.kernel[0]), range(node.kernel[1]), range(c)))
    ):
        y, x = oy * node.stride[0] + ky - node.pad[0], ox * node.stride[1] + kx - node.pad[1]
        if 0 <= y < h and 0 <= x < w:
            index[oy * ow + ox, k] = (y * w + x) * c + ch
    return index


def plain_layer(layer: AnalogLayer, d: np.ndarray, parameters: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """gain (x W) + offset + x M in float64, no converters; x [*in_shape] -> [P, N]."""
    weights = d.astype(np.float64) * float(layer.w_step) * parameters["gain"]
    weights[layer.mask_rows, layer.mask_cols] += parameters["value"]
    if "a" in parameters:
        weights += parameters["a"] @ parameters["b"]
    return np.append(x.reshape(-1), 0.0)[positions_of(layer.node)] @ weights + parameters["offset"]


def plain_loss(engine: NumpyEngine, parameters: list[dict[str, np.ndarray]], x: np.ndarray, label: int) -> float:
    """Cross-entropy of the float64 network."""
    values = [x.astype(np.float64)]  # the input, then the output of every node
    for node in engine.bundle.nodes:
        a = np.sum([values[source + 1] for source in node.sources], axis=0)
        if node.layer < 0:
            values.append(digital(a[None], node)[0])
            continue
        i = node.layer
        y = plain_layer(engine.bundle.layers[i], engine.cells[i].d, parameters[i], a)
        values.append(y.reshape(node.out_shape))
    a = values[-1]
    return float(np.log(np.exp(a - a.max()).sum()) + a.max() - a[label])


def parameters_of(engine: NumpyEngine) -> list[dict[str, np.ndarray]]:
    return [{g: getattr(layer, g).astype(np.float64) for g in GROUPS} for layer in engine.correction.layers]


def finite_differences(engine: NumpyEngine, x: np.ndarray, label: int) -> list[dict[str, np.ndarray]]:
    """dLoss by every gain, offset and mask value, by central differences."""
    parameters, step = parameters_of(engine), 1e-6
    gradient = [{g: np.zeros_like(values) for g, values in layer.items()} for layer in parameters]
    for layer, out in zip(parameters, gradient, strict=True):
        for group, i in ((g, i) for g in GROUPS for i in range(layer[g].size)):
            there = []
            for sign in (1, -1):
                layer[group][i] += sign * step
                there.append(plain_loss(engine, parameters, x, label))
                layer[group][i] -= sign * step
            out[group][i] = (there[0] - there[1]) / (2 * step)
    return gradient


def learned_gradient(bundle: Bundle, x: np.ndarray, label: int) -> list[dict[str, np.ndarray]]:
    """The gradient that one step of plain descent has taken: how far each parameter moved, over its step size."""
    engine = engine_of(bundle)
    before = parameters_of(engine)
    engine.learn(x, label, 0, 0, SGD)
    out = []
    for layer, old, new in zip(bundle.layers, before, parameters_of(engine), strict=True):
        scales = zip(GROUPS, step_scales(layer), strict=True)
        out.append({g: (old[g] - new[g]) / sv.astype(np.float64) ** 2 for g, sv in scales})
    return out


@pytest.mark.parametrize(
    ("nodes", "shape", "dac_lsb"),
    [(CONV, (8, 8, 1), 1 / 80), (SAME, (8, 8, 1), 1 / 80), (DENSE, (4, 5, 1), 1 / 80), (RESNET, (8, 8, 1), 1 / 80),
     (FORKED, (5, 5, 1), 1 / 20)],
    ids=["valid", "same", "dense", "resnet", "forked"],
)  # fmt: skip
def test_the_gradient_is_that_of_the_loss(
    tmp_path: Path, nodes: list[dict], shape: tuple[int, ...], dac_lsb: float
) -> None:
    """Codes of 8 bits, inputs and errors, turn it a little: the cosine of each group of each layer stays over 0.99."""
    bundle = opened(tmp_path, Synthetic(nodes=nodes, input_shape=shape, mask_share=0.2), dac_lsb)
    for label, x in enumerate(images(bundle)[:2]):
        exact = finite_differences(engine_of(bundle), x, label)
        for layer, found, expected in zip(bundle.layers, learned_gradient(bundle, x, label), exact, strict=True):
            for group in GROUPS:
                a, b = found[group], expected[group]
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert cosine > 0.99, (layer.name, group, cosine)
                assert 0.93 < np.linalg.norm(a) / np.linalg.norm(b) < 1.07, (layer.name, group)


def test_the_error_is_softmax_less_the_label() -> None:
    logits = np.array([1.0, 3.0, -2.0, 0.5], np.float32)
    p = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
    np.testing.assert_allclose(softmax_error(logits, 2), p - [0, 0, 1, 0], atol=1e-7)
    far = softmax_error(np.array([1e4, 0, -1e4], np.float32), 0)
    assert far.tolist() == [0, 0, 0]  # no overflow


@given(hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_error_codes_are_the_nearest_of_8_bits(delta: np.ndarray) -> None:
    coded = error_codes(delta)
    largest = float(np.abs(delta).max())
    if coded is None:
        assert largest < 1e-42  # too small to be divided by 127
        return
    codes, scale = coded
    if largest > 1e-36:  # beside the denormals
        assert np.abs(codes).max() == 127
        assert float(scale) == pytest.approx(largest / 127, rel=1e-6)
        assert np.abs(delta - codes * float(scale)).max() <= float(scale) * 0.50001


def test_errors_are_rounded_half_to_even() -> None:
    coded = error_codes(np.array([127, 0.5, 1.5, 2.5, -0.5, -1.5], np.float32))
    assert coded is not None
    assert coded[0].tolist() == [127, 0, 2, 2, 0, -2]


GEOMETRY = {
    "valid": ([3, 3], [1, 1], "valid", [6, 5]),
    "same": ([3, 3], [1, 1], "same", [8, 7]),
    "same, even kernel": ([2, 4], [1, 1], "same", [8, 7]),
    "strides": ([3, 2], [2, 3], "same", [4, 3]),
    "strides with gaps": ([1, 2], [3, 3], "valid", [3, 2]),
}


@pytest.mark.parametrize("kind", GEOMETRY)
def test_errors_go_back_by_the_transposed_layer(tmp_path: Path, kind: str) -> None:
    """delta x gain on the grid of 8-bit codes: the result is exact but for float32; what fell on padding is lost."""
    kernel, stride, padding, out = GEOMETRY[kind]
    node = {"op": "conv2d", "name": "b", "kernel": kernel, "stride": stride, "padding": padding, "out": [*out, 4]}
    first = {"op": "conv2d", "name": "a", "kernel": [1, 1], "stride": [1, 1], "padding": "same", "out": [8, 7, 3]}
    nodes = [first, node, {"op": "flatten"}, {"op": "dense", "name": "c", "out": [2]}]
    bundle = opened(tmp_path, Synthetic(nodes=nodes, input_shape=(8, 7, 1), mask_share=0.3))
    engine = engine_of(bundle)
    layer, correction = bundle.layers[1], engine.correction.layers[1]
    correction.gain[:] = [1, 2, 0.5, 1]
    codes = np.random.default_rng(0).integers(-127, 128, (layer.node.positions, 4))
    codes[0, 0] = 127
    delta = (codes / correction.gain / 127).astype(np.float32)
    found = analog_backward(engine, layer.node, delta)
    parameters = {**parameters_of(engine)[1], "offset": np.zeros(4)}
    size = 8 * 7 * 3
    jacobian = np.array([plain_layer(layer, engine.cells[1].d, parameters, row).reshape(-1) for row in np.eye(size)])
    exact = jacobian @ delta.astype(np.float64).reshape(-1)
    assert found.shape == (8, 7, 3)
    np.testing.assert_allclose(found.reshape(-1), exact, atol=3e-6 * np.abs(exact).max())


def test_in_a_pool_the_first_of_the_largest_gets_the_error() -> None:
    node = Node("maxpool2d", (4, 4, 2), (2, 2, 2), kernel=(2, 2), stride=(2, 2))
    x = np.ones((4, 4, 2), np.float32)  # ties everywhere
    x[2:, 2:, 1] = [[0, 5], [5, 5]]
    delta = np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2)
    dx = digital_backward(node, x[None], digital(x[None], node), delta[None])[0]
    expected = np.zeros((4, 4, 2))
    expected[0, 0], expected[0, 2], expected[2, 0], expected[2, 2, 0] = [1, 2], [3, 4], [5, 6], 7
    expected[2, 3, 1] = 8  # the first of three fives, row by row
    np.testing.assert_array_equal(dx, expected)


@given(hnp.arrays(np.float32, (5, 6, 2), elements=st.integers(0, 3).map(float)))
def test_overlapping_windows_add_their_errors(x: np.ndarray) -> None:
    """Whole numbers with many ties, against a loop that keeps the first maximum."""
    node = Node("maxpool2d", (5, 6, 2), (3, 4, 2), kernel=(3, 3), stride=(1, 1))
    delta = np.arange(24, dtype=np.float32).reshape(3, 4, 2) + 1
    expected = np.zeros((5, 6, 2))
    for i, j, c in itertools.product(range(3), range(4), range(2)):
        best = (i, j)
        for y, z in itertools.product(range(i, i + 3), range(j, j + 3)):
            if x[y, z, c] > x[best][c]:
                best = (y, z)
        expected[best][c] += delta[i, j, c]
    found = digital_backward(node, x[None], digital(x[None], node), delta[None])
    np.testing.assert_array_equal(found[0], expected)


@pytest.mark.parametrize(("pool", "stride"), [([2, 2], [2, 2]), ([3, 2], [1, 1]), ([1, 2], [2, 3]), ([5, 4], [1, 1])])
def test_a_mean_hands_its_error_to_all_of_its_window(pool: list[int], stride: list[int]) -> None:
    node = PARSERS["avgpool2d"]({"pool": pool, "stride": stride}, (5, 4, 2), 0)
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=node.in_shape).astype(np.float32), rng.normal(size=node.out_shape).astype(np.float32)
    expected = np.zeros(node.in_shape)
    for i, j, y, z in itertools.product(*map(range, (*node.out_shape[:2], *pool))):
        expected[i * stride[0] + y, j * stride[1] + z] += delta[i, j].astype(np.float64) / (pool[0] * pool[1])
    found = digital_backward(node, x[None], digital(x[None], node), delta[None])[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_relu_and_flatten_pass_what_they_must() -> None:
    relu, flatten = Node("relu", (4,), (4,)), Node("flatten", (2, 2, 1), (4,))
    y, delta = np.array([0, 1, 0, 2], np.float32), np.array([1, 2, 3, 4], np.float32)
    assert digital_backward(relu, y[None], y[None], delta[None])[0].tolist() == [0, 2, 0, 4]
    assert digital_backward(flatten, y[None], y[None], delta[None])[0].tolist() == [[[1], [2]], [[3], [4]]]


# --- the update -------------------------------------------------------------------------------------------------------


@pytest.fixture
def dense(tmp_path: Path) -> Bundle:
    return opened(tmp_path, Synthetic(nodes=DENSE, mask_share=0.3))


def random_gradients(layer: AnalogLayer, count: int) -> Iterator[Gradients]:
    rng = np.random.default_rng(8)
    for _ in range(count):
        sizes = (layer.n, layer.n, len(layer.mask_rows))
        yield Gradients(*(rng.normal(size=size).astype(np.float32) for size in sizes))


def prior_deviations(layer: AnalogLayer) -> dict[str, np.ndarray]:
    """Step scales by docs/numerics.md, section 5, in float64."""
    exponents = layer.mask_lr_exp.astype(np.float64)
    return {
        "gain": 0.1 * np.abs(layer.gain.astype(np.float64)),
        "offset": 0.1 * layer.y_std.astype(np.float64),
        "value": np.sqrt(2.0**exponents),
    }


def test_plain_descent_steps_by_prior_variance_and_rate(dense: Bundle) -> None:
    layer, correction = dense.layers[0], initial_correction(dense).layers[0]
    config = AdaptConfig(optimizer="sgd", lr=0.3, horizon=4, floor=0.1, replay=NO_REPLAY)
    expected = {g: getattr(correction, g).astype(np.float64) for g in GROUPS}
    for step, gradient in enumerate(random_gradients(layer, 6)):
        update(layer, correction, gradient, step, config)
        rate = 0.3 * max(1 - step / 4, 0.1)
        for group, sd in prior_deviations(layer).items():
            expected[group] -= rate * sd**2 * getattr(gradient, group)
    for group in GROUPS:
        np.testing.assert_allclose(getattr(correction, group), expected[group], atol=2e-6)
    assert correction.ms.tolist() == [0, 0, 0]


def test_sign_steps_by_the_rate_in_prior_deviations_whatever_the_size_of_the_gradient(dense: Bundle) -> None:
    layer, correction = dense.layers[0], initial_correction(dense).layers[0]
    config = AdaptConfig(optimizer="sign", lr=0.02, horizon=4, floor=0.1, replay=NO_REPLAY)
    expected = {g: getattr(correction, g).astype(np.float64) for g in GROUPS}
    for step, gradient in enumerate(random_gradients(layer, 6)):
        gradient.gain[0] = 0  # nothing to learn there
        update(layer, correction, gradient, step, config)
        rate = 0.02 * max(1 - step / 4, 0.1)
        for group, sd in prior_deviations(layer).items():
            g = getattr(gradient, group)
            expected[group] -= rate * sd * ((g > 0).astype(float) - (g < 0))
    for group in GROUPS:
        np.testing.assert_allclose(getattr(correction, group), expected[group], atol=2e-6)
    assert correction.gain[0] == layer.gain[0] and correction.ms.tolist() == [0, 0, 0]


def test_momentum_steps_by_the_mean_of_all_gradients_each_older_one_weighing_less(dense: Bundle) -> None:
    """Written as the sum that it is: step t takes (1 - beta) sum over s <= t of beta^(t - s) of gradient s."""
    config = AdaptConfig(optimizer="momentum", lr=0.3, horizon=4, floor=0.1, beta=0.7, replay=NO_REPLAY)
    layer, correction = dense.layers[0], initial_correction(dense, config).layers[0]
    expected = {g: getattr(correction, g).astype(np.float64) for g in GROUPS}
    seen = list(random_gradients(layer, 6))
    for t, gradient in enumerate(seen):
        update(layer, correction, replace(gradient, **{g: getattr(gradient, g).copy() for g in GROUPS}), t, config)
        rate = 0.3 * max(1 - t / 4, 0.1)
        for group, sd in prior_deviations(layer).items():
            expected[group] -= rate * sd**2 * sum(0.3 * 0.7 ** (t - s) * getattr(seen[s], group) for s in range(t + 1))
    for group in GROUPS:
        np.testing.assert_allclose(getattr(correction, group), expected[group], atol=2e-6)
    assert correction.ms.tolist() == [0, 0, 0]


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_momentum_without_a_place_for_its_state_is_refused(dense: Bundle, engine: Any) -> None:
    chip = Chip(dense, 3, engine)
    with pytest.raises(RramError, match="^adapt: optimizer: 'momentum' given, but this correction was made without"):
        chip.engine.learn(images(dense)[0], 1, 0, 0, AdaptConfig("momentum"))


def test_a_restart_forgets_the_momentum_and_nothing_else(dense: Bundle, tmp_path: Path) -> None:
    """It is undone with what it did, too; and it is counted: a float for each number."""
    chip, other = (Chip(dense, 3, "numpy", adapt=AdaptConfig("momentum")) for _ in range(2))
    for label, image in enumerate(dense.golden_x[:3]):
        chip.learn_one(image, label)
    assert all(np.abs(layer.velocity).max() > 0 for layer in chip.correction.layers)
    chip.save(tmp_path / "state")
    other.restore(tmp_path / "state")
    chip.restore(tmp_path / "state")
    for mine, theirs in zip(chip.correction.layers, other.correction.layers, strict=True):
        assert not mine.velocity.any()
        np.testing.assert_array_equal(mine.value, theirs.value)
    plain, numbers = count_sram(dense), sum(2 * layer.n + layer.mask_value.size for layer in dense.layers)
    assert chip.sram.parts == {**plain.parts, "optimizer": plain.parts["optimizer"] + 4 * numbers}


def test_rms_divides_by_the_mean_square_of_its_group(dense: Bundle) -> None:
    layer, correction = dense.layers[0], initial_correction(dense).layers[0]
    config = AdaptConfig(optimizer="rms", lr=0.05, horizon=100, floor=0.0, beta=0.7, replay=NO_REPLAY)
    expected = {g: getattr(correction, g).astype(np.float64) for g in GROUPS}
    squares: dict[str, float] = {}
    for step, gradient in enumerate(random_gradients(layer, 5)):
        update(layer, correction, gradient, step, config)
        for group, sd in prior_deviations(layer).items():
            natural = sd * getattr(gradient, group)
            now = float(np.mean(natural**2))
            squares[group] = 0.7 * squares[group] + 0.3 * now if group in squares else now
            expected[group] -= 0.05 * (1 - step / 100) * sd * natural / squares[group] ** 0.5
    for group, found in zip(GROUPS, correction.ms, strict=True):
        assert found == pytest.approx(squares[group], rel=1e-6)
        np.testing.assert_allclose(getattr(correction, group), expected[group], atol=2e-6)


def test_the_first_rms_step_of_each_group_is_the_rate_in_prior_deviations(dense: Bundle) -> None:
    """Whatever the gradient: root mean square of (step / prior deviation) = lr."""
    engine = engine_of(dense)
    before = parameters_of(engine)
    engine.learn(images(dense)[0], 1, 0, 0, AdaptConfig(lr=0.02, replay=NO_REPLAY))
    for layer, old, new in zip(dense.layers, before, parameters_of(engine), strict=True):
        for group, sd in prior_deviations(layer).items():
            moved = (new[group] - old[group]) / sd
            assert np.sqrt(np.mean(moved**2)) == pytest.approx(0.02, rel=1e-3)


def test_a_label_that_leaves_no_error_changes_nothing(dense: Bundle) -> None:
    engine = engine_of(dense)
    engine.correction.layers[1].offset[:] = [500, 0, 0, 0]
    before = {name: array.copy() for name, array in engine.correction.arrays(dense).items()}
    engine.learn(images(dense)[0], 0, 0, 0, AdaptConfig())
    for name, array in engine.correction.arrays(dense).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_learning_predicts_first_at_its_own_read(dense: Bundle) -> None:
    engine, other = engine_of(dense, Effects()), engine_of(dense, Effects())
    x = images(dense)
    np.testing.assert_array_equal(engine.learn(x[3], 2, 77, 0, AdaptConfig()), other.logits(x[3:4], 77)[0])


def test_a_network_that_begins_with_a_pool_learns(tmp_path: Path) -> None:
    """The error stops at the first analog layer; nothing before it is asked for it."""
    nodes = [{"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]}, *DENSE]
    bundle = opened(tmp_path, Synthetic(nodes=nodes))
    engine = engine_of(bundle)
    engine.learn(images(bundle)[0], 1, 0, 0, AdaptConfig())
    for layer, spec in zip(engine.correction.layers, bundle.layers, strict=True):
        assert not np.array_equal(layer.gain, spec.gain)


@pytest.mark.parametrize("optimizer", ["rms", "sgd"])
def test_labels_lower_the_loss(tmp_path: Path, optimizer: Any) -> None:
    """Four classes, each a fixed image with noise; read noise on. Judged on images that were not learned."""
    bundle = opened(tmp_path, Synthetic(nodes=DENSE, mask_share=0.3), adc_lsb=300.0)
    engine = engine_of(bundle, Effects())
    rng = np.random.default_rng(1)
    prototypes = rng.integers(0, 2, (4, 8, 8, 1))

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, 4, count)
        noisy = prototypes[labels] + 0.15 * rng.standard_normal((count, 8, 8, 1))
        return np.clip(noisy, 0, 1).astype(np.float32), labels

    def loss(x: np.ndarray, labels: np.ndarray) -> float:
        logits = engine.logits(x, 10_000).astype(np.float64)
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(x)), labels]))

    fresh = draw(100)
    before = loss(*fresh)
    lr = 0.1 if optimizer == "rms" else 3.0
    config = AdaptConfig(optimizer=optimizer, lr=lr, horizon=300, replay=NO_REPLAY)
    x, labels = draw(300)
    for step in range(300):
        engine.learn(x[step], int(labels[step]), step, step, config)
    assert loss(*fresh) < 0.6 * before
    assert (engine.logits(fresh[0], 20_000).argmax(axis=1) == fresh[1]).mean() > 0.8


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
@pytest.mark.parametrize("nodes", [RESNET, FORKED])
def test_the_last_layers_learn_as_if_all_did_and_the_first_ones_not_at_all(
    tmp_path: Path, nodes: Any, engine: Any
) -> None:
    """One step of a layer does not depend on whether those before it learn, too."""
    shape = (8, 8, 2) if nodes is RESNET else (5, 5, 1)
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=nodes, input_shape=shape, mask_share=0.2)))
    image = np.random.default_rng(4).random(shape, np.float32)
    every = Chip(bundle, 3, engine, adapt=AdaptConfig(replay=NO_REPLAY, guard=None))
    every.learn_one(image, 1)
    first, count = initial_correction(bundle), len(bundle.layers)
    for learning in range(1, count + 1):
        chip = Chip(bundle, 3, engine, adapt=AdaptConfig(replay=NO_REPLAY, guard=None, layers=learning))
        chip.learn_one(image, 1)
        for i, layer in enumerate(chip.correction.layers):
            expected = every.correction.layers[i] if i >= count - learning else first.layers[i]
            for key in ("gain", "offset", "value", "ms"):
                np.testing.assert_array_equal(getattr(layer, key), getattr(expected, key), err_msg=f"{i} {key}")
    assert any((a.gain != b.gain).any() for a, b in zip(every.correction.layers[:1], first.layers[:1], strict=True))


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_more_layers_than_there_are_cannot_learn(dense: Bundle, engine: Any) -> None:
    with pytest.raises(RramError, match=f"adapt: layers: 9 given, but .* has {len(dense.layers)}$"):
        Chip(dense, 0, engine, adapt=AdaptConfig(layers=9))
    with pytest.raises(RramError, match="adapt: layers: 0 given, expected at least 1"):
        AdaptConfig(layers=0)
