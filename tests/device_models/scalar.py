"""docs/numerics.md, sections 1 and 2, once more: one number at a time, in plain Python integers. The tests' oracle."""

from __future__ import annotations

import math
import struct

PROGRAM, FAULT, READ = 1, 2, 3


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 as printed in the paper: high and low products, key bumped after each round."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k[0], p1 % 2**32, p0 >> 32 ^ c[3] ^ k[1], p0 % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def word(seed: int, purpose: int, layer: int, element: int, read: int) -> int:
    """The random word of one element."""
    counter = [element >> 2, purpose * 2**24 + layer, read % 2**32, read >> 32]
    return philox(counter, [seed % 2**32, seed >> 32])[element % 4]


def locate(w: int) -> tuple[int, int, int]:
    """(half, node, 18-bit fraction) of a word, by the definition of the nodes and not by the bits of a float."""
    half, r = w >> 31, (w % 2**31) // 128
    if r < 256:
        return half, 0, r * 1024
    exponent = r.bit_length() - 1
    parts = r * 2**23 // 2**exponent - 2**23  # position in the octave, 23 bits
    return half, 1 + 32 * (exponent - 8) + parts // 2**18, parts % 2**18


def cell(w: int, table: list[list[int]]) -> int:
    """Conductance in G steps from one level's table [2][514]."""
    half, i, fraction = locate(w)
    low, high = table[half][i], table[half][i + 1]
    value = low + math.floor((high - low) * fraction / 2**18)
    return min(max((value + 128) // 256, 0), 32767)


def float32(x: float) -> float:
    """The nearest float32."""
    return float(struct.unpack("<f", struct.pack("<f", x))[0])


def float32_bits(x: float) -> int:
    """The bits of a float32."""
    return int(struct.unpack("<I", struct.pack("<f", x))[0])


def normal(w: int, table: list[float]) -> float:
    """Unit normal, float32 arithmetic in the stated order, from the lower half's table [514]."""
    half, i, fraction = locate(w)
    step = float32(table[i + 1] - table[i])  # exact in double, rounded once: what float32 arithmetic gives
    z = float32(table[i] + float32(step * float32(fraction * 2.0**-18)))
    return -z if half else z
