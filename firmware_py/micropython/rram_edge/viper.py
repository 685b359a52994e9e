"""The integer kernels of plain.py in viper: machine code for any word size, little endian.

A viper integer is a machine word: products are kept within 32 bits, and what is loaded from int16 or int32 buffers is
given its sign by hand, since pointers load without one.
"""

import micropython


@micropython.viper
def words(out: ptr32, head: ptr32, first: int, count: int):
    """Philox4x32-10: the words of elements first .. first + count - 1 (docs/numerics.md, section 1)."""
    block = first >> 2
    skip = first & 3
    done = 0
    while done < count:
        c0 = block
        c1 = int(head[0])
        c2 = int(head[1])
        c3 = int(head[2])
        k0 = int(head[3])
        k1 = int(head[4])
        for _ in range(10):
            # c0 * 0xD2511F53 and c2 * 0xCD9E8D57 in halves of 16 bits
            low = c0 & 0xFFFF
            high = (c0 >> 16) & 0xFFFF
            p0 = low * 0x1F53
            p1 = low * 0xD251
            p2 = high * 0x1F53
            mid = ((p0 >> 16) & 0xFFFF) + (p1 & 0xFFFF) + (p2 & 0xFFFF)
            c2_next = high * 0xD251 + ((p1 >> 16) & 0xFFFF) + ((p2 >> 16) & 0xFFFF) + (mid >> 16)
            c2_next = c2_next ^ c3 ^ k1
            c3 = (p0 & 0xFFFF) | ((mid & 0xFFFF) << 16)
            low = c2 & 0xFFFF
            high = (c2 >> 16) & 0xFFFF
            p0 = low * 0x8D57
            p1 = low * 0xCD9E
            p2 = high * 0x8D57
            mid = ((p0 >> 16) & 0xFFFF) + (p1 & 0xFFFF) + (p2 & 0xFFFF)
            c0 = high * 0xCD9E + ((p1 >> 16) & 0xFFFF) + ((p2 >> 16) & 0xFFFF) + (mid >> 16)
            c0 = c0 ^ c1 ^ k0
            c1 = (p0 & 0xFFFF) | ((mid & 0xFFFF) << 16)
            c2 = c2_next
            k0 += int(head[5])
            k1 += int(head[6])
        if skip < 1 and done < count:
            out[done] = c0
            done += 1
        if skip < 2 and done < count:
            out[done] = c1
            done += 1
        if skip < 3 and done < count:
            out[done] = c2
            done += 1
        if done < count:
            out[done] = c3
            done += 1
        skip = 0
        block += 1


@micropython.viper
def octave(index: ptr16, fraction: ptr32, drawn: ptr32, count: int):
    """Words to node indices (bit 15: the upper half) and 18-bit fractions of the octave grid."""
    for i in range(count):
        word = int(drawn[i])
        r = (word >> 7) & 0xFFFFFF
        node = 0
        part = r << 10
        if r >= 256:
            e = 8
            while r >> (e + 1):
                e += 1
            node = 1 + 32 * (e - 8) + ((r >> (e - 5)) & 31)
            part = (r << (23 - e)) & 0x3FFFF
        index[i] = node | (((word >> 31) & 1) << 15)
        fraction[i] = part


@micropython.viper
def cells(out: ptr16, index: ptr16, fraction: ptr32, levels: ptr8, table: ptr16, count: int):
    """Conductances in G steps; neighbouring nodes of the table differ by less than 2^25."""
    for i in range(count):
        node = int(index[i])
        at = 2 * ((2 * int(levels[i]) + (node >> 15)) * 514 + (node & 0x7FFF))
        low = int(table[at]) | (((int(table[at + 1]) ^ 0x8000) - 0x8000) << 16)
        diff = (int(table[at + 2]) | (((int(table[at + 3]) ^ 0x8000) - 0x8000) << 16)) - low
        f = int(fraction[i])
        # diff * f >> 18 by three parts of 6 bits: each product fits 32 bits
        part = diff * (f & 63) >> 6
        part = (diff * ((f >> 6) & 63) + part) >> 6
        part = (diff * (f >> 12) + part) >> 6
        value = (low + part + 128) >> 8
        if value < 0:
            value = 0
        if value > 32767:
            value = 32767
        out[i] = value


@micropython.viper
def sums(acc: ptr32, codes: ptr16, d: ptr16, first: int, rows: int, n: int):
    """acc[j] = sum of code * cell over rows first .. first + rows - 1 of n columns."""
    for j in range(n):
        acc[j] = 0
    at = first * n
    for k in range(first, first + rows):
        code = (int(codes[k]) ^ 0x8000) - 0x8000
        if code:
            for j in range(n):
                acc[j] = int(acc[j]) + code * ((int(d[at + j]) ^ 0x8000) - 0x8000)
        at += n


@micropython.viper
def powers(acc: ptr32, codes: ptr16, v: ptr8, first: int, rows: int, n: int):
    """acc[j] = sum of (code^2 >> 1) * variance over the same rows."""
    for j in range(n):
        acc[j] = 0
    at = first * n
    for k in range(first, first + rows):
        code = (int(codes[k]) ^ 0x8000) - 0x8000
        power = code * code >> 1
        if power:
            for j in range(n):
                acc[j] = int(acc[j]) + power * int(v[at + j])
        at += n


@micropython.viper
def window(out: ptr16, codes: ptr16, g: ptr32, position: int):
    """The codes under a convolution's kernel at one position, 0 on the padding."""
    height = int(g[0])
    width = int(g[1])
    channels = int(g[2])
    top = position // int(g[9]) * int(g[5]) - int(g[7])
    left = position % int(g[9]) * int(g[6]) - int(g[8])
    to = 0
    for y in range(top, top + int(g[3])):
        for x in range(left, left + int(g[4])):
            if y < 0 or y >= height or x < 0 or x >= width:
                for _ in range(channels):
                    out[to] = 0
                    to += 1
            else:
                at = (y * width + x) * channels
                for c in range(channels):
                    out[to] = codes[at + c]
                    to += 1


@micropython.viper
def transposed(out: ptr32, errors: ptr16, d: ptr16, k: int, n: int, first: int, last: int):
    """out[row] = sum of error code * cell over columns first .. last - 1 (at most 512, so that it fits 32 bits)."""
    for row in range(k):
        total = 0
        at = row * n
        for j in range(first, last):
            total += ((int(errors[j]) ^ 0x8000) - 0x8000) * ((int(d[at + j]) ^ 0x8000) - 0x8000)
        out[row] = total
