"""Learning from one label: backward pass and update of the correction (docs/numerics.md, section 5), with replay."""

from array import array
from math import exp, sqrt

from rram_edge import kernels
from rram_edge.bundle import zeros
from rram_edge.errors import RramError
from rram_edge.graph import corners, mean_factor, offsets, size
from rram_edge.layer import REPLAY, stream

SPAN = 512  # columns of one transposed read: their sum fits 32 bits


class Learner:
    """The optimiser's settings as in firmware_py.AdaptConfig; replay: (images kept, images learned again), or (0, 0)."""

    def __init__(self, chip, optimizer="rms", lr=0.03, horizon=1000, floor=0.1, beta=0.9, replay=(64, 4)):
        if optimizer not in ("rms", "sgd"):
            raise RramError(f"adapt: optimizer: {optimizer!r} is not 'rms' or 'sgd'")
        if not (0 < lr < 1e3 and horizon >= 1 and 0 <= floor <= 1 and 0 <= beta < 1 and min(replay) >= 0):
            raise RramError(f"adapt: lr {lr}, horizon {horizon}, floor {floor}, beta {beta}, replay {replay}: expected "
                            "lr > 0, horizon >= 1, floor in [0, 1], beta in [0, 1), replay from 0")  # fmt: skip
        if (replay[0] == 0) != (replay[1] == 0):
            raise RramError(f"replay: {replay[0]} images, {replay[1]} repeats: expected both, or 0 and 0")
        self.chip, self.rms, self.lr, self.horizon, self.floor, self.beta = chip, optimizer == "rms", lr, horizon, floor, beta
        self.images, self.repeats = replay
        self.pixels = bytearray(self.images * size(chip.bundle.shape))
        self.labels = zeros("H", self.images)
        self.priors = [_prior(layer) for layer in chip.layers]
        self.seen = 0

    def forget(self) -> None:
        """Empty the memory of labelled images."""
        self.seen = 0

    def learn_one(self, x: array, label: int) -> int:
        """One label: a step with the new image, then some with images labelled before."""
        classes = len(self.chip.bundle.classes)
        if not isinstance(label, int) or not 0 <= label < classes:
            raise RramError(f"label: {label!r} is not a whole number from 0 to {classes - 1}")
        logits = self.one_step(x, label)
        count, pixels = min(self.seen, self.images), len(x)
        drawn = zeros("I", self.repeats)
        kernels.words(drawn, stream(self.chip.seed, REPLAY, 0, self.chip.step), 0, self.repeats if count else 0)
        for word in drawn if count else ():
            slot = (self.seen - count + (word * count >> 32)) % self.images
            kept = memoryview(self.pixels)[slot * pixels : (slot + 1) * pixels]
            self.one_step(array("f", [byte / 255 for byte in kept]), self.labels[slot])
        if self.images:
            self._keep(x, label)
        self.chip.step += 1
        return max(range(classes), key=lambda i: logits[i])

    def _keep(self, x: array, label: int) -> None:
        slot = self.seen % self.images
        unit = array("f", [1 / 255])[0]
        quotient = array("f", [value / unit for value in x])
        for i, value in enumerate(quotient):
            self.pixels[slot * len(x) + i] = round(value)
        self.labels[slot] = label
        self.seen += 1

    def one_step(self, x: array, label: int) -> array:
        """Forward, backward, update at the present read counter; returns the logits before."""
        chip, kept, updates = self.chip, [], []
        logits = chip.run(x, kept)
        before = _behind_analog(chip.nodes)
        errors, index = {len(chip.nodes) - 1: softmax_error(logits, label)}, len(chip.layers)
        for i in range(len(chip.nodes) - 1, -1, -1):
            node = chip.nodes[i]
            index -= node.analog
            if i not in errors:
                continue
            delta, (a, y, codes, s) = errors.pop(i), kept[i]
            wanted = [source for source in node.sources if source in before]
            back = None
            if node.analog:
                coded = error_codes(delta)
                if coded is None:
                    continue
                layer = chip.layers[index]
                updates.append((layer, self.priors[index], gradients(layer, codes, s, coded[0], coded[1])))
                back = analog_backward(layer, delta) if wanted else None
            elif wanted:
                back = digital_backward(node, a, y, delta)
            for source in wanted:
                _add_error(errors, source, back)
        for layer, prior, gradient in updates:
            self.update(layer, prior, gradient)
        chip.read += 1
        return logits

    def update(self, layer, prior: tuple, gradient: tuple) -> None:
        """Change gain, offset and values by one step, each scaled by its prior."""
        rate = self.lr * max(1 - self.chip.step / self.horizon, self.floor) / sqrt(1 + self.repeats)
        t = array("f", [0])
        for group, name in enumerate(("gain", "offset", "value")):
            numbers, sv, g = getattr(layer, name), prior[group], gradient[group]
            if not numbers:
                continue
            total = 0.0
            for i, value in enumerate(g):
                g[i] = value * sv[i]
                total += g[i] * g[i]
            t[0] = rate
            if self.rms:
                mean, old = total / len(g), layer.ms[group]
                layer.ms[group] = mean if old == 0 else self.beta * old + (1 - self.beta) * mean
                t[0] = rate / (sqrt(layer.ms[group]) + 1e-12)
            factor = t[0]
            for i, value in enumerate(g):
                t[0] = sv[i] * value
                t[0] *= factor
                numbers[i] -= t[0]


