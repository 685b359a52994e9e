"""What `rram cost` costs: the layers of a bundle, or sizes written on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from device_models.cost import Arithmetic, Components, LayerSize, SramBits, correction_bits
from device_models.macro import MacroConfig
from host_tools.errors import HostError


@dataclass(frozen=True)
class Mapped:
    """Layers on macros, the bits of their correction and what computes it, the mean conductance of cells in uS."""

    name: str
    macro: MacroConfig
    layers: tuple[LayerSize, ...]
    sram: SramBits
    mean_uS: float
    arithmetic: Arithmetic = field(default_factory=Arithmetic)

    @property
    def weights(self) -> int:
        """Number of weights."""
        return sum(layer.weights for layer in self.layers)

    @property
    def corrected(self) -> int:
        """Number of weights with a value in SRAM."""
        return sum(layer.corrected for layer in self.layers)


def from_bundle(path: Path, macro: MacroConfig | None) -> Mapped:
    """The layers of a bundle, on its own macro where none is given; its SRAM as the runtime counts it.

    A float32 correction is counted with the state of learning; one of codes without, and with multiply-adds that keep
    up with the array.
    """
    from firmware_py.bundle import Bundle
    from firmware_py.correction import count_sram
    from host_tools.mapping.area import layer_sizes, macro_of

    bundle = Bundle.open(path)
    layers = tuple(layer_sizes(bundle.layers))
    levels = bundle.profile.get("levels", {}).get("conductance_uS")
    if not isinstance(levels, list) or len(levels) != len(bundle.tables.target):
        raise HostError(f"{path}: profile: levels.conductance_uS: not one number for each of the bundle's levels")
    cells = sum(layer.levels.size for layer in bundle.layers)
    total = sum(float(levels[level]) * int((layer.levels == level).sum())
                for layer in bundle.layers for level in range(len(levels)))
    first = bundle.layers[0].sram
    arithmetic = Arithmetic(first.value.bits, first.gain.bits, keep_up=first.packed)
    parts = {part: 8 * size for part, size in count_sram(bundle, learning=not first.packed).parts.items()}
    parts["values"] += parts.pop("low_rank", 0)
    return Mapped(path.name, macro or macro_of(bundle), layers, SramBits(**parts), total / cells, arithmetic)


def from_sizes(text: str, corrected_percent: float, macro: MacroConfig | None, levels_uS: tuple[float, ...]) -> Mapped:
    """Layers written as '25x6@576,150x16@64,400x120': rows x columns, and positions an image where there are several.

    Each has `corrected_percent` of its weights in SRAM; cells are on average half way between the lowest level and the
    mean level, as one cell of a pair is at the lowest.
    """
    if not 0 <= corrected_percent <= 100:
        raise HostError(f"--corrected: {corrected_percent:g} % is not 0 to 100")
    layers = []
    for number, part in enumerate(text.split(","), start=1):
        match = re.fullmatch(r"\s*(\d{1,9})x(\d{1,9})(?:@(\d{1,9}))?\s*", part, re.ASCII)
        if match is None:
            raise HostError(f"--network: {part.strip()!r} (layer {number}) is not ROWSxCOLS or ROWSxCOLS@POSITIONS")
        layer = LayerSize(f"layer{number}", int(match[1]), int(match[2]), int(match[3] or 1))
        layers.append(replace(layer, corrected=round(layer.weights * corrected_percent / 100)))
    mean = (levels_uS[0] + sum(levels_uS) / len(levels_uS)) / 2
    sram = correction_bits(layers) if corrected_percent else SramBits()
    return Mapped(text, macro or MacroConfig(), tuple(layers), sram, mean)


def room(mapped: Mapped, parts: Components, percent: float) -> list[dict[str, Any]]:
    """Mask entries that fit into `percent` of the macros' area, for values of 4 to 32 bits, as JSON types.

    The entries lie at random (RSA): what a criterion chooses lies closer together, and more fits. Null where gains
    and offsets alone take more.
    """
    from firmware_py.sram import VALUE_BITS
    from host_tools.mapping.area import AreaModel, entries_for_area

    bare = [replace(layer, corrected=0, rank=0) for layer in mapped.layers]
    rows: list[dict[str, Any]] = []
    for bits in VALUE_BITS:
        model = AreaModel(mapped.macro, bits, parts)
        fixed = model.percent(bare)
        entries = entries_for_area(percent, bare, model) if fixed <= percent else None
        share = None if entries is None else 100 * entries / mapped.weights
        rows.append({"value_bits": bits, "entries": entries, "weights_percent": share, "fixed_percent": fixed})
    return rows
