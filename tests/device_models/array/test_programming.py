"""The cells of a chip are the board's own, spread and faults, whichever of both is on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.array.programming import BLOCK
from device_models.compile import compile_profile
from device_models.draws import draw_cells
from device_models.profile import DeviceProfile
from firmware_py.cells import Effects as BoardEffects
from firmware_py.cells import draw_conductances
from tests.device_models.array.setup import MACROS, matrix, profile
from tests.device_models.documents import EVIDENCE

FAULTS = {"stuck_low": {"probability": 0.05, "conductance_uS": 2.0, "evidence": EVIDENCE},
          "stuck_high": {"probability": 0.1, "conductance_uS": 55.0, "evidence": EVIDENCE}}
BOTH = Effects.only("levels", "programming", "stuck")


@pytest.mark.parametrize("device", [profile(4.0, faults=FAULTS), DeviceProfile.load("charan-65nm")],
                         ids=["faults", "charan-65nm"])
def test_the_cells_are_the_boards(device: DeviceProfile) -> None:
    """firmware_py draws them with code of its own."""
    array = Array.program(matrix(33, 17), device, clip=1.0, seed=2**40 + 7, layer=3, effects=BOTH)
    compiled, levels = compile_profile(device), array.cells.targets.level
    board = draw_conductances(SimpleNamespace(levels=levels), 3, compiled, 2**40 + 7, BoardEffects())  # type: ignore[arg-type]
    np.testing.assert_array_equal(array.cells.g_uS / compiled.g_step_us, board)


def test_blocks_do_not_show() -> None:
    rows = BLOCK // 2 // 64 + 5
    array = Array.program(matrix(rows, 64), profile(4.0, faults=FAULTS), clip=1.0, seed=9, effects=BOTH)
    expected = draw_cells(compile_profile(profile(4.0, faults=FAULTS)), array.cells.targets.level, 9, 0).uS
    np.testing.assert_array_equal(array.cells.g_uS, expected)


def test_stuck_cells_alone_leave_the_others_at_their_target() -> None:
    device = profile(4.0, faults=FAULTS)
    array = Array.program(matrix(100, 100), device, clip=1.0, seed=1, effects=Effects.only("stuck"))
    g, target = array.cells.g_uS, array.cells.targets.target_uS
    low, high, kept = (np.isclose(g, 2.0, atol=0.02), np.isclose(g, 55.0, atol=0.02), g == target)
    assert np.all(low | high | kept)
    assert abs(low.mean() - 0.05) < 5 * np.sqrt(0.05 * 0.95 / g.size)
    assert abs(high.mean() - 0.1) < 5 * np.sqrt(0.1 * 0.9 / g.size)
    both = Array.program(matrix(100, 100), profile(4.0, faults=FAULTS), clip=1.0, seed=1, effects=BOTH)
    np.testing.assert_array_equal(np.isclose(both.cells.g_uS, 55.0, atol=0.02) >= high, True)


@pytest.mark.parametrize("pairing", MACROS)
def test_without_levels_the_spread_is_the_same_around_the_continuous_target(pairing: str) -> None:
    w = matrix(60, 40)
    made = {rounded: Array.program(w, profile(2.0), MACROS[pairing], clip=1.0,
                                   effects=Effects.only("programming", *(["levels"] if rounded else []))).cells
            for rounded in (True, False)}
    off = {rounded: cells.g_uS - cells.targets.target_uS for rounded, cells in made.items()}
    assert np.array_equal(made[True].targets.level, made[False].targets.level) or pairing == "bit-sliced"
    for deviation in off.values():
        assert abs(deviation.std() / 2.0 - 1) < 0.05
        assert abs(deviation.mean()) < 0.1


def test_every_tile_has_reference_cells_of_its_own() -> None:
    cells = Array.program(matrix(40, 50), profile(3.0), MACROS["offset"], clip=1.0, effects=BOTH).cells
    assert cells.reference_uS is not None
    assert cells.reference_uS.shape == (4, 1, 40)  # 50 columns on tiles of 16
    assert abs(cells.reference_uS.std() / 3.0 - 1) < 0.2
    between = np.corrcoef(cells.reference_uS[:, 0])[np.triu_indices(4, 1)]
    assert np.abs(between).max() < 0.6  # 6 coefficients of 40 cells each: 0.16 expected
    first = (cells.g_uS - cells.targets.target_uS).ravel()[:160]
    assert abs(np.corrcoef(first, cells.reference_uS.ravel() - 30.0)[0, 1]) < 0.4  # draws of their own
