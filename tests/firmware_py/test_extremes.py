"""Images and chips at their extremes: nothing breaks, and both engines give the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.replay import NO_REPLAY
from tests.firmware_py.make_bundle import CONV, INTEGERS, RESNET, Synthetic, make_bundle

pytestmark = pytest.mark.skipif(not c_engine.available(), reason="the C core is not built (no compiler)")
STUCK = (2**24, 2**25, 0, 9000)  # 0.4 % stuck low, 0.4 % stuck far above the highest level
SPECS = {"convolutions": Synthetic(nodes=CONV, faults=STUCK), "branches": Synthetic(nodes=RESNET, faults=STUCK),
         "integers": Synthetic(nodes=INTEGERS, dac_bits=4, faults=STUCK),
         "few bits": Synthetic(nodes=CONV, dac_bits=1, adc_bits=1, rows=4)}  # fmt: skip
IMAGES = {
    "all 0": np.zeros((8, 8, 1), np.uint8),
    "all 255": np.full((8, 8, 1), 255, np.uint8),
    "all the same": np.full((8, 8, 1), 7, np.uint8),
    "one pixel": np.eye(1, 64, 20, dtype=np.uint8).reshape(8, 8, 1) * 255,
    "0 and 255": (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None],
    "smallest numbers": np.full((8, 8, 1), np.float32(1e-45)),
    "minus zero": np.full((8, 8, 1), np.float32(-0.0)),
    "just 1": np.full((8, 8, 1), np.nextafter(np.float32(1), np.float32(0))),
}
# python -m tests.fuzz.extremes with 10,000 chips of "convolutions": the five with the worst tiles, the best one
WORST, BEST = (4513, 3721, 1592, 3909, 6165), 8


@pytest.fixture(scope="module", params=SPECS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(make_bundle(tmp_path_factory.mktemp("b") / "b", SPECS[request.param]))


def pair(bundle: Bundle, seed: int) -> list[Chip]:
    adapt = AdaptConfig(replay=NO_REPLAY)
    return [Chip(bundle, seed, engine, adapt=adapt) for engine in ("numpy", "c")]


def lives(chips: list[Chip], x: np.ndarray) -> list[list[np.ndarray]]:
    """What each gives before and after learning and calibration, and its SRAM."""
    found = []
    for chip in chips:
        results = [chip.logits_many(x)]
        if not chip.bundle.nodes[-1].integer:
            chip.learn_one(x[0], 1)
            results.append(chip.logits_many(x))
            chip.calibrate(x, in_core=False)
            results.append(chip.logits_many(x))
        found.append(results + list(chip.correction.arrays(chip.bundle).values()))
        assert all(np.isfinite(array).all() for array in found[-1])
    return found


@pytest.mark.parametrize("what", IMAGES)
def test_extreme_images_are_ordinary_images(bundle: Bundle, what: str) -> None:
    """Calibrated on nothing but this image, too: what a constant tells nothing about stays as it was."""
    for a, b in zip(*lives(pair(bundle, 3), np.stack([IMAGES[what]] * 3)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-6, 1 + 1e-6, 255.0])
@pytest.mark.parametrize("engine", ["numpy", "c"])
def test_what_is_no_image_is_refused_and_nothing_changes(bundle: Bundle, value: float, engine: str) -> None:
    chip = Chip(bundle, 3, engine)
    x = np.zeros((8, 8, 1), np.float32)
    x[3, 4] = value
    before = json.dumps([array.tolist() for array in chip.correction.arrays(bundle).values()])
    for use in (chip.predict_one, lambda x: chip.learn_one(x, 0), lambda x: chip.calibrate(x[None])):
        with pytest.raises(RramError) as caught:
            use(x)
        integer = str(caught.value).startswith(("learn: ", "calibrate: "))  # which an integer network says first
        assert integer or str(caught.value).startswith("image: values outside [0, 1] (or NaN) given")
    assert json.dumps([array.tolist() for array in chip.correction.arrays(bundle).values()]) == before


@pytest.mark.parametrize("seed", [*WORST, BEST, 0, 2**32 - 1, 2**32, 2**64 - 1])
def test_the_worst_of_ten_thousand_chips_work_as_any(tmp_path: Path, seed: int) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", SPECS["convolutions"]))
    chips = pair(bundle, seed)
    for layer in zip(*(chip.engine.cells for chip in chips), strict=True):
        for name in ("d", "v", "vscale"):
            np.testing.assert_array_equal(*(getattr(cells, name) for cells in layer))
    for a, b in zip(*lives(chips, bundle.calibration_x), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cells", ["all low", "all high", "halves"])
def test_a_chip_whose_cells_are_all_stuck_works_as_any(tmp_path: Path, cells: str) -> None:
    """No pair carries anything, or only that of the two stuck values: a draw of nothing but faults."""
    most = 2**32 - 1
    low = {"all low": most, "all high": 0, "halves": 2**31}[cells]
    faults = (low, most, 0, 32767)
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=CONV, faults=faults)))
    chips = pair(bundle, 1)
    values = {int(abs(value)) for layer in chips[0].engine.cells for value in np.unique(layer.d)}
    assert values <= ({0, 32767} if cells == "halves" else {0})
    for a, b in zip(*lives(chips, bundle.calibration_x), strict=True):
        np.testing.assert_array_equal(a, b)
