"""One step of the network each: what a node document may say, and the shapes that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from reprlib import repr as shorten  # what a file says may be megabytes long
from typing import Any, Literal

Op = Literal["conv2d", "dense", "relu", "relu6", "leaky_relu", "hard_swish", "softmax", "maxpool2d", "avgpool2d",
             "add", "concat", "flatten", "thresholds", "rename"]  # fmt: skip
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One step. Shapes without batch; `layer` counts analog layers from 0, -1 for digital operators.

    sources: the earlier nodes whose outputs it takes, -1 the network's input; several only for `add` and `concat`,
    whose in_shape is what they make of them. slope: of leaky_relu below 0. In an integer network
    (firmware_py.integer): `integer` analog layers give sums of ADC codes, `coded` ones take codes as they are; `most`:
    the highest code that `thresholds` gives or `rename` takes.
    """

    op: Op
    in_shape: Shape
    out_shape: Shape
    layer: int = -1
    name: str = ""
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)  # rows above, columns to the left; the rest follows from the output's shape
    dilation: tuple[int, int] = (1, 1)  # distance of neighbours in a convolution's window
    groups: int = 1  # of a convolution: each sees its share of the channels and gives its share of the columns
    slope: float = 0.0
    parts: tuple[int, ...] = ()  # channels of each source of a concat
    signed: bool = False
    sources: tuple[int, ...] = (-1,)
    integer: bool = False
    coded: bool = False
    most: int = 0

    @property
    def positions(self) -> int:
        """Output positions P of an analog layer (1 for dense)."""
        return prod(self.out_shape[:-1])

    @property
    def weights(self) -> tuple[int, int]:
        """(K rows, N columns) of an analog layer's matrix; a column has the rows of its own group only."""
        return self.kernel[0] * self.kernel[1] * self.in_shape[-1] // self.groups, self.out_shape[-1]

    @property
    def span(self) -> tuple[int, int]:
        """Height and width that a window covers, what dilation leaves out included."""
        rows, columns = ((width - 1) * d + 1 for width, d in zip(self.kernel, self.dilation, strict=True))
        return rows, columns


def expect(condition: bool, text: str) -> None:
    """ValueError with the text unless the condition holds."""
    if not condition:
        raise ValueError(text)


def _pair(item: dict[str, Any], key: str) -> tuple[int, int]:
    pair = item[key]
    fits = isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and 1 <= n <= 4096 for n in pair)
    expect(fits, f"{key} {shorten(pair)} is not two whole numbers from 1 to 4096")
    return pair[0], pair[1]


def _name(item: dict[str, Any]) -> str:
    name = item["name"]
    short = isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable()
    expect(short, f"name {shorten(name)} is not 1 to 64 printable characters")
    return str(name)


