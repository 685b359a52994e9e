"""One layer on RRAM: its cells, drawn once from the chip's seed, and the way from inputs to outputs.

docs/numerics.md, sections 1 to 4. Rounding to float32 is storing in an array of floats: on a port whose floats have 64
bits that gives the same bits as float32 arithmetic, since each operation is rounded by itself.
"""

from array import array
from math import sqrt

from rram_edge import kernels
from rram_edge.bundle import Bundle, zeros
from rram_edge.graph import Node, size

PROGRAM, FAULT, READ, REPLAY = 1, 2, 3, 4
COLUMNS = 16  # drawn together: bounds the memory while cells are drawn


def stream(seed: int, purpose: int, layer: int, read: int = 0) -> array:
    """What kernels.words needs besides elements: counter words 1 to 3, both keys, Philox's two increments."""
    mask = 0xFFFFFFFF
    return array("I", [purpose << 24 | layer, read & mask, read >> 32, seed & mask, seed >> 32, 0x9E3779B9, 0xBB67AE85])


class Tables:
    """The technology's tables; `quantiles` is only there while cells are drawn."""

    def __init__(self, bundle: Bundle):
        self.target = bundle.tensor("profile.target", "I32", (-1,))
        levels = len(self.target)
        self.quantiles = bundle.tensor("profile.quantiles", "I32", (levels, 2, 514))
        self.read_a = bundle.tensor("profile.read_a", "F64", (levels,))
        self.read_b = bundle.tensor("profile.read_b", "F64", (levels,))
        self.faults = bundle.tensor("profile.faults", "U32", (4,))
        self.normal = bundle.tensor("profile.normal", "F32", (514,))
        most = 0
        for i in range(len(self.quantiles) - 1):
            most = max(most, abs(self.quantiles[i + 1] - self.quantiles[i]))
        self.cells = kernels.cells
        if most >= 1 << 25:  # a tail beyond what viper's 32 bits hold
            from rram_edge import plain

            self.cells = plain.cells


class Scratch:
    """Buffers that all layers share, for n columns."""

    def __init__(self, n: int):
        self.words, self.index, self.fraction = zeros("I", n), zeros("H", n), zeros("I", n)
        self.acc, self.acc2 = zeros("i", n), zeros("i", n)


