"""A mapped network as the board's own layers, before converter ranges and a mask are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.compile import STEPS, compile_profile
from device_models.profile import DeviceProfile
from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.graph import Node, parse_graph
from host_tools.errors import HostError
from host_tools.mapping.network import MappedLayer, MappedNetwork

Tensors = dict[str, npt.NDArray[Any]]


def profile_tables(profile: DeviceProfile) -> ProfileTables:
    """What the board gets of a profile."""
    compiled = compile_profile(profile)
    return ProfileTables(**{key: getattr(compiled, key) for key in ProfileTables.__dataclass_fields__})


def table_tensors(tables: ProfileTables) -> Tensors:
    """The tensors of a bundle that describe the technology."""
    return {f"profile.{key}": getattr(tables, key) for key in ProfileTables.__dataclass_fields__}


def bare_layers(network: MappedNetwork) -> tuple[tuple[Node, ...], list[AnalogLayer]]:
    """Nodes, and the analog layers in order, with converter steps of 1 and no mask."""
    nodes = parse_graph({"nodes": network.nodes}, network.input_shape, HostError)
    analog = [node for node in nodes if node.layer >= 0]
    return nodes, [_bare_layer(node, layer) for node, layer in zip(analog, network.layers, strict=True)]


def _bare_layer(node: Node, mapped: MappedLayer) -> AnalogLayer:
    n = len(mapped.gain)
    return AnalogLayer(
        node=node, levels=mapped.pairs, w_step=np.float32(mapped.clip / STEPS),
        dac_lsb=np.float32(1), adc_lsb=np.float32(1),
        gain=mapped.gain, offset=mapped.bias, y_std=np.ones(n, np.float32), mask_indptr=np.zeros(n + 1, np.int32),
        mask_rows=np.zeros(0, np.uint16), mask_value=np.zeros(0, np.float32), mask_lr_exp=np.zeros(0, np.int8),
    )  # fmt: skip