def _prior(layer) -> tuple:
    """Step scales of gain, offset and value."""
    gain = layer.bundle.tensor(layer.name + ".gain", "F32", (layer.n,))
    offset = layer.bundle.tensor(layer.name + ".y_std", "F32", (layer.n,))
    exponents = layer.bundle.tensor(layer.name + ".mask.lr_exp", "I8", (len(layer.value),))
    tenth = array("f", [0.1])[0]
    return (array("f", [tenth * abs(value) for value in gain]), array("f", [tenth * value for value in offset]),
            array("f", [2.0 ** (exponent / 2) for exponent in exponents]))  # fmt: skip


def _behind_analog(nodes: list) -> set:
    found: set = set()
    for i, node in enumerate(nodes):
        if node.analog or any([source in found for source in node.sources]):
            found.add(i)
    return found


def _add_error(errors: dict, source: int, back: array) -> None:
    """Where several nodes take an output, their errors are added in float32; `back` may be another source's, too."""
    if source not in errors:
        errors[source] = back
        return
    total = errors[source][:]
    for i, value in enumerate(back):
        total[i] += value
    errors[source] = total


def softmax_error(logits: array, label: int) -> array:
    """dLoss/dlogits: softmax - onehot."""
    most, total = max(logits), 0.0
    e = []
    for value in logits:
        e.append(exp(value - most))
        total += e[-1]
    delta = array("f", [value / total for value in e])
    delta[label] -= 1
    return delta


def error_codes(delta: array):
    """8-bit codes of an error and their scale; None if it is zero everywhere."""
    t = array("f", [max([abs(value) for value in delta]) / 127])
    scale = t[0]
    if scale == 0:
        return None
    codes = zeros("h", len(delta))
    for i, value in enumerate(delta):
        if value:
            t[0] = value / scale
            codes[i] = round(t[0])
    return codes, scale


def gradients(layer, codes: array, s: array, c: array, scale: float) -> tuple:
    """dLoss by gain, offset and value: sums of integers, scaled at the end."""
    n, geometry = layer.n, layer.geometry
    gain, offset, value = [0] * n, [0] * n, [0] * len(layer.value)
    row = zeros("h", layer.k) if geometry else codes
    for p in range(layer.node.positions):
        if geometry:
            kernels.window(row, codes, geometry, p)
        for j in range(n):
            error = c[p * n + j]
            if error:
                offset[j] += error
                gain[j] += error * s[p * n + j]
                for i in range(layer.indptr[j], layer.indptr[j + 1]):
                    value[i] += error * row[layer.mask_rows[i]]
    return (_scaled(gain, scale * layer.unit), _scaled(offset, scale), _scaled(value, scale * layer.dac_lsb))


