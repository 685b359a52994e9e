"""A matrix of any size on the tiles of one chip: programmed once, then multiplied with inputs.

    array = Array.program(weights, profile, macro, clip=1.0, seed=7, sample=x[:64])
    y = array.multiply(x, read=0)                    # x [batch, rows]; another read, other noise
    Array.program(weights, profile, macro, clip=1.0, effects=Effects.none()).multiply(x)       # x @ weights
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_models.array.assembly import code_units, make_conversions, make_dac
from device_models.array.bounds import checked_inputs, checked_names, checked_sample, checked_shares, checked_size
from device_models.array.cells import ArrayCells, program_cells
from device_models.array.chip import Chip
from device_models.array.columns import Columns, columns
from device_models.array.conversion import Read
from device_models.array.disturb import count_reads
from device_models.array.drift import drifted
from device_models.array.effects import Effects
from device_models.array.normals import ReadStream
from device_models.array.ranges import choose_ranges
from device_models.array.read_noise import NOISE_KINDS, NoiseKind
from device_models.array.scratch import Scratch
from device_models.array.types import F32, I64
from device_models.compile import compile_profile
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile


class Array:
    """A programmed matrix [rows, cols]. Its only state is how often each row was read (read disturb).

    Not to be called from two threads at once.
    """

    def __init__(self, chip: Chip, cells: ArrayCells, sample: F32 | None) -> None:
        self.chip, self.cells = chip, cells
        self.reads: I64 = np.zeros(cells.g_uS.shape[1], np.int64)
        self._stream, self._scratch = ReadStream(chip.seed, chip.layer), Scratch()
        made, parts = self._columns(), cells.targets.columns
        self.ranges = choose_ranges(sample, made, chip.macro, chip.profile, chip.effects, len(parts))
        self._dac = make_dac(chip, self.ranges, len(self.reads))
        self._conversions = make_conversions(chip, self.ranges, made)
        places = np.array([part.place for part in parts])
        self._scale = (code_units(chip, self.ranges) * places * cells.targets.weight_per_uS).astype(np.float32)

    @classmethod
    def program(
        cls, weights: npt.ArrayLike, profile: DeviceProfile, macro: MacroConfig | None = None, *, clip: float,
        seed: int = 0, layer: int = 0, effects: Effects | None = None, sample: npt.ArrayLike | None = None,
        time_s: float = 0.0, outside: bool = False, noise: NoiseKind = "exact",
    ) -> Array:
        """Program `weights` [rows, cols] on chip `seed`; the highest level stands for the weight `clip`.

        Cells are those of the board with that chip seed and layer number (differential pairing). sample: inputs
        [vectors, rows] from which converter ranges are chosen that the macro does not give. time_s: age at use, by the
        profile's relaxation (`outside`: also beyond what it covers). noise: how read noise is added up,
        "exact" or "factorised" (device_models.array.read_noise). ProfileError for what does not fit.
        """
        macro, effects = macro or MacroConfig(), effects or Effects()
        if noise not in NOISE_KINDS:
            raise ProfileError(f"noise: {noise!r} is not one of {', '.join(NOISE_KINDS)}")
        checked_names(seed, layer)
        shape: tuple[int, ...] = getattr(weights, "shape", ())
        if len(shape) == 2:  # before anything of that size is made
            checked_size(shape[0], shape[1], macro)
        share = checked_shares(weights, clip)
        aged = drifted(profile, time_s, outside) if effects.drift else profile
        compiled = compile_profile(aged)
        cells = program_cells(share, profile, compiled, macro, clip, effects, seed, layer)
        inputs = None if sample is None else checked_sample(sample, share.shape[0])
        return cls(Chip(profile, compiled, macro, effects, noise, seed, layer), cells, inputs)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix of weights."""
        return self.cells.g_uS.shape[1], self.cells.g_uS.shape[2]

    def multiply(self, x: npt.ArrayLike, read: int = 0) -> F32:
        """x [batch, rows] times the matrix as this chip computes it: float32 [batch, cols], in units of x times weight.

        `read` counts reads: the same number gives the same noise. Each call wears the rows that it drives (disturb).
        """
        inputs = checked_inputs(x, self.shape[0])
        if not 0 <= read < 2**64:
            raise ProfileError(f"read: {read} is not 0 to 2^64 - 1")
        driven = inputs if self._dac is None else self._dac(inputs)
        total: F32 | None = None
        for part, conversion in enumerate(self._conversions):
            codes = conversion(driven, Read(read, part, self._stream, self._scratch))
            total = codes if total is None else np.add(total, codes, out=total)
        assert total is not None  # checked_size: at least one row
        self._wear(driven)
        return self._added_up(total)

    def _added_up(self, codes: F32) -> F32:
        """Slices by place value, in units of input times weight; `codes` [batch, S N] is overwritten."""
        if len(self._scale) == 1:
            codes *= self._scale[0]
            return codes
        parts = codes.reshape(len(codes), len(self._scale), self.shape[1])
        y: F32 = np.einsum("bsn,s->bn", parts, self._scale, dtype=np.float32)
        return y

    def _wear(self, driven: F32) -> None:
        disturb = self.chip.profile.read_disturb
        if self.chip.effects.disturb and disturb is not None and disturb.relative_change_per_read:
            self.add_reads(count_reads(driven))

    def add_reads(self, reads: int | I64) -> None:
        """Let each row have been read so many times more; ProfileError for a negative number."""
        if np.min(reads) < 0:
            raise ProfileError(f"reads: {int(np.min(reads))} is not >= 0")
        self.reads = self.reads + reads
        self._conversions = make_conversions(self.chip, self.ranges, self._columns())

    def _columns(self) -> Columns:
        chip = self.chip
        return columns(self.cells, self.reads, chip.profile, chip.compiled, chip.macro, chip.effects)
