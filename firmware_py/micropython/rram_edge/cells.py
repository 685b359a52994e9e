"""The cells of a chip, drawn once from its seed (docs/numerics.md, sections 1 to 3)."""

from array import array

from rram_edge import kernels
from rram_edge.bundle import Bundle, zeros

PROGRAM, FAULT, READ, REPLAY = 1, 2, 3, 4
COLUMNS = 16  # drawn together: bounds the memory while cells are drawn


def stream(seed: int, purpose: int, layer: int, read: int = 0) -> array:
    """What kernels.words needs besides elements: counter words 1 to 3, both keys, Philox's two increments."""
    mask, increments = 0xFFFFFFFF, [0x9E3779B9, 0xBB67AE85]
    return array("I", [purpose << 24 | layer, read & mask, read >> 32, seed & mask, seed >> 32] + increments)


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


class Cells:
    """The array of analog layer number `index`: K rows, N columns, fixed once drawn.

    d int16 [K, N]: G+ - G- in G steps; v uint8 [K, N]: variance of a read in units of its tile's column; vscale float32
    [tiles, N]: that unit.
    """

    def __init__(self, bundle: Bundle, name: str, index: int, k: int, n: int):
        self.bundle, self.name, self.index, self.k, self.n = bundle, name, index, k, n
        self.rows = bundle.macro["rows_active"]
        self.tiles = -(-k // self.rows)
        self.d, self.v, self.vscale = zeros("h", k * n), bytearray(k * n), zeros("f", self.tiles * n)

    def tile(self, t: int) -> tuple:
        """First row of tile t, and the one after its last."""
        return t * self.rows, min((t + 1) * self.rows, self.k)

    def draw(self, seed: int, tables: Tables, programming: bool) -> None:
        """Draw all cells of chip `seed`, a few columns of a tile at a time; levels come from the file as needed."""
        at = self.bundle.place(self.name + ".levels", "U8", (2, self.k, self.n))[0]
        draws = stream(seed, PROGRAM, self.index), stream(seed, FAULT, self.index), programming
        with open(self.bundle.path, "rb") as file:
            for t in range(self.tiles):
                for j in range(0, self.n, COLUMNS):
                    self._block(file, at, t, j, tables, draws)

    def _block(self, file, start: int, t: int, j0: int, tables: Tables, draws: tuple) -> None:
        """A few columns of one tile."""
        k, n, width = self.k, self.n, min(COLUMNS, self.n - j0)
        first, last = self.tile(t)
        a, b, d, v = tables.read_a, tables.read_b, self.d, self.v
        variances, most = zeros("d", (last - first) * width), [0.0] * width
        levels, g, buffer = (bytearray(width), bytearray(width)), (zeros("h", width), zeros("h", width)), Scratch(width)
        i = 0
        for row in range(first, last):
            for plane in (0, 1):
                element = (plane * k + row) * n + j0
                file.seek(start + element)
                file.readinto(levels[plane])
                self._conductances(g[plane], levels[plane], element, tables, draws, buffer)
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
            self.vscale[t * n + j0 + j] = 2.0 * most[j] / 255.0
            for row in range(first, last) if most[j] > 0 else ():
                variance = variances[(row - first) * width + j]
                v[row * n + j0 + j] = int(variance * 255.0 / most[j] + 0.5)

    def _conductances(self, g: array, levels, element: int, tables: Tables, draws: tuple, buffer: Scratch) -> None:
        """G steps of a row of cells."""
        program, fault, programming = draws
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
