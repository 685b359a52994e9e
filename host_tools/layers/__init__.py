"""Keras layers whose weights sit on differential RRAM pairs. Importing this registers them with Keras."""

from host_tools.layers.base import ClampTo, RRAMLayer
from host_tools.layers.conv2d import RRAMConv2D
from host_tools.layers.dense import RRAMDense

__all__ = ["ClampTo", "RRAMConv2D", "RRAMDense", "RRAMLayer"]
