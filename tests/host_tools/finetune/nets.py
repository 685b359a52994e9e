"""Small networks for these tests, without Keras."""

from __future__ import annotations

import numpy as np

from device_models.profile import DeviceProfile
from host_tools.finetune.chip import Technology
from host_tools.finetune.network import Analog, Network, Node
from host_tools.finetune.ops import Add, Affine, Flatten, Mean, Pool, Relu
from host_tools.finetune.windows import Windows
from tests.host_tools.profiles import changed


def technology(sigma: float | None = None, read_noise: bool = True, stuck_low: float = 0.0) -> Technology:
    """charan-65nm, or with another spread or stuck cells."""
    document = changed(sigma, stuck_low=stuck_low)
    if not read_noise:
        document["read_noise"] = {}
    return Technology.of(DeviceProfile.from_dict(document))


def analog(name: str, rows: int, columns: int, rng: np.random.Generator, windows: Windows | None = None) -> Analog:
    """Drawn weights, gains and biases."""
    kernel = rng.normal(0, 1 / np.sqrt(rows), (rows, columns)).astype(np.float32)
    return Analog(name, kernel, rng.uniform(0.5, 1.5, columns).astype(np.float32),
                  rng.normal(0, 0.1, columns).astype(np.float32), windows)  # fmt: skip


def one_layer(rows: int = 30, columns: int = 12, seed: int = 0) -> Network:
    """A linear layer."""
    return Network("linear", (Node((-1,), None, 0),), (analog("fc", rows, columns, np.random.default_rng(seed)),))


def branched(seed: int = 0) -> Network:
    """Every operation, and a branch: images 6x6x2 to 3 classes."""
    rng = np.random.default_rng(seed)
    layers = (
        analog("conv1", 18, 4, rng, Windows((3, 3), (1, 1), True)),
        analog("conv2", 36, 4, rng, Windows((3, 3), (2, 2), True)),
        analog("short", 4, 4, rng, Windows((1, 1), (2, 2), False)),
        analog("fc1", 4, 6, rng), analog("fc2", 6, 3, rng),
    )  # fmt: skip
    scale, offset = rng.uniform(0.5, 1.5, (2, 4)).astype(np.float32)
    nodes = (
        Node((-1,), None, 0), Node((0,), Affine(scale, offset)), Node((1,), Relu()), Node((2,), None, 1),
        Node((2,), None, 2), Node((3, 4), Add()), Node((5,), Pool((2, 2), (1, 1), True)),
        Node((6,), Pool((2, 2), (1, 1), False)), Node((7,), Mean()), Node((8,), Flatten()),
        Node((9,), None, 3), Node((10,), Relu()), Node((11,), None, 4),
    )  # fmt: skip
    return Network("branched", nodes, layers)
