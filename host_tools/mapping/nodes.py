"""The graph document of a bundle (docs/bundle.md) from the steps of a Keras model."""

from __future__ import annotations

from typing import Any

from host_tools.mapping.carried import ANALOG, NORMS, OPS, activation_of, is_depthwise, is_reshape, slope_of
from host_tools.mapping.walk import Shape, Step

Document = dict[str, Any]


def graph_nodes(steps: list[Step]) -> list[Document]:
    """Nodes of carried steps (host_tools.mapping.carried), the analog ones in the order of the steps.

    A softmax at the end is left out: the board works with logits. Batch norms and zero paddings are part of the analog
    node before or after them.
    """
    nodes: list[Document] = []
    ends: list[int] = []  # the node that gives what a step gives
    for step in steps:
        sources = [ends[s] if s >= 0 else -1 for s in step.sources]
        for node in _nodes_of(step, steps):
            if sources != [len(nodes) - 1]:
                node["from"] = sources
            nodes.append(node)
            sources = [len(nodes) - 1]
        ends.append(sources[0])
    _mark_signed(nodes)
    return nodes


def _nodes_of(step: Step, steps: list[Step]) -> list[Document]:
    """The nodes that one step becomes; several sources only with its first."""
    kind, layer = step.kind, step.layer
    nodes: list[Document] = []
    if kind in ANALOG:
        nodes.append(_analog(step, steps))
    elif kind in ("Add", "Concatenate"):
        nodes.append({"op": "add" if kind == "Add" else "concat"})
    elif kind in ("MaxPooling2D", "AveragePooling2D"):
        op = "maxpool2d" if kind == "MaxPooling2D" else "avgpool2d"
        nodes.append({"op": op, "pool": list(layer.pool_size), "stride": list(layer.strides)})
    elif kind == "GlobalAveragePooling2D":
        size = list(step.in_shapes[0][:2])
        nodes.append({"op": "avgpool2d", "pool": size, "stride": size})
        if not layer.keepdims:
            nodes.append({"op": "flatten"})
    elif is_reshape(step):
        nodes.append({"op": "flatten"})
    activation = "linear" if kind in NORMS else activation_of(layer)
    if activation in OPS and not (activation == "softmax" and step is steps[-1]):
        nodes.append({"op": OPS[activation]} | ({"slope": slope_of(layer)} if activation == "leaky_relu" else {}))
    return nodes


def _analog(step: Step, steps: list[Step]) -> Document:
    layer, kind, given = step.layer, ANALOG[step.kind], step.in_shapes[0]
    padding: Any = getattr(layer, "padding", None)
    before = steps[step.sources[0]] if step.sources[0] >= 0 else None
    if before is not None and before.kind == "ZeroPadding2D":
        given = before.in_shapes[0]
        window = zip(layer.kernel_size, dilation_of(layer), strict=True)
        span = tuple((size - 1) * apart + 1 for size, apart in window)
        padding = named_padding(before.layer.padding, given, span, tuple(layer.strides))
    node: Document = {"op": kind, "name": layer.name, "in": list(given), "out": list(step.out_shape)}
    if kind == "conv2d":
        node |= {"kernel": list(layer.kernel_size), "stride": list(layer.strides), "padding": padding}
        dilation, groups = list(dilation_of(layer)), groups_of(step)
        node |= ({"dilation": dilation} if dilation != [1, 1] else {}) | ({"groups": groups} if groups > 1 else {})
    return node


def dilation_of(layer: Any) -> tuple[int, int]:
    """Distance of neighbours in a convolution's window."""
    rows, columns = getattr(layer, "dilation_rate", (1, 1))
    return int(rows), int(columns)


def groups_of(step: Step) -> int:
    """Groups of channels of a convolution: of a depthwise one, all."""
    return int(step.in_shapes[0][-1]) if is_depthwise(step.layer) else int(getattr(step.layer, "groups", 1))


def named_padding(
    rows: tuple[tuple[int, int], tuple[int, int]], shape: Shape, kernel: tuple[int, ...], stride: tuple[int, ...]
) -> Any:
    """'same' where the rows and columns of zeros are those of TensorFlow's 'same', else their numbers."""
    same = []
    for size, width, step in zip(shape, kernel, stride, strict=False):
        total = max((-(-size // step) - 1) * step + width - size, 0)
        same.append((total // 2, total - total // 2))
    return "same" if [tuple(pair) for pair in rows] == same else [list(pair) for pair in rows]


def _mark_signed(nodes: list[Document]) -> None:
    """Signed DAC codes for a layer whose input is not provably >= 0: pixels are, and what a ReLU gave."""
    positive: list[bool] = []
    for i, node in enumerate(nodes):
        given = all(source < 0 or positive[source] for source in node.get("from", [i - 1]))
        if "name" in node:
            node["signed"] = not given
        positive.append(node["op"] in ("relu", "relu6", "softmax") or (given and "name" not in node))
