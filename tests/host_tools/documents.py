"""What a graph document with mapped layers computes, in float64 and word for word from docs/bundle.md: an oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.mapping.network import MappedLayer, MappedNetwork

F64 = npt.NDArray[np.float64]


def answer(network: MappedNetwork, shares: F64, x: npt.NDArray[Any]) -> F64:
    """Logits of images x [n, *input_shape]; a cell at level k stands for clip * shares[k]."""
    layers = {layer.name: layer for layer in network.layers}
    given = [x.astype(np.float64)]  # given[i + 1] is what node i gives
    for i, node in enumerate(network.nodes):
        sources = [given[s + 1] for s in node.get("from", [i - 1])]
        assert all(s < i for s in node.get("from", []))
        given.append(_node(node, sources, layers.get(node.get("name", "")), shares))
    return given[-1]


def _node(node: dict[str, Any], sources: list[F64], layer: MappedLayer | None, shares: F64) -> F64:
    a = sources[0]
    if layer is not None:
        w = np.sign(layer.signed) * shares[np.abs(layer.signed)] * layer.clip
        if layer.mask is not None and layer.exact is not None:
            w = np.where(layer.mask, layer.exact, w)
        rows = a if node["op"] == "dense" else _windows(a, node["kernel"], node["stride"], node["padding"])
        y: F64 = rows.reshape(*rows.shape[: 1 if node["op"] == "dense" else 3], -1) @ w * layer.gain + layer.bias
        assert list(y.shape[1:]) == node["out"] and list(a.shape[1:]) == node["in"]
        return y
    if node["op"] == "add":
        assert len(sources) > 1 and len({s.shape for s in sources}) == 1
        total: F64 = np.sum(sources, axis=0)
        return total
    assert len(sources) == 1
    if node["op"] == "relu":
        return np.maximum(a, 0)
    if node["op"] == "flatten":
        return a.reshape(len(a), -1)
    windows = _windows(a, node["pool"], node["stride"], "valid")
    pooled: F64 = (np.max if node["op"] == "maxpool2d" else np.mean)(windows, axis=(3, 4))
    return pooled


def _windows(x: F64, kernel: list[int], stride: list[int], padding: Any) -> F64:
    """[n, rows, columns, kernel row, kernel column, channel]; 'same' as TensorFlow documents it."""
    pads = []
    for i in range(2):
        size, width, step = x.shape[1 + i], kernel[i], stride[i]
        total = max(width - (size % step or step), 0) if padding == "same" else 0
        pads.append((total // 2, total - total // 2) if isinstance(padding, str) else tuple(padding[i]))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    h, w = ((padded.shape[1 + i] - kernel[i]) // stride[i] + 1 for i in range(2))
    return np.stack([np.stack([padded[:, r * stride[0] : r * stride[0] + kernel[0],
                                      c * stride[1] : c * stride[1] + kernel[1]] for c in range(w)], axis=1)
                     for r in range(h)], axis=1)  # fmt: skip
