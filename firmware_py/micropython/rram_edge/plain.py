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


def sums(acc, codes, d, plan, first, last):
    """acc[j] = sum of code * cell over rows first .. last - 1 of column j's group.

    plan: K rows of each group, N columns, columns of each group; codes: the K of one group, then those of the next.
    """
    k, n, per = plan
    for j in range(n):
        acc[j] = 0
    for row in range(first, last):
        at, source = row * n, row
        for end in range(per, n + 1, per):
            code = codes[source]
            if code:
                for j in range(end - per, end):
                    acc[j] += code * d[at + j]
            source += k


def powers(acc, codes, v, plan, first, last):
    """acc[j] = sum of (code^2 >> 1) * variance over the same rows."""
    k, n, per = plan
    for j in range(n):
        acc[j] = 0
    for row in range(first, last):
        at, source = row * n, row
        for end in range(per, n + 1, per):
            power = codes[source] * codes[source] >> 1
            if power:
                for j in range(end - per, end):
                    acc[j] += power * v[at + j]
            source += k


def window(out, codes, g, position):
    """The codes under a convolution's kernel at one position, group by group, 0 on the padding; g: layer.geometry."""
    height, width, channels, kh, kw, down, right, part = g[0], g[1], g[2], g[3], g[4], g[10], g[11], g[12]
    top, left = position // g[9] * g[5] - g[7], position % g[9] * g[6] - g[8]
    to = 0
    for first in range(0, channels, part):
        for y in range(top, top + kh * down, down):
            for x in range(left, left + kw * right, right):
                inside = 0 <= y < height and 0 <= x < width
                at = (y * width + x) * channels + first
                for i in range(at, at + part):
                    out[to] = codes[i] if inside else 0
                    to += 1


def transposed(out, errors, d, plan, first, last):
    """out[row of a group] = sum of error code * cell over the group's columns within first .. last - 1.

    At most 512 columns, so that it fits 32 bits.
    """
    k, n, per = plan
    to = 0
    for end in range(per, n + 1, per):
        low, high = max(first, end - per), min(last, end)
        for row in range(k):
            total, at = 0, row * n
            for j in range(low, high):
                total += errors[j] * d[at + j]
            out[to] = total
            to += 1
