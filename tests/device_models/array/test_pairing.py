"""Weights become cells: differential as training and export do it, offset around a middle level, digits in slices."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.array.pairing import Targets, targets
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from tests.device_models.array.setup import F64, MACROS, matrix, profile


def share(rows: int = 20, cols: int = 9) -> F64:
    return np.concatenate([matrix(rows, cols), [[0.0] * cols, [1.0] * cols, [-1.0] * cols]])


def weights_of(cells: Targets) -> F64:
    """What the targets mean, by the definition of place value and reference."""
    total = np.zeros(cells.target_uS.shape[1:])
    for column in cells.columns:
        minus = cells.target_uS[column.minus] if column.minus is not None else cells.reference_uS[column.plus]  # type: ignore[index]
        total += column.place * (cells.target_uS[column.plus] - minus)
    return total * cells.weight_per_uS


@pytest.mark.parametrize("pairing", MACROS)
def test_continuous_targets_mean_the_weights(pairing: str) -> None:
    np.testing.assert_allclose(weights_of(targets(share(), profile(), MACROS[pairing], 2.5, False)), 2.5 * share(),
                               atol=1e-12)


@pytest.mark.parametrize(("pairing", "step"), [("differential", 1 / 4), ("offset", 1 / 2), ("bit-sliced", 1 / 31)])
def test_levels_are_off_by_half_a_step_at_most(pairing: str, step: float) -> None:
    found = weights_of(targets(share(), profile(), MACROS[pairing], 1.0, True))
    assert np.abs(found - share()).max() <= step / 2 + 1e-12
    np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-9)
    np.testing.assert_allclose(found[-3:], share()[-3:], atol=1e-12)  # 0, clip and -clip are exact


def test_differential_levels_are_those_of_an_export() -> None:
    mapping = pytest.importorskip("host_tools.mapping.network", reason="host_tools needs click and more: a board")
    uneven = profile(levels={"conductance_uS": [10.0, 11.0, 17.0, 30.0, 50.0, 51.0],
                             "evidence": profile().levels.evidence.model_dump()})
    w = (share(60, 40) * 0.7).astype(np.float32)
    signed = mapping.nearest_levels(w, 0.7, np.array(uneven.levels.conductance_uS))
    found = targets(w / np.float32(0.7), uneven, MacroConfig(), 0.7, True).level
    np.testing.assert_array_equal(found, np.stack([np.maximum(signed, 0), np.maximum(-signed, 0)]))


def test_one_of_the_two_cells_of_a_pair_is_always_lowest() -> None:
    level = targets(share(), profile(), MACROS["differential"], 1.0, True).level
    assert np.all(level.min(axis=0) == 0)


def test_the_reference_column_stands_where_a_weight_of_zero_does() -> None:
    for pairing in ("offset", "bit-sliced"):
        found = targets(np.zeros((3, 2)), profile(), MACROS[pairing], 1.0, True)
        np.testing.assert_array_equal(found.level, np.broadcast_to(found.reference[:, None, None], found.level.shape))  # type: ignore[index]


def test_offset_takes_the_level_with_most_room_on_both_sides() -> None:
    evidence = profile().levels.evidence.model_dump()
    uneven = profile(levels={"conductance_uS": [10.0, 20.0, 28.0, 50.0], "evidence": evidence})
    found = targets(np.array([[1.0, -1.0, 0.0]]), uneven, MACROS["offset"], 1.0, False)
    np.testing.assert_allclose(found.target_uS, [[[46.0, 10.0, 28.0]]])


def test_digits_use_evenly_spaced_levels() -> None:
    ten = DeviceProfile.load("charan-65nm")
    macro = MacroConfig(pairing="bit-sliced", cells_per_weight=3, bits_per_cell=2)
    found = targets(np.array([[-1.0, 0.0, 1.0]]), ten, macro, 1.0, True)
    assert found.level[:, 0].T.tolist() == [[3, 0, 0], [0, 0, 6], [9, 9, 9]]  # codes 1, 32 and 63, digits times 3