def _common(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": _name(item)}
    for key in ("signed", "integer"):
        found[key] = item.get(key, False)
        expect(isinstance(found[key], bool), f"{key} {shorten(found[key])} is not true or false")
    return found


def _channels(item: dict[str, Any]) -> int:
    out = item["out"]
    fits = isinstance(out, list) and len(out) > 0 and type(out[-1]) is int and 1 <= out[-1] <= 65535
    expect(fits, f"out {shorten(out)} does not end in 1 to 65535 channels")
    return int(out[-1])


def _conv2d(item: dict[str, Any], shape: Shape, layer: int) -> Node:
    expect(len(shape) == 3, "a convolution needs height, width and channels")
    kernel, stride = _pair(item, "kernel"), _pair(item, "stride")
    dilation, groups = _pair(item, "dilation") if "dilation" in item else (1, 1), item.get("groups", 1)
    span = ((kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1)
    pads = _pads(item["padding"], shape, span, stride)
    sizes = [size + sum(zeros) for size, zeros in zip(shape, pads, strict=False)]
    covered = f"kernel {list(kernel)}" + (f" with dilation {list(dilation)}" if dilation != (1, 1) else "")
    expect(sizes[0] >= span[0] and sizes[1] >= span[1], f"{covered} is larger than the input")
    out = [(size - width) // step + 1 for size, width, step in zip(sizes, span, stride, strict=True)]
    out_shape = (out[0], out[1], _channels(item))
    expect(item["out"] == list(out_shape), f"out {shorten(item['out'])} given, expected {list(out_shape)}")
    even = type(groups) is int and groups >= 1 and shape[2] % groups == 0 and out_shape[2] % groups == 0
    expect(even, f"groups {shorten(groups)} do not divide {shape[2]} channels and {out_shape[2]} columns")
    expect(kernel[0] * kernel[1] * shape[2] <= 65535, "more than 65535 rows")
    pad = (pads[0][0], pads[1][0])
    return Node("conv2d", shape, out_shape, layer, kernel=kernel, stride=stride, pad=pad, dilation=dilation,
                groups=groups, **_common(item))  # fmt: skip


def _pads(given: Any, shape: Shape, kernel: tuple[int, int], stride: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows of zeros above and below, columns of zeros to the left and to the right."""
    if given == "valid":
        return [(0, 0), (0, 0)]
    if given == "same":  # as TensorFlow: the odd one below, or to the right
        count = [-(-size // step) for size, step in zip(shape, stride, strict=False)]
        total = [max((c - 1) * step + width - size, 0)
                 for c, step, width, size in zip(count, stride, kernel, shape, strict=False)]  # fmt: skip
        return [(n // 2, n - n // 2) for n in total]
    fits = isinstance(given, list) and len(given) == 2 and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and 0 <= n < width for n in pair)
        for pair, width in zip(given, kernel, strict=True))  # fmt: skip
    pairs = "[[above, below], [left, right]], each less than the kernel"
    expect(fits, f"padding {shorten(given)} is not 'same' or 'valid', or {pairs}")
    return [(above, below) for above, below in given]


def _dense(item: dict[str, Any], shape: Shape, layer: int) -> Node:
    expect(len(shape) == 1, "a dense layer needs a flat input")
    expect(shape[0] <= 65535, "more than 65535 rows")
    out_shape = (_channels(item),)
    expect(item["out"] == list(out_shape), f"out {shorten(item['out'])} given, expected one number")
    return Node("dense", shape, out_shape, layer, **_common(item))


def _pool2d(op: Op) -> Callable[[dict[str, Any], Shape, int], Node]:
    def parse(item: dict[str, Any], shape: Shape, layer: int) -> Node:
        expect(len(shape) == 3, "pooling needs height, width and channels")
        pool, stride = _pair(item, "pool"), _pair(item, "stride")
        expect(shape[0] >= pool[0] and shape[1] >= pool[1], f"pool {list(pool)} is larger than the input")
        out = tuple((s - p) // d + 1 for s, p, d in zip(shape, pool, stride, strict=False))
        return Node(op, shape, (*out, shape[2]), kernel=pool, stride=stride)

    return parse


def _same_shape(op: Op) -> Callable[[dict[str, Any], Shape, int], Node]:
    return lambda item, shape, layer: Node(op, shape, shape)


def _leaky_relu(item: dict[str, Any], shape: Shape, layer: int) -> Node:
    slope = item["slope"]
    fits = type(slope) in (int, float) and 0 < slope <= 1
    expect(fits, f"slope {shorten(slope)} is not a number above 0, at most 1")
    return Node("leaky_relu", shape, shape, slope=float(slope))


def _flatten(item: dict[str, Any], shape: Shape, layer: int) -> Node:
    return Node("flatten", shape, (prod(shape),))


def _thresholds(item: dict[str, Any], shape: Shape, layer: int) -> Node:
    levels = item["levels"]
    expect(type(levels) is int and 2 <= levels <= 256, f"levels {shorten(levels)} is not a whole number from 2 to 256")
    return Node("thresholds", shape, shape, name=_name(item), most=levels - 1)


def _rename(item: dict[str, Any], shape: Shape, layer: int) -> Node:
    expect(len(shape) == 1, "a rename needs a flat input")
    rows = _channels(item)
    expect(item["out"] == [rows], f"out {shorten(item['out'])} given, expected one number")
    return Node("rename", shape, (rows,), name=_name(item))


# (document, shape of the input, number of the next analog layer) -> node; KeyError, TypeError or ValueError
PARSERS: dict[str, Callable[[dict[str, Any], Shape, int], Node]] = {
    "conv2d": _conv2d,
    "dense": _dense,
    "relu": _same_shape("relu"),
    "relu6": _same_shape("relu6"),
    "leaky_relu": _leaky_relu,
    "hard_swish": _same_shape("hard_swish"),
    "softmax": _same_shape("softmax"),
    "maxpool2d": _pool2d("maxpool2d"),
    "avgpool2d": _pool2d("avgpool2d"),
    "add": _same_shape("add"),
    "concat": _same_shape("concat"),
    "flatten": _flatten,
    "thresholds": _thresholds,
    "rename": _rename,
}
