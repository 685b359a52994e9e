"""One layer on RRAM: from inputs to outputs (docs/numerics.md, section 4).

Rounding to float32 is storing in an array of floats: on a port whose floats have 64 bits that gives the same bits as
float32 arithmetic, since each operation is rounded by itself.
"""

from array import array
from math import sqrt

from rram_edge import kernels
from rram_edge.bundle import Bundle, zeros
from rram_edge.cells import Cells, Scratch
from rram_edge.graph import Node


class Layer:
    """The array of one analog node and its correction: gain [N], offset [N], value [entries], float32.

    rank: of the correction's low-rank part a [K, rank], b [rank, N]. A network of integers has no correction.
    """

    def __init__(self, bundle: Bundle, node: Node, index: int, rank: int):
        self.bundle, self.node, self.index, self.name, self.rank = bundle, node, index, node.name, rank
        self.k, self.n = node.k, node.out[-1]
        self.plan = array("i", [self.k, self.n, self.n // node.groups])  # what kernels.sums needs
        self.cells = Cells(bundle, self.name, index, self.k, self.n)
        self.w_step, self.dac_lsb, self.adc_lsb = bundle.tensor(self.name + ".scales", "F32", (3,))
        self.unit = array("f", [self.w_step * self.dac_lsb * self.adc_lsb])[0]
        top = 1 << bundle.macro["dac_bits"]
        self.codes = (1 - top // 2, top // 2 - 1) if node.signed else (0, top - 1)
        self.geometry = array("i")  # of a convolution: what kernels.window needs
        if node.op == "conv2d":
            (above, _), (left, _) = node.pads
            places = [above, left, node.out[1]] + node.dilation + [node.shape[2] // node.groups]
            self.geometry = array("i", list(node.shape) + node.kernel + node.stride + places)
        if not node.integer:
            self._read_correction()

    def _read_correction(self) -> None:
        n, name = self.n, self.name
        self.gain = self.bundle.tensor(name + ".gain", "F32", (n,))
        self.offset = self.bundle.tensor(name + ".offset", "F32", (n,))
        self.value = self.bundle.tensor(name + ".mask.value", "F32", (-1,))
        self.mask_rows = self.bundle.tensor(name + ".mask.rows", "U16", (len(self.value),))
        self.indptr = self.bundle.tensor(name + ".mask.indptr", "I32", (n + 1,))
        self.a, self.b = zeros("f", self.k * self.rank), zeros("f", self.rank * n)
        self.ms = array("d", [0] * (5 if self.rank else 3))  # RMS of gain, offset, value, and of A, B (section 5)
        self.inputs = array("f", [i * self.dac_lsb for i in range(256)])  # float32(code) * dac_lsb by code & 255
        if self.node.signed:
            for code in range(-128, 0):
                self.inputs[code & 255] = code * self.dac_lsb

    def forward(self, a: array, normal, scratch: Scratch, noise, keep: bool) -> tuple:
        """Outputs y [P * N] of inputs a; DAC codes [inputs]; sums of ADC codes [P * N], if they are to be kept.

        In a network of integers y are the sums themselves.
        normal: table of the unit normal; noise: the stream of this read, or None without read noise.
        """
        cells, n, positions, integer = self.cells, self.n, self.node.positions, self.node.integer
        codes = array("h", a) if self.node.coded else self.dac(a)
        keep = keep or integer
        y, s = zeros("f", 0 if integer else positions * n), zeros("i", positions * n if keep else n)
        row = zeros("h", self.k * self.node.groups) if self.geometry else codes
        for p in range(positions):
            if self.geometry:
                kernels.window(row, codes, self.geometry, p)
            at = p * n if keep else 0
            for j in range(at, at + n):
                s[j] = 0
            for t in range(cells.tiles):
                first, last = cells.tile(t)
                kernels.sums(scratch.acc, row, cells.d, self.plan, first, last)
                if noise:
                    kernels.powers(scratch.acc2, row, cells.v, self.plan, first, last)
                    kernels.words(scratch.words, noise, (t * positions + p) * n, n)
                    kernels.octave(scratch.index, scratch.fraction, scratch.words, n)
                    self._convert(s, at, t, scratch, normal)
                else:
                    self._convert_quiet(s, at, scratch)
            if not integer:
                self._correct(y, p * n, s, at, row)
            if self.rank:
                self._low_rank(y, p * n, row)
        return s if integer else y, codes, s

    def dac(self, a: array) -> array:
        """DAC codes of inputs."""
        low, high = self.codes
        t, lsb, codes = array("f", [0]), self.dac_lsb, zeros("h", len(a))
        for i, x in enumerate(a):
            if x:
                t[0] = x / lsb
                x = t[0]
                codes[i] = high if x >= high else round(x) if x > low else low  # NaN: the lowest
        return codes

    def _convert_quiet(self, s: array, at: int, scratch: Scratch) -> None:
        top = 1 << (self.bundle.macro["adc_bits"] - 1)
        t, lsb, acc = array("f", [0]), self.adc_lsb, scratch.acc
        for j in range(self.n):
            t[0] = acc[j]
            t[0] /= lsb
            u = t[0]
            s[at + j] += top - 1 if u >= top - 1 else -top if u <= -top else round(u)

    def _convert(self, s: array, at: int, tile: int, scratch: Scratch, normal: array) -> None:
        """ADC codes of one tile, with a normal draw per column, added to s."""
        top = 1 << (self.bundle.macro["adc_bits"] - 1)
        t, z, lsb, scale = array("f", [0]), array("f", [0]), self.adc_lsb, self.cells.vscale
        acc, acc2, index, fraction = scratch.acc, scratch.acc2, scratch.index, scratch.fraction
        for j in range(self.n):
            node = index[j] & 0x7FFF
            low = normal[node]
            z[0] = normal[node + 1] - low
            z[0] *= fraction[j] * 3.814697265625e-06  # 2^-18: exact
            z[0] += low
            t[0] = acc2[j]
            t[0] *= scale[tile * self.n + j]
            t[0] = sqrt(t[0])
            z[0] *= t[0]
            t[0] = acc[j]
            t[0] += z[0] if index[j] < 0x8000 else -z[0]
            t[0] /= lsb
            u = t[0]
            s[at + j] += top - 1 if u >= top - 1 else -top if u <= -top else round(u)

    def _correct(self, y: array, to: int, s: array, at: int, row: array) -> None:
        """Gain, offset and mask values, in the stated order."""
        t, c, unit, gain, offset = array("f", [0]), array("f", [0]), self.unit, self.gain, self.offset
        value, rows, inputs, indptr, per = self.value, self.mask_rows, self.inputs, self.indptr, self.plan[2]
        for j in range(self.n):
            base = j // per * self.k  # where the rows of its group begin
            t[0] = s[at + j]
            t[0] *= unit
            t[0] *= gain[j]
            t[0] += offset[j]
            if indptr[j] < indptr[j + 1]:
                c[0] = 0
                for i in range(indptr[j], indptr[j + 1]):
                    code = row[base + rows[i]]
                    if code:
                        y[to + j] = value[i] * inputs[code & 255]  # rounds
                        c[0] += y[to + j]
                t[0] += c[0]
            y[to + j] = t[0]

    def _low_rank(self, y: array, to: int, row: array) -> None:
        """y + (x A) B: sums over rows, then over ranks, each in order."""
        t, low, h, n = array("f", [0]), array("f", [0]), zeros("f", self.rank), self.n
        for k, code in enumerate(row):
            for q in range(self.rank) if code else ():
                t[0] = self.inputs[code & 255] * self.a[k * self.rank + q]
                h[q] += t[0]
        for j in range(n):
            low[0] = 0
            for q, value in enumerate(h):
                t[0] = value * self.b[q * n + j]
                low[0] += t[0]
            y[to + j] += low[0]
