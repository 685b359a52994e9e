"""Where the SRAM values of a student will sit, chosen before it is trained, so that training may take them as exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_models.compile import compile_profile
from device_models.profile import DeviceProfile
from firmware_py.bundle import ProfileTables
from firmware_py.graph import parse_graph
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.export import _bare_layer
from host_tools.mapping.mask import MaskChoice, choose_mask
from host_tools.mapping.network import map_model

FISHER_IMAGES = 2000


def masks_from(helper: Any, profile: DeviceProfile, data: Dataset, choice: MaskChoice) -> dict[str, NDArray[np.bool_]]:
    """Masks by layer, kernel's shape, that `choice` makes of a trained student on training images.

    The helper is any student of the same network; importance hardly depends on which. HostError: what a board does
    not carry, or a choice that is no room at all.
    """
    network = map_model(helper, np.array(profile.levels.conductance_uS))
    compiled = compile_profile(profile)
    tables = ProfileTables(**{key: getattr(compiled, key) for key in ProfileTables.__dataclass_fields__})
    nodes = parse_graph({"nodes": network.nodes}, network.input_shape, HostError)
    analog = [node for node in nodes if node.layer >= 0]
    layers = [_bare_layer(node, layer) for node, layer in zip(analog, network.layers, strict=True)]
    rest, _, _ = data.validation()
    order = np.random.default_rng(choice.seed).permutation(len(rest.y_train))[:FISHER_IMAGES]
    chosen = choose_mask(nodes, layers, tables, scaled(rest.x_train[order]), rest.y_train[order], choice)
    shapes = {layer.name: tuple(helper.get_layer(layer.name).kernel.shape) for layer in network.layers}
    return {layer.name: mask.reshape(shapes[layer.name]) for layer, mask in zip(network.layers, chosen, strict=True)}
