"""What `rram cost` costs: the layers of a bundle, or sizes written on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from device_models.cost import LayerSize, SramBits, correction_bits
from device_models.macro import MacroConfig
from host_tools.errors import HostError


@dataclass(frozen=True)
class Mapped:
    """Layers on macros, the bits of their correction, and the mean conductance of their cells in uS."""

    name: str
    macro: MacroConfig
    layers: tuple[LayerSize, ...]
    sram: SramBits
    mean_uS: float

    @property
    def weights(self) -> int:
        """Number of weights."""
        return sum(layer.weights for layer in self.layers)

    @property
    def corrected(self) -> int:
        """Number of weights with a value in SRAM."""
        return sum(layer.corrected for layer in self.layers)


def from_bundle(path: Path, macro: MacroConfig | None) -> Mapped:
    """The layers of a bundle, on its own macro where none is given; its SRAM as the runtime counts it."""
    from firmware_py.bundle import Bundle
    from firmware_py.correction import count_sram

    bundle = Bundle.open(path)
    own = bundle.macro
    layers = tuple(LayerSize(layer.name, layer.k, layer.n, layer.node.positions, int(layer.mask_rows.size))
                   for layer in bundle.layers)
    levels = bundle.profile.get("levels", {}).get("conductance_uS")
    if not isinstance(levels, list) or len(levels) != len(bundle.tables.target):
        raise HostError(f"{path}: profile: levels.conductance_uS: not one number for each of the bundle's levels")
    cells = sum(layer.levels.size for layer in bundle.layers)
    total = sum(float(levels[level]) * int((layer.levels == level).sum())
                for layer in bundle.layers for level in range(len(levels)))
    sram = SramBits(**{part: 8 * size for part, size in count_sram(bundle).parts.items()})
    made = MacroConfig(rows=own.rows, cols=own.cols, rows_active=own.rows_active, dac_bits=own.dac_bits,
                       adc_bits=own.adc_bits)
    return Mapped(path.name, macro or made, layers, sram, total / cells)


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