class Layer:
    """The array of one analog node and its correction: gain [N], offset [N], value [entries], float32."""

    def __init__(self, bundle: Bundle, node: Node, index: int):
        self.bundle, self.node, self.index, self.name = bundle, node, index, node.name
        self.k, self.n = node.kernel[0] * node.kernel[1] * node.shape[-1], node.out[-1]
        self.rows = bundle.macro["rows_active"]
        self.tiles = -(-self.k // self.rows)
        self.w_step, self.dac_lsb, self.adc_lsb = bundle.tensor(self.name + ".scales", "F32", (3,))
        self.unit = array("f", [self.w_step * self.dac_lsb * self.adc_lsb])[0]
        top = 1 << bundle.macro["dac_bits"]
        self.codes = (1 - top // 2, top // 2 - 1) if node.signed else (0, top - 1)
        self.geometry = None
        if node.op == "conv2d":
            (above, _), (left, _) = node.pads
            self.geometry = array("i", list(node.shape) + node.kernel + node.stride + [above, left, node.out[1]])
        self._read_correction()

    def _read_correction(self) -> None:
        n, name = self.n, self.name
        self.gain = self.bundle.tensor(name + ".gain", "F32", (n,))
        self.offset = self.bundle.tensor(name + ".offset", "F32", (n,))
        self.value = self.bundle.tensor(name + ".mask.value", "F32", (-1,))
        self.mask_rows = self.bundle.tensor(name + ".mask.rows", "U16", (len(self.value),))
        self.indptr = self.bundle.tensor(name + ".mask.indptr", "I32", (n + 1,))
        self.ms = array("d", [0, 0, 0])  # RMS of gain, offset, value (section 5)
        self.inputs = array("f", [i * self.dac_lsb for i in range(256)])  # float32(code) * dac_lsb by code & 255
        if self.node.signed:
            for code in range(-128, 0):
                self.inputs[code & 255] = code * self.dac_lsb

    # --- cells ---

    def program(self, seed: int, tables: Tables, programming: bool) -> None:
        """Draw all cells: d int16 [K, N], and how much each pair's read varies, v uint8 [K, N] in units of vscale."""
        k, n = self.k, self.n
        self.d, self.v, self.vscale = zeros("h", k * n), bytearray(k * n), zeros("f", self.tiles * n)
        at = self.bundle.place(self.name + ".levels", "U8", (2, k, n))[0]
        draw = stream(seed, PROGRAM, self.index), stream(seed, FAULT, self.index), programming
        with open(self.bundle.path, "rb") as file:
            for tile in range(self.tiles):
                for j in range(0, n, COLUMNS):
                    self._block(file, at, tile, j, tables, draw)

    def _block(self, file, start: int, tile: int, j0: int, tables: Tables, draw: tuple) -> None:
        """A few columns of one tile."""
        k, n, width = self.k, self.n, min(COLUMNS, self.n - j0)
        first, last = tile * self.rows, min((tile + 1) * self.rows, k)
        a, b, d, v = tables.read_a, tables.read_b, self.d, self.v
        variances, most = zeros("d", (last - first) * width), [0.0] * width
        levels, g, buffer = (bytearray(width), bytearray(width)), (zeros("h", width), zeros("h", width)), Scratch(width)
        i = 0
        for row in range(first, last):
            for plane in (0, 1):
                element = (plane * k + row) * n + j0
                file.seek(start + element)
                file.readinto(levels[plane])
                self._conductances(g[plane], levels[plane], element, tables, draw, buffer)
            for j in range(width):
                plus, minus = g[0][j], g[1][j]
                d[row * n + j0 + j] = plus - minus
                sigma = a[levels[0][j]] + b[levels[0][j]] * plus
                variance = sigma * sigma
                sigma = a[levels[1][j]] + b[levels[1][j]] * minus
                variance += sigma * sigma
                variances[i] = variance
                most[j] = max(most[j], variance)
                i += 1
        for j in range(width):
            self.vscale[tile * n + j0 + j] = 2.0 * most[j] / 255.0
            for row in range(first, last) if most[j] > 0 else ():
                variance = variances[(row - first) * width + j]
                v[row * n + j0 + j] = int(variance * 255.0 / most[j] + 0.5)

    def _conductances(self, g: array, levels, element: int, tables: Tables, draw: tuple, buffer: Scratch) -> None:
        """G steps of a row of cells."""
        program, fault, programming = draw
        if not programming:
            for j, level in enumerate(levels):
                g[j] = tables.target[level]
            return
        count = len(g)
        kernels.words(buffer.words, program, element, count)
        kernels.octave(buffer.index, buffer.fraction, buffer.words, count)
        tables.cells(g, buffer.index, buffer.fraction, levels, tables.quantiles, count)
        low, high, g_low, g_high = tables.faults
        if high > 0:
            kernels.words(buffer.words, fault, element, count)
            for j, word in enumerate(buffer.words):
                if word < high:
                    g[j] = g_low if word < low else g_high

    # --- one read ---

    def forward(self, a: array, normal, scratch: Scratch, noise, keep: bool) -> tuple:
        """Outputs y [P * N] of inputs a; DAC codes [inputs]; sums of ADC codes [P * N], if they are to be kept.

        normal: table of the unit normal; noise: the stream of this read, or None without read noise.
        """
        codes, n, positions = self.dac(a), self.n, self.node.positions
        y, s = zeros("f", positions * n), zeros("i", positions * n if keep else n)
        row = zeros("h", self.k) if self.geometry else codes
        for p in range(positions):
            if self.geometry:
                kernels.window(row, codes, self.geometry, p)
            at = p * n if keep else 0
            for j in range(at, at + n):
                s[j] = 0
            for tile in range(self.tiles):
                first = tile * self.rows
                count = min(self.rows, self.k - first)
                kernels.sums(scratch.acc, row, self.d, first, count, n)
                if noise:
                    kernels.powers(scratch.acc2, row, self.v, first, count, n)
                    kernels.words(scratch.words, noise, (tile * positions + p) * n, n)
                    kernels.octave(scratch.index, scratch.fraction, scratch.words, n)
                    self._convert(s, at, tile, scratch, normal)
                else:
                    self._convert_quiet(s, at, scratch)
            self._correct(y, p * n, s, at, row)
        return y, codes, s

    def dac(self, a: array) -> array:
        """DAC codes of inputs."""
        low, high = self.codes
        t, lsb, codes = array("f", [0]), self.dac_lsb, zeros("h", len(a))
        for i, x in enumerate(a):
            if x:
                t[0] = x / lsb
                x = t[0]
                codes[i] = high if x >= high else low if x <= low else round(x)
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
        t, z, lsb, scale = array("f", [0]), array("f", [0]), self.adc_lsb, self.vscale
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
        value, rows, inputs, indptr = self.value, self.mask_rows, self.inputs, self.indptr
        for j in range(self.n):
            t[0] = s[at + j]
            t[0] *= unit
            t[0] *= gain[j]
            t[0] += offset[j]
            if indptr[j] < indptr[j + 1]:
                c[0] = 0
                for i in range(indptr[j], indptr[j + 1]):
                    code = row[rows[i]]
                    if code:
                        t2 = value[i] * inputs[code & 255]
                        y[to + j] = t2  # rounds
                        c[0] += y[to + j]
                t[0] += c[0]
            y[to + j] = t[0]
