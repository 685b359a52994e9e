"""The backward pass: errors in 8-bit codes, so that transposed reads and gradients are sums of integers.

docs/numerics.md, section 5.
"""

from array import array

from rram_edge import kernels
from rram_edge.activations import softmax
from rram_edge.bundle import zeros
from rram_edge.graph import size
from rram_edge.layer import Layer

SPAN = 512  # columns of one transposed read: their sum fits 32 bits


def softmax_error(logits: array, label: int) -> array:
    """dLoss/dlogits: softmax - onehot."""
    delta = logits[:]
    softmax(delta, 0, len(delta))
    delta[label] -= 1
    return delta


def error_codes(delta: array):
    """8-bit codes of an error and their scale; None if it is zero everywhere, or not finite."""
    if any(value - value != 0 for value in delta):
        return None
    t = array("f", [max(abs(value) for value in delta) / 127])
    scale = t[0]
    if scale == 0:
        return None
    codes = zeros("h", len(delta))
    for i, value in enumerate(delta):
        if value:
            t[0] = value / scale
            codes[i] = round(t[0])
    return codes, scale


def gradients(layer: Layer, codes: array, s: array, c: array, scale: float) -> tuple:
    """dLoss by gain, offset and value: sums of integers, scaled at the end."""
    n, per, geometry = layer.n, layer.plan[2], layer.geometry
    gain, offset, value = [0] * n, [0] * n, [0] * len(layer.value)
    row = zeros("h", layer.k * layer.node.groups) if geometry else codes
    for p in range(layer.node.positions):
        if geometry:
            kernels.window(row, codes, geometry, p)
        for j in range(n):
            error = c[p * n + j]
            if error:
                offset[j] += error
                gain[j] += error * s[p * n + j]
                base = j // per * layer.k
                for i in range(layer.indptr[j], layer.indptr[j + 1]):
                    value[i] += error * row[base + layer.mask_rows[i]]
    return (_scaled(gain, scale * layer.unit), _scaled(offset, scale), _scaled(value, scale * layer.dac_lsb))


def _scaled(numbers: list, factor: float) -> array:
    out, factor = array("f", numbers), array("f", [factor])[0]
    for i in range(len(out)):
        out[i] *= factor
    return out


def analog_backward(layer: Layer, delta: array) -> array:
    """dLoss/dinput: a transposed read of the noisy array, plus the mask's share."""
    n, node = layer.n, layer.node
    e = delta[:]
    for i in range(len(e)):
        e[i] *= layer.gain[i % n]
    coded = error_codes(e)
    del e
    dx, total = zeros("f", size(node.shape)), zeros("q", size(node.shape))
    if coded is not None:
        rows = zeros("i", layer.k * node.groups)
        for p in range(node.positions):
            for first in range(0, n, SPAN):
                errors = coded[0][p * n : (p + 1) * n]
                kernels.transposed(rows, errors, layer.cells.d, layer.plan, first, min(first + SPAN, n))
                _scatter(layer, p, rows, total)
        factor = array("f", [coded[1] * layer.w_step])[0]
        for i, value in enumerate(total):
            dx[i] = value
            dx[i] *= factor
    return _mask_share(layer, delta, dx)


def _scatter(layer: Layer, p: int, rows: array, total: array) -> None:
    """Add what each row says of position p to the input that it meets there; the padding takes nothing."""
    if not layer.geometry:
        for i, value in enumerate(rows):
            total[i] += value
        return
    height, width, channels, kh, kw, sh, sw, above, left, columns, down, right, part = layer.geometry
    top, left, k = p // columns * sh - above, p % columns * sw - left, 0
    for group in range(0, channels, part):
        for y in range(top, top + kh * down, down):
            for x in range(left, left + kw * right, right):
                if 0 <= y < height and 0 <= x < width:
                    at = (y * width + x) * channels + group
                    for c in range(part):
                        total[at + c] += rows[k + c]
                k += part


def _mask_share(layer: Layer, delta: array, dx: array) -> array:
    """dx + the values' share, which is summed by itself: by column, by entry, by position."""
    share, t, n = zeros("f", len(dx)), array("f", [0]), layer.n
    for j in range(n):
        for i in range(layer.indptr[j], layer.indptr[j + 1]):
            value, k = layer.value[i], layer.mask_rows[i]
            for p in range(layer.node.positions):
                at = input_of(layer, p, j, k)
                if at >= 0:
                    t[0] = value * delta[p * n + j]
                    share[at] += t[0]
    for i, value in enumerate(share):
        dx[i] += value
    return dx


def input_of(layer: Layer, p: int, j: int, k: int) -> int:
    """Index of the input that meets row k of column j at position p, -1 on the padding."""
    if not layer.geometry:
        return k
    height, width, channels, _, kw, sh, sw, above, left, columns, down, right, part = layer.geometry
    y = p // columns * sh - above + k // (kw * part) * down
    x = p % columns * sw - left + k // part % kw * right
    if not (0 <= y < height and 0 <= x < width):
        return -1
    return (y * width + x) * channels + j // layer.plan[2] * part + k % part
