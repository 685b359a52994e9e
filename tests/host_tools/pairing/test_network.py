"""Networks on arrays: exact where nothing is inaccurate, the board's cells, and the spread that arithmetic expects."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.array.effects import Effects
from device_models.array.pairing import PAIRINGS, paired_macro
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.cells import Effects as BoardEffects
from firmware_py.cells import draw_conductances
from host_tools.data import scaled
from host_tools.mapping.network import map_model
from host_tools.pairing.network import BLOCK, ArrayNetwork, weights_of
from tests.host_tools.networks import CLASSES, SHAPE, L, bare, chain, conv_net, data, tables_of
from tests.host_tools.profiles import changed

WHOLE = 1e9  # standard deviations: no weight is clipped


def sliced(cells: int, bits: int) -> MacroConfig:
    return MacroConfig(pairing="bit-sliced", cells_per_weight=cells, bits_per_cell=bits)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_without_effects_it_is_the_keras_network(pairing: str) -> None:
    model, profile = conv_net(), DeviceProfile.load("charan-65nm")
    x = scaled(data().x_test)[:40]
    macro = paired_macro(MacroConfig(rows=16, cols=8, rows_active=16), profile, pairing)
    found = ArrayNetwork.program(weights_of(model, WHOLE), profile, macro, seed=0, sample=x, effects=Effects.none())
    wanted = model.predict_on_batch(x)
    np.testing.assert_allclose(found.logits(x), wanted, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_branches_and_batch_norm_are_those_of_keras(pairing: str) -> None:
    from host_tools.backend import keras

    inputs = keras.Input(SHAPE)
    a = L.Conv2D(4, 3, padding="same", use_bias=False, name="c1")(inputs)
    a = L.ReLU()(L.BatchNormalization(name="b1")(a))
    b = L.BatchNormalization(name="b2")(L.Conv2D(4, 3, padding="same", name="c2")(a))
    out = L.Dense(CLASSES, name="fc")(L.Flatten()(L.AveragePooling2D(2)(L.ReLU()(L.Add()([a, b])))))
    model, rng = keras.Model(inputs, out, name="net"), np.random.default_rng(2)
    for layer in model.layers:
        if layer.name in ("b1", "b2"):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    x, profile = scaled(data().x_test)[:40], DeviceProfile.load("charan-65nm")
    macro = paired_macro(MacroConfig(), profile, pairing)
    found = ArrayNetwork.program(weights_of(model, WHOLE), profile, macro, seed=0, sample=x, effects=Effects.none())
    wanted = model.predict_on_batch(x)
    np.testing.assert_allclose(found.logits(x), wanted, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.parametrize(("macro", "levels", "steps"), [
    (MacroConfig(), 9, 8), (MacroConfig(pairing="offset"), 17, 8), (sliced(2, 2), 4, 7), (sliced(3, 1), 2, 3),
])
def test_weights_on_levels_stay_as_they_are(macro: MacroConfig, levels: int, steps: int) -> None:
    model, rng = conv_net(), np.random.default_rng(1)
    for layer in model.layers:
        if layer.get_weights():
            kernel, *bias = layer.get_weights()
            k = rng.integers(-steps, steps + 1, kernel.shape)
            k.flat[0] = steps
            layer.set_weights([k / steps / np.sqrt(np.prod(k.shape[:-1])), *bias])
    profile = DeviceProfile.from_dict(changed(levels=list(np.linspace(20.0, 100.0, levels))))
    x = scaled(data().x_test)[:40]
    network = weights_of(model, WHOLE)
    found = ArrayNetwork.program(network, profile, macro, seed=0, sample=x, effects=Effects.only("levels"))
    wanted = model.predict_on_batch(x)
    np.testing.assert_allclose(found.logits(x), wanted, atol=1e-3 * np.abs(wanted).max())


def test_differential_cells_are_those_of_the_board() -> None:
    model, profile = conv_net(), DeviceProfile.load("charan-65nm")
    found = ArrayNetwork.program(weights_of(model), profile, MacroConfig(), seed=11, sample=scaled(data().x_test)[:8])
    tables = tables_of(profile)
    _, layers = bare(map_model(model, np.array(profile.levels.conductance_uS)))
    for i, (array, layer) in enumerate(zip(found.arrays, layers, strict=True)):
        board = draw_conductances(layer, i, tables, 11, BoardEffects()) * array.chip.compiled.g_step_us
        np.testing.assert_allclose(array.cells.g_uS, board, rtol=1e-6)


def test_the_error_of_offset_cells_is_that_of_a_cell_and_its_reference() -> None:
    """sd of a cell = half of its mean, levels 20 to 100 uS, reference at 60: a weight is (G - G_ref) clip / 40."""
    model = chain(L.Flatten(), L.Dense(CLASSES, name="fc"))
    profile = DeviceProfile.from_dict(changed(sigma=0.5, levels=[20.0, 40.0, 60.0, 80.0, 100.0]))
    x, network = scaled(data().x_test)[:20], weights_of(model)
    macro, layer = MacroConfig(pairing="offset"), network.layers[0]

    def logits(seed: int, *effects: str) -> np.ndarray:
        chip = ArrayNetwork.program(network, profile, macro, seed=seed, sample=x, effects=Effects.only(*effects))
        return chip.logits(x)

    exact = logits(0, "levels")
    squares = np.mean([(logits(seed, "levels", "programming") - exact) ** 2 for seed in range(150)], axis=(0, 1))
    target = 60 + 20 * np.rint(2 * layer.weights / layer.clip)
    of_weight = (0.5 * target * layer.clip / 40) ** 2 + (0.5 * 60 * layer.clip / 40) ** 2
    expected = np.mean((x.reshape(20, -1) ** 2) @ of_weight, axis=0)
    np.testing.assert_allclose(squares, expected, rtol=0.25)
    assert squares.mean() == pytest.approx(expected.mean(), rel=0.12)


def test_reads_differ_and_are_repeatable() -> None:
    model, profile = conv_net(), DeviceProfile.load("charan-65nm")
    x = np.repeat(scaled(data().x_test)[:1], BLOCK + 3, axis=0)
    network = weights_of(model)
    chip = ArrayNetwork.program(network, profile, MacroConfig(), seed=3, sample=x[:4])
    once = chip.logits(x)
    np.testing.assert_array_equal(once, chip.logits(x))
    assert (once[1:] != once[0]).any(axis=1).mean() > 0.9  # the same image again is another read
    assert (once[:3] != once[BLOCK:]).any()  # also in the next block
    other = ArrayNetwork.program(network, profile, MacroConfig(), seed=4, sample=x[:4])
    assert not np.allclose(once, other.logits(x))


def test_a_student_brings_its_clip_and_its_gains() -> None:
    from host_tools.backend import keras
    from host_tools.layers import RRAMConv2D, RRAMDense

    student = keras.Sequential([
        L.Input(SHAPE), RRAMConv2D(5, (3, 3), profile=changed(), w_clip=0.4, name="conv1"), L.ReLU(), L.Flatten(),
        RRAMDense(CLASSES, profile=changed(), w_clip=0.05, seed=1, name="fc")])  # fmt: skip
    student.layers[0].gain.assign(np.linspace(0.5, 2.0, 5))
    network = weights_of(student)
    assert [layer.clip for layer in network.layers] == pytest.approx([0.4, 0.05])
    x = scaled(data().x_test)[:20]
    profile = DeviceProfile.from_dict(changed())
    found = ArrayNetwork.program(network, profile, MacroConfig(), seed=0, sample=x, effects=Effects.only("levels"))
    np.testing.assert_allclose(found.logits(x), student.predict_on_batch(x), atol=2e-3)
