"""Keras layers whose weights sit on differential RRAM pairs. Importing this registers them with Keras."""

from host_tools.layers.base import ClampTo, RRAMLayer
from host_tools.layers.conv2d import RRAMConv2D, RRAMDepthwiseConv2D
from host_tools.layers.dense import RRAMDense
from host_tools.layers.norm import ChipNormalization

__all__ = ["ChipNormalization", "ClampTo", "RRAMConv2D", "RRAMDense", "RRAMDepthwiseConv2D", "RRAMLayer"]
