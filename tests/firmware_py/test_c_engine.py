"""The C engine as Python sees it: refusals, copies, threads, and cells that nothing changes."""

from __future__ import annotations

import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Chip, Effects, c_engine
from firmware_py.cells import cells_digest
from firmware_py.correction import AdaptConfig
from firmware_py.errors import RramError
from tests.firmware_py.core_cases import images, needs_core, opened, pair
from tests.firmware_py.make_bundle import RESNET, Synthetic, make_bundle
from tests.firmware_py.test_core_oracle import LENET5

pytestmark = needs_core


def test_a_chip_takes_the_core_by_itself_and_both_engines_predict_alike(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b")
    chip, oracle = Chip.open(path, seed=5), Chip.open(path, seed=5, engine="numpy")
    assert (chip.engine.name, oracle.engine.name) == ("c", "numpy")
    x = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1)).astype(np.uint8)
    for one in (chip, oracle):
        one.calibrate(in_core=False)
        for i in range(5):
            one.learn_one(x[i], i % 4)
    np.testing.assert_array_equal(chip.logits_many(x), oracle.logits_many(x))


def test_predictions_one_by_one_and_together_are_the_same(tmp_path: Path) -> None:
    _, engine = pair(opened(tmp_path, Synthetic()), 1, Effects())
    x = np.random.default_rng(0).random((7, 8, 8, 1), dtype=np.float32)
    one_by_one = np.concatenate([engine.logits(x[i : i + 1], 40 + i) for i in range(7)])
    np.testing.assert_array_equal(engine.logits(x, 40), one_by_one)
    np.testing.assert_array_equal(engine.logits(np.asfortranarray(x), 40), one_by_one)
    assert engine.logits(x[:0], 0).shape == (0, 4)


def test_images_of_bytes_and_of_floats_are_the_same(tmp_path: Path) -> None:
    _, engine = pair(opened(tmp_path, Synthetic()), 1, Effects())
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    expected = engine.logits(x.astype(np.float32) / np.float32(255), 3)
    np.testing.assert_array_equal(engine.logits(x, 3), expected)
    np.testing.assert_array_equal(engine.logits(x[::-1], 3), engine.logits(x[::-1].copy(), 3))


def test_neither_calibration_nor_learning_changes_a_cell(tmp_path: Path) -> None:
    chip = Chip.open(make_bundle(tmp_path / "b"), engine="c")
    before, start = cells_digest(chip.engine.cells), chip.correction.layers[0].gain.copy()
    chip.calibrate()
    for i in range(20):
        chip.learn_one(chip.bundle.golden_x[i % 4], i % 4)
    assert cells_digest(chip.engine.cells) == before
    assert not np.array_equal(chip.correction.layers[0].gain, start)


def test_wrong_inputs_are_refused_before_the_core_sees_them(tmp_path: Path) -> None:
    _, engine = pair(opened(tmp_path, Synthetic()), 1, Effects())
    x = np.zeros((1, 8, 8, 1), np.float32)
    with pytest.raises(RramError, match=r"shape \[8, 8\] given, expected \[8, 8, 1\]"):
        engine.logits(x[..., 0], 0)
    with pytest.raises(RramError, match=r"conv2: input \[8, 8, 1\] given, expected \[4, 4, 5\]"):
        engine.raw(1, x, 0)
    for label in (-1, 4):
        with pytest.raises(RramError, match="a label from 0 to 3"):
            engine.learn(x[0], label, 0, 0, AdaptConfig())


def test_an_unknown_instruction_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RramError, match="variant: 'mmx' is not one of scalar"):
        pair(opened(tmp_path, Synthetic()), 1, Effects(), "mmx")


