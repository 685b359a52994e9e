"""What is put on the macros: the sizes of the layers, and the bits of the SRAM correction."""

from __future__ import annotations

from dataclasses import dataclass, fields

from device_models.errors import ProfileError
from device_models.macro import MacroConfig


@dataclass(frozen=True)
class LayerSize:
    """One analog layer: a matrix of rows x cols weights, read at `positions` places an image (dense: 1).

    `corrected` of its weights have a value in SRAM; `rank` is that of its low-rank correction. groups: of the channels
    of a convolution; each has its own rows, so that the groups of a tile lie on its diagonal.
    """

    name: str
    rows: int
    cols: int
    positions: int = 1
    corrected: int = 0
    rank: int = 0
    groups: int = 1

    def __post_init__(self) -> None:
        for key in ("rows", "cols", "positions", "groups"):
            if getattr(self, key) < 1:
                raise ProfileError(f"layer {self.name}: {key}: {getattr(self, key)} is not >= 1")
        if self.cols % self.groups:
            raise ProfileError(f"layer {self.name}: groups: {self.groups} does not divide its {self.cols} columns")
        if not 0 <= self.corrected <= self.weights:
            raise ProfileError(f"layer {self.name}: corrected: {self.corrected} is not 0 to its {self.weights} weights")
        if not 0 <= self.rank <= min(self.rows, self.cols):
            raise ProfileError(f"layer {self.name}: rank: {self.rank} is not 0 to {min(self.rows, self.cols)}")

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.rows * self.cols

    def row_tiles(self, macro: MacroConfig) -> int:
        """Tiles, one below the other."""
        return -(-self.rows // macro.rows)

    def col_tiles(self, macro: MacroConfig) -> int:
        """Tiles, side by side."""
        width = self.cols // self.groups
        together = max(1, min(macro.rows // self.rows, macro.weights_per_row // width)) if self.groups > 1 else 1
        return -(-self.groups // together) * -(-width // macro.weights_per_row)

    def tiles(self, macro: MacroConfig) -> int:
        """Tiles of this layer; a tile holds one layer only."""
        return self.row_tiles(macro) * self.col_tiles(macro)


@dataclass(frozen=True)
class SramBits:
    """Bits of the correction: of the values, their places, a gain and an offset a column, the optimiser's state."""

    values: int = 0
    indices: int = 0
    gains: int = 0
    offsets: int = 0
    optimizer: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ProfileError(f"sram: {field.name}: {getattr(self, field.name)} bits is not >= 0")

    @property
    def total(self) -> int:
        """All bits."""
        return sum(getattr(self, field.name) for field in fields(self))
