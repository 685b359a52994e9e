"""The integer kernels in plain Python, for ports without viper and as what viper.py is held against.

Buffers: words uint32, node indices uint16, fractions uint32, codes int16, cells int16, tables and sums int32, levels
and variances bytes; docs/numerics.md has the formulas.
"""

MASK = 0xFFFFFFFF
UPPER = 0x8000  # bit of a node index: the upper half of the octave grid
NODES = 514


def words(out, head, first, count):
    """Philox4x32-10: the words of elements first .. first + count - 1; head: see layer.stream."""
    last = first + count
    for block in range(first >> 2, (last + 3) >> 2):
        c0, c1, c2, c3, k0, k1 = block, head[0], head[1], head[2], head[3], head[4]
        for _ in range(10):
            p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
            c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
            k0, k1 = (k0 + head[5]) & MASK, (k1 + head[6]) & MASK
        for at, word in enumerate((c0, c1, c2, c3), 4 * block):
            if first <= at < last:
                out[at - first] = word


def octave(index, fraction, drawn, count):
    """Words to node indices (with UPPER) and 18-bit fractions of the octave grid."""
    for i in range(count):
        word = drawn[i]
        r = (word >> 7) & 0xFFFFFF
        node, part = 0, r << 10
        if r >= 256:
            e = 8
            while r >> (e + 1):
                e += 1
            node = 1 + 32 * (e - 8) + ((r >> (e - 5)) & 31)
            part = (r << (23 - e)) & 0x3FFFF
        index[i] = node | (UPPER if word >> 31 else 0)
        fraction[i] = part


def cells(out, index, fraction, levels, table, count):
    """Conductances in G steps from what octave() gave, each by the quantile table of its level."""
    for i in range(count):
        node = index[i]
        at = (2 * levels[i] + (node >> 15)) * NODES + (node & 0x7FFF)
        low = table[at]
        value = (low + ((table[at + 1] - low) * fraction[i] >> 18) + 128) >> 8
        out[i] = 0 if value < 0 else 32767 if value > 32767 else value


def sums(acc, codes, d, first, rows, n):
    """acc[j] = sum of code * cell over rows first .. first + rows - 1 of n columns."""
    for j in range(n):
        acc[j] = 0
    for k in range(first, first + rows):
        code = codes[k]
        if code:
            at = k * n
            for j in range(n):
                acc[j] += code * d[at + j]


def powers(acc, codes, v, first, rows, n):
    """acc[j] = sum of (code^2 >> 1) * variance over the same rows."""
    for j in range(n):
        acc[j] = 0
    for k in range(first, first + rows):
        power = codes[k] * codes[k] >> 1
        if power:
            at = k * n
            for j in range(n):
                acc[j] += power * v[at + j]


def window(out, codes, g, position):
    """The codes under a convolution's kernel at one position, 0 on the padding; g: see layer.geometry."""
    height, width, channels, kh, kw = g[0], g[1], g[2], g[3], g[4]
    top, left = position // g[9] * g[5] - g[7], position % g[9] * g[6] - g[8]
    to = 0
    for y in range(top, top + kh):
        for x in range(left, left + kw):
            inside = 0 <= y < height and 0 <= x < width
            at = (y * width + x) * channels
            for i in range(at, at + channels):
                out[to] = codes[i] if inside else 0
                to += 1


def transposed(out, errors, d, k, n, first, last):
    """out[row] = sum of error code * cell over columns first .. last - 1 (at most 512, so that it fits 32 bits)."""
    for row in range(k):
        total, at = 0, row * n
        for j in range(first, last):
            total += errors[j] * d[at + j]
        out[row] = total
