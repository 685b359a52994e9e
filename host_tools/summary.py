"""What a network asks of the hardware, layer by layer: cells, tiles, bits, multiply-accumulates, SRAM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from device_models.cost import LayerSize
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from firmware_py.graph import Node
from host_tools.mapping.carried import ANALOG, NORMS, OPS, activation_of, folds_into, not_carried, without_identities
from host_tools.mapping.nodes import groups_of
from host_tools.mapping.walk import Step, walk

SLICES = {"differential": 2, "offset": 1}  # cells a weight; bit-sliced: the macro says


@dataclass(frozen=True)
class AnalogSummary:
    """One analog layer: a matrix of rows x columns, read at `positions` places of an image.

    reference_cells: of the reference columns of offset and bit-sliced pairing, one a tile and slice. levels of a cell
    and bits_per_weight, log2 of the values that a weight may have, need a profile. sram: how many values, low-rank
    factors, gains and offsets. macs_digital: a gain and an offset for every output, and the correction's products.
    parameters: what training changes, batch norm folded in included.
    """

    name: str
    kind: str
    rows: int
    columns: int
    positions: int
    weights: int
    cells: int
    reference_cells: int
    tiles: int
    levels: int | None
    bits_per_weight: float | None
    sram: int
    macs_analog: int
    macs_digital: int
    parameters: int


@dataclass(frozen=True)
class DigitalSummary:
    """One digital operator; operations: additions, or comparisons for max pooling and ReLU."""

    name: str
    kind: str
    operations: int


def of_model(model: Any, macro: MacroConfig, profile: DeviceProfile | None) -> dict[str, Any]:
    """A Keras model as JSON types; what a board does not carry is named with the reason, and not counted.

    HostError: neither Sequential nor functional. ProfileError: a profile with too few levels for the pairing.
    """
    steps = without_identities(walk(model))
    reasons = not_carried(steps)
    analog, digital, left_out = [], [], {}
    for i, step in enumerate(steps):
        if step.name in reasons:
            parameters = _parameters(step.layer)
            left_out[step.name] = {"kind": step.kind, "reason": reasons[step.name], "parameters": parameters}
        elif step.kind in ANALOG:
            norms = [s.layer for j, s in enumerate(steps) if s.kind in NORMS and folds_into(steps, j) == i]
            analog.append(_analog(step, macro, profile, norms))
        if step.name not in reasons:
            digital += _digital(step)
    head = {"network": model.name, "input": list(model.input_shape[1:]), "classes": model.output_shape[-1]}
    return _result(head, macro, None if profile is None else profile.name, analog, digital, left_out)


def of_bundle(bundle: Bundle, macro: MacroConfig | None) -> dict[str, Any]:
    """A bundle as JSON types; its tiles counted on `macro`, or on the macro that it was made for."""
    own = bundle.macro
    chosen = macro or MacroConfig(rows=own.rows, cols=own.cols, rows_active=own.rows_active, dac_bits=own.dac_bits,
                                  adc_bits=own.adc_bits)  # fmt: skip
    levels = len(bundle.tables.target)
    analog = []
    for layer in bundle.layers:
        entries, low_rank = int(layer.mask_rows.size), layer.sram.rank * (layer.k + layer.n)
        size = LayerSize(layer.name, layer.k, layer.n, layer.node.positions, entries, groups=layer.node.groups)
        products = layer.node.positions * (entries + low_rank)
        analog.append(_matrix(size, layer.node.op, chosen, levels, entries + low_rank + 2 * layer.n, products,
                              layer.k * layer.n + 2 * layer.n))  # fmt: skip
    digital = [d for i, node in enumerate(bundle.nodes) if node.layer < 0 and (d := _operator(i, node)).operations]
    head = {"network": bundle.path.name, "input": list(bundle.input_shape), "classes": len(bundle.classes)}
    sram = count_sram(bundle)
    counted = {"sram_bytes": sram.bytes, "sram_percent": sram.percent, "sram_parts_bytes": sram.parts}
    return _result(head, chosen, str(bundle.profile.get("name")), analog, digital, {}) | counted


def _result(head: dict[str, Any], macro: MacroConfig, profile: str | None, analog: Sequence[AnalogSummary],
            digital: Sequence[DigitalSummary], left_out: dict[str, Any]) -> dict[str, Any]:  # fmt: skip
    keys = ("weights", "cells", "reference_cells", "tiles", "sram", "macs_analog", "macs_digital", "parameters")
    totals: dict[str, Any] = {key: sum(getattr(layer, key) for layer in analog) for key in keys}
    totals["digital_operations"] = sum(d.operations for d in digital)
    known = [x.weights * x.bits_per_weight for x in analog if x.bits_per_weight is not None]
    totals["bits"] = sum(known) if len(known) == len(analog) else None
    return {
        **head,
        "macro": macro.model_dump(mode="json", exclude_none=True),
        "profile": profile,
        "layers": [asdict(layer) for layer in analog],
        "digital": [asdict(d) for d in digital],
        "not_carried": left_out,
        "totals": totals,
    }


def _analog(step: Step, macro: MacroConfig, profile: DeviceProfile | None, norms: Sequence[Any]) -> AnalogSummary:
    kernel = math.prod(step.layer.kernel_size) if ANALOG[step.kind] == "conv2d" else 1
    groups, columns, positions = groups_of(step), step.out_shape[-1], math.prod(step.out_shape[:-1])
    rows = kernel * step.in_shapes[0][-1] // groups
    table = getattr(step.layer, "table", None)  # a student knows its own levels
    levels = profile.n_levels if profile is not None else getattr(table, "levels", None)
    parameters = _parameters(step.layer) + sum(_parameters(norm) for norm in norms)
    size = LayerSize(step.name, rows, columns, positions, groups=groups)
    return _matrix(size, ANALOG[step.kind], macro, levels, 2 * columns, 0, parameters)


def _matrix(size: LayerSize, kind: str, macro: MacroConfig, levels: int | None, sram: int, products: int,
            parameters: int) -> AnalogSummary:  # fmt: skip
    """products: multiply-accumulates an image that the correction adds."""
    per_weight = SLICES.get(macro.pairing, macro.cells_per_weight or 1)
    references = 0 if macro.pairing == "differential" else size.rows * size.col_tiles(macro) * per_weight
    outputs = size.positions * size.cols
    return AnalogSummary(
        name=size.name, kind=kind, rows=size.rows, columns=size.cols, positions=size.positions, weights=size.weights,
        cells=per_weight * size.weights, reference_cells=references, tiles=size.tiles(macro), levels=levels,
        bits_per_weight=None if levels is None else bits_per_weight(macro, levels), sram=sram,
        macs_analog=outputs * size.rows, macs_digital=outputs + products, parameters=parameters,
    )  # fmt: skip


def bits_per_weight(macro: MacroConfig, levels: int) -> float:
    """log2 of the values that a weight may have: differential pairs 2 L - 1, offset L, bit-sliced all their bits."""
    if macro.pairing == "differential":
        return math.log2(2 * levels - 1)
    if macro.pairing == "offset":
        return math.log2(levels)
    cells, bits = macro.cells_per_weight or 1, macro.bits_per_cell or 1
    if 2**bits > levels:
        raise ProfileError(f"macro: bits_per_cell: {bits} needs {2**bits} levels, the profile has {levels}")
    return float(cells * bits)


def _digital(step: Step) -> list[DigitalSummary]:
    """What a step asks of the digital side beside the gains and offsets of an analog layer."""
    found = [DigitalSummary(step.name, _word(step), _work(step))] if step.kind not in ANALOG else []
    if step.kind in ANALOG and activation_of(step.layer) in OPS:
        found = [DigitalSummary(step.name, OPS[activation_of(step.layer)], math.prod(step.out_shape))]
    return [d for d in found if d.operations]


def _word(step: Step) -> str:
    return {"MaxPooling2D": "maxpool2d", "AveragePooling2D": "avgpool2d", "GlobalAveragePooling2D": "avgpool2d",
            "Add": "add", "Concatenate": "concat"}.get(step.kind, OPS.get(activation_of(step.layer), "linear"))


def _work(step: Step) -> int:
    given, out = math.prod(step.in_shapes[0]), math.prod(step.out_shape)
    if step.kind in ("MaxPooling2D", "AveragePooling2D"):
        return out * math.prod(step.layer.pool_size)
    if step.kind == "GlobalAveragePooling2D":
        return given
    if step.kind == "Add":
        return (len(step.sources) - 1) * out
    return out if activation_of(step.layer) in OPS and step.kind not in NORMS else 0


def _operator(index: int, node: Node) -> DigitalSummary:
    out = math.prod(node.out_shape)
    work = {"add": (len(node.sources) - 1) * out, "concat": 0}.get(node.op, out * math.prod(node.kernel))
    return DigitalSummary(f"node {index}", node.op, 0 if node.op == "flatten" else work)


def _parameters(layer: Any) -> int:
    """What training changes in a layer."""
    return sum(math.prod(weight.shape) for weight in getattr(layer, "trainable_weights", []))
