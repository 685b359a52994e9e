"""The C core against the NumPy engine on a trained network: classes, logits, cells, and the SRAM after many labels."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_py import c_engine
from firmware_py.cells import Effects, cells_digest
from firmware_py.chip import Chip
from host_tools.shift import Shift
from tests.host_tools.conftest import Trained

pytestmark = pytest.mark.skipif(not c_engine.available(), reason="C core not built")
LABELS = 200


def pair(trained: Trained, effects: Effects) -> tuple[Chip, Chip]:
    """The same die on both engines."""
    c, oracle = (Chip.open(trained.files.bundle, seed=5, engine=e, effects=effects) for e in ("c", "numpy"))
    return c, oracle


@pytest.mark.parametrize("read_noise", [True, False])
def test_every_test_image_has_the_same_class_and_logits(trained: Trained, read_noise: bool) -> None:
    c, oracle = pair(trained, Effects(read_noise=read_noise))
    x = trained.data.x_test
    expected = oracle.logits_many(x)
    found = np.concatenate([c.logits_many(x[:100]), *[c.logits_one(image)[None] for image in x[100:120]],
                            c.logits_many(x[120:])])  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert np.mean(found.argmax(axis=1) == trained.data.y_test) > 0.5  # a network that does its work


def test_calibration_and_labels_leave_the_same_sram_and_untouched_cells(trained: Trained) -> None:
    c, oracle = pair(trained, Effects())
    cells = cells_digest(oracle.engine.cells)
    assert cells_digest(c.engine.cells) == cells
    shift, answers = Shift(), []
    for chip in (c, oracle):
        chip.calibrate(in_core=False)
        x, y = shift(trained.data.x_train[:LABELS]), trained.data.y_train[:LABELS]
        answers.append([chip.learn_one(image, int(label)) for image, label in zip(x, y, strict=True)])
    assert answers[0] == answers[1]
    states = [chip.correction.arrays(chip.bundle) for chip in (c, oracle)]
    start = Chip.open(trained.files.bundle).correction.arrays(oracle.bundle)
    for name, expected in states[1].items():
        np.testing.assert_allclose(states[0][name], expected, rtol=1e-5, atol=1e-7, err_msg=name)
        assert expected.size == 0 or np.any(expected != start[name]), name
    assert cells_digest(c.engine.cells) == cells_digest(oracle.engine.cells) == cells
