"""What use does to an array: drift by the profile's relaxation, read disturb by counted reads, IR drop of its wires."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.array.wires import Wires, output_currents
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from tests.device_models.array.setup import F64, MACROS, NORMAL, matrix, profile, vectors
from tests.device_models.documents import EVIDENCE

WEARING = profile(read_disturb={"relative_change_per_read": -1e-3, "evidence": EVIDENCE})
DRIFTING = profile(2.0, relaxation={"aged": [{"time_s": 1e4, "spread": NORMAL | {"sigma": 5.0}}], "evidence": EVIDENCE})


def test_rows_wear_by_the_number_of_their_reads() -> None:
    w = matrix(3, 5)
    array = Array.program(w, WEARING, clip=1.0, effects=Effects.only("disturb"))
    x = np.zeros((10, 3))
    x[:, 0], x[:4, 1] = 1.0, -0.5
    first = array.multiply(x)  # the reads of this call are counted after it
    np.testing.assert_allclose(first, x @ w, atol=1e-5)
    assert array.reads.tolist() == [10, 4, 0]
    np.testing.assert_allclose(array.multiply(np.eye(3)), w * [[0.999**10], [0.999**4], [1.0]], rtol=1e-4, atol=1e-6)
    assert array.reads.tolist() == [11, 5, 1]
    array.add_reads(5000)
    np.testing.assert_allclose(array.multiply(np.eye(3))[2], w[2] * 0.999**5001, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pairing", ["offset", "bit-sliced"])
def test_reference_cells_wear_with_their_row(pairing: str) -> None:
    """All conductances of a row shrink by the same factor, so its weights do."""
    w = matrix(4, 6)
    array = Array.program(w, WEARING, MACROS[pairing], clip=1.0, effects=Effects.only("disturb"))
    array.add_reads(np.array([0, 100, 200, 300]))
    expected = w * 0.999 ** np.array([[0], [100], [200], [300]])
    np.testing.assert_allclose(array.multiply(np.eye(4)), expected, atol=1e-4)


def test_switched_off_or_absent_disturb_does_nothing() -> None:
    for device, effects in ((WEARING, Effects.none()), (profile(), Effects.only("disturb"))):
        array = Array.program(matrix(4, 6), device, clip=1.0, effects=effects)
        array.multiply(np.ones((50, 4)))
        np.testing.assert_allclose(array.multiply(np.eye(4)), matrix(4, 6), atol=1e-6)
    with pytest.raises(ProfileError, match="^reads: -1 is not >= 0$"):
        array.add_reads(-1)


def test_drift_replaces_the_spread_and_keeps_each_cells_rank() -> None:
    w = matrix(60, 60)

    def cells(time_s: float, **switches: bool) -> F64:
        effects = Effects(**{"levels": True, "programming": True} | switches)
        sample = vectors(4, 60)
        return Array.program(w, DRIFTING, clip=1.0, seed=3, time_s=time_s, effects=effects, sample=sample).cells.g_uS

    early, late = cells(0.0), cells(1e4)
    target = Array.program(w, DRIFTING, clip=1.0, effects=Effects.only("levels")).cells.targets.target_uS
    high = target > 25  # far enough from 0 uS, where a cell ends
    assert (early - target)[high].std() == pytest.approx(2.0, rel=0.05)
    assert (late - target)[high].std() == pytest.approx(5.0, rel=0.05)
    np.testing.assert_allclose((late - target)[high], 2.5 * (early - target)[high], atol=0.1)
    np.testing.assert_array_equal(cells(1e4, drift=False), early)
    with pytest.raises(ProfileError, match="^profile t: 20000 s is later than 10000 s, the last time"):
        cells(2e4)


@pytest.mark.parametrize("pairing", MACROS)
def test_wires_are_those_of_each_tile(pairing: str) -> None:
    """Against the exact nodal solution, tile by tile; a reference column is the last line of its tile."""
    macro = MACROS[pairing].model_copy(update={"wire_resistance_ohm": 20.0})
    w, x = matrix(50, 20), vectors(3, 50)
    array = Array.program(w, profile(), macro, clip=1.0, effects=Effects.only("wires"))
    cells, wires, per_row = array.cells, Wires(20.0, 20.0), macro.weights_per_row
    expected = np.zeros((3, 20))
    for column in cells.targets.columns:
        for top in (slice(0, 32), slice(32, 50)):
            for tile, left in enumerate(range(0, 20, per_row)):
                part = slice(left, left + per_row)
                if column.minus is not None:
                    plus, minus = (output_currents(cells.g_uS[p, top, part], x[:, top], wires)
                                   for p in (column.plus, column.minus))
                else:
                    assert cells.reference_uS is not None
                    reference = cells.reference_uS[tile, column.plus, top]
                    both = np.column_stack([cells.g_uS[column.plus, top, part], reference])
                    currents = output_currents(both, x[:, top], wires)
                    plus, minus = currents[:, :-1], currents[:, -1:]
                expected[:, part] += column.place * (plus - minus)
    expected *= cells.targets.weight_per_uS
    np.testing.assert_allclose(array.multiply(x), expected, atol=1e-4)
    assert np.abs(expected - x @ w).max() > 0.01


def test_groups_of_rows_of_a_tile_see_the_same_wires() -> None:
    """Rows at 0 V belong to the circuit: converted in groups or at once, the sum is the same."""
    w, x = matrix(32, 16), vectors(3, 32)
    found = [Array.program(w, profile(), MacroConfig(rows=32, cols=16, rows_active=rows, wire_resistance_ohm=20.0),
                           clip=1.0, effects=Effects.only("wires")).multiply(x) for rows in (4, 32)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
