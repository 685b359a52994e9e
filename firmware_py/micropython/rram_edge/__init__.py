"""rram-edge for MicroPython: the chip of a bundle, prediction, learning from labels, saving (docs/micropython.md).

    from rram_edge import Chip
    chip = Chip("digits.rram.safetensors", seed=7)
    chip.predict_one(image)
"""

import gc
import hashlib
from array import array

from rram_edge.bundle import Bundle, hexadecimal, zeros
from rram_edge.cells import READ, Scratch, Tables, stream
from rram_edge.errors import RramError
from rram_edge.graph import INTEGER, JOINING, joined, operator, parse, size
from rram_edge.layer import Layer
from rram_edge.sram import Codes

__all__ = ["Chip", "RramError"]


class Chip:
    """One emulated RRAM chip. Images are bytes, or floats in [0, 1], flat by height, width, channel.

    read_noise, programming: switch these effects off. `learning` is keywords of rram_edge.learn.Learner.
    """

    def __init__(self, path: str, seed: int = 0, read_noise: bool = True, programming: bool = True, **learning):
        if not isinstance(seed, int) or not 0 <= seed < 1 << 64:
            raise RramError(f"chip: seed: {seed!r} given, expected a whole number from 0 to 2^64 - 1")
        self.seed, self.read_noise = seed, read_noise
        self.step = self.read = 0
        self.bundle = Bundle(path)
        self.nodes = parse(self.bundle)
        tables = Tables(self.bundle)  # first, and dropped in the end: what it leaves free serves activations
        self.normal = tables.normal
        self.layers: list = []
        self.codes = Codes(self.bundle)
        for node in self.nodes:
            if node.op in INTEGER:
                node.tables = operator(node.op).tables(self.bundle, node)
            if node.analog:
                layer = Layer(self.bundle, node, len(self.layers), self.codes.rank(node))
                layer.cells.draw(seed, tables, programming)
                self.layers.append(layer)
                gc.collect()
        self.codes.settle(self.layers)
        self.scratch = Scratch(max(layer.n for layer in self.layers))
        self.bundle.forget()
        self.learning = learning
        self.learner: object = None  # made, and its code loaded, at the first label
        if learning:
            self._learner()  # a wrong keyword is refused at once

    def cells_sha256(self) -> str:
        """Digest of all cells: equal digests, equal chips."""
        h = hashlib.sha256()
        for layer in self.layers:
            for buffer in (layer.cells.d, layer.cells.v, layer.cells.vscale):
                h.update(buffer)
        return hexadecimal(h.digest())

    def predict_one(self, x) -> int:
        """Class of one image: the first of the largest logits."""
        return largest(self.logits_one(x))

    def logits_one(self, x) -> array:
        """Logits of one image."""
        y = self.run(self.image(x), None)
        self.read += 1
        return y

    def learn_one(self, x, label: int) -> int:
        """Learn one labelled image; returns the class predicted before. Only the correction changes."""
        return self._learner().learn_one(self.image(x), label)

    def save(self, folder: str) -> int:
        """Write the correction to `folder`, which must exist; returns its generation number."""
        from rram_edge import state

        self.codes.settle(self.layers)
        return state.save(self, folder)

    def restore(self, folder: str) -> int:
        """Take over the newest whole state of `folder`; returns its generation, 0 where nothing was ever saved."""
        from rram_edge import state

        generation = state.restore(self, folder)
        if generation and self.learner:
            self._learner().forget()
        return generation

    def image(self, x) -> array:
        """An image as floats; RramError for another size or numbers outside [0, 1]."""
        count = size(self.bundle.shape)
        if len(x) != count:
            raise RramError(f"image: {len(x)} numbers given, expected {count} {self.bundle.shape}")
        if isinstance(x, (bytes, bytearray, memoryview)) or repr(x[:0]) == "array('B')":
            divisor = 255
        elif all(0 <= value <= 1 for value in x):
            divisor = 1
        else:
            raise RramError("image: numbers outside [0, 1] given, expected bytes, or floats in [0, 1]")
        image = zeros("f", count)
        for i, value in enumerate(x):
            image[i] = value / divisor
        return image

    def run(self, x: array, kept, ideal=None) -> array:
        """Logits of an image at the present read counter.

        kept: None, or a dictionary that takes what learning needs of the nodes in it; ideal: what to compute in place
        of an analog layer.
        """
        values, last = {-1: x}, {}
        for i, node in enumerate(self.nodes):
            for source in node.sources:
                last[source] = i
        index = 0
        for i, node in enumerate(self.nodes):
            a = values[node.sources[0]]
            keep = kept is not None and i in kept
            mine = not keep and node.sources[0] >= 0 and last[node.sources[0]] == i  # the image is the caller's
            if len(node.sources) > 1:
                a, mine = joined(node, [values[source] for source in node.sources]), True
            for source in node.sources:
                if last[source] == i:
                    values.pop(source, None)
            codes = s = None
            if node.analog:
                noise = stream(self.seed, READ, index, self.read) if self.read_noise else None
                layer = self.layers[index]
                if ideal:
                    y = ideal(layer, a)
                else:
                    y, codes, s = layer.forward(a, self.normal, self.scratch, noise, keep)
                index += 1
            elif node.op in JOINING:
                y = a if mine else a[:]
            else:
                y = operator(node.op).forward(node, a, mine)
            if keep:
                kept[i] = (a, y, codes, s)
            values[i] = y
        return array("f", y) if node.integer else y

    def _learner(self):
        if self.learner is None:
            from rram_edge.learn import Learner

            self.learner = Learner(self, **self.learning)
            self.bundle.forget()
        return self.learner


def largest(values) -> int:
    """Index of the first of the largest, or of the first that is no number."""
    best = 0
    for i, value in enumerate(values):
        if value != value:
            return i
        if value > values[best]:
            best = i
    return best
