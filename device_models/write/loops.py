"""Single pulse, R-V-W (read-verify-write) and multi-pass re-verify."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from device_models.write.algorithm import Ledger, Tally, Timing, WriteAlgorithm, chosen
from device_models.write.calibrate import GateTable
from device_models.write.port import Array, BoolArray, Pulse, PulsedCells
from device_models.write.ramps import Reset

Attempt = list[tuple[Pulse, BoolArray]]  # pulses one after the other, each with its cells


@dataclass(frozen=True)
class Rewrite:
    """One attempt writes the cell anew: a RESET (None: the cells need none) and a SET with the target's gate voltage.

    `gates` None: no gate (one-shot cells, whose write circuit knows the target).
    """

    gates: GateTable | None = None
    reset: Reset | None = None
    amplitude_V: float = 1.2

    def pulses(self, read_uS: Array, target_uS: Array, todo: BoolArray, width_s: float) -> Attempt:
        """The pulses of one attempt, each with its cells."""
        gate = None if self.gates is None else self.gates.gate_V(target_uS)
        attempt = [(Pulse("set", self.amplitude_V, gate, width_s), todo)]
        if self.reset is not None:
            attempt.insert(0, (Pulse("reset", self.reset.amplitude_V, self.reset.gate_V, width_s), todo))
        return attempt


@dataclass(frozen=True)
class Nudge:
    """One attempt moves the cell a step: a SET pulse where it reads too low, a RESET pulse where too high."""

    set_V: float = 1.0
    reset_V: float = 1.0
    gate_V: float | None = None

    def pulses(self, read_uS: Array, target_uS: Array, todo: BoolArray, width_s: float) -> Attempt:
        """The pulses of one attempt, each with its cells."""
        low = read_uS < target_uS
        return [(Pulse("set", self.set_V, self.gate_V, width_s), todo & low),
                (Pulse("reset", self.reset_V, self.gate_V, width_s), todo & ~low)]


@dataclass(frozen=True)
class SinglePulse:
    """One attempt and one read, whatever comes of it: the baseline."""

    tolerance_uS: float
    attempt: Rewrite = Rewrite()
    timing: Timing = field(default_factory=Timing)

    def run(self, cells: PulsedCells, target_uS: Array, where: BoolArray | None = None) -> Tally:
        """Write the cells of `where` to `target_uS`."""
        once = 1 if self.attempt.reset is None else 2
        return ReadVerifyWrite(self.tolerance_uS, once, self.attempt, timing=self.timing).run(cells, target_uS, where)


@dataclass(frozen=True)
class ReadVerifyWrite:
    """R-V-W: attempts until the read lies within the tolerance or no pulse of `max_pulses` is left.

    `read_first`: cells that already are within get no pulse (one more read). Closed form where every attempt draws
    anew from one distribution (one-shot cells without read noise): expected attempts 1 / P(|G - target| <= tolerance),
    and what is written has that distribution, truncated. `reads` are averaged for one verify: with one noisy read,
    cells that move by small steps stop at the first lucky read, short of the target (docs/programming.md).
    """

    tolerance_uS: float
    max_pulses: int
    attempt: Rewrite | Nudge = Rewrite()
    read_first: bool = False
    reads: int = 1
    timing: Timing = field(default_factory=Timing)

    def run(self, cells: PulsedCells, target_uS: Array, where: BoolArray | None = None) -> Tally:
        """Write the cells of `where` to `target_uS`."""
        todo, ledger = chosen(cells, where), Ledger(cells.size)
        within = np.zeros(cells.size, dtype=bool)
        read = target_uS
        if self.read_first or isinstance(self.attempt, Nudge):
            read, within, todo = self._verify(cells, target_uS, todo, within, ledger)
        cost = 2 if isinstance(self.attempt, Rewrite) and self.attempt.reset is not None else 1
        for _ in range(self.max_pulses // cost):
            if not todo.any():
                break
            for pulse, where_pulsed in self.attempt.pulses(read, target_uS, todo, self.timing.pulse_s):
                ledger.pulsed(where_pulsed, cells.apply(pulse, where_pulsed))
            read, within, todo = self._verify(cells, target_uS, todo, within, ledger)
        return ledger.close(self.timing, within)

    def _verify(self, cells: PulsedCells, target_uS: Array, todo: BoolArray, within: BoolArray,
                ledger: Ledger) -> tuple[Array, BoolArray, BoolArray]:
        read = cells.read()
        for _ in range(self.reads - 1):
            read = read + cells.read()
        read = read / self.reads
        ledger.read(todo, self.reads)
        within = np.where(todo, np.abs(read - target_uS) <= self.tolerance_uS, within)
        return read, within, todo & ~within


@dataclass(frozen=True)
class MultiPass:
    """Writes with `inner`, lets the cells relax for `wait_s`, and writes again those that have left the tolerance.

    `passes` counts the writes, the first included. A cell that stays is a cell that relaxed little: Y. Wan et al.,
    Nature 608 (2022), Extended Data Fig. 3e (NeuRRAM: iterative programming narrows the distribution).
    The waits are not part of a cell's time: all cells of an array wait at once.
    """

    inner: WriteAlgorithm
    passes: int = 3
    wait_s: float = 1.0

    @property
    def tolerance_uS(self) -> float:
        """That of the inner algorithm."""
        return self.inner.tolerance_uS

    @property
    def timing(self) -> Timing:
        """That of the inner algorithm."""
        return self.inner.timing

    def run(self, cells: PulsedCells, target_uS: Array, where: BoolArray | None = None) -> Tally:
        """Write the cells of `where` to `target_uS`."""
        everyone = chosen(cells, where)
        tally = self.inner.run(cells, target_uS, everyone)
        for _ in range(self.passes - 1):
            cells.wait(self.wait_s)
            ledger = Ledger(cells.size)
            ledger.read(everyone)
            off = everyone & (np.abs(cells.read() - target_uS) > self.tolerance_uS)
            tally = tally.then(ledger.close(self.timing, ~off), everyone)
            tally = tally.then(self.inner.run(cells, target_uS, off), off)
        return tally
