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
def sums(acc: ptr32, codes: ptr16, d: ptr16, plan: ptr32, first: int, last: int):
    """acc[j] = sum of code * cell over rows first .. last - 1 of column j's group."""
    k = int(plan[0])
    n = int(plan[1])
    per = int(plan[2])
    for j in range(n):
        acc[j] = 0
    for row in range(first, last):
        at = row * n
        source = row
        end = per
        while end <= n:
            code = (int(codes[source]) ^ 0x8000) - 0x8000
            if code:
                for j in range(end - per, end):
                    acc[j] = int(acc[j]) + code * ((int(d[at + j]) ^ 0x8000) - 0x8000)
            source += k
            end += per


@micropython.viper
def powers(acc: ptr32, codes: ptr16, v: ptr8, plan: ptr32, first: int, last: int):
    """acc[j] = sum of (code^2 >> 1) * variance over the same rows."""
    k = int(plan[0])
    n = int(plan[1])
    per = int(plan[2])
    for j in range(n):
        acc[j] = 0
    for row in range(first, last):
        at = row * n
        source = row
        end = per
        while end <= n:
            code = (int(codes[source]) ^ 0x8000) - 0x8000
            power = code * code >> 1
            if power:
                for j in range(end - per, end):
                    acc[j] = int(acc[j]) + power * int(v[at + j])
            source += k
            end += per


@micropython.viper
def window(out: ptr16, codes: ptr16, g: ptr32, position: int):
    """The codes under a convolution's kernel at one position, group by group, 0 on the padding."""
    height = int(g[0])
    width = int(g[1])
    channels = int(g[2])
    part = int(g[12])
    top = position // int(g[9]) * int(g[5]) - int(g[7])
    left = position % int(g[9]) * int(g[6]) - int(g[8])
    to = 0
    first = 0
    while first < channels:
        y = top
        for _ in range(int(g[3])):
            x = left
            for _ in range(int(g[4])):
                if y < 0 or y >= height or x < 0 or x >= width:
                    for _ in range(part):
                        out[to] = 0
                        to += 1
                else:
                    at = (y * width + x) * channels + first
                    for c in range(part):
                        out[to] = codes[at + c]
                        to += 1
                x += int(g[11])
            y += int(g[10])
        first += part


@micropython.viper
def transposed(out: ptr32, errors: ptr16, d: ptr16, plan: ptr32, first: int, last: int):
    """out[row of a group] = sum of error code * cell over the group's columns within first .. last - 1."""
    k = int(plan[0])
    n = int(plan[1])
    per = int(plan[2])
    to = 0
    end = per
    while end <= n:
        low = end - per
        if low < first:
            low = first
        high = end
        if high > last:
            high = last
        for row in range(k):
            total = 0
            at = row * n
            for j in range(low, high):
                total += ((int(errors[j]) ^ 0x8000) - 0x8000) * ((int(d[at + j]) ^ 0x8000) - 0x8000)
            out[to] = total
            to += 1
        end += per
