"""The network as a list of nodes, and the digital operators between analog layers; shapes are [H, W, C] or [n]."""

from array import array

from rram_edge.bundle import Bundle, zeros

OPS = ("conv2d", "dense", "relu", "maxpool2d", "avgpool2d", "add", "flatten")


class Node:
    """One step: `sources` are the earlier nodes whose outputs it takes, -1 the network's input."""

    def __init__(self, item: dict, i: int, shapes: list):
        self.op = item["op"]
        self.name = item.get("name", "")
        self.sources = item.get("from", [i - 1])
        self.shape = shapes[self.sources[0] + 1]
        self.analog = self.op in ("conv2d", "dense")
        self.signed = item.get("signed", False)
        self.kernel = item.get("kernel") or item.get("pool") or [1, 1]
        self.stride = item.get("stride", [1, 1])
        self.pads = self._pads(item.get("padding", "valid")) if self.op == "conv2d" else [[0, 0], [0, 0]]
        self.out = self._out(item)
        self.positions = size(self.out[:-1])

    def _pads(self, padding) -> list:
        """Zeros above and below, to the left and to the right; 'same' as in TensorFlow."""
        if padding == "valid":
            return [[0, 0], [0, 0]]
        if padding != "same":
            return padding
        pads = []
        for n, step, width in zip(self.shape, self.stride, self.kernel):
            total = max((-(-n // step) - 1) * step + width - n, 0)
            pads.append([total // 2, total - total // 2])
        return pads

    def _out(self, item: dict) -> tuple:
        if self.op in ("relu", "add"):
            return self.shape
        if self.op == "flatten":
            return (size(self.shape),)
        if self.op == "dense":
            return tuple(item["out"])
        sizes = [(self.shape[i] + sum(self.pads[i]) - self.kernel[i]) // self.stride[i] + 1 for i in (0, 1)]
        return (sizes[0], sizes[1], item["out"][2] if self.analog else self.shape[2])


def size(shape) -> int:
    """Number of elements."""
    n = 1
    for length in shape:
        n *= length
    return n


def parse(bundle: Bundle) -> list:
    """Nodes of the bundle's graph; RramError names the first node that is not carried here."""
    nodes, shapes = [], [bundle.shape]
    for i, item in enumerate(bundle.graph):
        if item["op"] not in OPS or item.get("integer"):
            what = item["op"] + (" of integers" if item.get("integer") else "")
            raise bundle.fail(f"graph: nodes[{i}]: {what} given, expected float networks of {', '.join(OPS)}")
        if item.get("groups", 1) != 1 or item.get("dilation", [1, 1]) != [1, 1]:
            raise bundle.fail(f"graph: nodes[{i}]: groups or dilation given, expected neither here")
        node = Node(item, i, shapes)
        if node.analog and list(node.out) != list(item["out"]):
            raise bundle.fail(f"graph: nodes[{i}].out: {item['out']} given, expected {list(node.out)}")
        nodes.append(node)
        shapes.append(node.out)
    return nodes


def forward(node: Node, a: array, mine: bool) -> array:
    """A digital operator on one image; where `mine`, the input is needed by nobody else and may be written."""
    if node.op == "relu":
        y = a if mine else a[:]
        for i, value in enumerate(y):
            if not value > 0:
                y[i] = 0
        return y
    if node.op in ("flatten", "add"):
        return a if mine else a[:]
    return _maximum(node, a) if node.op == "maxpool2d" else _mean(node, a)


def corners(node: Node):
    """Of each output of a pool, row-major: flat index of the first input in its window."""
    (rows, columns, channels), width = node.out, node.shape[1]
    for y in range(rows):
        for x in range(columns):
            first = (y * node.stride[0] * width + x * node.stride[1]) * channels
            for c in range(channels):
                yield first + c


def offsets(node: Node) -> list:
    """What to add to a corner for each input of the window, row-major."""
    channels, width = node.shape[2], node.shape[1]
    return [(y * width + x) * channels for y in range(node.kernel[0]) for x in range(node.kernel[1])]


def _maximum(node: Node, a: array) -> array:
    y, others = zeros("f", size(node.out)), offsets(node)[1:]
    for i, corner in enumerate(corners(node)):
        most = a[corner]
        for offset in others:
            if a[corner + offset] > most:
                most = a[corner + offset]
        y[i] = most
    return y


def _mean(node: Node, a: array) -> array:
    """Sums in float32, one after the other: storing in an array of floats rounds."""
    y, others, factor = zeros("f", size(node.out)), offsets(node)[1:], mean_factor(node)
    for i, corner in enumerate(corners(node)):
        y[i] = a[corner]
        for offset in others:
            y[i] += a[corner + offset]
        y[i] *= factor
    return y


def mean_factor(node: Node) -> float:
    """What avgpool2d multiplies sums by, float32."""
    return array("f", [1 / (node.kernel[0] * node.kernel[1])])[0]
