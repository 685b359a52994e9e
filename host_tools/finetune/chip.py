"""One chip of a network, one cell a weight: what it answers and what it lets be written. Its cells are not shown.

    chip = Chip(network, technology, seed=7)
    y = chip.product(0, rows)                       # noisy, with the digital gain and offset of each column
    chip.layers[0].write(where, level)              # each cell of `where` is drawn anew about its level

A weight is w = unit (G - G_ref), G_ref the middle of the levels: subtracted digitally as G_ref times the sum of the
inputs, so the reference has no error of its own. Converters are ideal here; read noise is not left out anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device_models.array.stuck import with_stuck_cells
from device_models.compile import compile_profile, programming_distribution
from device_models.profile import DeviceProfile
from device_models.write.algorithm import WriteAlgorithm
from device_models.write.cells import Reading
from device_models.write.oneshot import OneShotCells
from device_models.write.port import Pulse
from host_tools.data import scaled
from host_tools.finetune.network import Network

F32 = NDArray[np.float32]
Level = NDArray[np.int64]
Bool = NDArray[np.bool_]
SET = Pulse("set", 1.0, None, 1e-6)
_LAYERS = 64  # chip seeds are this far apart in the seeds of the cells


@dataclass(frozen=True)
class Technology:
    """What a data sheet says of one cell as a weight from -1 to 1: level l means `value[l]` and is written with the
    deviation `sd[l]`; `read_sd`: of one read of a cell at the mean level."""

    profile: DeviceProfile
    value: F32
    sd: F32
    read_sd: float

    @classmethod
    def of(cls, profile: DeviceProfile) -> Technology:
        """The profile's levels; the values are the means of what is written."""
        levels = range(profile.n_levels)
        written = [programming_distribution(profile, level) for level in levels]
        middle, half = (profile.g_max_uS + profile.g_min_uS) / 2, (profile.g_max_uS - profile.g_min_uS) / 2
        value = np.array([float(d.mean) - middle for d in written]) / half
        sd = np.sqrt([float(d.var) for d in written]) / half
        noise = Reading.from_profile(profile).sigma_uS(np.array(profile.levels.conductance_uS))
        return cls(profile, value.astype(np.float32), sd.astype(np.float32), float(noise.mean()) / half)

    def nearest(self, share: F32) -> Level:
        """The level whose value is nearest to `share`, a weight in units of the clip."""
        order = np.argsort(self.value, kind="stable")
        borders = (self.value[order][1:] + self.value[order][:-1]) / 2
        return np.asarray(order[np.searchsorted(borders, share)], np.int64)


class Port(Protocol):
    """All that an algorithm has of one matrix on the chip; weights in units of the clip."""

    shape: tuple[int, int]
    writes: NDArray[np.int64]
    reads: int

    def read(self, rows: F32) -> F32:
        """rows [n, K] times the matrix as it is, with read noise: [n, M]."""

    def read_back(self, columns: F32) -> F32:
        """columns [n, M] times its transpose, with read noise: [n, K]."""

    def write(self, where: Bool, level: Level) -> None:
        """Write the cells of `where` [K, M] to `level` [K, M]."""


