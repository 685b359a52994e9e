"""Where the SRAM values of a student will sit, chosen before it is trained, so that training may take them as exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_models.profile import DeviceProfile
from host_tools.data import Dataset, scaled
from host_tools.mapping.bare import bare_layers, profile_tables
from host_tools.mapping.mask import MaskChoice, choose_mask
from host_tools.mapping.network import map_model

FISHER_IMAGES = 2000


def masks_from(helper: Any, profile: DeviceProfile, data: Dataset, choice: MaskChoice) -> dict[str, NDArray[np.bool_]]:
    """Masks by layer, kernel's shape, that `choice` makes of a trained student on training images.

    The helper is any student of the same network; importance hardly depends on which. HostError: what a board does
    not carry, or a choice that is no room at all.
    """
    network = map_model(helper, np.array(profile.levels.conductance_uS))
    nodes, layers = bare_layers(network)
    rest, _, _ = data.validation()
    order = np.random.default_rng(choice.seed).permutation(len(rest.y_train))[:FISHER_IMAGES]
    images, labels = scaled(rest.x_train[order]), rest.y_train[order]
    chosen = choose_mask(nodes, layers, profile_tables(profile), images, labels, choice)
    shapes = {layer.name: tuple(helper.get_layer(layer.name).kernel.shape) for layer in network.layers}
    return {layer.name: mask.reshape(shapes[layer.name]) for layer, mask in zip(network.layers, chosen, strict=True)}
