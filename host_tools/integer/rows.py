"""Row rename and row reorder of an integer network: the same sums from fewer, or from differently placed, rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError
from host_tools.integer.network import Analog, IntegerNetwork, Rename, Step
from host_tools.mapping.rows.cost import hurts, pair_cost
from host_tools.mapping.rows.rename import Renamed, rename
from host_tools.mapping.rows.reorder import Order, reorder

REACH = 127  # what the input of a physical row may be on a board, with a sign


def renamed_layers(network: IntegerNetwork) -> dict[str, Renamed]:
    """The physical rows of every layer, convolutions included: their rows are those of the unfolded windows."""
    return {layer.name: rename(layer.weights) for layer in network.analog}


def rename_rows(network: IntegerNetwork) -> IntegerNetwork:
    """The network with equal rows of its dense layers shared: the same sums from P rows each. Convolutions stay as
    they are: a board sums inputs before a flat row only. HostError: an input beyond -127..127."""
    steps: list[Step] = []
    for step in network.steps:
        if isinstance(step, Analog) and step.kernel is None:
            shared = rename(step.weights)
            if shared.saved > 0:
                low, high = shared.reach((1 << network.bits) - 1)
                if max(-low, high) > REACH:
                    raise HostError(f"layer {step.name}: the input of a shared row reaches {low} to {high}, expected"
                                    f" -{REACH} to {REACH}: share fewer rows")  # fmt: skip
                steps.append(Rename(f"{step.name}_rows", shared.row, shared.sign))
                step = replace(step, weights=shared.weights.astype(np.int8))
        steps.append(step)
    return network.with_steps(tuple(steps))


def best_order(
    network: IntegerNetwork, images: npt.NDArray[np.uint8], rows_active: int, off: float, seed: int = 0
) -> Order:
    """An order of the last layer's rows for conversions of `rows_active` rows: by how images [n, H, W, C] open them
    together, and by how much errors hurt there. off: as in RowNoise."""
    codes, weights = network.last_codes(images), network.analog[-1].weights
    sums = codes @ weights.astype(np.int32)
    return reorder(pair_cost(codes, weights, off, hurts(sums)), rows_active, seed)


def reorder_rows(network: IntegerNetwork, order: Order) -> IntegerNetwork:
    """The network with the rows of its last layer in `order` (logical row at each physical place), and the same sums:
    its inputs go to their new places. HostError: its rows are renamed already."""
    *before, last = network.steps
    assert isinstance(last, Analog)
    if before and isinstance(before[-1], Rename):
        raise HostError(f"layer {last.name}: its rows are renamed, expected them as trained")
    place = np.argsort(order)
    moved = Rename(f"{last.name}_rows", place.astype(np.uint16), np.ones(len(place), np.int8))
    return network.with_steps((*before, moved, replace(last, weights=last.weights[order])))