def _scaled(numbers: list, factor: float) -> array:
    out, factor = array("f", numbers), array("f", [factor])[0]
    for i in range(len(out)):
        out[i] *= factor
    return out


def analog_backward(layer, delta: array) -> array:
    """dLoss/dinput: a transposed read of the noisy array, plus the mask's share."""
    n, node = layer.n, layer.node
    e = array("f", [delta[i] * layer.gain[i % n] for i in range(len(delta))])
    coded = error_codes(e)
    dx, total = zeros("f", size(node.shape)), zeros("q", size(node.shape))
    if coded is not None:
        rows = zeros("i", layer.k)
        for p in range(node.positions):
            for first in range(0, n, SPAN):
                errors = coded[0][p * n : (p + 1) * n]
                kernels.transposed(rows, errors, layer.d, layer.k, n, first, min(first + SPAN, n))
                _scatter(layer, p, rows, total)
        factor = array("f", [coded[1] * layer.w_step])[0]
        for i, value in enumerate(total):
            dx[i] = value
            dx[i] *= factor
    return _mask_share(layer, delta, dx)


def _scatter(layer, p: int, rows: array, total: array) -> None:
    """Add what each row says of position p to the input that it meets there; the padding takes nothing."""
    if not layer.geometry:
        for i, value in enumerate(rows):
            total[i] += value
        return
    height, width, channels, kh, kw, sh, sw, above, left, columns = layer.geometry
    k = 0
    for y in range(p // columns * sh - above, p // columns * sh - above + kh):
        for x in range(p % columns * sw - left, p % columns * sw - left + kw):
            if 0 <= y < height and 0 <= x < width:
                at = (y * width + x) * channels
                for c in range(channels):
                    total[at + c] += rows[k + c]
            k += channels


def _mask_share(layer, delta: array, dx: array) -> array:
    """dx + the values' share, which is summed by itself: by column, by entry, by position."""
    share, t, n = zeros("f", len(dx)), array("f", [0]), layer.n
    for j in range(n):
        for i in range(layer.indptr[j], layer.indptr[j + 1]):
            value, k = layer.value[i], layer.mask_rows[i]
            for p in range(layer.node.positions):
                at = _input(layer, p, k)
                if at >= 0:
                    t[0] = value * delta[p * n + j]
                    share[at] += t[0]
    for i, value in enumerate(share):
        dx[i] += value
    return dx


def _input(layer, p: int, k: int) -> int:
    """Index of the input that meets row k at position p, -1 on the padding."""
    if not layer.geometry:
        return k
    height, width, channels, _, kw, sh, sw, above, left, columns = layer.geometry
    y = p // columns * sh - above + k // (kw * channels)
    x = p % columns * sw - left + k // channels % kw
    return (y * width + x) * channels + k % channels if 0 <= y < height and 0 <= x < width else -1


def digital_backward(node, a: array, y: array, delta: array) -> array:
    """dLoss/dinput of a digital operator from its input a, output y and dLoss/doutput."""
    if node.op in ("flatten", "add"):
        return delta
    if node.op == "relu":
        return array("f", [delta[i] if y[i] > 0 else 0 for i in range(len(y))])
    dx, window = zeros("f", len(a)), offsets(node)
    t, factor = array("f", [0]), mean_factor(node)
    for i, corner in enumerate(corners(node)):
        if node.op == "avgpool2d":
            t[0] = delta[i] * factor
            for offset in window:
                dx[corner + offset] += t[0]
        elif delta[i]:
            best = corner
            for offset in window[1:]:
                if a[corner + offset] > a[best]:
                    best = corner + offset
            dx[best] += delta[i]
    return dx