class CellLayer:
    """A Port over one-shot cells. `writes` [K, M], `reads` (vectors, forward and back), `verify_reads` count."""

    def __init__(
        self, technology: Technology, shape: tuple[int, int], seed: int, rewrite: Technology | None = None
    ) -> None:
        profile = technology.profile
        self.shape, self.writes, self.reads = shape, np.zeros(shape, np.int64), 0
        self.verify_reads = 0
        self._seed, self._calls = seed, 0
        self._levels_uS = np.array(profile.levels.conductance_uS)
        self._middle, self._half = (profile.g_max_uS + profile.g_min_uS) / 2, (profile.g_max_uS - profile.g_min_uS) / 2
        n = shape[0] * shape[1]
        self._g = np.full(n, profile.g_min_uS)
        self._cells = OneShotCells(profile, self._g, seed)
        # Rewriting may be finer, or coarser, than the first write: then its draws come from cells of their own.
        self._later = self._cells if rewrite is None else OneShotCells(rewrite.profile, self._g, seed)
        self._stuck = with_stuck_cells(np.full(n, np.nan), compile_profile(profile), seed, 0)
        self._reading = Reading.from_profile(profile)

    def _weights(self) -> None:
        g = np.where(np.isnan(self._stuck), self._g, self._stuck)
        self._w = ((g - self._middle) / self._half).reshape(self.shape).astype(np.float32)
        self._variance = ((self._reading.sigma_uS(g) / self._half) ** 2).reshape(self.shape).astype(np.float32)

    def read(self, rows: F32) -> F32:
        return self._noisy(rows @ self._w, rows, self._variance)

    def read_back(self, columns: F32) -> F32:
        return self._noisy(columns @ self._w.T, columns, self._variance.T)

    def _noisy(self, y: F32, x: F32, variance: F32) -> F32:
        self.reads += len(x)
        self._calls += 1
        if not variance.any():
            return y
        rng = np.random.default_rng([self._seed, self._calls])
        y += np.sqrt((x * x) @ variance) * rng.standard_normal(y.shape, dtype=np.float32)
        return y

    def write(self, where: Bool, level: Level) -> None:
        cells = self._later if self.writes.any() else self._cells
        self.writes += where
        cells.aim(self._levels_uS[level].reshape(-1))
        cells.apply(SET, where.reshape(-1))
        self._g = np.where(where.reshape(-1), cells.conductance_uS(), self._g)
        self._weights()

    def write_verified(self, level: Level, algorithm: WriteAlgorithm) -> None:
        """Write every cell to `level` by an algorithm that reads cells one by one: R-V-W, not the fine-tuning."""
        target = self._levels_uS[level].reshape(-1)
        self._cells.aim(target)
        tally = algorithm.run(self._cells, target)
        self._g = self._cells.conductance_uS()
        self.writes += tally.pulses.reshape(self.shape)
        self.verify_reads += int(tally.reads.sum())
        self._weights()


class Chip:
    """All matrices of a network on one chip, each cell written once, and the digital gain and offset of their columns
    (numbers of the digital part: exact). rewrite: the technology of later writes, None: the same."""

    def __init__(
        self, network: Network, technology: Technology, seed: int, rewrite: Technology | None = None
    ) -> None:
        self.network, self.technology = network, technology
        self.rewrite = rewrite or technology
        self.layers: list[Port] = []
        self.gain = [np.float32(layer.clip) * layer.gain for layer in network.layers]
        self.offset = [layer.bias.copy() for layer in network.layers]
        self.asked: list[Level] = []
        for i, layer in enumerate(network.layers):
            port = CellLayer(technology, layer.weights.shape, seed * _LAYERS + i, rewrite)
            level = technology.nearest(layer.weights / np.float32(layer.clip))
            port.write(np.ones(port.shape, bool), level)
            self.layers.append(port)
            self.asked.append(level)

    def product(self, layer: int, rows: F32) -> F32:
        """What layer `layer` makes of rows [n, K]: read, then gain and offset."""
        return np.asarray(self.layers[layer].read(rows) * self.gain[layer] + self.offset[layer], np.float32)

    def transposed(self, layer: int, gradient: F32) -> F32:
        """The same going back: gain, then a transposed read."""
        return self.layers[layer].read_back(gradient * self.gain[layer])

    def variance(self, layer: int) -> F32:
        """What the data sheet says of the cells about the levels that were asked of them, [K, M]."""
        asked, again = self.asked[layer], self.layers[layer].writes > 1
        return np.asarray(np.where(again, self.rewrite.sd[asked], self.technology.sd[asked]) ** 2, np.float32)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return sum(port.shape[0] * port.shape[1] for port in self.layers)

    @property
    def writes(self) -> int:
        """Writes of all cells so far, the first included."""
        return int(sum(port.writes.sum() for port in self.layers))

    @property
    def reads(self) -> int:
        """Vectors read so far, forward and back, over all matrices."""
        return sum(port.reads for port in self.layers)


def accuracy(network: Network, chip: Chip | None, x: NDArray[np.uint8], y: NDArray[np.int64], batch: int = 40) -> float:
    """Per cent of images x [n, H, W, C] that the chip (None: the ideal network) gets right."""
    right = 0
    for i in range(0, len(x), batch):
        logits = network.forward(scaled(x[i : i + batch]), None if chip is None else chip.product).logits
        right += int((np.argmax(logits, axis=1) == y[i : i + batch]).sum())
    return 100.0 * right / len(x)
