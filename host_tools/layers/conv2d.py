"""Convolutions on RRAM pairs: ordinary and depthwise."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras
from host_tools.layers.base import RRAMLayer
from host_tools.layers.unfold import unfold

ops = keras.ops


class Windowed(RRAMLayer):
    """What both share: windows, and one convolution a group in training."""

    def __init__(
        self,
        kernel_size: tuple[int, int],
        profile: dict[str, Any],
        w_clip: float,
        strides: tuple[int, int] = (1, 1),
        padding: str = "valid",
        dilation_rate: tuple[int, int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(profile, w_clip, **kwargs)
        self.kernel_size, self.strides, self.padding = tuple(kernel_size), tuple(strides), padding
        self.dilation_rate = tuple(dilation_rate)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if not training:
            return self.finish(self.windows(x, self._clean()))
        product = self.drawn_windows(x, self._drawn())
        return self.finish(self.fitted(product, self.windows(x, self._followed())) if self.calibrated else product)

    def windows(self, x: Any, kernel: Any) -> Any:
        """Every window of x [n, height, width, channels] times the kernel."""
        raise NotImplementedError

    def drawn_windows(self, x: Any, kernels: Any) -> Any:
        """The same, each group of x with its kernel of `kernels` [draws, ...]."""
        # One convolution a group: on a CPU faster than a grouped convolution or one on unfolded patches.
        groups = ops.split(x, self.draws, axis=0) if self.draws > 1 else [x]
        return ops.concatenate([self.windows(group, kernels[i]) for i, group in enumerate(groups)], axis=0)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
        }


@keras.saving.register_keras_serializable(package="rram_edge")
class RRAMConv2D(Windowed):
    """A convolution of `filters` columns; input [n, height, width, channels]; arguments as Keras' Conv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int],
        profile: dict[str, Any],
        w_clip: float,
        groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_size, profile, w_clip, **kwargs)
        self.filters, self.groups = filters, groups

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.add_pairs((*self.kernel_size, input_shape[-1] // self.groups, self.filters))

    def windows(self, x: Any, kernel: Any) -> Any:
        more = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}
        if self.groups == 1:
            return ops.conv(x, kernel, data_format="channels_last", **more)
        # TensorFlow has no gradient of a convolution with groups on a processor.
        parts = zip(ops.split(x, self.groups, axis=-1), ops.split(kernel, self.groups, axis=-1), strict=True)
        return ops.concatenate([ops.conv(a, b, data_format="channels_last", **more) for a, b in parts], axis=-1)

    def drawn_windows(self, x: Any, kernels: Any) -> Any:
        plain = self.groups == 1 and self.dilation_rate == (1, 1)
        if keras.backend.backend() != "jax" or self.draws == 1 or not plain:
            return super().drawn_windows(x, kernels)
        # One product of all groups' windows: XLA takes minutes to choose many small convolutions, and runs them slowly.
        windows = unfold(x, self.kernel_size, self.strides, self.padding)
        rows = ops.reshape(windows, (self.draws, -1, windows.shape[-1]))
        product = ops.matmul(rows, ops.reshape(kernels, (self.draws, windows.shape[-1], self.filters)))
        return ops.reshape(product, (-1, *windows.shape[1:3], self.filters))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


@keras.saving.register_keras_serializable(package="rram_edge")
class RRAMDepthwiseConv2D(Windowed):
    """Each channel with `depth_multiplier` columns of its own, of as many rows as a window has pixels; arguments as
    Keras' DepthwiseConv2D."""

    columns_axes = 2

    def __init__(
        self,
        kernel_size: tuple[int, int],
        profile: dict[str, Any],
        w_clip: float,
        depth_multiplier: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_size, profile, w_clip, **kwargs)
        self.depth_multiplier = depth_multiplier

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.add_pairs((*self.kernel_size, input_shape[-1], self.depth_multiplier))

    def windows(self, x: Any, kernel: Any) -> Any:
        more = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}
        return ops.depthwise_conv(x, kernel, data_format="channels_last", **more)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}
