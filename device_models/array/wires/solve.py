"""The exact voltages of every node of a crossbar, by conjugate gradients over whole lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.array.wires.chains import Chains, chains, ends
from device_models.array.wires.wires import F64, Wires, checked_cells, checked_inputs
from device_models.errors import ProfileError

TOLERANCE = 1e-12  # of the residual, in the energy norm
GOOD_ENOUGH = 1e-10  # where rounding allows no better
_MOST_STEPS = 2000
_BLOCK = 2**21  # nodes solved at once: 16 MB an array


@dataclass(frozen=True)
class NodeVoltages:
    """Voltages in V of the word line's and the bit line's node at each cell [vectors, rows, cols], and steps taken."""

    word_V: F64
    bit_V: F64
    steps: int

    def output_uA(self, g_uS: F64) -> F64:
        """Currents [vectors, cols] in uA at the sense ends: what the cells of a column let through, added up.

        (Not the voltage over the last segment: of a good wire that is the small difference of large numbers.)
        """
        current: F64 = np.einsum("ij,pij->pj", g_uS, self.word_V - self.bit_V)
        return current


def node_voltages(g_uS: npt.ArrayLike, v_V: npt.ArrayLike, wires: Wires) -> NodeVoltages:
    """The node voltages of cells [rows, cols] in uS under inputs [vectors, rows] in V.

    Kirchhoff's current law at every node: A_w w - G b = s (word lines, s the drivers) and A_b b - G w = 0 (bit lines),
    with A_w and A_b tridiagonal along the lines and G diagonal. Eliminating w leaves (A_b - G A_w^-1 G) b = G A_w^-1 s,
    solved by conjugate gradients with A_b as preconditioner (Golub and Van Loan, Matrix Computations, 11.5): whole
    lines are solved at each step, so that weak cells or good wires need two or three steps and 10 ohm a segment with
    256 x 256 cells of up to 300 uS two dozen. ProfileError where the numbers do not allow a relative residual of 1e-10.
    """
    cells = checked_cells(g_uS)
    inputs = checked_inputs(v_V, cells.shape[0])
    if wires.perfect:
        return _separate(cells, inputs, wires)
    system = _Schur(cells, wires)
    size = max(1, _BLOCK // cells.size)
    parts = [system.solve(inputs[i : i + size]) for i in range(0, max(len(inputs), 1), size)]
    return NodeVoltages(np.concatenate([p.word_V for p in parts]), np.concatenate([p.bit_V for p in parts]),
                        max(p.steps for p in parts))


def _separate(cells: F64, inputs: F64, wires: Wires) -> NodeVoltages:
    # One kind of line is perfect, so its voltage is known: each line of the other kind is a ladder of its own.
    rows, cols = cells.shape
    shape = (len(inputs), rows, cols)
    word, bit = np.broadcast_to(inputs[:, :, None], shape), np.zeros(shape)
    if wires.word_ohm:
        line = chains(cells, wires.word_uS, 0)
        word = line.solve(ends((rows, cols), 0, inputs * wires.word_uS)).reshape(shape)
    elif wires.bit_ohm:
        line = chains(np.ascontiguousarray(cells.T), wires.bit_uS, -1)
        current = (word * cells).transpose(0, 2, 1).reshape(len(inputs), -1)
        bit = line.solve(current).reshape(len(inputs), cols, rows).transpose(0, 2, 1)
    return NodeVoltages(np.ascontiguousarray(word), np.ascontiguousarray(bit), 0)


class _Schur:
    """The system of the bit lines, the word lines eliminated. Vectors lie along bit lines: [vectors, cols * rows]."""

    def __init__(self, cells: F64, wires: Wires) -> None:
        self.rows, self.cols = cells.shape
        self.cells = cells.ravel()
        self.turned = np.ascontiguousarray(cells.T).ravel()
        self.word_uS = wires.word_uS
        self.word: Chains = chains(cells, wires.word_uS, 0)
        self.bit: Chains = chains(np.ascontiguousarray(cells.T), wires.bit_uS, -1)

    def to_word(self, x: F64) -> F64:
        return x.reshape(-1, self.cols, self.rows).transpose(0, 2, 1).reshape(-1, self.cells.size)

    def to_bit(self, x: F64) -> F64:
        return x.reshape(-1, self.rows, self.cols).transpose(0, 2, 1).reshape(-1, self.cells.size)

    def through_words(self, bit_V: F64) -> F64:
        """G A_w^-1 G b: what the bit lines send to one another through the word lines, uA."""
        return self.turned * self.to_bit(self.word.solve(self.cells * self.to_word(bit_V)))

    def solve(self, inputs: F64) -> NodeVoltages:
        driven = self.word.solve(ends((self.rows, self.cols), 0, inputs * self.word_uS))
        right = self.turned * self.to_bit(driven)
        x = self.bit.solve(right)
        r = self.through_words(x)  # right - (A_b - G A_w^-1 G) x, as A_b x = right
        z = self.bit.solve(r)
        q, rz, scale = z, _dot(r, z), _dot(right, x)
        steps = 0
        while (rz > TOLERANCE**2 * scale).any() and steps < _MOST_STEPS:
            sq = self.bit.apply(q) - self.through_words(q)
            along = _ratio(rz, _dot(q, sq))
            x = x + along * q
            r = r - along * sq
            z = self.bit.solve(r)
            new = _dot(r, z)
            q = z + _ratio(new, rz) * q
            rz, steps = new, steps + 1
        if (rz > GOOD_ENOUGH**2 * scale).any():
            raise ProfileError(f"wires: no solution after {steps} steps: cells and wires differ too much")
        shape = (len(inputs), self.rows, self.cols)
        word = driven + self.word.solve(self.cells * self.to_word(x))
        return NodeVoltages(word.reshape(shape), self.to_word(x).reshape(shape), steps)


def _dot(a: F64, b: F64) -> F64:
    product: F64 = np.einsum("pi,pi->p", a, b)[:, None]
    return product


def _ratio(a: F64, b: F64) -> F64:
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)  # 0 / 0: this vector is solved already
