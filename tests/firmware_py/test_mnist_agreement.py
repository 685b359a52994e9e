"""Both engines on a trained LeNet-5 and all 10,000 MNIST test images: the same logits, classes and learning."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Chip, Effects, c_engine
from firmware_py.cells import cells_digest

BUNDLE = Path(__file__).parents[1] / "data" / "mnist-lenet5.rram.safetensors"  # an earlier student, seed 0

pytestmark = pytest.mark.skipif(not c_engine.available(), reason="the C core is not built here")


@pytest.fixture(scope="module")
def mnist(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Test images uint8 [10000, 28, 28, 1] and labels."""
    folder = shared_data / "mnist"
    pixels = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    return np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28, 1), np.frombuffer(labels, np.uint8)


def both(seed: int, effects: Effects) -> tuple[Chip, Chip]:
    """The same chip on the NumPy engine and on the C core."""
    return Chip.open(BUNDLE, seed=seed, engine="numpy", effects=effects), Chip.open(
        BUNDLE, seed=seed, engine="c", effects=effects
    )


@pytest.mark.slow
@pytest.mark.parametrize("read_noise", [True, False])
@pytest.mark.timeout(900)
def test_every_test_image_gets_the_same_logits(mnist: tuple[np.ndarray, np.ndarray], read_noise: bool) -> None:
    images, labels = mnist
    oracle, core = both(11, Effects(read_noise=read_noise))
    assert cells_digest(oracle.engine.cells) == cells_digest(core.engine.cells)
    expected, found = oracle.logits_many(images), core.logits_many(images)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert np.mean(found.argmax(axis=1) == labels) > 0.95  # and it is a network that works


def test_the_state_after_calibration_and_200_labels_is_the_same(mnist: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = mnist
    chips = both(12, Effects())
    before = [cells_digest(chip.engine.cells) for chip in chips]
    for chip in chips:
        chip.calibrate(in_core=False)
        for x, y in zip(images[:200], labels[:200], strict=True):
            chip.learn_one(x, int(y))
    oracle, core = (chip.correction.arrays(chip.bundle) for chip in chips)
    for name, expected in oracle.items():
        np.testing.assert_array_equal(core[name], expected, err_msg=name)
    assert [cells_digest(chip.engine.cells) for chip in chips] == before
