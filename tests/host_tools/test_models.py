"""The networks: sizes by hand, seeds, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools import models
from host_tools.errors import HostError


def test_lenet5_has_its_61470_weights_and_gives_logits() -> None:
    model = models.build("lenet5", (28, 28, 1), 10)
    weights = sum(w.size for w in model.get_weights() if w.ndim > 1)
    assert weights == 25 * 6 + 150 * 16 + 400 * 120 + 120 * 84 + 84 * 10 == 61470
    logits = model.predict(np.random.default_rng(0).uniform(0, 1, (5, 28, 28, 1)), verbose=0)
    assert logits.shape == (5, 10) and not np.allclose(logits.sum(axis=1), 1)


@pytest.mark.parametrize(("shape", "name"), [((8, 8, 1), "tiny"), ((28, 28, 1), "lenet5"), ((28, 28, 3), "resnet8")])
def test_auto_chooses_by_the_size_of_the_images(shape: tuple[int, int, int], name: str) -> None:
    assert models.build("auto", shape, 7).name == name
    assert models.build("auto", shape, 7).output_shape == (None, 7)


def test_weights_are_a_function_of_the_seed() -> None:
    one, same, other = (models.build("tiny", (8, 8, 1), 3, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_unknown_names_and_images_too_small_are_refused() -> None:
    with pytest.raises(HostError, match="'lenet' is unknown, expected one of auto, lenet5, tiny, resnet8"):
        models.build("lenet", (28, 28, 1), 10)
    with pytest.raises(HostError, match="images are 8x8, expected at least 14x14"):
        models.build("lenet5", (8, 8, 1), 10)
