"""What the network gives with every effect off: weights straight from the levels, no converters (for the guard)."""

from array import array

from rram_edge import largest
from rram_edge.backward import input_of
from rram_edge.bundle import zeros
from rram_edge.layer import Layer


def classes(chip) -> array:
    """The classes that the ideal network gives the bundle's calibration vectors."""
    bundle = chip.bundle
    target = bundle.tensor("profile.target", "I32", (-1,))
    found = [largest(chip.run(chip.image(image), None, lambda layer, a: output(layer, a, target)))
             for image in bundle.images("calibration.x")]  # fmt: skip
    bundle.forget()
    return array("H", found)


def output(layer: Layer, a: array, target: array) -> array:
    """y* of one layer: its levels row by row from the file, gains, offsets and values as at first boot."""
    bundle, name, k, n, positions = layer.bundle, layer.name, layer.k, layer.n, layer.node.positions
    sums, weights = zeros("d", positions * n), zeros("f", n)
    at = bundle.place(name + ".levels", "U8", (2, k, n))[0]
    levels = bytearray(n), bytearray(n)
    with open(bundle.path, "rb") as file:
        for row in range(k):
            for plane in (0, 1):
                file.seek(at + (plane * k + row) * n)
                file.readinto(levels[plane])
            for j in range(n):
                weights[j] = (target[levels[0][j]] - target[levels[1][j]]) * layer.w_step
            _add_row(layer, sums, a, weights, row)
    gain, offset = bundle.tensor(name + ".gain", "F32", (n,)), bundle.tensor(name + ".offset", "F32", (n,))
    for i, total in enumerate(sums):
        sums[i] = total * gain[i % n] + offset[i % n]
    value = bundle.tensor(name + ".mask.value", "F32", (-1,))
    for j in range(n):
        for i in range(layer.indptr[j], layer.indptr[j + 1]):
            for p in range(positions):
                place = input_of(layer, p, j, layer.mask_rows[i])
                sums[p * n + j] += value[i] * a[place] if place >= 0 else 0
    return array("f", sums)


def _add_row(layer: Layer, sums: array, a: array, weights: array, row: int) -> None:
    """One row's share of all outputs; x: what it meets, another input for each group of columns."""
    n, per, x = layer.n, layer.plan[2], 0.0
    for p in range(layer.node.positions):
        for j in range(n):
            if j % per == 0:
                place = input_of(layer, p, j, row)
                x = a[place] if place >= 0 else 0.0
            if x:
                sums[p * n + j] += x * weights[j]
