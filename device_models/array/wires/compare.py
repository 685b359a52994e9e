"""What each way of computing a crossbar with wires gets wrong, against the exact solution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device_models.array.wires.fast import attenuation, fast_conductance
from device_models.array.wires.output import output_currents
from device_models.array.wires.wires import F64, Wires
from device_models.errors import ProfileError

# name -> the effective conductance that it stands for
METHODS: dict[str, Callable[[F64, Wires], F64]] = {
    "no wires": lambda cells, wires: cells,
    "attenuation": attenuation,
    "attenuation + sneak paths": lambda cells, wires: fast_conductance(cells, wires, probes=1).conductance_uS,
}


@dataclass(frozen=True)
class MethodError:
    """Errors of one method in per cent of the exact outputs (2-norm): of columns, of pairs of columns, worst column."""

    method: str
    columns_percent: float
    pairs_percent: float
    worst_percent: float


def method_errors(cells: F64, inputs: F64, wires: Wires) -> tuple[float, list[MethodError]]:
    """Share of the output in per cent that the wires take, and the errors of each method.

    cells [rows, cols] in uS with neighbouring columns forming pairs; inputs [vectors, rows]. The output of a pair is
    the difference of its columns, small where they are alike, so its relative error is larger.
    """
    if cells.shape[1] < 2:
        raise ProfileError(f"compare: {cells.shape[1]} column is not >= 2, a pair")
    exact = output_currents(cells, inputs, wires)
    if not exact.any():
        raise ProfileError("compare: no current flows, so errors have no measure")
    found = []
    for name, method in METHODS.items():
        wrong = inputs @ method(cells, wires) - exact
        per_column = np.linalg.norm(wrong, axis=0) / np.maximum(np.linalg.norm(exact, axis=0), np.finfo(float).tiny)
        found.append(MethodError(name, _percent(wrong, exact), _percent(_pairs(wrong), _pairs(exact)),
                                 100 * float(per_column.max())))
    plain = float((inputs @ cells).sum())
    return 100 * (1 - float(exact.sum()) / plain), found


def _pairs(current: F64) -> F64:
    even = current.shape[1] // 2 * 2
    difference: F64 = current[:, :even:2] - current[:, 1:even:2]
    return difference


def _percent(wrong: F64, exact: F64) -> float:
    return 100 * float(np.linalg.norm(wrong) / np.linalg.norm(exact))
