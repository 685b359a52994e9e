"""Where float32 ends: what a wild correction makes of images is defined, alike on all engines, and not learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Effects, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.correction import Correction, initial_correction
from firmware_py.graph import PARSERS, digital
from firmware_py.numpy_engine import NumpyEngine, dac
from tests.firmware_py.make_bundle import CONV, DENSE, RESNET, Synthetic, contents, make_bundle, write

F32 = np.float32
NAN, INF = F32(np.nan), F32(np.inf)
SIGNED = [{**node, "signed": True} if node["op"] == "conv2d" else node for node in CONV if node["op"] != "relu"]
NETWORKS = {"dense": DENSE, "convolutions": CONV, "branches": RESNET, "both signs": SIGNED}
WILD = [3e38, -3e38, 1e30, -1e30, 1e10, 1e-45, 0.0]
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module", params=NETWORKS)
def bundle(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(make_bundle(tmp_path_factory.mktemp("b") / "b", Synthetic(nodes=NETWORKS[request.param])))


def engines(bundle: Bundle) -> list[tuple[Any, Correction]]:
    """The oracle, and the core on every instruction set that is here."""
    corrections = [initial_correction(bundle) for _ in range(8)]
    found: list[tuple[Any, Correction]] = [(NumpyEngine(bundle, 3, Effects(), corrections[0]), corrections[0])]
    for correction, variant in zip(corrections[1:], c_engine.variants() if c_engine.available() else [], strict=False):
        found.append((c_engine.CEngine(bundle, 3, Effects(), correction, variant), correction))
    return found


def spoil(correction: Correction, seed: int) -> None:
    """A few numbers of every layer as wild as float32 lets them be."""
    rng = np.random.default_rng(seed)
    for layer in correction.layers:
        for array in (layer.gain, layer.offset, layer.value):
            for at in rng.integers(array.size, size=3) if array.size else ():
                array[at] = rng.choice(WILD)


@pytest.mark.parametrize("seed", range(12))
def test_wild_corrections_predict_and_learn_alike_and_stay_finite(bundle: Bundle, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((3, *bundle.input_shape)).astype(F32)
    adapt = AdaptConfig(optimizer="sgd" if seed % 2 else "rms", lr=100.0 if seed % 3 else 0.03)
    results = []
    for engine, correction in engines(bundle):
        spoil(correction, seed)
        before = engine.logits(x, 0)
        for i in range(3):
            engine.learn(x[i], i, 3 + i, i, adapt)
        arrays = correction.arrays(bundle)
        assert all(np.isfinite(array).all() for array in arrays.values())
        results.append([before, engine.logits(x, 6), *arrays.values()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_wild_corrections_above_do_leave_float32(tmp_path: Path) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic()))
    wild = 0
    for seed in range(12):
        engine, correction = engines(bundle)[0]
        spoil(correction, seed)
        wild += not np.isfinite(engine.logits(np.ones((1, *bundle.input_shape), F32), 0)).all()
    assert wild >= 2


def test_no_number_has_the_lowest_code_and_infinity_the_end(tmp_path: Path) -> None:
    """As docs/numerics.md says; by hand."""
    for nodes, low, high in ((DENSE, 0, 255), ([{**node, "signed": True} for node in DENSE], -127, 127)):
        layer = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=nodes, input_shape=(2, 2, 1)))).layers[0]
        codes = dac(layer, 8, np.array([[NAN, INF, -INF, 0]]))
        assert codes[0, 0].tolist() == [low, high, low, 0]


def test_relu_and_maximum_of_no_number() -> None:
    relu = PARSERS["relu"]({}, (4,), 0)
    assert digital(np.array([[NAN, INF, -INF, 2]], F32), relu).tolist() == [[0, np.inf, 0, 2]]
    pool = PARSERS["maxpool2d"]({"pool": [1, 3], "stride": [1, 3]}, (1, 6, 1), 0)
    given = np.array([1, NAN, 3, NAN, 7, INF], F32).reshape(1, 1, 6, 1)
    found = digital(given, pool).reshape(-1)
    assert found[0] == 3  # passed over, but where it comes first
    assert np.isnan(found[1])


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=pytest.mark.skipif(
    not c_engine.available(), reason="the C core is not built (no compiler)"))])  # fmt: skip
def test_a_calibration_that_leaves_float32_changes_nothing(tmp_path: Path, engine: Any) -> None:
    """Weights of 1e16 in three layers: converters hold them on the chip, nothing does in the ideal network."""
    nodes = [*DENSE[:3], {"op": "dense", "name": "fc3", "out": [9]}, {"op": "relu"}, DENSE[3]]
    metadata, tensors = contents(Synthetic(nodes=nodes))
    for name in ("fc1", "fc2", "fc3"):
        tensors[f"{name}.scales"] = np.array([1e12, 1 / 255, 1e-6], F32)
    write(tmp_path / "b", metadata, tensors)
    chip = Chip.open(tmp_path / "b", engine=engine)
    assert np.isfinite(chip.logits_one(np.ones(chip.bundle.input_shape, F32))).all()
    with pytest.raises(RramError, match=r"^calibrate: numbers out of range \(.*\); the correction stays as it was"):
        chip.calibrate()
    first = initial_correction(chip.bundle).arrays(chip.bundle) | {"counters": np.array([0, 1])}
    for name, array in chip.correction.arrays(chip.bundle).items():
        np.testing.assert_array_equal(array, first[name])


def test_a_calibration_that_would_not_fit_into_memory_is_refused_by_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = Chip.open(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE)), seed=1)
    monkeypatch.setattr("firmware_py.calibrate.memory", lambda: 2**16)
    with pytest.raises(RramError, match=r"^calibrate: fc1: 16 vectors would take 0.0 GiB, this machine has 0.0; "):
        chip.calibrate(in_core=False)
    assert chip.correction.read == 0


STATES: dict[str, tuple[str, Any, str]] = {
    "counters below 0": ("counters", np.array([-1, 0]), "counters: -1 to 0 given, expected numbers from 0 to 1e+18"),
    "counters beyond": ("counters", np.array([0, 2**63 - 1]), "counters: 0 to 9223372036854775807 given, expected"),
    "counters of floats": ("counters", np.array([0.5, 1e300]), "counters: float64[2] given, expected int64[2]"),
    "mean squares": ("fc1.ms", np.array([1, -1e-9, 0.0]), "fc1.ms: -1e-09 to 1.0 given, expected numbers from 0"),
    "wider numbers": ("fc1.gain", np.ones(12), "fc1.gain: float64[12] given, expected float32[12]"),
}


@pytest.mark.parametrize("what", STATES)
def test_a_state_that_no_chip_would_save_is_refused_and_nothing_is_taken(tmp_path: Path, what: str) -> None:
    """Whoever writes the checksum can write anything: negative counters would not fit the core's, and so on."""
    name, value, expected = STATES[what]
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE)))
    correction = initial_correction(bundle)
    first = {key: array.copy() for key, array in correction.arrays(bundle).items()}
    given = {key: array + 1 for key, array in first.items()} | {name: value}
    with pytest.raises(RramError) as caught:
        correction.load(bundle, given)
    assert str(caught.value).startswith(f"state: {expected}")
    for key, array in correction.arrays(bundle).items():
        np.testing.assert_array_equal(array, first[key])
