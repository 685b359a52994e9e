"""The network as a list of nodes, from -1, its input, to the logits; shapes are [H, W, C] or [n]."""

from array import array

from rram_edge.bundle import Bundle, zeros

ACTIVATIONS = ("relu", "relu6", "leaky_relu", "hard_swish", "softmax")
POOLS = ("maxpool2d", "avgpool2d")
INTEGER = ("thresholds", "rename")
JOINING = ("add", "concat", "flatten")  # nothing is left to do once the sources are joined
OPS = ("conv2d", "dense") + JOINING + ACTIVATIONS + POOLS + INTEGER


class Node:
    """One step: `sources` are the earlier nodes whose outputs it takes; where `integer`, its output is int32.

    parts: channels of each source of a concat; coded: an analog layer that takes codes as they are; k: its rows, of
    each group; groups, dilation: of a convolution.
    """

    def __init__(self, item: dict, i: int, shape: tuple, nodes: list):
        self.op = item["op"]
        self.name = item.get("name", "")
        self.sources = item.get("from", [i - 1])
        shapes = [nodes[source].out if source >= 0 else shape for source in self.sources]
        self.parts = [given[-1] for given in shapes]
        self.shape = shapes[0][:-1] + (sum(self.parts),) if self.op == "concat" else shapes[0]
        self.analog = self.op in ("conv2d", "dense")
        self.coded = self.sources[0] >= 0 and nodes[self.sources[0]].integer
        self.integer = self.op in INTEGER or item.get("integer", self.coded)
        self.signed = item.get("signed", False)
        self.slope = array("f", [item.get("slope", 0)])[0]
        self.levels = item.get("levels", 0)
        self.tables: tuple = ()  # of thresholds and rename: integer.tables
        self.kernel = item.get("kernel") or item.get("pool") or [1, 1]
        self.stride = item.get("stride", [1, 1])
        self.dilation, self.groups = item.get("dilation", [1, 1]), item.get("groups", 1)
        self.span = [(width - 1) * apart + 1 for width, apart in zip(self.kernel, self.dilation)]
        self.pads = self._pads(item.get("padding", "valid"))
        self.out = self._out(item)
        self.positions = size(self.out[:-1])
        self.k = self.kernel[0] * self.kernel[1] * self.shape[-1] // self.groups

    def _pads(self, padding) -> list:
        """Zeros above and below, to the left and to the right; 'same' as in TensorFlow."""
        if padding == "valid":
            return [[0, 0], [0, 0]]
        if padding != "same":
            return padding
        pads = []
        for n, step, width in zip(self.shape, self.stride, self.span):
            total = max((-(-n // step) - 1) * step + width - n, 0)
            pads.append([total // 2, total - total // 2])
        return pads

    def _out(self, item: dict) -> tuple:
        if self.op == "flatten":
            return (size(self.shape),)
        if self.op in ("dense", "rename"):
            return tuple(item["out"])
        if self.op != "conv2d" and self.op not in POOLS:
            return self.shape
        sizes = [(self.shape[i] + sum(self.pads[i]) - self.span[i]) // self.stride[i] + 1 for i in (0, 1)]
        return (sizes[0], sizes[1], item["out"][2] if self.analog else self.shape[2])


def size(shape) -> int:
    """Number of elements."""
    n = 1
    for length in shape:
        n *= length
    return n


def parse(bundle: Bundle) -> list:
    """Nodes of the bundle's graph; RramError names the first node that is not carried here."""
    nodes: list = []
    for i, item in enumerate(bundle.graph):
        if item["op"] not in OPS:
            raise bundle.fail(f"graph: nodes[{i}]: {item['op']} given, expected one of {', '.join(OPS)}")
        node = Node(item, i, bundle.shape, nodes)
        if node.analog and list(node.out) != list(item["out"]):
            raise bundle.fail(f"graph: nodes[{i}].out: {item['out']} given, expected {list(node.out)}")
        nodes.append(node)
    return nodes


def operator(op: str):
    """The module with `forward` and `backward` of a digital operator: what a network has not, takes no memory."""
    if op in POOLS:
        from rram_edge import pools

        return pools
    if op in INTEGER:
        from rram_edge import integer

        return integer
    from rram_edge import activations

    return activations


def joined(node: Node, arrays: list) -> array:
    """What `add` or `concat` makes of its sources: their sum in float32, in their order, or their channels in turn."""
    if node.op == "concat":
        y, channels, first = zeros("f", size(node.shape)), node.shape[-1], 0
        for part, a in zip(node.parts, arrays):
            for i, value in enumerate(a):
                y[i // part * channels + first + i % part] = value
            first += part
        return y
    total = arrays[0][:]
    for other in arrays[1:]:
        for i, value in enumerate(other):
            total[i] += value
    return total


def share(node: Node, error: array, index: int) -> array:
    """dLoss/doutput of source number `index` from dLoss/dinput: all of it; of `concat` that source's channels."""
    if node.op != "concat":
        return error
    part, first, channels = node.parts[index], sum(node.parts[:index]), node.shape[-1]
    out = zeros("f", len(error) // channels * part)
    for i in range(len(out)):
        out[i] = error[i // part * channels + first + i % part]
    return out
