"""Threads: each its own chip, and all is as if it were alone; one chip for two threads is refused, never mixed up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.chip import EngineName
from firmware_py.replay import Replay
from tests.firmware_py.make_bundle import Synthetic, make_bundle

THREADS = 4
ENGINES = ["numpy", pytest.param("c", marks=pytest.mark.skipif(not c_engine.available(), reason="no C core"))]
MESSAGE = "chip: used by two threads at once, expected one: open a chip in each thread"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(make_bundle(tmp_path_factory.mktemp("b") / "b", Synthetic()))


def life(bundle: Bundle, seed: int, engine: EngineName, folder: Path) -> dict[str, np.ndarray]:
    """A whole life of chip `seed`: calibrate, predict, learn, save, restore; all that it gave, and its SRAM."""
    chip = Chip(bundle, seed, engine, adapt=AdaptConfig(replay=Replay(4, 1)))
    chip.calibrate()
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (5, *bundle.input_shape)).astype(np.uint8)
    found = {"before": chip.logits_many(x)}
    found["labels"] = np.array([chip.learn_one(image, i % 4) for i, image in enumerate(x)])
    chip.save(folder / str(seed))
    again = Chip(bundle, seed, engine)
    again.restore(folder / str(seed))
    return found | {"after": again.logits_many(x)} | again.correction.arrays(bundle)


@pytest.mark.parametrize("engine", ENGINES)
def test_many_chips_in_threads_are_as_each_alone(bundle: Bundle, tmp_path: Path, engine: EngineName) -> None:
    alone = [life(bundle, seed, engine, tmp_path / "alone") for seed in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(lambda seed: life(bundle, seed, engine, tmp_path / "together"), range(THREADS)))
    for a, b in zip(alone, together, strict=True):
        assert a.keys() == b.keys()
        for name, array in a.items():
            np.testing.assert_array_equal(b[name], array)
    assert len({array["after"].tobytes() for array in alone}) == THREADS  # each is another chip


class Waiting:
    """Stands in a chip for its engine: computes only when it is told to."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.entered, self.go = engine, threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def logits(self, x: Any, read: int) -> Any:
        self.entered.set()
        assert self.go.wait(60)
        return self.engine.logits(x, read)


USES = {
    "predict": lambda chip, x, folder: chip.predict_one(x),
    "predict many": lambda chip, x, folder: chip.predict_many(x[None]),
    "learn": lambda chip, x, folder: chip.learn_one(x, 1),
    "calibrate": lambda chip, x, folder: chip.calibrate(),
    "save": lambda chip, x, folder: chip.save(folder),
    "restore": lambda chip, x, folder: chip.restore(folder),
}


@pytest.mark.parametrize("use", USES)
def test_a_second_thread_in_a_chip_is_refused_and_the_first_goes_on(bundle: Bundle, tmp_path: Path, use: str) -> None:
    chip, x = Chip(bundle, 3), np.full(bundle.input_shape, 7, np.uint8)
    expected = Chip(bundle, 3).logits_one(x)
    chip.engine = waiting = Waiting(chip.engine)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(chip.logits_one, x)
        assert waiting.entered.wait(60)
        with pytest.raises(RramError) as caught:
            USES[use](chip, x, tmp_path)
        assert str(caught.value) == MESSAGE
        waiting.go.set()
        np.testing.assert_array_equal(first.result(), expected)
    assert (chip.correction.read, chip.correction.step) == (1, 0)
    USES[use](chip, x, tmp_path)  # free again, for any thread


def test_after_a_mistake_the_chip_is_free_again(bundle: Bundle) -> None:
    chip = Chip(bundle, 3)
    for _ in range(2):
        with pytest.raises(RramError, match="^label: 9"):
            chip.learn_one(np.zeros(bundle.input_shape, np.uint8), 9)


def test_hammered_by_threads_each_call_is_whole_or_refused(bundle: Bundle) -> None:
    """Reads are counted without a gap, and each result is that of one read counter, whoever got it."""
    chip, x = Chip(bundle, 3), np.full(bundle.input_shape, 200, np.uint8)
    results, refused = [], []

    def hammer(_: int) -> None:
        for _ in range(50):
            try:
                results.append(chip.logits_one(x).tobytes())
            except RramError as error:
                refused.append(str(error))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(hammer, range(THREADS)))
    assert len(results) + len(refused) == 50 * THREADS
    assert set(refused) <= {MESSAGE}
    assert chip.correction.read == len(results)
    single = Chip(bundle, 3)
    assert sorted(results) == sorted(single.logits_one(x).tobytes() for _ in results)