@pytest.mark.skipif(not (Path("/proc/cpuinfo").exists() and platform.machine() == "x86_64"), reason="x86-64 Linux")
def test_the_instruction_sets_are_those_that_the_system_sees() -> None:
    flags = set(re.findall(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[0].split())
    needs = {"scalar": set(), "sse2": {"sse2"}, "avx2": {"avx2", "fma"},
             "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}  # fmt: skip
    needs["avx512vnni"] = needs["avx512"] | {"avx512_vnni"}
    assert c_engine.variants() == [name for name, need in needs.items() if need <= flags]


def test_numbers_that_are_none_do_no_harm(tmp_path: Path) -> None:
    """Chip refuses NaN; the engine itself gives some code, the same on every instruction set."""
    bundle = opened(tmp_path, Synthetic())
    x = np.full((1, 8, 8, 1), np.nan, np.float32)
    x[0, 0, 0], x[0, 1, 1] = np.inf, -np.inf
    found = [pair(bundle, 1, Effects(), variant)[1].logits(x, 0) for variant in c_engine.variants()]
    assert all(np.array_equal(found[0], other) and np.isfinite(other).all() for other in found)


def test_threads_take_turns(tmp_path: Path) -> None:
    _, engine = pair(opened(tmp_path, Synthetic()), 1, Effects())
    x = np.random.default_rng(0).random((64, 8, 8, 1), dtype=np.float32)
    expected = engine.logits(x, 0)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: engine.logits(x[i : i + 1], i)[0], range(64)))
    np.testing.assert_array_equal(np.array(found), expected)


def test_the_arena_of_lenet_is_small_and_known(tmp_path: Path) -> None:
    _, engine = pair(opened(tmp_path, replace(LENET5, mask_share=0.0234)), 1, Effects())
    cells = sum(layer.k * layer.n for layer in engine.bundle.layers)
    assert 3 * cells < engine.arena_bytes <= 252_479


def test_without_learning_the_chip_is_the_same_and_smaller(tmp_path: Path) -> None:
    spec = Synthetic(nodes=RESNET, input_shape=(8, 8, 2), mask_share=0.2)
    bundle, x = opened(tmp_path, spec), images(spec, 4, 2)
    learns, fixed = (Chip(bundle, 3, "c", learning=learning) for learning in (True, False))
    assert fixed.engine.arena_bytes < learns.engine.arena_bytes  # type: ignore[attr-defined]
    for chip in (learns, fixed):
        chip.calibrate(np.clip(x, 0, 1), in_core=True)
    np.testing.assert_array_equal(fixed.engine.logits(x, 5), learns.engine.logits(x, 5))
    before = fixed.correction.layers[-1].gain.copy()
    for engine in ("c", "numpy"):
        with pytest.raises(RramError, match="^learn: a chip without learning given, expected one opened with learning"):
            Chip(bundle, 3, engine, learning=False).learn_one(np.clip(x[0], 0, 1), 0)  # type: ignore[arg-type]
    with pytest.raises(RramError, match="^learn: [0-9] frozen layers given, expected at most [0-9]"):
        fixed.engine.learn(x[0], 0, 1, 0, AdaptConfig())
    core, logits = fixed.engine, np.empty(4, np.float32)  # a program in C that calls it all the same gets logits
    view, config = core._ffi.from_buffer, core._ffi.new("rram_adapt *", {"lr_t": 0.1})  # type: ignore[attr-defined]
    core._lib.rram_learn(core._net, view("float[]", x[0]), 1, 5, config, view("float[]", logits))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(logits, learns.engine.logits(x[:1], 5)[0])
    np.testing.assert_array_equal(fixed.correction.layers[-1].gain, before)


def test_the_fewer_layers_learn_the_less_memory_it_takes(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic(nodes=RESNET, input_shape=(8, 8, 2), mask_share=0.2))
    most = len(bundle.layers)
    arenas = [Chip(bundle, 3, "c", adapt=AdaptConfig(layers=n)).engine.arena_bytes  # type: ignore[attr-defined]
              for n in range(1, most + 1)]  # fmt: skip
    bare = Chip(bundle, 3, "c", learning=False).engine.arena_bytes  # type: ignore[attr-defined]
    whole = Chip(bundle, 3, "c").engine.arena_bytes  # type: ignore[attr-defined]
    assert bare <= arenas[0] < arenas[-1] == whole
    assert arenas == sorted(arenas)


def test_a_missing_core_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise ImportError("No module named 'firmware_py._core'")

    monkeypatch.setattr(c_engine, "import_module", missing)
    with pytest.raises(RramError, match=r"does not load \(No module.*run: python -m firmware_py.build_core"):
        c_engine.core()


def test_a_level_that_the_profile_does_not_have_is_refused(tmp_path: Path) -> None:
    """A bundle's reader refuses it, too; the core reads tables by it."""
    bundle = opened(tmp_path, Synthetic())
    first = replace(bundle.layers[0], levels=bundle.layers[0].levels + np.uint8(10))
    with pytest.raises(RramError, match=r"b: levels: a level that the profile does not have$"):
        Chip(replace(bundle, layers=(first, *bundle.layers[1:])), engine="c")
