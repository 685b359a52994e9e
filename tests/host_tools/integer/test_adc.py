"""Converters of whole cells: nothing is lost where a sum fits, and what is lost elsewhere is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.macro import MacroConfig
from host_tools.integer.adc import WholeCells, choose, divided, matched
from host_tools.integer.fold import integer_network
from host_tools.integer.network import Analog, Thresholds
from tests.host_tools.integer import nets


def macro(rows_active: int, bits: int) -> MacroConfig:
    return MacroConfig(rows=120, cols=128, rows_active=rows_active, dac_bits=2, adc_bits=bits)


def test_division_rounds_half_to_even() -> None:
    s = np.arange(-40, 41, dtype=np.int32)
    for m in range(1, 9):
        np.testing.assert_array_equal(divided(s, m), np.rint(s / m))


def test_five_rows_of_two_bit_codes_fit_five_bits_always() -> None:
    network = integer_network(nets.drawn(2))
    adc = choose(network, macro(5, 5), nets.images())
    assert set(adc.cells.values()) == {1}
    np.testing.assert_array_equal(network.sums(nets.images(), adc), network.sums(nets.images()))


def test_a_coarse_adc_gets_the_cells_that_lose_least() -> None:
    network = integer_network(nets.drawn(2))
    adc = choose(network, macro(120, 4), nets.images())
    step, a = next((s, a) for s, a in network.inputs(nets.images()) if isinstance(s, Analog))
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(a, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), axis=(1, 2))
    exact = np.einsum("nhwcab,abcj->nhwj", rows, step.weights.reshape(3, 3, 2, 5).astype(int))
    errors = [np.mean((m * np.clip(np.rint(exact / m), -8, 7) - exact) ** 2) for m in range(1, 30)]
    assert adc.cells["conv1"] == 1 + int(np.argmin(errors)) > 1


def test_thresholds_follow_the_unit() -> None:
    network = integer_network(nets.drawn(2))
    step = next(s for s in network.steps if isinstance(s, Thresholds))
    values = np.sort(np.array([[-7, -6, 0, 5, 12], [-3, 0, 1, 6, 13], [-2, 5, 9, 7, 14]], np.int32), axis=0)
    small = network.with_steps((network.steps[0], replace(step, values=values)))
    scaled = matched(small, WholeCells(5, 120, {"conv1": 3})).steps[1]
    assert isinstance(scaled, Thresholds)
    exact = np.array([np.ceil((t - 0.5) / 3) for t in values.ravel()]).reshape(3, 5)
    np.testing.assert_array_equal(scaled.values, exact)
