"""Small networks for these tests, without Keras."""

from __future__ import annotations

import numpy as np

from device_models.profile import DeviceProfile
from firmware_py.graph import Node, parse_graph
from host_tools.finetune.chip import Technology
from host_tools.finetune.network import Network
from host_tools.pairing.network import LayerWeights
from tests.host_tools.profiles import changed

BRANCHED = [
    {"op": "conv2d", "name": "conv1", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [6, 6, 4]},
    {"op": "relu"},
    {"op": "conv2d", "name": "conv2", "kernel": [5, 5], "stride": [2, 2], "padding": "same", "out": [3, 3, 4]},
    {"op": "conv2d", "name": "short", "kernel": [1, 1], "stride": [2, 2], "padding": "valid", "out": [3, 3, 4],
     "from": [1]},
    {"op": "add", "from": [2, 3]},
    {"op": "maxpool2d", "pool": [2, 2], "stride": [1, 1]},
    {"op": "avgpool2d", "pool": [2, 2], "stride": [1, 1]},
    {"op": "flatten"},
    {"op": "dense", "name": "fc1", "out": [6]},
    {"op": "relu"},
    {"op": "dense", "name": "fc2", "out": [3]},
]  # fmt: skip


def technology(sigma: float | None = None, read_noise: bool = True, stuck_low: float = 0.0) -> Technology:
    """charan-65nm, or with another spread or stuck cells."""
    document = changed(sigma, stuck_low=stuck_low)
    if not read_noise:
        document["read_noise"] = {}
    return Technology.of(DeviceProfile.from_dict(document))


def network_of(name: str, nodes: tuple[Node, ...], seed: int) -> Network:
    """Drawn weights, gains and biases; the outermost level stands for two standard deviations."""
    rng, layers = np.random.default_rng(seed), []
    for node in nodes:
        if node.layer >= 0:
            rows, columns = node.weights if node.op == "conv2d" else (int(np.prod(node.in_shape)), node.out_shape[0])
            kernel = rng.normal(0, 1 / np.sqrt(rows), (rows, columns)).astype(np.float32)
            layers.append(LayerWeights(kernel, 2 * float(kernel.std()),
                                       rng.uniform(0.5, 1.5, columns).astype(np.float32),
                                       rng.normal(0, 0.1, columns).astype(np.float32)))  # fmt: skip
    return Network(name, nodes, tuple(layers))


def one_layer(rows: int = 30, columns: int = 12, seed: int = 0) -> Network:
    """A linear layer."""
    nodes = [{"op": "dense", "name": "fc", "out": [columns]}]
    return network_of("linear", parse_graph({"nodes": nodes}, (rows,), ValueError), seed)


def branched(seed: int = 0) -> Network:
    """Every operation, and a branch: images 6x6x2 to 3 classes."""
    return network_of("branched", parse_graph({"nodes": BRANCHED}, (6, 6, 2), ValueError), seed)
